//! Checksums that a server names for a file, and whether what arrived has them.
//!
//! Google's storage, where OSV publishes its dumps, sends `x-goog-hash: crc32c=..., md5=...`, each in base64 and both of
//! the whole file, also where a part of it was asked for (cloud.google.com/storage/docs/xml-api/reference-headers).
//! They catch what was damaged on the way. Against forgery there is TLS alone: a server that forges the file forges
//! its checksum.

use md5::{Digest as _, Md5};
use ureq::http::HeaderMap;

/// A checksum of a known kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Checksum {
    Crc32c([u8; 4]),
    Md5([u8; 16]),
}

/// Every checksum that the head of an answer names; what is none is left out.
pub(crate) fn named(head: &HeaderMap) -> Vec<Checksum> {
    let values = head.get_all("x-goog-hash").iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(|one| Checksum::parse(one.trim())).collect()
}

impl Checksum {
    fn parse(text: &str) -> Option<Self> {
        use base64::Engine as _;
        let (kind, encoded) = text.split_once('=')?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
        match kind {
            "crc32c" => Some(Self::Crc32c(bytes.try_into().ok()?)),
            "md5" => Some(Self::Md5(bytes.try_into().ok()?)),
            _ => None,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Crc32c(_) => "crc32c",
            Self::Md5(_) => "md5",
        }
    }

    pub(crate) fn is_of(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Crc32c(sum) => crc32c::crc32c(bytes).to_be_bytes() == *sum,
            Self::Md5(sum) => Md5::digest(bytes).as_slice() == sum,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_google_sends() {
        let mut head = HeaderMap::new();
        // Those of "123456789", the standard check input of CRCs.
        for value in ["crc32c=4waSgw==", "md5=JfnnlDI7RTiF9RgfG2JNCw==, sha512=AAAA", "md5=", "crc32c=AA=="] {
            head.append("x-goog-hash", value.parse().unwrap());
        }
        let sums = named(&head);
        assert_eq!(sums.iter().map(Checksum::name).collect::<Vec<_>>(), ["crc32c", "md5"]);
        assert!(sums.iter().all(|sum| sum.is_of(b"123456789")));
        assert!(!sums.iter().any(|sum| sum.is_of(b"123456788")));
    }
}
