//! Cipher suites of TLS 1.2 and older, and the language in which OpenSSL chooses among them (`man openssl-ciphers`).

use std::sync::LazyLock;

/// A cipher suite.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Suite {
    pub(super) name: &'static str,
    /// `ECDH` and `DH` mean the ephemeral kinds, `RSA` the one without forward secrecy.
    pub(super) exchange: &'static str,
    authentication: &'static str,
    pub(super) encryption: &'static str,
    bits: u32,
    mac: &'static str,
    strength: &'static str,
}

impl Suite {
    /// No encryption, no authentication, or encryption that is broken.
    pub(super) fn is_broken(&self) -> bool {
        self.authentication == "None"
            || matches!(self.encryption, "None" | "RC4" | "DES" | "3DES" | "RC2")
            || self.strength == "EXP"
    }

    /// Authenticated encryption.
    pub(super) fn is_aead(&self) -> bool {
        self.mac == "AEAD"
    }

    /// Whether a word of the language names the suite, alone or with others.
    fn is(&self, word: &str) -> bool {
        let kind = |prefix: &str| self.encryption.starts_with(prefix);
        match word {
            "ALL" => self.encryption != "None",
            "COMPLEMENTOFALL" | "eNULL" | "NULL" => self.encryption == "None",
            "DEFAULT" => {
                self.encryption != "None" && self.authentication != "None" && self.strength == "HIGH"
            }
            "HIGH" | "MEDIUM" | "LOW" => self.strength == word,
            "EXP" | "EXPORT" => self.strength == "EXP",
            "EXPORT40" => self.strength == "EXP" && self.bits == 40,
            "aNULL" => self.authentication == "None",
            "kRSA" | "aRSA" | "RSA" => {
                (word != "aRSA" && self.exchange == "RSA") || (word == "aRSA" && self.authentication == "RSA")
            }
            "kDHE" | "kEDH" | "DH" => self.exchange == "DH",
            "DHE" | "EDH" => self.exchange == "DH" && self.authentication != "None",
            "ADH" => self.exchange == "DH" && self.authentication == "None",
            "kECDHE" | "kEECDH" | "ECDH" => self.exchange == "ECDH",
            "ECDHE" | "EECDH" => self.exchange == "ECDH" && self.authentication != "None",
            "AECDH" => self.exchange == "ECDH" && self.authentication == "None",
            "aECDSA" | "ECDSA" => self.authentication == "ECDSA",
            "TLSv1.2" => self.is_aead() || matches!(self.mac, "SHA256" | "SHA384"),
            "TLSv1" | "TLSv1.0" | "SSLv3" => !self.is_aead() && !matches!(self.mac, "SHA256" | "SHA384"),
            "AES128" | "AES256" => kind("AES") && self.bits == if word == "AES128" { 128 } else { 256 },
            "AES" => kind("AES"),
            "AESGCM" => self.encryption == "AESGCM",
            "AESCCM" => kind("AESCCM"),
            "AESCCM8" => self.encryption == "AESCCM8",
            "ARIA" => kind("ARIA"),
            "ARIA128" | "ARIA256" => kind("ARIA") && self.bits == if word == "ARIA128" { 128 } else { 256 },
            "CAMELLIA" => kind("Camellia"),
            "CAMELLIA128" | "CAMELLIA256" => {
                kind("Camellia") && self.bits == if word == "CAMELLIA128" { 128 } else { 256 }
            }
            "CHACHA20" => kind("CHACHA20"),
            "3DES" => self.encryption == "3DES",
            "DES" => self.encryption == "DES",
            "RC4" => self.encryption == "RC4",
            "RC2" => self.encryption == "RC2",
            "SEED" => self.encryption == "SEED",
            "IDEA" => self.encryption == "IDEA",
            "MD5" => self.mac == "MD5",
            "SHA" | "SHA1" => self.mac == "SHA1",
            "SHA256" | "SHA384" => self.mac == word,
            _ => self.name == word,
        }
    }
}

static SUITES: LazyLock<Vec<Suite>> = LazyLock::new(|| {
    let rows = include_str!("cipher_suites.txt").lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(|row| {
        let mut words = row.split(' ');
        let mut word = || words.next();
        Some(Suite {
            name: word()?,
            exchange: word()?,
            authentication: word()?,
            encryption: word()?,
            bits: word()?.parse().ok()?,
            mac: word()?,
            strength: word()?,
        })
    })
    .collect()
});

/// The suites that a text of OpenSSL's language chooses, in order. Words that it does not know choose nothing, as in
/// OpenSSL.
pub(super) fn chosen(text: &str) -> Vec<&'static Suite> {
    let mut list: Vec<&'static Suite> = Vec::new();
    let mut killed: Vec<&'static str> = Vec::new();
    for item in text.split([':', ',', ' ', ';']).filter(|item| !item.is_empty()).take(1_000) {
        let (operator, words) = match item.split_at_checked(1) {
            Some((operator @ ("!" | "-" | "+"), rest)) => (operator, rest),
            _ => ("", item),
        };
        // `@STRENGTH` and `@SECLEVEL=2` order and bound the list; names of suites come before them.
        let words = words.split('@').next().unwrap_or(words);
        if words.is_empty() {
            continue;
        }
        let is = |suite: &Suite| words.split('+').all(|word| suite.is(word));
        match operator {
            "!" => {
                list.retain(|suite| !is(suite));
                killed.extend(SUITES.iter().filter(|suite| is(suite)).map(|suite| suite.name));
            }
            "-" => list.retain(|suite| !is(suite)),
            "+" => {
                let (moved, kept): (Vec<_>, Vec<_>) = list.iter().partition(|suite| is(suite));
                list = kept.into_iter().chain(moved).collect();
            }
            _ => {
                let known: Vec<&str> = list.iter().map(|suite| suite.name).collect();
                list.extend(SUITES.iter().filter(|suite| {
                    is(suite) && !killed.contains(&suite.name) && !known.contains(&suite.name)
                }));
            }
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<&'static str> {
        chosen(text).into_iter().map(|suite| suite.name).collect()
    }

    #[test]
    fn the_language_is_openssl_s() {
        // Counted with OpenSSL 3.0, without what the table leaves out.
        assert_eq!(chosen("HIGH:!aNULL:!MD5").len(), 59);
        assert_eq!(
            names("ECDHE+AESGCM:!ECDSA"),
            ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"]
        );
        assert_eq!(names("AES128-SHA:!kRSA:AES128-SHA"), [""; 0]);
        assert_eq!(names("AES128-SHA:-kRSA:AES128-SHA"), ["AES128-SHA"]);
        assert_eq!(names("AES128-SHA:AES256-SHA:+AES128"), ["AES256-SHA", "AES128-SHA"]);
        assert_eq!(names("nonsense:@STRENGTH:!:+"), [""; 0]);
        assert!(chosen("ALL").iter().any(|suite| suite.is_broken()));
        assert!(chosen("EECDH+AESGCM:EDH+AESGCM").iter().all(|suite| suite.is_aead() && !suite.is_broken()));
        assert!(chosen("HIGH:!aNULL").iter().any(|suite| suite.exchange == "RSA"));
    }
}
