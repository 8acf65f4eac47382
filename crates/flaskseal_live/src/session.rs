//! Flask's session cookie: `PAYLOAD.TIMESTAMP.SIGNATURE`, as itsdangerous signs it, and whether a key is its key.
//!
//! itsdangerous 2.2, `URLSafeTimedSerializer` with the salt `cookie-session`, the key derivation `hmac` and the digest
//! SHA-1, as `flask.sessions.SecureCookieSessionInterface` sets it up; the length of the signature tells which other
//! digest an application has chosen.

use std::io::Read as _;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::read::ZlibDecoder;
use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};

/// What Flask derives the key of its session cookie with.
const SALT: &[u8] = b"cookie-session";

/// Base64 as Python reads it: bits that are left over at the end say nothing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Bytes of a cookie that are looked at; browsers keep 4 KiB.
const MAX_COOKIE: usize = 16 << 10;
/// Bytes that a compressed payload may become.
const MAX_PAYLOAD: u64 = 256 << 10;

/// A signed session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedSession {
    /// What is signed: payload and timestamp.
    signed: Vec<u8>,
    signature: Vec<u8>,
    /// The names of what the session holds, without their values.
    pub keys: Vec<String>,
    /// Seconds since 1970.
    pub signed_at: u64,
    pub is_compressed: bool,
}

impl SignedSession {
    /// Reads a cookie's value; `None` for anything else than a signed session with an object in it.
    pub fn parse(value: &str) -> Option<Self> {
        let value = value.trim_matches('"');
        if value.len() > MAX_COOKIE {
            return None;
        }
        let (signed, signature) = value.rsplit_once('.')?;
        let (payload, timestamp) = signed.rsplit_once('.')?;
        let signature = BASE64.decode(signature).ok()?;
        if !matches!(signature.len(), 20 | 28 | 32 | 48 | 64) {
            return None;
        }
        let timestamp = BASE64.decode(timestamp).ok().filter(|bytes| matches!(bytes.len(), 1..=8))?;
        let signed_at = timestamp.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let compressed = payload.strip_prefix('.');
        let bytes = BASE64.decode(compressed.unwrap_or(payload)).ok()?;
        let json = match compressed {
            None => bytes,
            Some(_) => {
                let mut json = Vec::new();
                ZlibDecoder::new(&*bytes).take(MAX_PAYLOAD + 1).read_to_end(&mut json).ok()?;
                (json.len() as u64 <= MAX_PAYLOAD).then_some(json)?
            }
        };
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&json).ok()?;
        Some(Self {
            signed: signed.as_bytes().to_vec(),
            signature,
            keys: object.keys().cloned().collect(),
            signed_at,
            is_compressed: compressed.is_some(),
        })
    }

    /// `SHA-1`, by the signature's length.
    pub fn digest(&self) -> &'static str {
        match self.signature.len() {
            20 => "SHA-1",
            28 => "SHA-224",
            32 => "SHA-256",
            48 => "SHA-384",
            _ => "SHA-512",
        }
    }

    /// Whether the cookie was signed with the key.
    pub fn is_signed_with(&self, key: &[u8]) -> bool {
        match self.signature.len() {
            20 => self.verifies::<Hmac<Sha1>>(key),
            28 => self.verifies::<Hmac<Sha224>>(key),
            32 => self.verifies::<Hmac<Sha256>>(key),
            48 => self.verifies::<Hmac<Sha384>>(key),
            64 => self.verifies::<Hmac<Sha512>>(key),
            _ => false,
        }
    }

    fn verifies<M: Mac + KeyInit>(&self, key: &[u8]) -> bool {
        let Some(derived) = tag::<M>(key, SALT) else { return false };
        tag::<M>(&derived, &self.signed).is_some_and(|tag| tag == self.signature)
    }
}

fn tag<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let mut mac = <M as Mac>::new_from_slice(key).ok()?;
    mac.update(message);
    Some(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_session_is_none() {
        let deep = format!("{}.AAAA.{}", BASE64.encode("[".repeat(5000)), "A".repeat(27));
        for value in
            ["", ".", "..", "a.b.c", "eyJhIjoxfQ.AAAA", "eyJhIjoxfQ.AAAA.AAAA", &deep, &"a.".repeat(9000)]
        {
            assert_eq!(SignedSession::parse(value), None, "{value:.40}");
        }
    }

    #[test]
    fn a_payload_that_swells_is_none() {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        let text = format!("{{\"a\":\"{}\"}}", "x".repeat(2 << 20));
        std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
        let payload = BASE64.encode(encoder.finish().unwrap());
        let value = format!(".{payload}.AAAA.{}", "A".repeat(27));
        assert!(value.len() < MAX_COOKIE);
        assert_eq!(SignedSession::parse(&value), None);
    }

    /// Each line a key, a digest and what Flask's own serializer made of a session with them.
    #[test]
    fn what_flask_signs_is_known_by_its_key_alone() {
        let lines = include_str!("signed_by_flask.txt").lines().filter(|line| !line.starts_with('#'));
        let mut compressed = 0;
        for line in lines {
            let mut fields = line.split('\t');
            let (key, digest, cookie) =
                (fields.next().unwrap(), fields.next().unwrap(), fields.next().unwrap());
            let session = SignedSession::parse(cookie).unwrap_or_else(|| panic!("{line}"));
            assert!(session.is_signed_with(key.as_bytes()), "{line}");
            assert!(!session.is_signed_with(b"another key"), "{line}");
            assert_eq!(session.digest().replace('-', "").to_lowercase(), digest);
            assert!(session.keys.iter().all(|key| matches!(key.as_str(), "user_id" | "note")), "{line}");
            assert!(session.signed_at > 1_700_000_000, "{line}");
            compressed += usize::from(session.is_compressed);
        }
        assert!(compressed > 5);
    }
}
