//! The questions that are put to a server, and what their answers add up to.
//!
//! First every version by itself, at the same time: which suites it has comes out by leaving out of each next message what
//! was chosen last. Then what depends on that: groups, names, protocols, and whole handshakes.

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use flaskseal_certificate::Key;
use flaskseal_core::Date;

use crate::answer::{Answer, KeyExchange, ServerHello};
use crate::chain::{Chain, Verifier, normalized};
use crate::connection::{Failure, Line, Outcome, refusal};
use crate::facts::{Offer, Preference, Resumption, Sni, TlsFacts, VersionFacts};
use crate::group::{GROUPS, Group};
use crate::handshake::{Client, Keys, Shown};
use crate::hello::Hello;
use crate::{Suite, Version, ssl2};

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The name or address as the user wrote it; an address in brackets is one.
    pub host: &'a str,
    /// The day on which certificates have to be valid.
    pub today: Date,
    /// Roots beside Mozilla's, in DER: [`roots_from_pem`](crate::roots_from_pem).
    pub extra_roots: &'a [Vec<u8>],
}

/// What a scan may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections in all. A server with every suite of every version takes about 200, a usual one 60.
    pub connections: u32,
    /// Bytes read from one connection.
    pub bytes: usize,
    /// Time for one connection. A single wait inside it takes as long as the stream's own timeout.
    pub connection: Duration,
    /// Time after which no connection is opened any more.
    pub whole: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 400,
            bytes: 128 << 10,
            connection: Duration::from_secs(5),
            whole: Duration::from_secs(30),
        }
    }
}

/// Why nothing could be learned.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum ScanError {
    #[error("cannot connect: {message}")]
    Connect { kind: io::ErrorKind, message: String },
    #[error("the port answers plain HTTP")]
    PlainHttp,
    /// With the beginning of what came, made printable.
    #[error("the port does not speak TLS: it answers `{starts}`")]
    NotTls { starts: String },
    #[error("the server does not answer a greeting of TLS in time")]
    Silent,
    #[error("the server closes every connection without an answer")]
    Closed,
    #[error("the server's answer does not end")]
    Endless,
}

/// Asks a server what it offers. `connect` opens a stream to it, each time a fresh one, whose reads and writes end after a
/// timeout; it is called from a few threads at once.
pub fn scan<S, C>(connect: &C, question: &Question<'_>, limits: &Limits) -> Result<TlsFacts, ScanError>
where
    C: Fn() -> io::Result<S> + Sync,
    S: Read + Write,
{
    let host = normalized(question.host);
    let scan = Scan {
        line: Line::new(connect, limits),
        // Addresses are not sent as names (RFC 6066, 3).
        name: host.parse::<IpAddr>().is_err().then(|| host.clone()),
        host,
        today: question.today,
        verifier: Verifier::new(question.extra_roots),
    };
    scan.first_contact()?;
    let versions = in_parallel(Version::ALL.map(|version| {
        let scan = &scan;
        move || scan.version(version)
    }));
    if versions.iter().all(|one| one.is_closed) {
        return Err(ScanError::Closed);
    }
    Ok(scan.facts(versions))
}

struct Scan<'a, C> {
    line: Line<'a, C>,
    host: String,
    name: Option<String>,
    today: Date,
    verifier: Verifier,
}

/// What the questions about one version showed.
struct Asked {
    facts: VersionFacts,
    /// Distinct chains in DER, as they were met.
    chains: Vec<Vec<Vec<u8>>>,
    prime_bits: Option<u32>,
    /// The first greeting.
    hello: Option<ServerHello>,
    has_staple: bool,
    /// TLS 1.3: the server wants a share at once.
    needs_share: bool,
    /// Nothing but closed connections.
    is_closed: bool,
    gap: Option<String>,
}

/// What whole handshakes showed.
#[derive(Default)]
struct Shaken {
    /// TLS 1.3 with any key, then by kind of key.
    shown: Vec<Shown>,
    tls13: Option<bool>,
    early_data: Option<bool>,
    ids: Option<bool>,
    gaps: Vec<String>,
}

/// What is asked of the newest version before TLS 1.3, or else in whole handshakes of TLS 1.3.
struct Features {
    protocols: Vec<String>,
    compression: Option<bool>,
    fallback_protection: Option<bool>,
    without_name: Answered,
    wrong_name: Answered,
}

