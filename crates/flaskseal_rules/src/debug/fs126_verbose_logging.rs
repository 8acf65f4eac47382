//! FS126: production logs statements, or everything.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Event, Fact, FactKind};

use super::QUIET;
use crate::Rule;
use crate::answer::start_calls;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(126),
    name: "verbose-logging",
    summary: "Production logs SQL statements or runs at the DEBUG level.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[QUIET],
    layers: &[Layer::Source, Layer::Deploy],
    cwe: &[532, 779],
    owasp: Some("A09"),
    asvs: &["V16.2.5"],
    fix: FixAvailability::None,
    page: include_str!("fs126_verbose_logging.md"),
};

pub(crate) struct VerboseLogging;

impl Rule for VerboseLogging {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        for name in ["SQLALCHEMY_ECHO", "SQLALCHEMY_RECORD_QUERIES"] {
            let Some(setting) = cx.setting(name) else { continue };
            let value = setting.value.by_default();
            if let (Some(true), Some(written)) = (value.truth(), setting.written.first()) {
                let at = value.at.unwrap_or(*written);
                out.fail(finding(
                    cx,
                    at,
                    "",
                    format!("`{name}` is on"),
                    "every statement is kept, with its values",
                ));
            }
        }
        for event in start_calls(cx, "sql.engine") {
            if event.keyword("echo").and_then(Fact::truth) == Some(true) {
                let message = "the engine echoes every statement".to_owned();
                out.fail(finding(
                    cx,
                    event.span,
                    &event.scope,
                    message,
                    "statements and their values go to the log",
                ));
            }
        }
        let levels = start_calls(cx, "log.level").map(|event| (event, event.argument(0, "level")));
        let configured = start_calls(cx, "log.configure").map(|event| (event, configured_level(event)));
        for (event, level) in levels.chain(configured) {
            if level.is_some_and(|level| is_debug(&level.by_default())) {
                let message = "the log level is DEBUG".to_owned();
                out.fail(finding(
                    cx,
                    event.span,
                    &event.scope,
                    message,
                    "libraries write requests and values at this level",
                ));
            }
        }
        for event in start_calls(cx, "log.wire") {
            let [name, level] = event.positional.as_slice() else { continue };
            if name.as_str() == Some("debuglevel") && level.truth() == Some(true) {
                let message = "HTTP requests of the application are printed whole".to_owned();
                out.fail(finding(
                    cx,
                    event.span,
                    &event.scope,
                    message,
                    "headers with credentials among them",
                ));
            }
        }
        server(cx, out);
    }
}

/// `basicConfig(level=…)`, or the level of the root logger in `dictConfig({…})`.
fn configured_level(event: &Event) -> Option<&Fact> {
    let of_root = || entry(entry(event.positional.first()?, "root")?, "level");
    event.keyword("level").or_else(of_root)
}

fn entry<'f>(fact: &'f Fact, key: &str) -> Option<&'f Fact> {
    match &fact.kind {
        FactKind::Dict { entries, .. } => {
            entries.iter().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value)
        }
        _ => None,
    }
}

/// gunicorn's own level: `--log-level debug`, `loglevel = "debug"`.
fn server(cx: &Context<'_>, out: &mut Assessment) {
    let options = cx.entry.process.as_ref().map(|process| process.options.as_slice()).unwrap_or_default();
    let option = options.iter().rev().find(|option| option.name == "log-level");
    let by_option =
        option.map(|option| (option.value.as_ref().and_then(|value| value.or_default()), Some(option.span)));
    let by_file = || {
        let (_, fact) = cx.entry.server_settings.iter().find(|(name, _)| &**name == "loglevel")?;
        Some((fact.as_str(), fact.at))
    };
    if let Some((Some(level), Some(at))) = by_option.or_else(by_file)
        && level.eq_ignore_ascii_case("debug")
    {
        out.fail(finding(
            cx,
            at,
            "",
            "the server's log level is DEBUG".to_owned(),
            "it writes its whole configuration at the start",
        ));
    }
}

fn finding(cx: &Context<'_>, at: Span, scope: &str, message: String, label: &str) -> Finding {
    Finding::new(META.id, META.severity, META.confidence, cx.evidence(at, label), message)
        .with_scope(scope)
        .with_fix(Fix::advice("log at INFO in production, and let an environment variable ask for more"))
}

fn is_debug(level: &Fact) -> bool {
    match &level.kind {
        FactKind::Path(path) => matches!(&**path, "logging.DEBUG" | "logging.NOTSET"),
        FactKind::Int(level) => (1..=10).contains(level),
        FactKind::Str(_) => level.as_str().is_some_and(|level| level == "DEBUG"),
        _ => false,
    }
}
