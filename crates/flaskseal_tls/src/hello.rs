//! The first message of a client, from SSL 3 to TLS 1.3, with exactly what is to be found out (RFC 6101, 5246, 8446).
//!
//! Nothing is ever encrypted with these messages, so their random bytes are constant: the same question is the same
//! bytes.

use crate::Version;

/// What a client says first.
#[derive(Clone, Debug)]
pub struct Hello<'a> {
    /// The newest version that it wants, and the only one that it lists under TLS 1.3.
    pub version: Version,
    pub suites: &'a [u16],
    /// Numbers of named groups.
    pub groups: &'a [u16],
    /// The name of the server (SNI); None sends none.
    pub name: Option<&'a str>,
    /// Protocols above TLS, best first; none sends no extension.
    pub protocols: &'a [&'a str],
    /// Offers DEFLATE before no compression.
    pub compression: bool,
    /// Says that an earlier attempt with a newer version failed (RFC 7507).
    pub fallback: bool,
    /// Asks for a session ticket (RFC 5077), a stapled OCSP response (RFC 6066) and heartbeats (RFC 6520).
    pub extras: bool,
    /// Under TLS 1.3, sends a share for X25519 and not an empty list, for servers that refuse that.
    pub share: bool,
}

impl<'a> Hello<'a> {
    pub const fn new(version: Version, suites: &'a [u16], groups: &'a [u16]) -> Self {
        Self {
            version,
            suites,
            groups,
            name: None,
            protocols: &[],
            compression: false,
            fallback: false,
            extras: false,
            share: false,
        }
    }

    /// The message in its record.
    pub fn bytes(&self) -> Vec<u8> {
        let legacy = if self.version == Version::Tls13 { Version::Tls12 } else { self.version };
        let mut body = Vec::with_capacity(1024);
        put16(&mut body, legacy.number());
        body.extend_from_slice(&RANDOM);
        // TLS 1.3 looks like a resumed TLS 1.2 to what stands between (RFC 8446, D.4).
        block8(&mut body, |out| {
            if self.version == Version::Tls13 {
                out.extend_from_slice(&RANDOM);
            }
        });
        block16(&mut body, |out| {
            for suite in self.suites {
                put16(out, *suite);
            }
            if self.version < Version::Tls13 {
                put16(out, RENEGOTIATION_SCSV);
            }
            if self.fallback {
                put16(out, FALLBACK_SCSV);
            }
        });
        block8(&mut body, |out| out.extend_from_slice(if self.compression { &[1, 0] } else { &[0] }));
        // Servers of SSL 3 may stumble over extensions.
        if self.version != Version::Ssl3 {
            let extensions = self.extensions();
            // Some load balancers hang on messages of 256 to 511 bytes (RFC 7685).
            let length = 4 + body.len() + 2 + extensions.len();
            let padding =
                if (256..512).contains(&length) { 512_usize.saturating_sub(length + 4).max(1) } else { 0 };
            block16(&mut body, |out| {
                out.extend_from_slice(&extensions);
                if padding > 0 {
                    extension(out, 21, |out| out.resize(out.len() + padding, 0));
                }
            });
        }
        let mut record = vec![22];
        put16(&mut record, if self.version == Version::Ssl3 { 0x0300 } else { 0x0301 });
        block16(&mut record, |out| {
            out.push(1);
            out.push(0);
            block16(out, |out| out.extend_from_slice(&body));
        });
        record
    }

    fn extensions(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(512);
        let out = &mut all;
        if let Some(name) = self.name {
            extension(out, 0, |out| {
                block16(out, |out| {
                    out.push(0);
                    block16(out, |out| out.extend_from_slice(name.as_bytes()));
                });
            });
        }
        if !self.groups.is_empty() {
            extension(out, 10, |out| {
                block16(out, |out| self.groups.iter().for_each(|group| put16(out, *group)));
            });
            extension(out, 11, |out| block8(out, |out| out.push(0)));
        }
        if self.version >= Version::Tls12 {
            extension(out, 13, |out| {
                block16(out, |out| SIGNATURES.iter().for_each(|scheme| put16(out, *scheme)));
            });
        }
        if !self.protocols.is_empty() {
            extension(out, 16, |out| {
                block16(out, |out| {
                    for protocol in self.protocols {
                        block8(out, |out| out.extend_from_slice(protocol.as_bytes()));
                    }
                });
            });
        }
        if self.extras {
            // OCSP, no responders, no extensions.
            extension(out, 5, |out| out.extend_from_slice(&[1, 0, 0, 0, 0]));
            if self.version < Version::Tls13 {
                extension(out, 35, |_| ());
                extension(out, 15, |out| out.push(1));
            }
        }
        if self.version == Version::Tls13 {
            extension(out, 43, |out| block8(out, |out| put16(out, self.version.number())));
            extension(out, 51, |out| {
                block16(out, |out| {
                    if self.share && self.groups.contains(&29) {
                        put16(out, 29);
                        block16(out, |out| out.extend_from_slice(&SHARE));
                    }
                });
            });
            // Pre-shared keys only together with a fresh exchange.
            extension(out, 45, |out| block8(out, |out| out.push(1)));
        } else {
            extension(out, 23, |_| ());
        }
        all
    }
}