/// A chain in DER, how the server said no, or why it is not known.
enum Answered {
    Chain(Vec<Vec<u8>>),
    Refused(String),
    Unknown(String),
}

/// A name that no server has (RFC 6761).
const WRONG_NAME: &str = "wrong-name.invalid";
const PROTOCOLS: [&str; 3] = ["h2", "http/1.1", "http/1.0"];

impl<C, S> Scan<'_, C>
where
    C: Fn() -> io::Result<S> + Sync,
    S: Read + Write,
{
    /// Whether there is anybody, and whether it is TLS that is spoken.
    fn first_contact(&self) -> Result<(), ScanError> {
        let [usual, _] = Suite::candidates(Version::Tls12);
        let message = self.hello(Version::Tls12, &ids(&usual), &classic_groups(), true).bytes();
        match self.line.ask(&message) {
            Outcome::Answered(_) | Outcome::Closed => Ok(()),
            Outcome::Failed(Failure::Connect(kind, message)) => Err(ScanError::Connect { kind, message }),
            Outcome::Failed(Failure::Garbage(_, bytes)) if bytes.starts_with(b"HTTP/") => {
                Err(ScanError::PlainHttp)
            }
            // What a server of HTTP/0.9 or a page by itself begins with.
            Outcome::Failed(Failure::Garbage(_, bytes)) if bytes.starts_with(b"<") => {
                Err(ScanError::PlainHttp)
            }
            Outcome::Failed(Failure::Garbage(_, bytes)) => {
                let starts = bytes.get(..bytes.len().min(24)).unwrap_or_default().escape_ascii().to_string();
                Err(ScanError::NotTls { starts })
            }
            Outcome::Failed(Failure::TooMuch) => Err(ScanError::Endless),
            Outcome::Failed(Failure::Silent | Failure::Exhausted) => Err(ScanError::Silent),
        }
    }

    fn hello<'h>(
        &'h self,
        version: Version,
        suites: &'h [u16],
        groups: &'h [u16],
        extras: bool,
    ) -> Hello<'h> {
        let mut hello = Hello::new(version, suites, groups);
        hello.name = self.name.as_deref();
        hello.extras = extras;
        hello
    }

    fn version(&self, version: Version) -> Asked {
        if version == Version::Ssl2 {
            return self.ssl2();
        }
        let mut asked = Asked::new(version);
        let groups = if version == Version::Tls13 { tls13_groups() } else { classic_groups() };
        for list in Suite::candidates(version) {
            if !self.enumerate(&mut asked, ids(&list), &groups) {
                break;
            }
        }
        if asked.facts.suites.len() > 1 {
            asked.facts.preference = self.preference(&asked, &groups);
        }
        asked
    }

    /// Finds the suites of a list. False where there is no sense in asking for others.
    fn enumerate(&self, asked: &mut Asked, mut left: Vec<u16>, groups: &[u16]) -> bool {
        let version = asked.facts.version;
        while !left.is_empty() {
            let mut hello = self.hello(version, &left, groups, true);
            hello.share = asked.needs_share;
            let mut outcome = self.line.ask(&hello.bytes());
            if version == Version::Tls13 && !asked.needs_share && is_refused(&outcome) {
                // Some servers want a share at once.
                hello.share = true;
                outcome = self.line.ask(&hello.bytes());
                asked.needs_share = !is_refused(&outcome);
            }
            let is_first = asked.facts.suites.is_empty();
            match outcome {
                Outcome::Answered(answer) => {
                    asked.is_closed = false;
                    let Some(chosen) = &answer.hello else {
                        if is_first {
                            asked.facts.offer = Offer::Refused(refusal(&answer));
                        }
                        // The version itself is refused.
                        return answer.alert != Some(PROTOCOL_VERSION);
                    };
                    if chosen.version != version.number() {
                        if is_first {
                            asked.facts.offer = Offer::Refused("it answers with another version".to_owned());
                        }
                        return false;
                    }
                    let (Some(at), Some(suite)) = (
                        left.iter().position(|id| *id == chosen.suite),
                        Suite::by_id(u32::from(chosen.suite)),
                    ) else {
                        asked.gap =
                            Some(format!("{version}: the server chooses a suite that was not offered"));
                        return false;
                    };
                    left.remove(at);
                    asked.accept(suite, answer);
                }
                Outcome::Closed => {
                    if is_first {
                        asked.facts.offer = Offer::Refused("it closes the connection".to_owned());
                    }
                    return true;
                }
                Outcome::Failed(failure) => {
                    asked.is_closed = false;
                    let reason = failure.reason();
                    if is_first {
                        asked.facts.offer = Offer::Unknown(reason.clone());
                    }
                    asked.gap = Some(format!("{version}: not all suites are known: {reason}"));
                    return false;
                }
            }
        }
        true
    }

    fn ssl2(&self) -> Asked {
        let mut asked = Asked::new(Version::Ssl2);
        let [all, _] = Suite::candidates(Version::Ssl2);
        let numbers: Vec<u32> = all.iter().map(|suite| suite.id).collect();
        asked.facts.offer = match self.line.ask_ssl2(&ssl2::hello(&numbers)) {
            Outcome::Answered(answer) => {
                asked.is_closed = false;
                asked.facts.suites =
                    answer.suites.iter().filter_map(|id| Suite::by_id(*id)).take(7).collect();
                if asked.facts.suites.is_empty() {
                    Offer::Refused("it has no suite in common".to_owned())
                } else {
                    asked.chains.push(vec![answer.certificate]);
                    Offer::Accepted
                }
            }
            Outcome::Closed => Offer::Refused("it closes the connection".to_owned()),
            // Whoever speaks it answers: nothing, or something else, is a no.
            Outcome::Failed(Failure::Garbage(..) | Failure::Silent) => {
                asked.is_closed = false;
                Offer::Refused("no answer of SSL 2".to_owned())
            }
            Outcome::Failed(failure) => {
                asked.is_closed = false;
                Offer::Unknown(failure.reason())
            }
        };
        asked
    }

    /// Offers what was found in the opposite order.
    fn preference(&self, asked: &Asked, groups: &[u16]) -> Option<Preference> {
        let found = ids(&asked.facts.suites);
        let turned: Vec<u16> = found.iter().rev().copied().collect();
        let mut hello = self.hello(asked.facts.version, &turned, groups, true);
        hello.share = asked.needs_share;
        let Outcome::Answered(Answer { hello: Some(chosen), .. }) = self.line.ask(&hello.bytes()) else {
            return None;
        };
        if Some(&chosen.suite) == turned.first() {
            Some(Preference::Client)
        } else {
            Some(Preference::Server)
        }
    }

    fn facts(&self, versions: Vec<Asked>) -> TlsFacts {
        let of =
            |version: Version| versions.iter().find(|one| one.facts.version == version && one.is_accepted());
        let newest = of(Version::Tls13);
        let best = [Version::Tls12, Version::Tls11, Version::Tls10, Version::Ssl3].into_iter().find_map(of);
        let (groups, (newest_groups, (shaken, features))) = join(
            || best.map(|best| self.classic_groups(best, newest.is_some())).unwrap_or_default(),
            || {
                join(
                    || newest.map(|newest| self.tls13_groups(newest)).unwrap_or_default(),
                    || join(|| self.handshakes(&versions), || self.features(best, newest)),
                )
            },
        );
        let mut groups: Vec<Group> = groups.into_iter().chain(newest_groups).collect();
        groups.sort_by_key(|group| GROUPS.iter().position(|known| known == group));
        groups.dedup();
        let chains = self.chains(&versions, &shaken);
        let sni = |answered: Answered| match answered {
            Answered::Chain(der) if der.is_empty() => Sni::Unknown("no certificate was shown".to_owned()),
            Answered::Chain(der) => {
                let chain = self.verifier.chain(&der, &self.host, self.today);
                if chains.iter().any(|known| known.is_same(&chain)) {
                    Sni::SameChain
                } else {
                    Sni::OtherChain(Box::new(chain))
                }
            }
            Answered::Refused(reason) => Sni::Refused(reason),
            Answered::Unknown(reason) => Sni::Unknown(reason),
        };
        let hello = best.and_then(|best| best.hello.as_ref());
        let mut gaps: Vec<String> = versions.iter().filter_map(|one| one.gap.clone()).collect();
        gaps.extend(shaken.gaps);
        let staples =
            versions.iter().any(|one| one.has_staple) || shaken.shown.iter().any(|shown| shown.has_staple);
        TlsFacts {
            host: self.host.clone(),
            today: self.today,
            groups,
            prime_bits: versions.iter().filter_map(|one| one.prime_bits).min(),
            protocols: features.protocols,
            compression: features.compression,
            secure_renegotiation: hello.map(|hello| hello.secure_renegotiation),
            fallback_protection: features.fallback_protection,
            heartbeat: hello.map(|hello| hello.heartbeat),
            resumption: Resumption {
                tickets: hello.map(|hello| hello.ticket),
                ids: shaken.ids,
                tls13: shaken.tls13,
            },
            early_data: shaken.early_data,
            stapling: (!chains.is_empty()).then_some(staples),
            without_name: sni(features.without_name),
            wrong_name: sni(features.wrong_name),
            chains,
            gaps,
            connections: self.line.opened(),
            versions: versions.into_iter().map(|one| one.facts).collect(),
        }
    }

    /// All chains, what current clients get first.
    fn chains(&self, versions: &[Asked], shaken: &Shaken) -> Vec<Chain> {
        let mut all: Vec<&Vec<Vec<u8>>> = Vec::new();
        let newest = shaken.shown.iter().map(|shown| &shown.certificates);
        let older = versions.iter().rev().flat_map(|one| &one.chains);
        for chain in newest.chain(older).filter(|chain| !chain.is_empty()) {
            // SSL 2 sends the server's own alone.
            let is_known =
                all.iter().any(|known| *known == chain || chain.len() == 1 && known.first() == chain.first());
            if !is_known {
                all.push(chain);
            }
        }
        all.into_iter().map(|der| self.verifier.chain(der, &self.host, self.today)).collect()
    }

    /// The groups of TLS 1.2 and older, from what the server signs.
    fn classic_groups(&self, best: &Asked, has_tls13: bool) -> Vec<Group> {
        let on_curves: Vec<&Suite> =
            best.facts.suites.iter().copied().filter(|suite| suite.is_ephemeral_curve()).collect();
        if on_curves.is_empty() || best.facts.version == Version::Ssl3 {
            return Vec::new();
        }
        let mut left = classic_groups();
        // A certificate on a curve can be used only with clients that have this curve (RFC 8422, 5.1.1): it stays in the
        // list, at its end. TLS 1.3 does not mind, and shows the others.
        let mut kept = None;
        if on_curves.iter().all(|suite| suite.is_ecdsa()) && !has_tls13 {
            kept = best.chains.first().and_then(|chain| self.curve_of(chain));
            left.retain(|id| Some(*id) != kept);
            left.extend(kept);
        }
        let suites = ids(&on_curves);
        let mut found = Vec::new();
        while !left.is_empty() {
            let message = self.hello(best.facts.version, &suites, &left, false).bytes();
            let Outcome::Answered(Answer { exchange: Some(KeyExchange::Group(id)), .. }) =
                self.line.ask(&message)
            else {
                break;
            };
            let Some(at) = left.iter().position(|known| *known == id) else { break };
            left.remove(at);
            found.extend(Group::by_id(id));
            if Some(id) == kept {
                break;
            }
        }
        found
    }

    /// The curve of the key of the server's own certificate.
    fn curve_of(&self, chain: &[Vec<u8>]) -> Option<u16> {
        match self.verifier.chain(chain, &self.host, self.today).own()?.key {
            Key::Elliptic(256) => Some(23),
            Key::Elliptic(384) => Some(24),
            Key::Elliptic(521..=528) => Some(25),
            _ => None,
        }
    }

    /// The groups of TLS 1.3, from which share it asks for.
    fn tls13_groups(&self, newest: &Asked) -> Vec<Group> {
        let suites = ids(&newest.facts.suites);
        let mut left = tls13_groups();
        let mut found = Vec::new();
        while !left.is_empty() {
            let mut hello = self.hello(Version::Tls13, &suites, &left, false);
            hello.share = newest.needs_share;
            let Outcome::Answered(Answer { hello: Some(chosen), .. }) = self.line.ask(&hello.bytes()) else {
                break;
            };
            let Some(at) = chosen.group.and_then(|id| left.iter().position(|known| *known == id)) else {
                break;
            };
            found.extend(Group::by_id(left.remove(at)));
        }
        found
    }

    /// Whole handshakes: the certificates of TLS 1.3, and resumption.
    fn handshakes(&self, versions: &[Asked]) -> Shaken {
        let mut shaken = Shaken::default();
        let is_accepted =
            |version| versions.iter().any(|one| one.facts.version == version && one.is_accepted());
        if is_accepted(Version::Tls13) {
            for keys in [Keys::Any, Keys::Rsa, Keys::Ecdsa] {
                match self.shake(true, self.name.as_deref(), keys, &[]) {
                    Ok((shown, again)) => {
                        shaken.shown.push(shown);
                        if let Some(again) = again {
                            shaken.tls13 = Some(again.is_resumed);
                            shaken.early_data = Some(again.takes_early_data);
                        }
                    }
                    Err(reason) if keys == Keys::Any => {
                        shaken.gaps.push(format!("TLS 1.3: the handshake does not succeed: {reason}"));
                        break;
                    }
                    // It has no such key.
                    Err(_) => {}
                }
            }
        }
        if is_accepted(Version::Tls12) {
            // rustls lacks the old suites: no answer says nothing.
            shaken.ids = self
                .shake(false, self.name.as_deref(), Keys::Any, &[])
                .ok()
                .and_then(|(_, again)| again.map(|again| again.is_resumed));
        }
        shaken
    }

    /// A handshake, and with any key another one that tries to resume it.
    fn shake(
        &self,
        is_tls13: bool,
        name: Option<&str>,
        keys: Keys,
        protocols: &[&str],
    ) -> Result<(Shown, Option<Shown>), String> {
        let client = Client::new(is_tls13, name.or(self.address()), keys, protocols)
            .ok_or_else(|| "the host is no name".to_owned())?;
        let shake = |waits| {
            let mut stream = self.line.open().map_err(|failure| failure.reason())?;
            client.shake(&mut stream, waits)
        };
        let resumes = keys == Keys::Any && name == self.name.as_deref() && protocols.is_empty();
        let shown = shake(is_tls13 && resumes)?;
        let again = if resumes { shake(false).ok() } else { None };
        Ok((shown, again))
    }

    /// The host, where it is an address: rustls sends no name for one.
    fn address(&self) -> Option<&str> {
        self.name.is_none().then_some(self.host.as_str())
    }

    fn features(&self, best: Option<&Asked>, newest: Option<&Asked>) -> Features {
        let Some(best) = best else { return self.tls13_features(newest) };
        let suites = ids(&best.facts.suites);
        let groups = classic_groups();
        let ask = |change: &dyn Fn(&mut Hello<'_>)| {
            let mut hello = self.hello(best.facts.version, &suites, &groups, false);
            change(&mut hello);
            self.line.ask(&hello.bytes())
        };
        let compression = match ask(&|hello| hello.compression = true) {
            Outcome::Answered(Answer { hello: Some(chosen), .. }) => Some(chosen.compression != 0),
            _ => None,
        };
        let protocols = PROTOCOLS.into_iter().filter(|protocol| {
            let mut hello = self.hello(best.facts.version, &suites, &groups, false);
            let offered = [*protocol];
            hello.protocols = &offered;
            matches!(self.line.ask(&hello.bytes()),
                Outcome::Answered(Answer { hello: Some(chosen), .. }) if chosen.protocol.as_deref() == Some(*protocol))
        });
        let protocols = protocols.map(str::to_owned).collect();
        let fallback_protection = newest.and_then(|_| match ask(&|hello| hello.fallback = true) {
            Outcome::Answered(Answer { hello: Some(_), .. }) => Some(false),
            Outcome::Answered(answer) => Some(answer.alert == Some(INAPPROPRIATE_FALLBACK)),
            _ => None,
        });
        // Whoever answers to another name may have another key, and other suites.
        let [mut any, _] = Suite::candidates(best.facts.version);
        any.retain(|suite| suite.has_certificate());
        let any = ids(&any);
        let named = |name| {
            if best.chains.is_empty() {
                return Answered::Unknown("the server shows no certificate".to_owned());
            }
            let mut hello = self.hello(best.facts.version, &any, &groups, false);
            hello.name = name;
            answered(self.line.ask(&hello.bytes()))
        };
        Features {
            protocols,
            compression,
            fallback_protection,
            without_name: named(None),
            wrong_name: named(Some(WRONG_NAME)),
        }
    }

    fn tls13_features(&self, newest: Option<&Asked>) -> Features {
        if newest.is_none() {
            let unknown = || Answered::Unknown("no version is accepted".to_owned());
            return Features {
                protocols: Vec::new(),
                compression: None,
                fallback_protection: None,
                without_name: unknown(),
                wrong_name: unknown(),
            };
        }
        let shown = |name: Option<&str>| match self.shake(true, name, Keys::Any, &[]) {
            Ok((shown, _)) => Answered::Chain(shown.certificates),
            Err(reason) => Answered::Refused(reason),
        };
        let protocols = PROTOCOLS.into_iter().filter(|protocol| {
            self.shake(true, self.name.as_deref(), Keys::Any, &[protocol])
                .is_ok_and(|(shown, _)| shown.protocol.as_deref() == Some(*protocol))
        });
        Features {
            protocols: protocols.map(str::to_owned).collect(),
            // TLS 1.3 has neither.
            compression: Some(false),
            fallback_protection: None,
            without_name: shown(None),
            wrong_name: shown(Some(WRONG_NAME)),
        }
    }
}

