//! FS101: the development server is started with debug on.

use flaskseal_core::{
    Applicability, Assessment, Confidence, Edit, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta,
    Severity, Span, TextRange,
};
use flaskseal_project::models::Models;
use flaskseal_project::semantic::{Context as When, Event, Fact, FactKind};
use flaskseal_project::{Context, ServerKind};

use super::DEBUG_OFF;
use super::serving::receiver_setting;
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
        let calls: Vec<&Event> = STARTS.iter().flat_map(|(role, ..)| cx.all_calls(role)).collect();
        for call in &calls {
            // A function is seen alone, and again where the start-up or a main block calls it: that tells more.
            let is_known_better = |other: &&Event| match call.context {
                When::Request => other.context != When::Request,
                When::MainOnly => other.context == When::Start,
                When::Start => false,
            };
            if calls.iter().any(|other| other.span == call.span && is_known_better(other)) {
                continue;
            }
            if let Some(debug) = debug_argument(cx, call) {
                out.fail(finding(cx, call, debug));
            }
        }
    }
}

/// What starts the development server, by role, and the argument that turns debug on.
static STARTS: &[(&str, usize, &str)] =
    &[("app.run", 2, "debug"), ("script.server", 2, "use_debugger"), ("socketio.run", usize::MAX, "debug")];

/// The value that turns debug on in a call, if it does.
fn debug_argument<'c>(cx: &Context<'_>, call: &'c Event) -> Option<&'c Fact> {
    let (_, position, name) =
        STARTS.iter().find(|(role, ..)| Models::bundled().has_role(&call.path, role))?;
    // The value that runs when nobody sets an open variable; one that is true whatever happens is true then.
    let is_on = |value: &&Fact| value.by_default().truth() == Some(true);
    match call.argument(*position, name).filter(|value| !matches!(value.kind, FactKind::None)) {
        Some(value) => Some(value).filter(is_on),
        // `app.debug = True; app.run()`. What production's configuration says is FS102's.
        None if call.open => None,
        None => {
            let known =
                cx.setting("DEBUG").is_some_and(|debug| debug.value.by_default().truth() == Some(true));
            receiver_setting(call, "DEBUG").filter(|value| !known && value.at.is_some()).filter(is_on)
        }
    }
}

fn finding(cx: &Context<'_>, call: &Event, debug: &Fact) -> Finding {
    // In a function that nothing calls at start-up: a server that imports the application does not come here.
    let server = cx.entry.server;
    let apart = call.context == When::MainOnly
        || call.context == When::Request && matches!(server, ServerKind::Wsgi | ServerKind::FlaskRun);
    let all_interfaces =
        call.argument(0, "host").and_then(Fact::as_str).is_some_and(|host| matches!(host, "0.0.0.0" | "::"));
    let console_off = ["use_debugger", "use_evalex"]
        .iter()
        .any(|name| call.keyword(name).and_then(Fact::truth) == Some(false));
    let mut severity = match server {
        // Production is known, and it is not this.
        ServerKind::Wsgi | ServerKind::FlaskRun | ServerKind::Script if apart => Severity::Low,
        // `flask run` ignores the call.
        ServerKind::FlaskRun => Severity::Low,
        // The process that production starts is this one.
        ServerKind::Script => Severity::Critical,
        ServerKind::Wsgi | ServerKind::Unknown => Severity::High,
    };
    if console_off {
        severity = severity.lowered();
    }
    let confidence = if cx.entry.guessed { Confidence::Firm } else { Confidence::Certain };
    let mut message = "`app.run` starts the development server with debug on".to_owned();
    if all_interfaces && !apart {
        message.push_str(", on all interfaces");
    }
    let label = if apart && !cx.entry.guessed {
        "production does not run this; whoever does gets a console"
    } else {
        "an error page of this server runs Python for whoever sees it"
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
