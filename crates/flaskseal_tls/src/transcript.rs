//! What was learned about a server, as a text: for people, for evidence that has a place in it, and to be read back.
//!
//! ```text
//! host: shop.example
//! today: 2026-11-25
//! TLS 1.2: accepted, the client's order
//! - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
//! compression: no
//! chain: trusted, for the host, in order
//! - subject: CN=shop.example
//!   valid: 2026-11-01 to 2027-01-30
//! ```
//!
//! A line that is left out is not known; one that begins with `#` is a comment. A scan that failed is one line: `failed: the port answers plain HTTP`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use flaskseal_certificate::{Certificate, Key};
use flaskseal_core::{Date, TextRange};

use crate::{
    Chain, Group, Offer, Preference, Resumption, ScanError, Sni, Suite, TlsFacts, Trust, Version,
    VersionFacts,
};

/// Facts, and the text in which each has its place.
#[derive(Clone, PartialEq, Debug)]
pub struct Transcript {
    pub text: String,
    pub facts: TlsFacts,
    places: BTreeMap<Fact, TextRange>,
}

/// What a place in a transcript is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Fact {
    Host,
    Version(Version),
    /// By its number.
    Suite(Version, u32),
    Groups,
    Prime,
    Compression,
    Renegotiation,
    Heartbeat,
    EarlyData,
    /// The line of the chain with this index.
    Chain(usize),
    /// A certificate of a chain.
    Certificate(usize, usize),
    Validity(usize, usize),
    Key(usize, usize),
    Signature(usize, usize),
    Names(usize, usize),
}

/// The text is no transcript.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
#[error("line {line} of the transcript cannot be read")]
pub struct Malformed {
    /// From 1.
    pub line: usize,
}

impl Transcript {
    /// Writes facts down.
    pub fn new(facts: TlsFacts) -> Self {
        let text = write(&facts);
        let places = parse(&text).ok().and_then(Result::ok).map(|read| read.places).unwrap_or_default();
        Self { text, facts, places }
    }

    /// Reads what was written, or by hand; the inner error is that of a scan that failed.
    pub fn parse(text: &str) -> Result<Result<Self, ScanError>, Malformed> {
        parse(text)
    }

    /// Where a fact stands; the whole first line, where it does not.
    pub fn place(&self, fact: Fact) -> TextRange {
        let first = self.text.find('\n').unwrap_or(self.text.len());
        self.places.get(&fact).copied().unwrap_or(TextRange::new(0, first as u32))
    }
}

fn write(facts: &TlsFacts) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        out.extend(text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }));
        out.push('\n');
    };
    line(&format!("host: {}", facts.host));
    line(&format!("today: {}", facts.today));
    for one in &facts.versions {
        match &one.offer {
            Offer::Accepted => {
                let order = match one.preference {
                    Some(Preference::Server) => ", the server's order",
                    Some(Preference::Client) => ", the client's order",
                    None => "",
                };
                line(&format!("{}: accepted{order}", one.version));
            }
            Offer::Refused(reason) => line(&format!("{}: refused ({reason})", one.version)),
            Offer::Unknown(reason) => line(&format!("{}: unknown ({reason})", one.version)),
        }
        for suite in &one.suites {
            line(&format!("- {}", suite.name));
        }
    }
    let names: Vec<&str> = facts.groups.iter().map(|group| group.name).collect();
    line(&format!("groups: {}", names.join(", ")));
    if let Some(bits) = facts.prime_bits {
        line(&format!("prime: {bits} bits"));
    }
    line(&format!("protocols: {}", facts.protocols.join(", ")));
    for (name, value) in [
        (COMPRESSION, facts.compression),
        (RENEGOTIATION, facts.secure_renegotiation),
        (FALLBACK, facts.fallback_protection),
        (HEARTBEAT, facts.heartbeat),
        (TICKETS, facts.resumption.tickets),
        (IDS, facts.resumption.ids),
        (RESUMPTION, facts.resumption.tls13),
        (EARLY_DATA, facts.early_data),
        (STAPLING, facts.stapling),
    ] {
        if let Some(value) = value {
            line(&format!("{name}: {}", if value { "yes" } else { "no" }));
        }
    }
    for chain in &facts.chains {
        write_chain(chain, &mut line);
    }
    for (name, sni) in [("without name", &facts.without_name), ("wrong name", &facts.wrong_name)] {
        line(&match sni {
            Sni::SameChain => format!("{name}: same chain"),
            Sni::OtherChain(_) => format!("{name}: another chain"),
            Sni::Refused(reason) => format!("{name}: refused ({reason})"),
            Sni::Unknown(reason) => format!("{name}: unknown ({reason})"),
        });
    }
    for gap in &facts.gaps {
        line(&format!("gap: {gap}"));
    }
    line(&format!("connections: {}", facts.connections));
    out
}