impl Asked {
    fn new(version: Version) -> Self {
        Self {
            facts: VersionFacts {
                version,
                offer: Offer::Refused("it has no suite in common".to_owned()),
                suites: Vec::new(),
                preference: None,
            },
            chains: Vec::new(),
            prime_bits: None,
            hello: None,
            has_staple: false,
            needs_share: false,
            is_closed: true,
            gap: None,
        }
    }

    fn is_accepted(&self) -> bool {
        self.facts.offer == Offer::Accepted
    }

    fn accept(&mut self, suite: &'static Suite, answer: Answer) {
        self.facts.offer = Offer::Accepted;
        self.facts.suites.push(suite);
        self.has_staple |= answer.has_staple;
        if !answer.certificates.is_empty() && !self.chains.contains(&answer.certificates) {
            self.chains.push(answer.certificates);
        }
        if let Some(KeyExchange::Prime(bits)) = answer.exchange {
            self.prime_bits = Some(self.prime_bits.map_or(bits, |known| known.min(bits)));
        }
        if self.hello.is_none() {
            self.hello = answer.hello;
        }
    }
}

/// The alerts that say something by themselves.
const PROTOCOL_VERSION: u8 = 70;
const INAPPROPRIATE_FALLBACK: u8 = 86;

fn is_refused(outcome: &Outcome<Answer>) -> bool {
    match outcome {
        Outcome::Answered(answer) => answer.hello.is_none() && answer.alert != Some(PROTOCOL_VERSION),
        Outcome::Closed => true,
        Outcome::Failed(_) => false,
    }
}

