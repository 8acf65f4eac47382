//! One certificate, from its DER.

use flaskseal_core::Date;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, ParsedExtension, X509Certificate};
use x509_parser::public_key::PublicKey;

/// A certificate, as far as rules ask.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    /// As `CN=shop.example, O=Shop`.
    pub subject: String,
    pub issuer: String,
    /// DNS names and IP addresses of the subject's alternative names, in lower case.
    pub names: Vec<String>,
    pub not_before: Date,
    pub not_after: Date,
    /// The first and the last second of its validity, since 1970.
    pub seconds: (i64, i64),
    pub key: Key,
    /// By its usual name, such as `sha256WithRSAEncryption`, else as a dotted number.
    pub signature: String,
    /// The hash of the signature, where it is one that is broken: `SHA-1`, `MD5`.
    pub weak_signature: Option<&'static str>,
    pub is_ca: bool,
    /// Certificate Transparency's poison: it was made for the logs, and no client may accept it (RFC 6962, 3.1).
    pub is_precertificate: bool,
    /// It says where the certificate of its issuer can be fetched, as those of public authorities do.
    pub names_issuer_address: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Key {
    /// Bits of the modulus.
    Rsa(usize),
    /// Bits of the curve.
    Elliptic(usize),
    /// Ed25519, Ed448.
    Edwards,
    Other,
}

/// The extension that poisons a precertificate.
const POISON: &str = "1.3.6.1.4.1.11129.2.4.3";
/// How to fetch the certificate of the issuer.
const CA_ISSUERS: &str = "1.3.6.1.5.5.7.48.2";

impl Certificate {
    /// Reads the certificate that the bytes begin with.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let (_, read) = X509Certificate::from_der(der).ok()?;
        let mut names = Vec::new();
        let (mut is_ca, mut is_precertificate, mut names_issuer_address) = (false, false, false);
        for extension in read.extensions().iter().take(100) {
            match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(all) => {
                    for name in all.general_names.iter().take(1_000) {
                        match name {
                            GeneralName::DNSName(name) => names.push(name.to_ascii_lowercase()),
                            GeneralName::IPAddress(bytes) => names.extend(address(bytes)),
                            _ => {}
                        }
                    }
                }
                ParsedExtension::BasicConstraints(constraints) => is_ca = constraints.ca,
                ParsedExtension::AuthorityInfoAccess(access) => {
                    names_issuer_address = access
                        .accessdescs
                        .iter()
                        .take(100)
                        .any(|one| one.access_method.to_id_string() == CA_ISSUERS);
                }
                _ => is_precertificate |= extension.oid.to_id_string() == POISON,
            }
        }
        let (not_before, not_after) =
            (read.validity().not_before.timestamp(), read.validity().not_after.timestamp());
        let (signature, weak_signature) = signature(&read.signature_algorithm.algorithm.to_id_string());
        Some(Self {
            subject: read.subject().to_string(),
            issuer: read.issuer().to_string(),
            names,
            not_before: date(not_before)?,
            not_after: date(not_after)?,
            seconds: (not_before, not_after),
            key: key(&read),
            signature,
            weak_signature,
            is_ca,
            is_precertificate,
            names_issuer_address,
        })
    }

    /// Signed by its own subject, which nobody else vouches for.
    pub fn is_self_signed(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whether a name of a site is one of the certificate's: RFC 6125, a `*` stands for one label.
    pub fn covers(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let is_address = name.parse::<std::net::IpAddr>().is_ok();
        self.names.iter().any(|known| {
            *known == name
                || known.strip_prefix("*.").is_some_and(|rest| {
                    !is_address && name.split_once('.').is_some_and(|(_, after)| after == rest)
                })
        })
    }

    /// Days from the first to the last.
    pub fn lifetime(&self) -> i64 {
        self.not_after.days_since(self.not_before)
    }
}

fn key(read: &X509Certificate<'_>) -> Key {
    // RFC 8410.
    if matches!(read.public_key().algorithm.algorithm.to_id_string().as_str(), "1.3.101.112" | "1.3.101.113")
    {
        return Key::Edwards;
    }
    match read.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => Key::Rsa(key.key_size()),
        Ok(PublicKey::EC(key)) => Key::Elliptic(key.key_size()),
        _ => Key::Other,
    }
}