const COMPRESSION: &str = "compression";
const RENEGOTIATION: &str = "secure renegotiation";
const FALLBACK: &str = "fallback protection";
const HEARTBEAT: &str = "heartbeat";
const TICKETS: &str = "tickets";
const IDS: &str = "session ids";
const RESUMPTION: &str = "resumption of TLS 1.3";
const EARLY_DATA: &str = "early data";
const STAPLING: &str = "stapling";

fn write_chain(chain: &Chain, line: &mut dyn FnMut(&str)) {
    let trust = match &chain.trust {
        Trust::Trusted => "trusted".to_owned(),
        Trust::SelfSigned => "self-signed".to_owned(),
        Trust::UnknownRoot { issuer } => format!("unknown root ({issuer})"),
        Trust::Incomplete { issuer } => format!("incomplete ({issuer})"),
        Trust::Refused(reason) => format!("refused ({reason})"),
    };
    let host = if chain.covers_host { FOR_THE_HOST } else { ", for another host" };
    let order = if chain.is_in_order { IN_ORDER } else { ", out of order" };
    let day = if chain.trust == Trust::Trusted && !chain.verifies_today { NOT_TODAY } else { "" };
    line(&format!("chain: {trust}{day}{host}{order}"));
    for one in &chain.certificates {
        line(&format!("- subject: {}", one.subject));
        line(&format!("  issuer: {}", one.issuer));
        line(&format!("  names: {}", one.names.join(", ")));
        line(&format!("  valid: {} to {}", one.not_before, one.not_after));
        line(&match one.key {
            Key::Rsa(bits) => format!("  key: RSA, {bits} bits"),
            Key::Elliptic(bits) => format!("  key: curve, {bits} bits"),
            Key::Edwards => "  key: EdDSA".to_owned(),
            Key::Other => "  key: another".to_owned(),
        });
        let weak = one.weak_signature.map(|hash| format!(" ({hash})")).unwrap_or_default();
        line(&format!("  signature: {}{weak}", one.signature));
        let mut marks = String::new();
        for (mark, is) in [
            (AUTHORITY, one.is_ca),
            (PRECERTIFICATE, one.is_precertificate),
            (NAMES_ISSUER, one.names_issuer_address),
        ] {
            if is {
                let _ = write!(marks, "{}{mark}", if marks.is_empty() { "" } else { ", " });
            }
        }
        if !marks.is_empty() {
            line(&format!("  marks: {marks}"));
        }
    }
}

const NOT_TODAY: &str = ", not today";
const FOR_THE_HOST: &str = ", for the host";
const IN_ORDER: &str = ", in order";
const AUTHORITY: &str = "authority";
const PRECERTIFICATE: &str = "precertificate";
const NAMES_ISSUER: &str = "names its issuer's address";

fn parse(text: &str) -> Result<Result<Transcript, ScanError>, Malformed> {
    if let Some(reason) = text.strip_prefix("failed: ") {
        return Ok(Err(scan_error(reason.trim_end())));
    }
    let day = Date { year: 1970, month: 1, day: 1 };
    let facts = TlsFacts {
        host: String::new(),
        today: day,
        versions: Version::ALL
            .map(|version| VersionFacts {
                version,
                offer: Offer::Unknown("not asked".to_owned()),
                suites: Vec::new(),
                preference: None,
            })
            .into(),
        groups: Vec::new(),
        prime_bits: None,
        protocols: Vec::new(),
        compression: None,
        secure_renegotiation: None,
        fallback_protection: None,
        heartbeat: None,
        resumption: Resumption::default(),
        early_data: None,
        stapling: None,
        chains: Vec::new(),
        without_name: Sni::Unknown("not asked".to_owned()),
        wrong_name: Sni::Unknown("not asked".to_owned()),
        gaps: Vec::new(),
        connections: 0,
    };
    let mut read = Transcript { text: text.to_owned(), facts, places: BTreeMap::new() };
    let (mut start, mut version) = (0, None);
    for (number, whole) in text.split_inclusive('\n').enumerate() {
        let line = whole.trim_end();
        let range = TextRange::new(start as u32, (start + line.len()) as u32);
        start += whole.len();
        if line.is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        read_line(line, range, &mut version, &mut read).ok_or(Malformed { line: number + 1 })?;
    }
    Ok(Ok(read))
}

