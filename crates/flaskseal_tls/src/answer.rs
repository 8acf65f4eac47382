//! What a server says first: records and handshake messages in clear, up to where encryption begins.
//!
//! A [`Reader`] takes bytes as they come and keeps no more of them than one message. Whatever they are, they end in an
//! [`Answer`] or in [`Garbage`].

use tls_parser::{
    ECParametersContent, TlsExtension, TlsMessage, TlsMessageHandshake, TlsServerHelloContents,
    parse_dh_params, parse_ec_parameters, parse_tls_message_handshake, parse_tls_record_header,
    parse_tls_server_hello_extensions,
};

use crate::{Suite, Version};

/// What a server answered before it was ready to encrypt.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Answer {
    pub hello: Option<ServerHello>,
    /// DER, in the order of sending. At most [`MAX_CERTIFICATES`].
    pub certificates: Vec<Vec<u8>>,
    /// An OCSP response came with the certificate.
    pub has_staple: bool,
    pub exchange: Option<KeyExchange>,
    /// The last alert that ends a connection: its number in the registry of alerts.
    pub alert: Option<u8>,
    /// The server said everything that it says in clear.
    pub is_complete: bool,
}

/// The server's choice.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ServerHello {
    /// As written, or under TLS 1.3 as its extension says.
    pub version: u16,
    pub suite: u16,
    pub has_session_id: bool,
    pub compression: u8,
    /// It asks for another share (RFC 8446, 4.1.4).
    pub is_retry: bool,
    /// The group that TLS 1.3 chose.
    pub group: Option<u16>,
    pub protocol: Option<String>,
    pub secure_renegotiation: bool,
    pub ticket: bool,
    pub heartbeat: bool,
}

/// The parameters of an exchange that the server signed, or sent without a signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyExchange {
    /// The number of a named group.
    Group(u16),
    /// A prime of so many bits.
    Prime(u32),
    Other,
}

/// The bytes are no TLS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Garbage {
    /// What was wrong.
    pub reason: &'static str,
}

/// Whether more has to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    More,
    Finished,
}

/// Reads an answer bit by bit.
#[derive(Debug, Default)]
pub struct Reader {
    /// Records that have not come whole.
    records: Vec<u8>,
    /// The handshake messages in them.
    messages: Vec<u8>,
    answer: Answer,
}

/// A record holds at most so much, with what older servers add (RFC 5246, 6.2.3).
const MAX_RECORD: usize = (1 << 14) + 2048;
/// The longest message that is read; a long chain has a tenth of it.
const MAX_MESSAGE: usize = 100_000;
/// Chains have two or three.
pub const MAX_CERTIFICATES: usize = 20;
/// This random makes a ServerHello a HelloRetryRequest: SHA-256 of that word (RFC 8446, 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

impl Reader {
    /// Takes what came. After [`Progress::Finished`] nothing more is read.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Progress, Garbage> {
        self.records.extend_from_slice(bytes);
        let mut at = 0;
        let mut progress = Progress::More;
        while progress == Progress::More {
            let rest = self.records.get(at..).unwrap_or_default();
            let Some(length) = record_length(rest)? else { break };
            let Some(body) = rest.get(5..5 + length) else { break };
            let kind = rest.first().copied().unwrap_or_default();
            at += 5 + length;
            progress = match kind {
                22 => {
                    self.messages.extend_from_slice(body);
                    read_messages(&mut self.messages, &mut self.answer)?
                }
                21 => read_alert(body, &mut self.answer)?,
                // A change of cipher before the end of what is clear, a heartbeat: nothing to learn.
                20 | 24 => Progress::More,
                _ => return Err(Garbage { reason: "encrypted data before any agreement" }),
            };
        }
        self.records.drain(..at.min(self.records.len()));
        Ok(progress)
    }

    /// Whether the server chose already: what is missing then is no refusal.
    pub fn has_greeting(&self) -> bool {
        self.answer.hello.is_some()
    }

    pub fn finish(self) -> Answer {
        self.answer
    }
}