/// The name of a signature's algorithm (RFC 3279, 4055, 5758, 8410), and its hash where that is broken.
fn signature(number: &str) -> (String, Option<&'static str>) {
    let (name, weak) = match number {
        "1.2.840.113549.1.1.4" => ("md5WithRSAEncryption", Some("MD5")),
        "1.2.840.113549.1.1.5" => ("sha1WithRSAEncryption", Some("SHA-1")),
        "1.3.14.3.2.29" => ("sha1WithRSA", Some("SHA-1")),
        "1.2.840.113549.1.1.10" => ("rsassaPss", None),
        "1.2.840.113549.1.1.11" => ("sha256WithRSAEncryption", None),
        "1.2.840.113549.1.1.12" => ("sha384WithRSAEncryption", None),
        "1.2.840.113549.1.1.13" => ("sha512WithRSAEncryption", None),
        "1.2.840.10045.4.1" => ("ecdsa-with-SHA1", Some("SHA-1")),
        "1.2.840.10045.4.3.2" => ("ecdsa-with-SHA256", None),
        "1.2.840.10045.4.3.3" => ("ecdsa-with-SHA384", None),
        "1.2.840.10045.4.3.4" => ("ecdsa-with-SHA512", None),
        "1.3.101.112" => ("Ed25519", None),
        "1.3.101.113" => ("Ed448", None),
        other => (other, None),
    };
    (name.to_owned(), weak)
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(four).to_string());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|all| std::net::Ipv6Addr::from(all).to_string())
}

/// The day, in UTC, of a number of seconds since 1970. Hinnant, "chrono-compatible low-level date algorithms",
/// `civil_from_days`.
fn date(seconds: i64) -> Option<Date> {
    let days = seconds.div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Date::new(u16::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(day).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pem::blocks;

    /// Made with `openssl req -x509` for this test: P-256, 90 days.
    const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIBtDCCAVqgAwIBAgIUauAbnQObPSPUCIUYMx6tAQOSLBwwCgYIKoZIzj0EAwIw\nFzEVMBMGA1UEAwwMc2hvcC5leGFtcGxlMB4XDTI2MTEyNDIzMjc1NFoXDTI3MDIy\nMjIzMjc1NFowFzEVMBMGA1UEAwwMc2hvcC5leGFtcGxlMFkwEwYHKoZIzj0CAQYI\nKoZIzj0DAQcDQgAEeQQkrBQvPY5EzpfIvaeMfgjP4CBDnExQpsE8NGH3aUjWTLUj\nfzb+SS5exl6pgOzxwt2pXs+BWXspUBiUKLzlPaOBgzCBgDAdBgNVHQ4EFgQUTMbM\nIGeRvjeca2Coacfetj5Ad3UwHwYDVR0jBBgwFoAUTMbMIGeRvjeca2Coacfetj5A\nd3UwDwYDVR0TAQH/BAUwAwEB/zAtBgNVHREEJjAkggxzaG9wLmV4YW1wbGWCDiou\nc2hvcC5leGFtcGxlhwTAAAIBMAoGCCqGSM49BAMCA0gAMEUCIEJUZv5X47sVEMbx\nPAgSU0wN+3xGX93++256YRPZQqdUAiEApCuarytJxopBhrLZAXvrQylPy+7if5fP\n0RWEin/DzOo=\n-----END CERTIFICATE-----";

    #[test]
    fn a_certificate_says_what_it_is() {
        let text = format!("# a comment\n{PEM}\n");
        let blocks = blocks(&text, 9);
        let [block] = blocks.as_slice() else { panic!("one certificate") };
        assert_eq!(text.get(block.range.start as usize..block.range.end as usize), Some(PEM));
        let found = Certificate::from_der(block.der.as_deref().unwrap()).unwrap();
        assert_eq!(found.subject, "CN=shop.example");
        assert_eq!(found.names, ["shop.example", "*.shop.example", "192.0.2.1"]);
        assert_eq!(found.key, Key::Elliptic(256));
        assert_eq!((found.not_before, found.lifetime()), (Date { year: 2026, month: 11, day: 24 }, 90));
        assert_eq!((found.signature.as_str(), found.weak_signature), ("ecdsa-with-SHA256", None));
        assert!(found.is_self_signed() && !found.is_precertificate && !found.names_issuer_address);
        assert!(
            found.covers("WWW.shop.example")
                && !found.covers("a.b.shop.example")
                && found.covers("192.0.2.1")
        );
    }

    #[test]
    fn what_is_cut_or_changed_is_no_certificate() {
        let blocks = blocks(PEM, 9);
        let der = blocks[0].der.clone().unwrap();
        for length in 0..der.len() {
            assert_eq!(Certificate::from_der(&der[..length]), None, "{length}");
        }
        for at in 0..der.len() {
            let mut changed = der.clone();
            changed[at] ^= 0x55;
            let _ = Certificate::from_der(&changed);
        }
    }

    #[test]
    fn days_are_the_calendar_s() {
        let shown = |seconds| date(seconds).map(|date| (date.year, date.month, date.day));
        assert_eq!(shown(0), Some((1970, 1, 1)));
        assert_eq!(shown(951_782_400), Some((2000, 2, 29)));
        assert_eq!(shown(4_102_444_799), Some((2099, 12, 31)));
        assert_eq!(shown(i64::MAX / 2), None);
    }
}