/// The errors that a page of tests may need are read back as they are.
fn scan_error(reason: &str) -> ScanError {
    let known = [ScanError::PlainHttp, ScanError::Silent, ScanError::Closed, ScanError::Endless];
    known
        .into_iter()
        .find(|error| error.to_string() == reason)
        .unwrap_or_else(|| ScanError::NotTls { starts: reason.to_owned() })
}

fn read_line(line: &str, range: TextRange, version: &mut Option<usize>, read: &mut Transcript) -> Option<()> {
    if let Some(name) = line.strip_prefix("- ").filter(|rest| !rest.starts_with("subject: ")) {
        let suite = Suite::by_name(name)?;
        let facts = read.facts.versions.get_mut((*version)?)?;
        facts.suites.push(suite);
        read.places.insert(Fact::Suite(facts.version, suite.id), range);
        return Some(());
    }
    let (name, value) = line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, "")))?;
    if let Some(at) = Version::ALL.iter().position(|version| version.name() == name) {
        *version = Some(at);
        let facts = read.facts.versions.get_mut(at)?;
        facts.offer = match value.split_once(" (") {
            Some(("refused", reason)) => Offer::Refused(unwrapped(reason)),
            Some(("unknown", reason)) => Offer::Unknown(unwrapped(reason)),
            _ if value == "refused" => Offer::Refused("it says no".to_owned()),
            _ if value.starts_with("accepted") => Offer::Accepted,
            _ => return None,
        };
        facts.preference = match value.split_once(", ") {
            Some(("accepted", "the server's order")) => Some(Preference::Server),
            Some(("accepted", "the client's order")) => Some(Preference::Client),
            _ => None,
        };
        read.places.insert(Fact::Version(facts.version), range);
        return Some(());
    }
    let facts = &mut read.facts;
    let yes = || match value {
        "yes" => Some(Some(true)),
        "no" => Some(Some(false)),
        _ => None,
    };
    let mut place = None;
    match name {
        "host" => {
            value.clone_into(&mut facts.host);
            place = Some(Fact::Host);
        }
        "today" => facts.today = value.parse().ok()?,
        "groups" => {
            facts.groups = listed(value).map(Group::by_name).collect::<Option<_>>()?;
            place = Some(Fact::Groups);
        }
        "prime" => {
            facts.prime_bits = Some(value.strip_suffix(" bits")?.parse().ok()?);
            place = Some(Fact::Prime);
        }
        "protocols" => facts.protocols = listed(value).map(str::to_owned).collect(),
        COMPRESSION => {
            facts.compression = yes()?;
            place = Some(Fact::Compression);
        }
        RENEGOTIATION => {
            facts.secure_renegotiation = yes()?;
            place = Some(Fact::Renegotiation);
        }
        FALLBACK => facts.fallback_protection = yes()?,
        HEARTBEAT => {
            facts.heartbeat = yes()?;
            place = Some(Fact::Heartbeat);
        }
        TICKETS => facts.resumption.tickets = yes()?,
        IDS => facts.resumption.ids = yes()?,
        RESUMPTION => facts.resumption.tls13 = yes()?,
        EARLY_DATA => {
            facts.early_data = yes()?;
            place = Some(Fact::EarlyData);
        }
        STAPLING => facts.stapling = yes()?,
        "without name" => facts.without_name = sni(value)?,
        "wrong name" => facts.wrong_name = sni(value)?,
        "gap" => facts.gaps.push(value.to_owned()),
        "connections" => facts.connections = value.parse().ok()?,
        "chain" => {
            place = Some(Fact::Chain(facts.chains.len()));
            let trust = trust(value)?;
            let verifies_today = trust == Trust::Trusted && !value.contains(NOT_TODAY);
            let (covers, in_order) = (value.contains(FOR_THE_HOST), value.ends_with(IN_ORDER));
            facts.chains.push(Chain::from_parts(trust, verifies_today, covers, in_order));
        }
        _ => return read_certificate(name, value, range, read),
    }
    read.places.extend(place.map(|fact| (fact, range)));
    Some(())
}

