//! FS368: one visitor's page is kept for the others.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::Live;
use flaskseal_project::Context;
use flaskseal_project::semantic::{Event, FactKind};

use super::SESSION_STORAGE;
use crate::{Rule, served};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(368),
    name: "cacheable-session-response",
    summary: "A response that depends on the session is cached for everybody.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[SESSION_STORAGE],
    layers: &[Layer::Source, Layer::Live],
    cwe: &[525, 524],
    owasp: Some("A04"),
    asvs: &["V14.2.2", "V14.3.2"],
    fix: FixAvailability::None,
    page: include_str!("fs368_cacheable_session_response.md"),
};

pub(crate) struct CacheableSessionResponse;

impl Rule for CacheableSessionResponse {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let cached: Vec<&Event> = cx.calls("cache.cached").collect();
        if cached.is_empty() {
            return;
        }
        for function in &cx.evaluation.decorated {
            let Some((index, call)) =
                function.decorators.iter().enumerate().find_map(|(index, (_, span))| {
                    let is_it =
                        |call: &&&Event| call.span.file == span.file && span.range.encloses(call.span.range);
                    cached.iter().find(is_it).map(|call| (index, *call))
                })
            else {
                continue;
            };
            if has_own_key(call) {
                continue;
            }
            let login_inside = function.decorators[index + 1..].iter().any(|(decorator, _)| match &decorator
                .kind
            {
                FactKind::Path(path) => path.ends_with("login_required") || path.ends_with("jwt_required()"),
                FactKind::Function(check) => check.qualified_name.contains("login_required"),
                _ => false,
            });
            let reads_session = ["session.read", "session.use"]
                .iter()
                .any(|role| cx.calls(role).any(|read| read.function == Some(function.function)));
            let mentions_user = mentions(cx.text(function.function), "current_user");
            let message = if login_inside {
                "the cache answers before the login is checked"
            } else if reads_session || mentions_user {
                "a page that depends on its visitor is cached for everybody"
            } else {
                continue;
            };
            let place = cx.evidence(call.span, "the key does not name the visitor");
            out.fail(
                Finding::new(META.id, Severity::High, META.confidence, place, message)
                    .with_scope(&*function.qualified_name)
                    .with_fix(Fix::advice("cache the data instead of the page, or give `make_cache_key` a function that names the user")),
            );
        }
    }

    fn check_live(&self, live: &Live<'_>, starts: &[Context<'_>], out: &mut Assessment) {
        for seen in served::cookies(live).iter().filter(|seen| seen.is_session(starts)) {
            let said = |name: &str| seen.answer.value(name).unwrap_or("").to_ascii_lowercase();
            let hit = ["x-cache", "cf-cache-status", "x-cache-status", "x-proxy-cache"]
                .into_iter()
                .find_map(|name| seen.answer.header(name))
                .filter(|header| header.value.to_ascii_lowercase().contains("hit"));
            let control = said("cache-control");
            let is_public = ["public", "s-maxage"].iter().any(|word| control.contains(word))
                && !["private", "no-store"].iter().any(|word| control.contains(word));
            let (severity, header, message) = match (hit, seen.answer.header("cache-control")) {
                (Some(header), _) => {
                    (Severity::High, header, "a cache hands one visitor's session cookie to others")
                }
                (None, Some(header)) if is_public => (
                    META.severity,
                    header,
                    "caches may keep an answer that sets the session cookie, and give it to others",
                ),
                _ => continue,
            };
            let place = live.at(seen.answer, header, "says that others may get it too");
            let finding = Finding::new(META.id, severity, Confidence::Certain, place, message);
            let trail = [live.at(seen.answer, seen.header, "the session cookie")];
            out.fail(finding.with_trail(trail).with_fix(Fix::advice(
                "send `Cache-Control: no-store` or `private` with whatever depends on the session",
            )));
        }
    }
}

/// A key that the program computes may name the visitor, and `unless` may leave visitors out.
fn has_own_key(call: &Event) -> bool {
    let computed = call.argument(1, "key_prefix").is_some_and(|prefix| prefix.as_str().is_none());
    computed || call.open || ["make_cache_key", "unless"].iter().any(|name| call.keyword(name).is_some())
}

/// Whether a name stands in a text as a word of its own.
fn mentions(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let is_word = |character: Option<char>| character.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + name.len()..).and_then(|after| after.chars().next());
        !is_word(before) && !is_word(after)
    })
}
