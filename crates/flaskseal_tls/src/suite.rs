//! Cipher suites: the registry of IANA, as `tls-parser` has it, and the seven of SSL 2.

use std::sync::LazyLock;

use tls_parser::{
    CIPHERS, TlsCipherAu, TlsCipherEnc, TlsCipherEncMode, TlsCipherKx, TlsCipherMac, TlsCipherSuite,
};

use crate::Version;

/// A cipher suite.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Suite {
    /// Two bytes; the three of a suite of SSL 2.
    pub id: u32,
    /// The name in IANA's registry; for SSL 2, the one in its draft.
    pub name: &'static str,
    exchange: Exchange,
    is_anonymous: bool,
    is_encrypted: bool,
    /// Export grades, RC2, RC4, DES, and 3DES, whose blocks are too short.
    has_broken_cipher: bool,
    is_aead: bool,
    authentication: Authentication,
    /// The oldest version that has it.
    since: Version,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Exchange {
    Tls13,
    EphemeralCurve,
    EphemeralPrime,
    /// The key of the certificate, or one that both sides share beforehand.
    Static,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Authentication {
    Rsa,
    Ecdsa,
    Dss,
    Any,
    /// Secrets that both sides know beforehand.
    Shared,
    None,
}

/// How strong a suite is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Strength {
    /// No encryption, no authentication, or encryption that is broken: export grades, RC2, RC4, DES, 3DES.
    Broken,
    /// No forward secrecy, or encryption that is not authenticated as a whole (CBC).
    Weak,
    /// Forward secrecy and authenticated encryption.
    Good,
}

/// All suites that can be asked for, in the order of their numbers.
static SUITES: LazyLock<Vec<Suite>> = LazyLock::new(|| {
    let mut suites: Vec<Suite> = CIPHERS.values().filter_map(from_registry).collect();
    suites.extend(SSL2.iter().map(|&(id, name)| Suite {
        id,
        name,
        exchange: Exchange::Static,
        is_anonymous: false,
        is_encrypted: true,
        has_broken_cipher: true,
        is_aead: false,
        authentication: Authentication::Rsa,
        since: Version::Ssl2,
    }));
    suites.sort();
    suites
});

/// The suites of SSL 2 (draft-hickman-netscape-ssl-00, section "Cipher Kinds").
const SSL2: [(u32, &str); 7] = [
    (0x0001_0080, "SSL_CK_RC4_128_WITH_MD5"),
    (0x0002_0080, "SSL_CK_RC4_128_EXPORT40_WITH_MD5"),
    (0x0003_0080, "SSL_CK_RC2_128_CBC_WITH_MD5"),
    (0x0004_0080, "SSL_CK_RC2_128_CBC_EXPORT40_WITH_MD5"),
    (0x0005_0080, "SSL_CK_IDEA_128_CBC_WITH_MD5"),
    (0x0006_0040, "SSL_CK_DES_64_CBC_WITH_MD5"),
    (0x0007_00c0, "SSL_CK_DES_192_EDE3_CBC_WITH_MD5"),
];

