//! FS122: a route hands out configuration, the environment or the process.

use std::collections::BTreeSet;

use flaskseal_core::{Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Fact, FactKind};

use super::NO_DIAGNOSTICS;
use super::answer::{Piece, answers, is_guarded};
use super::secret_name::is_secret_name;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(122),
    name: "config-in-response",
    summary: "A route hands out configuration, environment variables or internals of the process.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[NO_DIAGNOSTICS],
    // Templates that print `config` are not read yet.
    layers: &[Layer::Source],
    cwe: &[200, 497],
    owasp: Some("A01"),
    asvs: &["V13.4.5"],
    fix: FixAvailability::None,
    page: include_str!("fs122_config_in_response.md"),
};

pub(crate) struct ConfigInResponse;

impl Rule for ConfigInResponse {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut seen: BTreeSet<Span> = BTreeSet::new();
        for answer in &answers(cx) {
            // A template gets what it needs; what it prints of it is another question.
            if answer.call.is_some_and(|call| call.contains("render_template")) {
                continue;
            }
            answer.pieces(&mut |piece, at| {
                let Some((what, severity)) = exposed(cx, &piece) else { return };
                if !seen.insert(at) {
                    return;
                }
                let severity = if is_guarded(cx, answer.function) { severity.lowered() } else { severity };
                let place = cx.evidence(at, "whoever asks for this route gets it");
                let message = format!("{what} to the client");
                out.fail(
                    Finding::new(META.id, severity, META.confidence, place, message)
                        .with_scope(answer.scope)
                        .with_fix(Fix::advice("return the few values that the client needs, by name")),
                );
            });
        }
    }
}

fn exposed(cx: &Context<'_>, piece: &Piece<'_>) -> Option<(String, Severity)> {
    match piece {
        Piece::Path(path) => {
            let whole = ["", ".copy()", ".items()", ".values()"];
            let is = |name: &str| path.strip_prefix(name).is_some_and(|rest| whole.contains(&rest));
            if is("os.environ") || is("flask.request.environ") {
                let severity = if is("os.environ") { Severity::Critical } else { Severity::High };
                Some((format!("the whole of `{}` goes", path.trim_start_matches("flask.")), severity))
            } else if is("flask.current_app.config") || is("flask.Flask().config") {
                Some(("the whole configuration goes".to_owned(), Severity::Critical))
            } else if is("sys.modules") {
                Some(("`sys.modules` goes".to_owned(), Severity::High))
            } else {
                None
            }
        }
        Piece::Env(name) => is_secret_name(name).then(|| (format!("the environment variable `{name}` goes"), Severity::High)),
        Piece::Value(fact) if is_configuration(fact) => {
            Some(("the whole configuration goes".to_owned(), Severity::Critical))
        }
        Piece::Value(fact) => {
            let app = cx.app?;
            // The same text from the same place is the setting itself.
            let setting = app.settings.iter().find(|setting| {
                is_secret_name(&setting.name)
                    && fact.at.is_some()
                    && setting.value.at == fact.at
                    && fact.as_str().is_some_and(|text| !text.is_empty() && setting.value.as_str() == Some(text))
            })?;
            Some((format!("the setting `{}` goes", setting.name), Severity::High))
        }
    }
}

/// A dictionary with the keys that only a configuration has.
fn is_configuration(fact: &Fact) -> bool {
    let FactKind::Dict { entries, .. } = &fact.kind else { return false };
    let has = |name: &str| entries.iter().any(|(key, _)| key.as_str() == Some(name));
    has("SECRET_KEY") && has("SESSION_COOKIE_HTTPONLY")
}