fn read_certificate(name: &str, value: &str, range: TextRange, read: &mut Transcript) -> Option<()> {
    let index = read.facts.chains.len().checked_sub(1)?;
    let chain = read.facts.chains.last_mut()?;
    let today = read.facts.today;
    if name == "- subject" {
        read.places.insert(Fact::Certificate(index, chain.certificates.len()), range);
        chain.certificates.push(Certificate {
            subject: value.to_owned(),
            issuer: value.to_owned(),
            names: Vec::new(),
            not_before: today,
            not_after: today,
            seconds: (seconds(today), seconds(today)),
            key: Key::Other,
            signature: String::new(),
            weak_signature: None,
            is_ca: false,
            is_precertificate: false,
            names_issuer_address: false,
        });
        return Some(());
    }
    let at = chain.certificates.len().checked_sub(1)?;
    let one = chain.certificates.last_mut()?;
    let fact = match name.strip_prefix("  ")? {
        "issuer" => {
            value.clone_into(&mut one.issuer);
            return Some(());
        }
        "names" => {
            one.names = listed(value).map(str::to_owned).collect();
            Fact::Names(index, at)
        }
        "valid" => {
            let (from, until) = value.split_once(" to ")?;
            (one.not_before, one.not_after) = (from.parse().ok()?, until.parse().ok()?);
            one.seconds = (seconds(one.not_before), seconds(one.not_after) + 86_399);
            Fact::Validity(index, at)
        }
        "key" => {
            let bits = |text: &str| text.strip_suffix(" bits")?.parse().ok();
            one.key = match value.split_once(", ") {
                Some(("RSA", size)) => Key::Rsa(bits(size)?),
                Some(("curve", size)) => Key::Elliptic(bits(size)?),
                _ if value == "EdDSA" => Key::Edwards,
                _ => Key::Other,
            };
            Fact::Key(index, at)
        }
        "signature" => {
            let (name, weak) = value.split_once(" (").unwrap_or((value, ""));
            name.clone_into(&mut one.signature);
            one.weak_signature =
                ["SHA-1)", "MD5)"].into_iter().find(|hash| *hash == weak).map(|hash| &hash[..hash.len() - 1]);
            Fact::Signature(index, at)
        }
        "marks" => {
            one.is_ca = listed(value).any(|mark| mark == AUTHORITY);
            one.is_precertificate = listed(value).any(|mark| mark == PRECERTIFICATE);
            one.names_issuer_address = listed(value).any(|mark| mark == NAMES_ISSUER);
            return Some(());
        }
        _ => return None,
    };
    read.places.insert(fact, range);
    Some(())
}

fn seconds(day: Date) -> i64 {
    day.days_since(Date { year: 1970, month: 1, day: 1 }) * 86_400
}

fn listed(value: &str) -> impl Iterator<Item = &str> {
    value.split(", ").filter(|word| !word.is_empty())
}

/// What stands before the last bracket.
fn unwrapped(text: &str) -> String {
    text.rsplit_once(')').map_or(text, |(inner, _)| inner).to_owned()
}

fn trust(value: &str) -> Option<Trust> {
    let (word, rest) = match value.split_once(" (") {
        // The end of the line says more after the bracket.
        Some((word, rest)) => (word, unwrapped(rest)),
        None => (value.split(',').next().unwrap_or(value), String::new()),
    };
    Some(match word {
        "trusted" => Trust::Trusted,
        "self-signed" => Trust::SelfSigned,
        "unknown root" => Trust::UnknownRoot { issuer: rest },
        "incomplete" => Trust::Incomplete { issuer: rest },
        "refused" => Trust::Refused(rest),
        _ => return None,
    })
}

