//! Certificates in PEM files: names, validity, key and signature. Whether a chain leads to a root that anybody trusts is
//! not decided here; only a handshake shows it.

use flaskseal_core::{Date, TextRange};
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, X509Certificate};
use x509_parser::public_key::PublicKey;

use crate::syntax::{Parsed, Problem, range};

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
    pub key: Key,
    /// The hash of the signature, where it is one that is broken: `SHA-1`, `MD5`.
    pub weak_signature: Option<&'static str>,
    pub is_ca: bool,
    /// From `-----BEGIN` to the end of `-----END`.
    pub range: TextRange,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Key {
    /// Bits of the modulus.
    Rsa(usize),
    /// Bits of the curve.
    Elliptic(usize),
    Other,
}

impl Certificate {
    /// Signed by its own subject, which nobody else vouches for.
    pub fn is_self_signed(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whether a name of a site is one of the certificate's: RFC 6125, a `*` stands for one label.
    pub fn covers(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.names.iter().any(|known| {
            *known == name
                || known
                    .strip_prefix("*.")
                    .is_some_and(|rest| name.split_once('.').is_some_and(|(_, after)| after == rest))
        })
    }

    /// Days from the first to the last.
    pub fn lifetime(&self) -> i64 {
        self.not_after.days_since(self.not_before)
    }
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
/// A bundle of a system's roots has some hundred.
const MAX_CERTIFICATES: usize = 20;

/// Reads the certificates of a PEM file, in order.
pub fn parse(text: &str) -> Parsed<Vec<Certificate>> {
    let mut parsed: Parsed<Vec<Certificate>> = Parsed::default();
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find(BEGIN)) {
        let start = at + found;
        let body = start + BEGIN.len();
        let Some(length) = text.get(body..).and_then(|rest| rest.find(END)) else {
            parsed.problems.push(Problem::new(range(start, body), "the certificate does not end"));
            break;
        };
        let end = body + length + END.len();
        at = end;
        let whole = range(start, end);
        let read = text.get(body..body + length).and_then(decoded).and_then(|der| certificate(&der, whole));
        match read {
            Some(certificate) => parsed.tree.push(certificate),
            None => parsed.problems.push(Problem::new(whole, "the certificate cannot be read")),
        }
        if parsed.tree.len() + parsed.problems.len() >= MAX_CERTIFICATES {
            break;
        }
    }
    parsed
}

/// Base64, with blanks between.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

fn certificate(der: &[u8], whole: TextRange) -> Option<Certificate> {
    let (_, read) = X509Certificate::from_der(der).ok()?;
    let mut names = Vec::new();
    let mut is_ca = false;
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
            _ => {}
        }
    }
    let key = match read.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => Key::Rsa(key.key_size()),
        Ok(PublicKey::EC(key)) => Key::Elliptic(key.key_size()),
        _ => Key::Other,
    };
    // sha1WithRSAEncryption, sha1WithRSA, ecdsa-with-SHA1, md5WithRSAEncryption.
    let weak_signature = match read.signature_algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" | "1.2.840.10045.4.1" => Some("SHA-1"),
        "1.2.840.113549.1.1.4" => Some("MD5"),
        _ => None,
    };
    Some(Certificate {
        subject: read.subject().to_string(),
        issuer: read.issuer().to_string(),
        names,
        not_before: date(read.validity().not_before.timestamp())?,
        not_after: date(read.validity().not_after.timestamp())?,
        key,
        weak_signature,
        is_ca,
        range: whole,
    })
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

    /// Made with `openssl req -x509` for this test: P-256, 90 days.
    const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIBtDCCAVqgAwIBAgIUauAbnQObPSPUCIUYMx6tAQOSLBwwCgYIKoZIzj0EAwIw\nFzEVMBMGA1UEAwwMc2hvcC5leGFtcGxlMB4XDTI2MTEyNDIzMjc1NFoXDTI3MDIy\nMjIzMjc1NFowFzEVMBMGA1UEAwwMc2hvcC5leGFtcGxlMFkwEwYHKoZIzj0CAQYI\nKoZIzj0DAQcDQgAEeQQkrBQvPY5EzpfIvaeMfgjP4CBDnExQpsE8NGH3aUjWTLUj\nfzb+SS5exl6pgOzxwt2pXs+BWXspUBiUKLzlPaOBgzCBgDAdBgNVHQ4EFgQUTMbM\nIGeRvjeca2Coacfetj5Ad3UwHwYDVR0jBBgwFoAUTMbMIGeRvjeca2Coacfetj5A\nd3UwDwYDVR0TAQH/BAUwAwEB/zAtBgNVHREEJjAkggxzaG9wLmV4YW1wbGWCDiou\nc2hvcC5leGFtcGxlhwTAAAIBMAoGCCqGSM49BAMCA0gAMEUCIEJUZv5X47sVEMbx\nPAgSU0wN+3xGX93++256YRPZQqdUAiEApCuarytJxopBhrLZAXvrQylPy+7if5fP\n0RWEin/DzOo=\n-----END CERTIFICATE-----";

    #[test]
    fn a_certificate_says_what_it_is() {
        let text = format!("# a comment\n{PEM}\n");
        let parsed = parse(&text);
        assert_eq!(parsed.problems, []);
        let [found] = parsed.tree.as_slice() else { panic!("one certificate") };
        assert_eq!(found.subject, "CN=shop.example");
        assert_eq!(found.names, ["shop.example", "*.shop.example", "192.0.2.1"]);
        assert_eq!(found.key, Key::Elliptic(256));
        assert_eq!((found.not_before, found.lifetime()), (Date { year: 2026, month: 11, day: 24 }, 90));
        assert!(found.is_self_signed() && found.weak_signature.is_none());
        assert!(
            found.covers("WWW.shop.example")
                && !found.covers("a.b.shop.example")
                && found.covers("192.0.2.1")
        );
        assert_eq!(text.get(found.range.start as usize..found.range.end as usize), Some(PEM));
    }

    #[test]
    fn what_is_broken_is_said() {
        let broken = |text: &str| parse(text).problems.len();
        assert_eq!(broken("-----BEGIN CERTIFICATE-----\nabc"), 1);
        assert_eq!(broken("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----"), 1);
        assert_eq!(broken(&PEM.replacen('M', "N", 3)), 1);
        for length in (0..PEM.len()).step_by(7) {
            parse(PEM.get(..length).unwrap());
        }
        assert_eq!(
            broken(&"-----BEGIN CERTIFICATE----------END CERTIFICATE-----".repeat(1_000)),
            MAX_CERTIFICATES
        );
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