/// The length of the record that begins here, once its header is there.
fn record_length(bytes: &[u8]) -> Result<Option<usize>, Garbage> {
    match bytes {
        [] => return Ok(None),
        [20..=24] | [20..=24, 3, ..] => {}
        _ => return Err(Garbage { reason: "no record of TLS" }),
    }
    let Ok((_, header)) = parse_tls_record_header(bytes) else { return Ok(None) };
    let length = usize::from(header.len);
    if length > MAX_RECORD { Err(Garbage { reason: "a record is too long" }) } else { Ok(Some(length)) }
}

/// Level and description. A warning ends nothing, but for the notice that the other side closes.
fn read_alert(body: &[u8], answer: &mut Answer) -> Result<Progress, Garbage> {
    let [level, description] = body else { return Err(Garbage { reason: "a broken alert" }) };
    if *level == 1 && *description != 0 {
        return Ok(Progress::More);
    }
    answer.alert = Some(*description);
    Ok(Progress::Finished)
}

fn read_messages(messages: &mut Vec<u8>, answer: &mut Answer) -> Result<Progress, Garbage> {
    let mut at = 0;
    let mut progress = Progress::More;
    while progress == Progress::More {
        let rest = messages.get(at..).unwrap_or_default();
        let [_, high, middle, low, ..] = rest else { break };
        let length = usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low);
        if length > MAX_MESSAGE {
            return Err(Garbage { reason: "a message is too long" });
        }
        let Some(message) = rest.get(..4 + length) else { break };
        progress = read_message(message, answer)?;
        at += 4 + length;
    }
    messages.drain(..at.min(messages.len()));
    Ok(progress)
}

fn read_message(message: &[u8], answer: &mut Answer) -> Result<Progress, Garbage> {
    let kind = message.first().copied().unwrap_or_default();
    // The parser looks for no extensions under SSL 3, but servers answer there that renegotiation is secured (RFC 5746,
    // 3.6): it is read as TLS 1.0, whose form is the same.
    let is_ssl3 = matches!(message, [2, _, _, _, 3, 0, ..]);
    let mut owned = Vec::new();
    let message = if is_ssl3 {
        owned.extend_from_slice(message);
        owned.splice(4..6, [3, 1]);
        &owned
    } else {
        message
    };
    let parsed = match parse_tls_message_handshake(message) {
        Ok((_, TlsMessage::Handshake(parsed))) => parsed,
        // What the parser does not know, such as a request for a certificate in a newer form, teaches nothing here.
        _ if !matches!(kind, 2 | 11 | 12) => return Ok(Progress::More),
        _ => return Err(Garbage { reason: "a broken handshake message" }),
    };
    match parsed {
        TlsMessageHandshake::ServerHello(hello) => {
            if answer.hello.is_some() {
                return Err(Garbage { reason: "two greetings" });
            }
            let mut hello = server_hello(&hello)?;
            if is_ssl3 {
                hello.version = Version::Ssl3.number();
            }
            // From here on TLS 1.3 encrypts.
            let is_last = hello.version >= Version::Tls13.number();
            answer.hello = Some(hello);
            answer.is_complete = is_last;
            Ok(if is_last { Progress::Finished } else { Progress::More })
        }
        TlsMessageHandshake::Certificate(chain) => {
            answer.certificates =
                chain.cert_chain.iter().take(MAX_CERTIFICATES).map(|one| one.data.to_vec()).collect();
            Ok(Progress::More)
        }
        TlsMessageHandshake::CertificateStatus(status) => {
            answer.has_staple = !status.blob.is_empty();
            Ok(Progress::More)
        }
        TlsMessageHandshake::ServerKeyExchange(exchange) => {
            let suite = answer.hello.as_ref().and_then(|hello| Suite::by_id(u32::from(hello.suite)));
            answer.exchange = suite.map(|suite| key_exchange(suite, exchange.parameters));
            Ok(Progress::More)
        }
        TlsMessageHandshake::ServerDone(_) => {
            answer.is_complete = true;
            Ok(Progress::Finished)
        }
        TlsMessageHandshake::ServerHelloV13Draft18(_) => Err(Garbage { reason: "a draft of TLS 1.3" }),
        _ => Ok(Progress::More),
    }
}

