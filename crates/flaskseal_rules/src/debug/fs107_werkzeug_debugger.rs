//! FS107: the interactive debugger is on by another route, or without its PIN.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Context as When, Event, Fact, VariableValue};

use super::DEBUG_OFF;
use super::serving::{Serving, is_in_command};
use super::syntax::variable_uses;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(107),
    name: "werkzeug-debugger",
    summary: "The interactive debugger is enabled by another route or its PIN is disabled.",
    severity: Severity::Critical,
    confidence: Confidence::Firm,
    controls: &[DEBUG_OFF],
    layers: &[Layer::Source, Layer::Deploy],
    cwe: &[489, 94],
    owasp: Some("A05~"),
    asvs: &["V13.4.2"],
    fix: FixAvailability::None,
    page: include_str!("fs107_werkzeug_debugger.md"),
};

pub(crate) struct WerkzeugDebugger;

impl Rule for WerkzeugDebugger {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let reached = |call: &&Event| call.guard.holds_by_default() && !is_in_command(cx, call);
        let mut is_on = false;
        for call in cx.all_calls("werkzeug.debugger").filter(reached) {
            is_on |= call.context != When::MainOnly;
            wrapper(cx, call, out);
        }
        for role in ["app.run", "server.development"] {
            for call in cx.all_calls(role).filter(reached) {
                if turns_debugger_on(call, role) {
                    is_on |= call.context != When::MainOnly;
                    server(cx, call, role, out);
                }
            }
        }
        is_on |= matches!(Serving::of(cx), Serving::Development(_))
            && cx.setting("DEBUG").is_some_and(|debug| debug.value.by_default().truth() == Some(true));
        let runs_debug = |call: &Event| {
            call.argument(2, "debug").and_then(|debug| debug.by_default().truth()) == Some(true)
        };
        is_on |= cx.calls("app.run").any(runs_debug);
        pin(cx, is_on, out);
    }
}

const ADVICE: &str = "remove it; `flask run --debug` brings the debugger for development";

/// `DebuggedApplication(app, evalex)`.
fn wrapper(cx: &Context<'_>, call: &Event, out: &mut Assessment) {
    let evalex = call.argument(1, "evalex").map_or(Some(false), |value| value.by_default().truth());
    // A switch that the start-up resolves to off wraps nothing, and gets no event; one that is not known may be on.
    let (severity, label) = match (call.context, evalex) {
        (When::MainOnly, _) => (Severity::Low, "production does not run this"),
        (_, Some(false)) => (Severity::High, "shows tracebacks with source; the console is off"),
        _ => (Severity::Critical, "an error page runs Python for whoever sees it"),
    };
    let place = cx.evidence(call.span, label);
    out.fail(
        Finding::new(
            META.id,
            severity,
            META.confidence,
            place,
            "the application is wrapped in Werkzeug's debugger",
        )
        .with_scope(&*call.scope)
        .with_fix(Fix::advice(ADVICE)),
    );
    let pin_off =
        call.argument(6, "pin_security").and_then(|value| value.by_default().truth()) == Some(false);
    if pin_off && severity == Severity::Critical {
        let place = cx.evidence(call.span, "the console asks for no PIN");
        out.fail(
            Finding::new(META.id, severity, META.confidence, place, "`pin_security` is off")
                .with_scope(&*call.scope)
                .with_fix(Fix::advice(ADVICE)),
        );
    }
}

/// `run_simple(…, use_debugger=True)`; the same option of `app.run`, where debug itself is off.
fn turns_debugger_on(call: &Event, role: &str) -> bool {
    let truth = |value: Option<&Fact>| value.and_then(|value| value.by_default().truth());
    match role {
        "app.run" => {
            truth(call.keyword("use_debugger")) == Some(true)
                && truth(call.argument(2, "debug")) != Some(true)
        }
        _ => truth(call.argument(4, "use_debugger")) == Some(true),
    }
}

fn server(cx: &Context<'_>, call: &Event, role: &str, out: &mut Assessment) {
    let position = if role == "app.run" { usize::MAX } else { 5 };
    let console_off = call.argument(position, "use_evalex").and_then(Fact::truth) == Some(false);
    let mut severity =
        if call.context == When::MainOnly && !cx.entry.guessed { Severity::Low } else { Severity::Critical };
    if console_off {
        severity = severity.lowered();
    }
    let label = if severity == Severity::Low {
        "production does not run this"
    } else {
        "an error page runs Python for whoever sees it"
    };
    out.fail(
        Finding::new(
            META.id,
            severity,
            META.confidence,
            cx.evidence(call.span, label),
            "the server is started with `use_debugger`",
        )
        .with_scope(&*call.scope)
        .with_fix(Fix::advice(ADVICE)),
    );
}

/// `WERKZEUG_DEBUG_PIN=off`.
fn pin(cx: &Context<'_>, debugger_on: bool, out: &mut Assessment) {
    let severity = if debugger_on { Severity::Critical } else { Severity::Low };
    let label = if debugger_on {
        "the console asks for no PIN"
    } else {
        "the debugger is not on; it would ask for no PIN"
    };
    let mut fail = |place: Evidence| {
        out.fail(
            Finding::new(
                META.id,
                severity,
                META.confidence,
                place,
                "`WERKZEUG_DEBUG_PIN` switches the debugger's PIN off",
            )
            .with_fix(Fix::advice("remove the variable")),
        );
    };
    if let Some(variable) = cx.entry.environment.get("WERKZEUG_DEBUG_PIN")
        && matches!(&variable.setting, VariableValue::Known(text) | VariableValue::Fallback(text) if &**text == "off")
    {
        fail(match variable.span {
            Some(span) => cx.evidence(span, label),
            None => Evidence::general(Layer::Deploy, label),
        });
    }
    for written in variable_uses(cx, "WERKZEUG_DEBUG_PIN") {
        if written.assigned.as_deref() == Some("off") {
            fail(cx.evidence(written.span, label));
        }
    }
}