impl Suite {
    /// The suite with this number, if it is one that can be asked for.
    pub fn by_id(id: u32) -> Option<&'static Self> {
        SUITES.binary_search_by_key(&id, |suite| suite.id).ok().and_then(|at| SUITES.get(at))
    }

    /// The suite with this name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        SUITES.iter().find(|suite| suite.name == name)
    }

    pub fn strength(&self) -> Strength {
        if !self.is_encrypted || self.is_anonymous || self.has_broken_cipher {
            Strength::Broken
        } else if self.has_forward_secrecy() && self.is_aead {
            Strength::Good
        } else {
            Strength::Weak
        }
    }

    /// Whether who learns the server's key later still cannot read what was said.
    pub fn has_forward_secrecy(&self) -> bool {
        self.exchange != Exchange::Static
    }

    /// Authenticated encryption.
    pub fn is_aead(&self) -> bool {
        self.is_aead
    }

    /// Whether the exchange runs in a finite field (`DHE`, `DH_anon`).
    pub fn is_ephemeral_prime(&self) -> bool {
        self.exchange == Exchange::EphemeralPrime
    }

    /// Whether the exchange runs on a curve (`ECDHE`, `ECDH_anon`).
    pub fn is_ephemeral_curve(&self) -> bool {
        self.exchange == Exchange::EphemeralCurve
    }

    /// Whether the server shows a certificate with an ECDSA key.
    pub fn is_ecdsa(&self) -> bool {
        self.authentication == Authentication::Ecdsa
    }

    /// Whether the server shows a certificate at all.
    pub fn has_certificate(&self) -> bool {
        !matches!(self.authentication, Authentication::None | Authentication::Shared)
    }

    /// What can be asked for under a version: first what web servers have, then what hardly any has.
    pub(crate) fn candidates(version: Version) -> [Vec<&'static Self>; 2] {
        let is_possible = |suite: &&Self| match version {
            Version::Ssl2 => suite.since == Version::Ssl2,
            Version::Tls13 => suite.since == Version::Tls13,
            _ => suite.since <= version && suite.since != Version::Ssl2,
        };
        let is_rare = |suite: &&Self| {
            matches!(suite.authentication, Authentication::Shared | Authentication::Dss)
                || suite.name.starts_with("TLS_DH_RSA_")
                || suite.name.starts_with("TLS_ECDH_RSA_")
                || suite.name.starts_with("TLS_ECDH_ECDSA_")
        };
        let (rare, usual) = SUITES.iter().filter(is_possible).partition(is_rare);
        [usual, rare]
    }
}