fn server_hello(read: &TlsServerHelloContents<'_>) -> Result<ServerHello, Garbage> {
    let mut hello = ServerHello {
        version: read.version.0,
        suite: read.cipher.0,
        has_session_id: read.session_id.is_some_and(|id| !id.is_empty()),
        compression: read.compression.0,
        is_retry: read.random == RETRY,
        ..ServerHello::default()
    };
    let extensions = match read.ext {
        None => Vec::new(),
        Some(bytes) => {
            parse_tls_server_hello_extensions(bytes).map_err(|_| Garbage { reason: "broken extensions" })?.1
        }
    };
    for extension in extensions.into_iter().take(100) {
        match extension {
            TlsExtension::SupportedVersions(versions) => {
                hello.version = versions.first().map_or(hello.version, |version| version.0);
            }
            TlsExtension::KeyShare(bytes) => {
                hello.group = bytes.first_chunk().map(|number| u16::from_be_bytes(*number));
            }
            TlsExtension::ALPN(protocols) => {
                hello.protocol = protocols
                    .first()
                    .map(|name| name.escape_ascii().to_string())
                    .filter(|name| name.len() < 64);
            }
            TlsExtension::RenegotiationInfo(_) => hello.secure_renegotiation = true,
            TlsExtension::SessionTicket(_) => hello.ticket = true,
            TlsExtension::Heartbeat(_) => hello.heartbeat = true,
            _ => {}
        }
    }
    Ok(hello)
}

fn key_exchange(suite: &Suite, parameters: &[u8]) -> KeyExchange {
    if suite.is_ephemeral_curve() {
        return match parse_ec_parameters(parameters) {
            Ok((_, curve)) => match curve.params_content {
                ECParametersContent::NamedGroup(group) => KeyExchange::Group(group.0),
                ECParametersContent::ExplicitPrime(_) => KeyExchange::Other,
            },
            Err(_) => KeyExchange::Other,
        };
    }
    if suite.is_ephemeral_prime()
        && let Ok((_, exchange)) = parse_dh_params(parameters)
    {
        let prime = exchange.dh_p;
        let leading: usize = prime.iter().take_while(|byte| **byte == 0).count();
        let top = prime.get(leading).map_or(0, |byte| 8 - byte.leading_zeros());
        return KeyExchange::Prime((prime.len().saturating_sub(leading + 1) * 8) as u32 + top);
    }
    KeyExchange::Other
}

