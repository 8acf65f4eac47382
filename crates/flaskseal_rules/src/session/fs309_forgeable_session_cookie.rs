//! FS309: a session cookie of the running site is signed with a key that others know.

use std::borrow::Cow;

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, Redacted, RuleId, RuleMeta,
    Severity,
};
use flaskseal_live::{Exchange, Header, Live, RememberToken, SignedSession, Watch, keys as known};
use flaskseal_project::Context;
use flaskseal_project::semantic::FactKind;
use rayon::prelude::*;

use super::STRONG_KEY;
use super::key::{Constant, key_bytes, keys};
use crate::served::SeenCookie;
use crate::{Rule, served};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(309),
    name: "forgeable-session-cookie",
    summary: "A session cookie of the running site is signed with a key that others know.",
    severity: Severity::Critical,
    confidence: Confidence::Certain,
    controls: &[STRONG_KEY],
    layers: &[Layer::Live],
    cwe: &[321, 347],
    owasp: Some("A02"),
    asvs: &["V9.1.1"],
    fix: FixAvailability::None,
    page: include_str!("fs309_forgeable_session_cookie.md"),
};

pub(crate) struct ForgeableSessionCookie;

/// A key that is tried, and where it comes from.
#[derive(Clone)]
struct Candidate<'k> {
    bytes: Cow<'k, [u8]>,
    from: KeySource,
}

#[derive(Clone)]
enum KeySource {
    /// The list of known keys.
    Known,
    /// The list that the user gave.
    Given,
    /// This place in the tree.
    Tree(Evidence),
}

impl Rule for ForgeableSessionCookie {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_live(&self, live: &Live<'_>, starts: &[Context<'_>], out: &mut Assessment) {
        let seen = served::cookies(live);
        let cookies = signed(live, &seen);
        if cookies.is_empty() {
            return;
        }
        let mut candidates = of_source(starts);
        let listed = known::known_keys().iter().flat_map(|key| known::bytes(key));
        candidates.extend(listed.map(|bytes| Candidate { bytes: bytes.into(), from: KeySource::Known }));
        let given = lines(&live.site.terms.keys).count();
        for cookie in &cookies {
            let Some(key) = find(live, &candidates, given, cookie) else {
                // The list is short: that no key of it fits supports what the files say, and proves nothing alone.
                if !starts.is_empty() {
                    let tried = candidates.len() + given;
                    let claim =
                        format!("`{}` is signed with none of {tried} keys that were tried", cookie.name);
                    out.support(STRONG_KEY, cookie.evidence(live, claim));
                }
                continue;
            };
            out.fail(finding(live, cookie, &key));
        }
    }
}

/// A cookie that is signed with the application's key.
struct Cookie<'s> {
    name: &'s str,
    signed: Signed,
    /// Where it was seen; `None` for one that the user gave.
    at: Option<(&'s Exchange, &'s Header)>,
}

enum Signed {
    Session(SignedSession),
    Login(RememberToken),
}

impl Cookie<'_> {
    fn is_signed_with(&self, key: &[u8]) -> bool {
        match &self.signed {
            Signed::Session(session) => session.is_signed_with(key),
            Signed::Login(token) => token.is_signed_with(key),
        }
    }

    fn evidence(&self, live: &Live<'_>, claim: String) -> Evidence {
        match self.at {
            Some((answer, header)) => live.at(answer, header, claim),
            None => live.connection(format!("the cookie `{}` that you gave: {claim}", self.name)),
        }
    }
}

/// Sessions and remembered logins: those that the site sets, and those that the user gave.
fn signed<'s>(live: &Live<'s>, seen: &'s [SeenCookie<'s>]) -> Vec<Cookie<'s>> {
    let read = |value: &str| {
        let session = SignedSession::parse(value).map(Signed::Session);
        session.or_else(|| RememberToken::parse(value).map(Signed::Login))
    };
    let set = seen.iter().filter_map(|seen| {
        let signed = read(&seen.cookie.value)?;
        Some(Cookie { name: &seen.cookie.name, signed, at: Some((seen.answer, seen.header)) })
    });
    let given = live.site.terms.cookies.iter();
    let given = given.filter_map(|(name, value)| Some(Cookie { name, signed: read(value)?, at: None }));
    set.chain(given).collect()
}

/// Keys that are tried before somebody is told.
const STEP: usize = 1 << 14;