fn from_registry(row: &TlsCipherSuite) -> Option<Suite> {
    // Signals and the empty suite are no suites that a server could choose.
    if row.id.0 == 0 || row.name.ends_with("_SCSV") {
        return None;
    }
    let is_anonymous = row.au == TlsCipherAu::Null && row.kx != TlsCipherKx::Tls13;
    let exchange = match row.kx {
        TlsCipherKx::Tls13 => Exchange::Tls13,
        TlsCipherKx::Ecdhe | TlsCipherKx::Aecdh | TlsCipherKx::Eccpwd => Exchange::EphemeralCurve,
        TlsCipherKx::Dhe => Exchange::EphemeralPrime,
        TlsCipherKx::Ecdh if is_anonymous => Exchange::EphemeralCurve,
        TlsCipherKx::Dh if is_anonymous => Exchange::EphemeralPrime,
        // IANA's `DHE_PSK` stands in the registry's extract with both words in one column.
        _ if row.name.starts_with("TLS_DHE_") => Exchange::EphemeralPrime,
        _ if row.name.starts_with("TLS_ECDHE_") => Exchange::EphemeralCurve,
        _ => Exchange::Static,
    };
    let authentication = match (row.kx, row.au) {
        (TlsCipherKx::Tls13, _) => Authentication::Any,
        _ if row.name.contains("_PSK_") || row.name.contains("_SRP_") || row.name.contains("_KRB5_") => {
            Authentication::Shared
        }
        (_, TlsCipherAu::Null) => Authentication::None,
        (_, TlsCipherAu::Rsa) => Authentication::Rsa,
        (_, TlsCipherAu::Ecdsa) => Authentication::Ecdsa,
        (_, TlsCipherAu::Dss) => Authentication::Dss,
        _ => Authentication::Shared,
    };
    let is_aead = row.mac == TlsCipherMac::Aead
        || matches!(row.enc_mode, TlsCipherEncMode::Gcm | TlsCipherEncMode::Ccm)
        || matches!(row.enc, TlsCipherEnc::Chacha20_Poly1305 | TlsCipherEnc::Aegis);
    // RFC 5246, 1.2: suites with AEAD or SHA-2 need TLS 1.2.
    let since = if row.kx == TlsCipherKx::Tls13 || row.id.0 == 0x00c6 || row.id.0 == 0x00c7 {
        Version::Tls13
    } else if is_aead
        || matches!(row.mac, TlsCipherMac::HmacSha256 | TlsCipherMac::HmacSha384 | TlsCipherMac::HmacSha512)
    {
        Version::Tls12
    } else {
        Version::Ssl3
    };
    let is_broken = matches!(
        row.enc,
        TlsCipherEnc::Rc2 | TlsCipherEnc::Rc4 | TlsCipherEnc::Des | TlsCipherEnc::TripleDes
    ) || row.name.contains("_EXPORT_");
    Some(Suite {
        id: u32::from(row.id.0),
        name: row.name,
        exchange,
        is_anonymous,
        is_encrypted: row.enc != TlsCipherEnc::Null,
        has_broken_cipher: is_broken,
        is_aead,
        authentication,
        since,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strength_follows_exchange_and_encryption() {
        let strength = |name: &str| Suite::by_name(name).unwrap_or_else(|| panic!("{name}")).strength();
        for name in [
            "TLS_RSA_WITH_NULL_SHA",
            "TLS_RSA_EXPORT_WITH_DES40_CBC_SHA",
            "TLS_RSA_WITH_RC4_128_SHA",
            "TLS_RSA_WITH_DES_CBC_SHA",
            "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
            "TLS_DH_anon_WITH_AES_256_GCM_SHA384",
            "TLS_ECDH_anon_WITH_AES_128_CBC_SHA",
            "TLS_SHA256_SHA256",
            "SSL_CK_RC4_128_WITH_MD5",
        ] {
            assert_eq!(strength(name), Strength::Broken, "{name}");
        }
        for name in [
            "TLS_RSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
            "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256",
            "TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_RSA_PSK_WITH_AES_128_GCM_SHA256",
        ] {
            assert_eq!(strength(name), Strength::Weak, "{name}");
        }
        for name in [
            "TLS_AES_128_GCM_SHA256",
            "TLS_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            "TLS_DHE_RSA_WITH_AES_128_CCM",
        ] {
            assert_eq!(strength(name), Strength::Good, "{name}");
        }
    }

    #[test]
    fn a_version_has_its_suites() {
        let names = |version| -> Vec<&str> {
            Suite::candidates(version).into_iter().flatten().map(|suite| suite.name).collect()
        };
        assert_eq!(names(Version::Ssl2).len(), 7);
        let newest = names(Version::Tls13);
        assert!(
            newest.contains(&"TLS_AES_128_GCM_SHA256")
                && newest.iter().all(|name| !name.contains("_WITH_") || name.contains("SM4"))
        );
        let old = names(Version::Tls10);
        assert!(
            old.contains(&"TLS_RSA_WITH_AES_128_CBC_SHA")
                && old.iter().all(|name| !name.ends_with("SHA256") && !name.contains("GCM"))
        );
        assert!(names(Version::Tls12).len() > 300);
        assert!(
            names(Version::Tls12)
                .iter()
                .all(|name| !name.ends_with("_SCSV") && *name != "TLS_NULL_WITH_NULL_NULL")
        );
    }

    #[test]
    fn ephemeral_exchanges_are_told_apart() {
        let suite = |name: &str| Suite::by_name(name).unwrap();
        assert!(suite("TLS_DH_anon_WITH_AES_128_CBC_SHA").is_ephemeral_prime());
        assert!(suite("TLS_DHE_PSK_WITH_AES_128_CBC_SHA").is_ephemeral_prime());
        assert!(suite("TLS_ECDH_anon_WITH_AES_128_CBC_SHA").is_ephemeral_curve());
        assert!(!suite("TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA").has_forward_secrecy());
        assert!(suite("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA").is_ecdsa());
    }
}