/// What an alert says, by its number (IANA, "TLS Alerts").
pub fn alert_name(number: u8) -> &'static str {
    match number {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        40 => "handshake_failure",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        109 => "missing_extension",
        110 => "unsupported_extension",
        112 => "unrecognized_name",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        120 => "no_application_protocol",
        _ => "an alert",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, 3, 3];
        bytes.extend_from_slice(&(body.len() as u16).to_be_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, 0];
        bytes.extend_from_slice(&(body.len() as u16).to_be_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    /// TLS 1.2 with ECDHE, a certificate of three bytes, a staple and P-256.
    fn flight() -> Vec<u8> {
        let mut hello = vec![3, 3];
        hello.extend_from_slice(&[7; 32]);
        hello.extend_from_slice(&[0, 0xc0, 0x2f, 0]);
        hello.extend_from_slice(&[0, 18, 0xff, 1, 0, 1, 0, 0, 35, 0, 0, 0, 16, 0, 5, 0, 3, 2, b'h', b'2']);
        let mut all = message(2, &hello);
        all.extend(message(11, &[0, 0, 6, 0, 0, 3, 1, 2, 3]));
        all.extend(message(22, &[1, 0, 0, 2, 9, 9]));
        all.extend(message(12, &[3, 0, 23, 1, 4, 4, 1, 0, 1, 5]));
        all.extend(message(14, &[]));
        all
    }

    fn read(bytes: &[u8], step: usize) -> Result<(Answer, Progress), Garbage> {
        let mut reader = Reader::default();
        let mut progress = Progress::More;
        for piece in bytes.chunks(step) {
            if progress == Progress::Finished {
                break;
            }
            progress = reader.push(piece)?;
        }
        Ok((reader.finish(), progress))
    }

    #[test]
    fn a_flight_is_read_however_it_is_cut() {
        for size in [1, 5, 50, 1000] {
            let records: Vec<u8> = flight().chunks(size).flat_map(|piece| record(22, piece)).collect();
            for step in [1, 3, 1000] {
                let (answer, progress) = read(&records, step).unwrap();
                assert_eq!(progress, Progress::Finished);
                let hello = answer.hello.unwrap();
                assert_eq!((hello.version, hello.suite), (0x0303, 0xc02f));
                assert_eq!(hello.protocol.as_deref(), Some("h2"));
                assert!(hello.secure_renegotiation && hello.ticket && !hello.heartbeat);
                assert_eq!(answer.certificates, [vec![1, 2, 3]]);
                assert_eq!(answer.exchange, Some(KeyExchange::Group(23)));
                assert!(answer.has_staple && answer.is_complete && answer.alert.is_none());
            }
        }
    }

    #[test]
    fn a_retry_names_suite_and_group() {
        let mut hello = vec![3, 3];
        hello.extend_from_slice(&RETRY);
        hello.extend_from_slice(&[0, 0x13, 0x02, 0, 0, 12, 0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0, 24]);
        let (answer, progress) = read(&record(22, &message(2, &hello)), 9).unwrap();
        let hello = answer.hello.unwrap();
        assert_eq!(
            (hello.version, hello.suite, hello.group, hello.is_retry),
            (0x0304, 0x1302, Some(24), true)
        );
        assert_eq!(progress, Progress::Finished);
    }

    #[test]
    fn ssl_3_has_extensions_as_well() {
        let mut hello = vec![3, 0];
        hello.extend_from_slice(&[7; 32]);
        hello.extend_from_slice(&[0, 0, 0x2f, 0]);
        let (answer, _) = read(&record(22, &message(2, &hello)), 9).unwrap();
        let plain = answer.hello.unwrap();
        assert_eq!((plain.version, plain.secure_renegotiation), (0x0300, false));
        hello.extend_from_slice(&[0, 5, 0xff, 1, 0, 1, 0]);
        let (answer, _) = read(&record(22, &message(2, &hello)), 9).unwrap();
        let secured = answer.hello.unwrap();
        assert_eq!((secured.version, secured.secure_renegotiation), (0x0300, true));
    }

    #[test]
    fn primes_are_measured_by_their_bits() {
        let suite = Suite::by_name("TLS_DHE_RSA_WITH_AES_128_CBC_SHA").unwrap();
        let bits = |prime: &[u8]| {
            let mut bytes = (prime.len() as u16).to_be_bytes().to_vec();
            bytes.extend_from_slice(prime);
            bytes.extend_from_slice(&[0, 1, 2, 0, 1, 9]);
            key_exchange(suite, &bytes)
        };
        assert_eq!(bits(&[0xff; 128]), KeyExchange::Prime(1024));
        assert_eq!(bits(&[0, 0x1f, 0xff]), KeyExchange::Prime(13));
        assert_eq!(bits(&[0, 0]), KeyExchange::Prime(0));
        assert_eq!(key_exchange(suite, &[9]), KeyExchange::Other);
    }

    #[test]
    fn warnings_pass_and_alerts_end() {
        assert_eq!(read(&record(21, &[1, 112]), 1).unwrap().1, Progress::More);
        let (answer, progress) = read(&record(21, &[2, 70]), 1).unwrap();
        assert_eq!((answer.alert, progress), (Some(70), Progress::Finished));
        assert_eq!(read(&record(21, &[1, 0]), 1).unwrap().0.alert, Some(0));
    }

    #[test]
    fn what_is_no_tls_is_said() {
        for bytes in [
            b"HTTP/1.1 400 Bad Request\r\n".to_vec(),
            b"SSH-2.0-OpenSSH".to_vec(),
            vec![22, 3, 3, 0xff, 0xff],
            record(22, &[11, 0xff, 0xff, 0xff]),
            record(23, b"data"),
            record(22, &message(2, &[1, 2])),
            record(21, &[2]),
            [record(22, &flight()[..70]), record(22, &flight()[..70])].concat(),
        ] {
            assert!(read(&bytes, 7).is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn every_change_of_a_byte_ends_somehow() {
        let good = record(22, &flight());
        for at in 0..good.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = good.clone();
                bytes[at] = value;
                let _ = read(&bytes, 64);
            }
        }
    }
}
