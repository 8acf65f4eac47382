//! What was learned about a server: plain facts, in a fixed order, without a judgement.

use flaskseal_core::Date;

use crate::chain::Chain;
use crate::{Group, Suite, Version};

/// What a TLS server offers. `None` in an answer of yes or no means that it could not be learned, or does not apply.
#[derive(Clone, PartialEq, Debug)]
pub struct TlsFacts {
    /// The name or address that was asked for, in lower case, without a dot at the end.
    pub host: String,
    /// The day on which validity is judged.
    pub today: Date,
    /// All versions, oldest first.
    pub versions: Vec<VersionFacts>,
    /// The named groups that it exchanges keys in, under any version.
    pub groups: Vec<Group>,
    /// Bits of the smallest prime in which it exchanges keys (`DHE`).
    pub prime_bits: Option<u32>,
    /// The protocols above TLS that it agrees to (ALPN), of `h2`, `http/1.1` and `http/1.0`.
    pub protocols: Vec<String>,
    /// It compresses, which tells secrets (CRIME).
    pub compression: Option<bool>,
    /// Renegotiation is tied to the connection (RFC 5746); only versions before TLS 1.3 have it.
    pub secure_renegotiation: Option<bool>,
    /// It refuses clients that fell back to an older version without need (RFC 7507).
    pub fallback_protection: Option<bool>,
    /// It answers heartbeats (RFC 6520).
    pub heartbeat: Option<bool>,
    pub resumption: Resumption,
    /// It takes requests in the first message of a resumed session of TLS 1.3 (0-RTT), which can be sent again by whoever
    /// records them: it was tried.
    pub early_data: Option<bool>,
    /// It sent an OCSP response with its certificate.
    pub stapling: Option<bool>,
    /// The chains that it shows for the host: one for each key that it has. The first is what current clients get.
    pub chains: Vec<Chain>,
    /// What it does when a client names no host.
    pub without_name: Sni,
    /// What it does when a client names a host that is not here.
    pub wrong_name: Sni,
    /// What could not be learned, and why: whole lines.
    pub gaps: Vec<String>,
    /// How many connections were opened.
    pub connections: u32,
}

/// One version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VersionFacts {
    pub version: Version,
    pub offer: Offer,
    /// In the order in which the server chose them.
    pub suites: Vec<&'static Suite>,
    /// None where fewer than two suites are offered.
    pub preference: Option<Preference>,
}

/// Whether a version is spoken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Offer {
    Accepted,
    /// How the server said no.
    Refused(String),
    /// Why it is not known.
    Unknown(String),
}

/// Whose order of suites counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Preference {
    Server,
    Client,
}

/// How a session can be taken up again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Resumption {
    /// TLS 1.2 and older give tickets.
    pub tickets: Option<bool>,
    /// TLS 1.2 resumes by the number of the session: it was tried.
    pub ids: Option<bool>,
    /// TLS 1.3 resumes: it was tried.
    pub tls13: Option<bool>,
}

/// What a server does about a name that is missing or wrong.
#[derive(Clone, PartialEq, Debug)]
pub enum Sni {
    /// It shows what it shows for the host.
    SameChain,
    OtherChain(Box<Chain>),
    /// How it said no.
    Refused(String),
    /// Why it is not known.
    Unknown(String),
}

impl TlsFacts {
    /// Whether a version is spoken; None where that is not known.
    pub fn accepts(&self, version: Version) -> Option<bool> {
        let found = self.versions.iter().find(|one| one.version == version)?;
        match found.offer {
            Offer::Accepted => Some(true),
            Offer::Refused(_) => Some(false),
            Offer::Unknown(_) => None,
        }
    }

    /// The suites of all versions.
    pub fn suites(&self) -> impl Iterator<Item = (Version, &'static Suite)> {
        self.versions.iter().flat_map(|one| one.suites.iter().map(|suite| (one.version, *suite)))
    }

    /// What current clients get.
    pub fn chain(&self) -> Option<&Chain> {
        self.chains.first()
    }
}
