//! Flask-Login's cookie that remembers a login: `USER|DIGEST`, signed with the application's `SECRET_KEY`.
//!
//! Flask-Login 0.3 to 0.6: HMAC with SHA-512 of the user's id, in hexadecimal, with the key itself (`encode_cookie` in
//! `flask_login.utils`); 0.2 took SHA-1.

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::Sha512;

/// A remembered login.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RememberToken {
    user: String,
    digest: Vec<u8>,
}

/// Bytes of a cookie that are looked at; browsers keep 4 KiB.
const MAX_COOKIE: usize = 16 << 10;

impl RememberToken {
    /// Reads a cookie's value; `None` for anything else.
    pub fn parse(value: &str) -> Option<Self> {
        let value = value.trim_matches('"');
        let (user, digest) = value.rsplit_once('|')?;
        if value.len() > MAX_COOKIE || user.is_empty() || !matches!(digest.len(), 40 | 128) {
            return None;
        }
        let nibble = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let digest: Option<Vec<u8>> = digest
            .as_bytes()
            .chunks(2)
            .map(|pair| Some(nibble(pair[0])? << 4 | nibble(*pair.get(1)?)?))
            .collect();
        Some(Self { user: user.to_owned(), digest: digest? })
    }

    /// Whether the token was signed with the key.
    pub fn is_signed_with(&self, key: &[u8]) -> bool {
        match self.digest.len() {
            20 => self.verifies::<Hmac<Sha1>>(key),
            _ => self.verifies::<Hmac<Sha512>>(key),
        }
    }

    fn verifies<M: Mac + KeyInit>(&self, key: &[u8]) -> bool {
        <M as Mac>::new_from_slice(key).is_ok_and(|mut mac| {
            mac.update(self.user.as_bytes());
            mac.finalize().into_bytes().as_slice() == self.digest
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `flask_login.encode_cookie` of 0.6.3 makes of user 7 and the key `dev`.
    const TOKEN: &str = "7|cd92df2b260070a304680dc94d71608c71cc13debf69a48e6ad3bd0855f9630b7cf0bbbcc3b9e791c3cc85f5ad25ecc8818725e00c57ef0bd3d51148cd0cc7d7";

    #[test]
    fn a_token_is_known_by_its_key_alone() {
        let token = RememberToken::parse(TOKEN).unwrap();
        assert!(token.is_signed_with(b"dev") && !token.is_signed_with(b"prod"));
    }

    #[test]
    fn what_is_no_token_is_none() {
        let short = &TOKEN[..TOKEN.len() - 2];
        for value in
            ["", "|", "7|", "7|abc", short, &TOKEN.replace('|', ""), &format!("7|{}", "é".repeat(64))]
        {
            assert_eq!(RememberToken::parse(value), None, "{value}");
        }
    }
}
