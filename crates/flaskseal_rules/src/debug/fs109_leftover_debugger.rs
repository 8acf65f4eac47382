//! FS109: breakpoints and remote debuggers in code that production runs.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Event, Fact, FactKind, VariableValue};

use super::NO_DIAGNOSTICS;
use super::serving::{is_everywhere, runs_in_production};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(109),
    name: "leftover-debugger",
    summary: "Remote debugging or breakpoints are left in code production runs.",
    severity: Severity::High,
    confidence: Confidence::Certain,
    controls: &[NO_DIAGNOSTICS],
    layers: &[Layer::Source],
    cwe: &[489],
    owasp: Some("A05~"),
    asvs: &["V15.2.3"],
    fix: FixAvailability::None,
    page: include_str!("fs109_leftover_debugger.md"),
};

pub(crate) struct LeftoverDebugger;

impl Rule for LeftoverDebugger {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let hook = cx.entry.environment.get("PYTHONBREAKPOINT");
        let hook_text = hook.and_then(|hook| match &hook.setting {
            VariableValue::Known(text) | VariableValue::Fallback(text) => Some(&**text),
            VariableValue::External => None,
        });
        let mut seen = Vec::new();
        for call in cx.calls("debugger.breakpoint").filter(|call| runs_in_production(cx, call)) {
            // `PYTHONBREAKPOINT=0` makes `breakpoint()` do nothing.
            let is_disabled = &*call.path == "builtins.breakpoint" && hook_text == Some("0");
            if !is_disabled && !seen.contains(&call.span) {
                seen.push(call.span);
                out.fail(breakpoint(cx, call));
            }
        }
        for call in cx.calls("debugger.remote").filter(|call| runs_in_production(cx, call)) {
            if !seen.contains(&call.span) {
                seen.push(call.span);
                out.fail(remote(cx, call));
            }
        }
        if let (Some(hook), Some(text)) = (hook, hook_text)
            && !matches!(text, "" | "0")
            && let Some(span) = hook.span
        {
            let place = cx.evidence(span, "what `breakpoint()` starts in production");
            out.fail(
                Finding::new(
                    META.id,
                    Severity::Medium,
                    META.confidence,
                    place,
                    "`PYTHONBREAKPOINT` names a debugger in production",
                )
                .with_fix(Fix::advice("remove the variable, or set `PYTHONBREAKPOINT=0`")),
            );
        }
    }
}

/// Waits for a terminal that nobody is at.
fn breakpoint(cx: &Context<'_>, call: &Event) -> Finding {
    let place = cx.evidence(call.span, "the worker stops here and answers nobody");
    let name = call.path.trim_start_matches("builtins.");
    Finding::new(META.id, Severity::Medium, META.confidence, place, format!("`{name}()` is left in the code"))
        .with_scope(&*call.scope)
        .with_fix(Fix::advice("delete the statement"))
}

/// Listens for a debugger, or connects to one.
fn remote(cx: &Context<'_>, call: &Event) -> Finding {
    let address = address(call);
    let (severity, label) = match address {
        Address::Loopback => (Severity::High, "whoever has an account on the machine runs Python here"),
        Address::Open => (Severity::Critical, "whoever reaches the port runs Python here"),
    };
    Finding::new(
        META.id,
        severity,
        META.confidence,
        cx.evidence(call.span, label),
        format!("`{}` opens the process to a debugger", call.path),
    )
    .with_scope(&*call.scope)
    .with_fix(Fix::advice("delete the statement"))
}

enum Address {
    Loopback,
    Open,
}

/// Where a remote debugger listens or connects to.
fn address(call: &Event) -> Address {
    let is_local = |host: &str| host == "localhost" || host == "::1" || host.starts_with("127.");
    let of_text = |host: &str| if is_local(host) { Address::Loopback } else { Address::Open };
    // A host by keyword or position, or a `(host, port)` pair.
    let named = ["host", "addr", "address", "endpoint"].iter().find_map(|name| call.keyword(name));
    let first = named.or(call.positional.first());
    let host = first.and_then(|fact| match &fact.kind {
        FactKind::Sequence { items, .. } => items.first().and_then(Fact::as_str).map(str::to_owned),
        FactKind::Str(rope) => rope.as_literal().map(str::to_owned),
        _ => None,
    });
    match host {
        Some(host) if is_everywhere(&host) => Address::Open,
        Some(host) => of_text(&host),
        // What they do by themselves.
        None if call.path.starts_with("web_pdb.")
            || call.path.starts_with("wdb.")
            || call.path.starts_with("ptvsd.") =>
        {
            Address::Open
        }
        None => Address::Loopback,
    }
}
