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
struct Candidate<'k> {
    bytes: Cow<'k, [u8]>,
    /// The place in the tree; `None` for a key of the list.
    at: Option<Evidence>,
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
        candidates.extend(listed.map(|bytes| Candidate { bytes: bytes.into(), at: None }));
        let own = live.site.terms.keys.split(|byte| *byte == b'\n');
        let own = own.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).filter(|line| !line.is_empty());
        candidates.extend(own.map(|line| Candidate { bytes: line.into(), at: None }));
        for cookie in &cookies {
            let Some(key) = find(&candidates, cookie, live.watch) else {
                // The list is short: that no key of it fits supports what the files say, and proves nothing alone.
                if !starts.is_empty() {
                    let claim =
                        format!("`{}` is signed with none of {} known keys", cookie.name, candidates.len());
                    out.support(STRONG_KEY, cookie.evidence(live, claim));
                }
                continue;
            };
            out.fail(finding(live, cookie, key));
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

/// The first key that fits. All cores look for it.
fn find<'c, 'k>(
    candidates: &'c [Candidate<'k>],
    cookie: &Cookie<'_>,
    watch: Option<Watch<'_>>,
) -> Option<&'c Candidate<'k>> {
    let tell = |tried: usize| {
        if let Some(Watch(tell)) = watch {
            tell(tried, candidates.len());
        }
    };
    let found = candidates.chunks(STEP).enumerate().find_map(|(index, some)| {
        tell(index * STEP);
        some.par_iter().find_first(|candidate| cookie.is_signed_with(&candidate.bytes))
    });
    tell(candidates.len());
    found
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
    let message = match &key.at {
        None => format!("anybody can sign `{name}` and be any user: its key is one that everybody knows"),
        Some(_) => format!("whoever has the code can sign `{name}` and be any user: its key stands there"),
    };
    let place = cookie.evidence(live, claim);
    Finding::new(META.id, META.severity, META.confidence, place, message)
        .with_trail(key.at.clone())
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
                    at: Some(cx.evidence(at, "the key stands here")),
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
                    at: Some(cx.evidence(at, "an old key stands here")),
                });
            }
        }
    }
    candidates
}
