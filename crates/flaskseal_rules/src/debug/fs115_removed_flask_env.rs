//! FS115: something relies on FLASK_ENV, the ENV key or `app.env`, which Flask 2.3 took away.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span, TextRange,
};
use flaskseal_project::Context;

use super::PRODUCTION_CONFIG;
use super::syntax::{config_reads, variable_uses};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(115),
    name: "removed-flask-env",
    summary: "The code or deployment relies on FLASK_ENV, the ENV key or `app.env`, gone since Flask 2.3.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[PRODUCTION_CONFIG],
    layers: &[Layer::Source, Layer::Deploy],
    cwe: &[1188, 477],
    owasp: Some("A05~"),
    asvs: &[],
    fix: FixAvailability::None,
    page: include_str!("fs115_removed_flask_env.md"),
};

pub(crate) struct RemovedFlaskEnv;

const ADVICE: &str = "use a variable of the application's own, with a default that is safe";

impl Rule for RemovedFlaskEnv {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut note = |severity, span, label: &str, message: &str| {
            let place = cx.evidence(span, label);
            out.fail(
                Finding::new(META.id, severity, META.confidence, place, message)
                    .with_fix(Fix::advice(ADVICE)),
            );
        };
        let mut uses =
            variable_uses(cx, "FLASK_ENV").into_iter().filter(|found| found.assigned.is_none()).peekable();
        let is_used = uses.peek().is_some();
        for found in uses {
            let message = "the code reads `FLASK_ENV`, which Flask itself ignores since 2.3";
            note(Severity::Low, found.span, "only this code reads it", message);
        }
        if cx.project.flask_version().is_some_and(|version| version < (2, 3)) {
            return;
        }
        // An ENV key that the application sets itself is its own.
        if cx.setting("ENV").is_none_or(|setting| setting.written.is_empty()) {
            let debug_on =
                cx.setting("DEBUG").is_some_and(|debug| debug.value.by_default().truth() == Some(true));
            for (span, is_get) in config_reads(cx, "ENV", "env") {
                let (severity, label) = match (is_get, debug_on) {
                    (true, true) => (Severity::High, "always `None`, and debug is on then"),
                    (true, false) => (Severity::Medium, "always `None`"),
                    (false, _) => (Severity::Medium, "ends with an exception"),
                };
                note(severity, span, label, "Flask has no `ENV` since 2.3");
            }
            for span in template_uses(cx) {
                note(
                    Severity::Low,
                    span,
                    "always undefined",
                    "a template tests `config.ENV`, which Flask 2.3 removed",
                );
            }
        }
        for call in cx.calls("flask.env") {
            note(
                Severity::Medium,
                call.span,
                "ends the start with ImportError",
                "`get_env` is gone since Flask 2.3",
            );
        }
        if let Some(span) = cx.entry.environment.get("FLASK_ENV").and_then(|variable| variable.span)
            && !is_used
        {
            note(
                Severity::Low,
                span,
                "nothing reads it",
                "`FLASK_ENV` is set, and Flask ignores it since 2.3",
            );
        }
    }
}

/// `config.ENV` in templates.
fn template_uses(cx: &Context<'_>) -> Vec<Span> {
    const SPELLINGS: &[&str] =
        &["config.ENV ", "config.ENV=", "config.ENV}", "config['ENV']", "config[\"ENV\"]"];
    let tree = cx.project.tree;
    let templates = tree.ids().filter(|id| {
        let path = &tree.file(*id).path;
        path.contains("templates/")
            && [".html", ".htm", ".j2", ".jinja", ".jinja2"].iter().any(|end| path.ends_with(end))
    });
    templates
        .filter_map(|id| {
            let text = &tree.file(id).text;
            let (at, spelling) =
                SPELLINGS.iter().find_map(|spelling| text.find(spelling).map(|at| (at, spelling)))?;
            let start = u32::try_from(at).ok()?;
            let end = u32::try_from(at + spelling.trim_end().len()).ok()?;
            Some(Span { file: id, range: TextRange::new(start, end) })
        })
        .collect()
}
