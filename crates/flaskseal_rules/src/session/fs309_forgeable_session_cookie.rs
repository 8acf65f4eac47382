//! FS309: a session cookie of the running site is signed with a key that others know.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, Redacted, RuleId, RuleMeta,
    Severity,
};
use flaskseal_live::{Live, SignedSession, keys as known};
use flaskseal_project::Context;
use flaskseal_project::semantic::FactKind;
use rayon::prelude::*;

use super::STRONG_KEY;
use super::key::{Constant, key_bytes, keys};
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
struct Candidate {
    bytes: Vec<u8>,
    /// The place in the tree; `None` for a key of the list.
    at: Option<Evidence>,
}

impl Rule for ForgeableSessionCookie {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_live(&self, live: &Live<'_>, starts: &[Context<'_>], out: &mut Assessment) {
        let seen = served::cookies(live);
        let sessions = seen.iter().filter_map(|seen| Some((seen, SignedSession::parse(&seen.cookie.value)?)));
        let sessions: Vec<_> = sessions.collect();
        if sessions.is_empty() {
            return;
        }
        let mut candidates = of_source(starts);
        candidates.extend(
            known::known_keys()
                .iter()
                .flat_map(|key| known::bytes(key))
                .map(|bytes| Candidate { bytes, at: None }),
        );
        for (seen, session) in &sessions {
            let hit = candidates.par_iter().find_first(|candidate| session.is_signed_with(&candidate.bytes));
            let Some(key) = hit else {
                // The list is short: that no key of it fits supports what the files say, and proves nothing alone.
                if !starts.is_empty() {
                    let claim = format!(
                        "`{}` is signed with none of {} known keys",
                        seen.cookie.name,
                        candidates.len()
                    );
                    out.support(STRONG_KEY, live.at(seen.answer, seen.header, claim));
                }
                continue;
            };
            let holds = match session.keys.as_slice() {
                [] => "nothing".to_owned(),
                names => names.iter().take(5).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
            };
            let shown = Redacted::new(&String::from_utf8_lossy(&key.bytes));
            let claim = format!("the key: {shown}; the session holds {holds}");
            let message = match &key.at {
                None => format!(
                    "anybody can sign `{}` and be any user: its key is one that everybody knows",
                    seen.cookie.name
                ),
                Some(_) => format!(
                    "whoever has the code can sign `{}` and be any user: its key stands there",
                    seen.cookie.name
                ),
            };
            let place = live.at(seen.answer, seen.header, claim);
            let finding = Finding::new(META.id, META.severity, META.confidence, place, message);
            let how = format!(
                "with the key, `itsdangerous.URLSafeTimedSerializer(key, salt=\"cookie-session\", signer_kwargs={{\"key_derivation\": \"hmac\", \"digest_method\": hashlib.{}}})` signs any content",
                session.digest().replace('-', "").to_lowercase()
            );
            out.fail(
                finding
                    .with_trail(key.at.clone())
                    .with_trail([Evidence::general(Layer::Live, how)])
                    .with_fix(Fix::advice(
                        "make a new key, give it to production alone, and take the old one out of `SECRET_KEY_FALLBACKS`: `python -c 'import secrets; print(secrets.token_hex())'`",
                    )),
            );
        }
    }
}

/// Keys that the source layer found: literals, defaults, old keys.
fn of_source(starts: &[Context<'_>]) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = Vec::new();
    for cx in starts {
        for key in keys(cx) {
            for Constant { bytes, at, .. } in key.constants(cx) {
                candidates.push(Candidate { bytes, at: Some(cx.evidence(at, "the key stands here")) });
            }
        }
        let Some(setting) = cx.setting("SECRET_KEY_FALLBACKS") else { continue };
        for (list, _) in setting.value.alternatives() {
            let FactKind::Sequence { items, .. } = &list.kind else { continue };
            for (entry, _) in items.iter().flat_map(|item| item.alternatives()) {
                let (Some(bytes), Some(at)) = (key_bytes(entry), entry.at.or(list.at)) else { continue };
                candidates.push(Candidate { bytes, at: Some(cx.evidence(at, "an old key stands here")) });
            }
        }
    }
    candidates
}
