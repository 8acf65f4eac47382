//! FS101: the development server is started with debug on.

use flaskseal_core::{
    Applicability, Assessment, Confidence, Edit, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
    TextRange,
};
use flaskseal_project::semantic::{Context as When, Event, Fact};
use flaskseal_project::{Context, ServerKind};

use super::DEBUG_OFF;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(101),
    name: "debug-app-run",
    summary: "The Werkzeug development server is started with debug on, which serves an interactive console on errors.",
    severity: Severity::High,
    confidence: Confidence::Certain,
    controls: &[DEBUG_OFF],
    layers: &[Layer::Source, Layer::Deploy],
    cwe: &[489, 94],
    owasp: Some("A05~"),
    asvs: &["V13.4.2"],
    fix: FixAvailability::Safe,
    page: include_str!("fs101_debug_app_run.md"),
};

pub(crate) struct DebugAppRun;

impl Rule for DebugAppRun {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        for call in cx.all_calls("app.run") {
            let Some(debug) = call.argument(2, "debug") else { continue };
            // The value that runs when nobody sets an open variable; one that is true whatever happens is true then.
            if debug.by_default().truth() == Some(true) {
                out.fail(finding(cx, call, debug));
            }
        }
    }
}

fn finding(cx: &Context<'_>, call: &Event, debug: &Fact) -> Finding {
    let main_only = call.context == When::MainOnly;
    let all_interfaces = call.argument(0, "host").and_then(Fact::as_str).is_some_and(|host| matches!(host, "0.0.0.0" | "::"));
    let console_off =
        ["use_debugger", "use_evalex"].iter().any(|name| call.keyword(name).and_then(Fact::truth) == Some(false));
    let mut severity = match (main_only, cx.entry.server) {
        (true, ServerKind::Wsgi | ServerKind::FlaskRun) => Severity::Low,
        // The process that production starts is this one.
        (false, ServerKind::Script) => Severity::Critical,
        _ => Severity::High,
    };
    if console_off {
        severity = severity.lowered();
    }
    let confidence = if cx.entry.guessed { Confidence::Firm } else { Confidence::Certain };
    let mut message = "`app.run` starts the development server with debug on".to_owned();
    if all_interfaces && !main_only {
        message.push_str(", on all interfaces");
    }
    let label = match (main_only, cx.entry.guessed) {
        (true, false) => "production does not run this file as a script; whoever does gets a console",
        _ => "an error page of this server runs Python for whoever sees it",
    };
    let place = cx.evidence(call.span, label);
    let fix = Fix {
        advice: "remove the argument; `flask run --debug` is there for development".to_owned(),
        applicability: Applicability::Safe,
        edits: remove_argument(cx, call, "debug").into_iter().collect(),
    };
    let trail = debug
        .at
        .filter(|at| !(at.file == call.span.file && call.span.range.encloses(at.range)))
        .map(|at| cx.evidence(at, "the value comes from here"));
    Finding::new(META.id, severity, confidence, place, message)
        .with_scope(&*call.scope)
        .with_trail(trail)
        .with_fix(fix)
}

/// Takes `name=value` out of a call, with the comma that belongs to it.
fn remove_argument(cx: &Context<'_>, call: &Event, name: &str) -> Option<Edit> {
    let text = cx.text(call.span);
    let start = text.find(&format!("{name}="))?;
    let value = call.keyword(name)?.at?;
    let end = (value.file == call.span.file && call.span.range.encloses(value.range))
        .then(|| (value.range.end - call.span.range.start) as usize)?;
    let (mut from, mut to) = (start, end);
    let after = text[to..].len() - text[to..].trim_start().len();
    if text[to + after..].starts_with(',') {
        to += after + 1;
        to += text[to..].len() - text[to..].trim_start().len();
    } else if let Some(comma) = text[..from].trim_end().strip_suffix(',') {
        from = comma.len();
    }
    let offset = call.span.range.start;
    Some(Edit {
        span: Span { file: call.span.file, range: TextRange::new(offset + from as u32, offset + to as u32) },
        replacement: String::new(),
    })
}