const RANDOM: [u8; 32] = *b"flaskseal asks what is on offer.";
/// A point of X25519 that is none of the weak ones: the base point.
const SHARE: [u8; 32] = {
    let mut point = [0; 32];
    point[0] = 9;
    point
};
/// Asks whether renegotiation is secured, in all versions (RFC 5746, 3.3).
const RENEGOTIATION_SCSV: u16 = 0x00ff;
const FALLBACK_SCSV: u16 = 0x5600;
/// Everything that a server might have a key for, best first: ECDSA, Ed25519, Ed448, RSA-PSS, RSA, and with SHA-1 and DSA
/// what old servers have.
const SIGNATURES: [u16; 23] = [
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x0401, 0x0501,
    0x0601, 0x0303, 0x0301, 0x0203, 0x0201, 0x0402, 0x0502, 0x0602, 0x0202, 0x0101,
];

fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

fn extension(out: &mut Vec<u8>, number: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    put16(out, number);
    block16(out, fill);
}

/// Bytes with their length before them, in one byte. What is longer is cut.
fn block8(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    fill(&mut inner);
    inner.truncate(usize::from(u8::MAX));
    out.push(inner.len() as u8);
    out.append(&mut inner);
}

/// Bytes with their length before them, in two bytes. What is longer is cut.
fn block16(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    fill(&mut inner);
    inner.truncate(usize::from(u16::MAX));
    put16(out, inner.len() as u16);
    out.append(&mut inner);
}

#[cfg(test)]
mod tests {
    use tls_parser::{
        TlsExtension, TlsMessage, TlsMessageHandshake, parse_tls_client_hello_extensions, parse_tls_plaintext,
    };

    use super::*;

    #[test]
    fn a_parser_reads_what_was_meant() {
        for version in [Version::Ssl3, Version::Tls10, Version::Tls11, Version::Tls12, Version::Tls13] {
            let mut hello = Hello::new(version, &[0x1301, 0xc02f], &[29, 23]);
            hello.name = Some("shop.example");
            hello.protocols = &["h2", "http/1.1"];
            (hello.extras, hello.compression, hello.fallback) = (true, true, true);
            let bytes = hello.bytes();
            let (rest, record) = parse_tls_plaintext(&bytes).unwrap();
            assert!(rest.is_empty());
            let [TlsMessage::Handshake(TlsMessageHandshake::ClientHello(read))] = record.msg.as_slice()
            else {
                panic!("{record:?}");
            };
            let suites: Vec<u16> = read.ciphers.iter().map(|suite| suite.0).collect();
            let Some(extensions) = read.ext else {
                assert_eq!(version, Version::Ssl3);
                continue;
            };
            let (rest, extensions) = parse_tls_client_hello_extensions(extensions).unwrap();
            assert!(rest.is_empty());
            assert!(extensions.contains(&TlsExtension::ALPN(vec![b"h2", b"http/1.1"])));
            let versions = extensions.iter().find_map(|one| match one {
                TlsExtension::SupportedVersions(all) => {
                    Some(all.iter().map(|version| version.0).collect::<Vec<u16>>())
                }
                _ => None,
            });
            if version == Version::Tls13 {
                assert_eq!((suites, versions), (vec![0x1301, 0xc02f, 0x5600], Some(vec![0x0304])));
            } else {
                assert_eq!((suites, versions), (vec![0x1301, 0xc02f, 0x00ff, 0x5600], None));
                assert_eq!(read.version.0, version.number());
            }
        }
    }

    #[test]
    fn a_message_of_a_dangerous_length_is_padded() {
        for count in 1..200 {
            let suites = vec![0x002f; count];
            let length = Hello::new(Version::Tls12, &suites, &[23]).bytes().len() - 5;
            assert!(!(256..512).contains(&length), "{count} suites: {length}");
        }
    }
}