/// The keys of a list, one in each line.
fn lines(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = list.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter(|line| !line.is_empty())
}

/// The first key that fits: of the candidates, then of the `given` ones in the user's list. All cores look for it.
fn find<'k>(
    live: &Live<'k>,
    candidates: &[Candidate<'k>],
    given: usize,
    cookie: &Cookie<'_>,
) -> Option<Candidate<'k>> {
    let total = candidates.len() + given;
    let tell = |tried: usize| {
        if let Some(Watch(tell)) = live.watch {
            tell(tried, total);
        }
    };
    tell(0);
    let known = candidates.par_iter().find_first(|candidate| cookie.is_signed_with(&candidate.bytes));
    if let Some(known) = known {
        tell(total);
        return Some(known.clone());
    }
    let mut list = lines(&live.site.terms.keys);
    let mut tried = candidates.len();
    loop {
        tell(tried);
        let some: Vec<&[u8]> = list.by_ref().take(STEP).collect();
        if some.is_empty() {
            return None;
        }
        tried += some.len();
        if let Some(key) = some.par_iter().find_first(|key| cookie.is_signed_with(key)) {
            tell(total);
            return Some(Candidate { bytes: Cow::Borrowed(key), from: KeySource::Given });
        }
    }
}

fn finding(live: &Live<'_>, cookie: &Cookie<'_>, key: &Candidate<'_>) -> Finding {
    let shown = Redacted::new(&String::from_utf8_lossy(&key.bytes));
    let name = cookie.name;
    let (claim, how) = match &cookie.signed {
        Signed::Session(session) => {
            let holds = match session.keys.as_slice() {
                [] => "nothing".to_owned(),
                names => names.iter().take(5).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
            };
            let digest = session.digest().replace('-', "").to_lowercase();
            let how = format!(
                "with the key, `itsdangerous.URLSafeTimedSerializer(key, salt=\"cookie-session\", signer_kwargs={{\"key_derivation\": \"hmac\", \"digest_method\": hashlib.{digest}}})` signs any content"
            );
            (format!("the key: {shown}; the session holds {holds}"), how)
        }
        Signed::Login(_) => {
            let how = "with the key, `flask_login.encode_cookie(USER, key=key)` logs anybody in as any user";
            (format!("the key: {shown}; the cookie remembers a login"), how.to_owned())
        }
    };
    let message = match &key.from {
        KeySource::Known => {
            format!("anybody can sign `{name}` and be any user: its key is one that everybody knows")
        }
        KeySource::Given => {
            format!("`{name}` can be signed, to be any user: its key is in the list that you gave")
        }
        KeySource::Tree(_) => {
            format!("whoever has the code can sign `{name}` and be any user: its key stands there")
        }
    };
    let tree = match &key.from {
        KeySource::Tree(place) => Some(place.clone()),
        KeySource::Known | KeySource::Given => None,
    };
    let place = cookie.evidence(live, claim);
    Finding::new(META.id, META.severity, META.confidence, place, message)
        .with_trail(tree)
        .with_trail([Evidence::general(Layer::Live, how)])
        .with_fix(Fix::advice(
            "make a new key, give it to production alone, and take the old one out of `SECRET_KEY_FALLBACKS`: `python -c 'import secrets; print(secrets.token_hex())'`",
        ))
}

/// Keys that the source layer found: literals, defaults, old keys.
fn of_source<'k>(starts: &[Context<'_>]) -> Vec<Candidate<'k>> {
    let mut candidates = Vec::new();
    for cx in starts {
        for key in keys(cx) {
            for Constant { bytes, at, .. } in key.constants(cx) {
                candidates.push(Candidate {
                    bytes: bytes.into(),
                    from: KeySource::Tree(cx.evidence(at, "the key stands here")),
                });
            }
        }
        let Some(setting) = cx.setting("SECRET_KEY_FALLBACKS") else { continue };
        for (list, _) in setting.value.alternatives() {
            let FactKind::Sequence { items, .. } = &list.kind else { continue };
            for (entry, _) in items.iter().flat_map(|item| item.alternatives()) {
                let (Some(bytes), Some(at)) = (key_bytes(entry), entry.at.or(list.at)) else { continue };
                candidates.push(Candidate {
                    bytes: bytes.into(),
                    from: KeySource::Tree(cx.evidence(at, "an old key stands here")),
                });
            }
        }
    }
    candidates
}