fn answered(outcome: Outcome<Answer>) -> Answered {
    match outcome {
        Outcome::Answered(answer) if answer.hello.is_some() => Answered::Chain(answer.certificates),
        Outcome::Answered(answer) => Answered::Refused(refusal(&answer)),
        Outcome::Closed => Answered::Refused("it closes the connection".to_owned()),
        Outcome::Failed(failure) => Answered::Unknown(failure.reason()),
    }
}

fn ids(suites: &[&Suite]) -> Vec<u16> {
    suites.iter().filter_map(|suite| u16::try_from(suite.id).ok()).collect()
}

fn classic_groups() -> Vec<u16> {
    GROUPS.iter().filter(|group| group.is_classic()).map(|group| group.id).collect()
}

fn tls13_groups() -> Vec<u16> {
    GROUPS.iter().filter(|group| group.is_of_tls13()).map(|group| group.id).collect()
}

/// Runs all at the same time. None of them panics on any input; if one did, so would this.
fn in_parallel<T: Send, const N: usize>(tasks: [impl FnOnce() -> T + Send; N]) -> Vec<T> {
    thread::scope(|scope| {
        let running = tasks.map(|task| scope.spawn(task));
        running
            .into_iter()
            .map(|task| task.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

fn join<A: Send, B>(first: impl FnOnce() -> A + Send, second: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| {
        let first = scope.spawn(first);
        let second = second();
        (first.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), second)
    })
}