fn sni(value: &str) -> Option<Sni> {
    Some(match value.split_once(" (") {
        Some(("refused", reason)) => Sni::Refused(unwrapped(reason)),
        Some(("unknown", reason)) => Sni::Unknown(unwrapped(reason)),
        _ if value == "same chain" => Sni::SameChain,
        _ if value == "another chain" => Sni::OtherChain(Box::new(Chain::from_parts(
            Trust::Refused("not kept".to_owned()),
            false,
            false,
            true,
        ))),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "host: shop.example
today: 2026-11-25
SSL 2: refused (it closes the connection)
SSL 3: refused (alert 40, handshake_failure)
TLS 1.0: unknown (no answer in time)
TLS 1.1: refused (alert 70, protocol_version)
TLS 1.2: accepted, the server's order
- TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
- TLS_RSA_WITH_AES_128_CBC_SHA
TLS 1.3: accepted
- TLS_AES_128_GCM_SHA256
groups: x25519, secp256r1
prime: 1024 bits
protocols: h2, http/1.1
compression: no
secure renegotiation: yes
tickets: yes
session ids: no
stapling: no
chain: incomplete (CN=R3 (test), O=Somebody), for the host, in order
- subject: CN=shop.example
  issuer: CN=R3 (test), O=Somebody
  names: shop.example, www.shop.example
  valid: 2026-11-01 to 2027-01-30
  key: RSA, 2048 bits
  signature: sha1WithRSAEncryption (SHA-1)
  marks: names its issuer's address
chain: self-signed, for another host, out of order
- subject: CN=x
  issuer: CN=x
  names: 
  valid: 2026-11-01 to 2027-01-30
  key: curve, 256 bits
  signature: ecdsa-with-SHA256
  marks: authority, precertificate
without name: same chain
wrong name: refused (alert 112, unrecognized_name)
gap: TLS 1.3: not all suites are known: no answer in time
connections: 42
";

    #[test]
    fn what_is_written_is_read_and_written_again() {
        let read = Transcript::parse(TEXT).unwrap().unwrap();
        assert_eq!(Transcript::new(read.facts.clone()).text, TEXT);
        assert_eq!(Transcript::new(read.facts.clone()), read);
        assert_eq!(read.facts.accepts(Version::Tls12), Some(true));
        assert_eq!(read.facts.accepts(Version::Tls10), None);
        let chain = read.facts.chain().unwrap();
        assert_eq!(chain.trust, Trust::Incomplete { issuer: "CN=R3 (test), O=Somebody".to_owned() });
        assert_eq!(chain.own().and_then(|own| own.weak_signature), Some("SHA-1"));
        let at = |fact| {
            let range = read.place(fact);
            TEXT.get(range.start as usize..range.end as usize)
        };
        assert_eq!(at(Fact::Suite(Version::Tls12, 0x2f)), Some("- TLS_RSA_WITH_AES_128_CBC_SHA"));
        assert_eq!(at(Fact::Validity(0, 0)), Some("  valid: 2026-11-01 to 2027-01-30"));
        assert_eq!(at(Fact::Compression), Some("compression: no"));
        assert_eq!(at(Fact::Heartbeat), Some("host: shop.example"));
    }

    #[test]
    fn failures_and_nonsense_are_told_apart() {
        assert_eq!(Transcript::parse("failed: the port answers plain HTTP\n"), Ok(Err(ScanError::PlainHttp)));
        for (text, line) in [
            ("host: a\nnonsense\n", 2),
            ("- TLS_AES_128_GCM_SHA256", 1),
            ("TLS 1.2: maybe", 1),
            ("  key: RSA, 1 bits", 1),
        ] {
            assert_eq!(Transcript::parse(text), Err(Malformed { line }), "{text}");
        }
    }

    #[test]
    fn lines_cannot_be_forged() {
        let mut facts = Transcript::parse(TEXT).unwrap().unwrap().facts;
        facts.chains[0].certificates[0].subject = "CN=a\nchain: trusted, for the host, in order".to_owned();
        let written = Transcript::new(facts);
        let read = Transcript::parse(&written.text).unwrap().unwrap();
        assert_eq!(read.facts.chains.len(), 2);
    }
}
