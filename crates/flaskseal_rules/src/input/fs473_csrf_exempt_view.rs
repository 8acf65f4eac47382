//! FS473: a view is exempted from the protection that the others have.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Event, Fact, FactKind};

use super::CSRF;
use super::csrf::{Csrf, Guarding, Identity};
use crate::Rule;
use crate::access::name_span;
use crate::flow::example::forged;
use crate::reach::Reach;
use crate::view::View;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(473),
    name: "csrf-exempt-view",
    summary: "A view that changes something for a logged-in user is exempted from CSRF protection.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[CSRF],
    layers: &[Layer::Source],
    cwe: &[352],
    owasp: Some("A01"),
    asvs: &["V3.5.1"],
    fix: FixAvailability::None,
    page: include_str!("fs473_csrf_exempt_view.md"),
};

pub(crate) struct CsrfExemptView;

impl Rule for CsrfExemptView {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut calls = cx.calls("csrf.exempt").peekable();
        if calls.peek().is_none() {
            return;
        }
        let csrf = Csrf::of(cx);
        let reach = Reach::new(cx);
        let mut seen = Vec::new();
        for call in calls {
            let Some(exempted) = call.positional.first() else { continue };
            for (value, _) in exempted.alternatives() {
                let views: Vec<&View<'_>> = csrf
                    .views
                    .iter()
                    .filter(|view| {
                        concerns(value, view)
                            && view.is_unsafe()
                            && csrf.changes(view)
                            && csrf.identity(view) == Identity::Ambient
                    })
                    // The state parameter is the token of an OAuth answer.
                    .filter(|view| !reach.mentions(view.span).texts.contains("state"))
                    .collect();
                let open: Vec<&View<'_>> =
                    views.iter().copied().filter(|view| csrf.guarding(view) == Guarding::Open).collect();
                let preflighted: Vec<&View<'_>> = views
                    .iter()
                    .copied()
                    .filter(|view| csrf.guarding(view) == Guarding::Preflighted)
                    .collect();
                let (severity, views) =
                    if open.is_empty() { (Severity::Low, preflighted) } else { (Severity::Medium, open) };
                if !views.is_empty() && !seen.contains(&call.span) {
                    seen.push(call.span);
                    out.fail(finding(cx, call, severity, &views));
                }
            }
        }
    }
}

fn finding(cx: &Context<'_>, call: &Event, severity: Severity, views: &[&View<'_>]) -> Finding {
    let shown: Vec<String> = views.iter().take(3).map(|view| format!("`{}`", view.shown())).collect();
    let rest = views.len().saturating_sub(shown.len());
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    let message = format!(
        "{}{more} know their visitor by a cookie and are exempt from CSRF protection",
        shown.join(", ")
    );
    let message = if views.len() == 1 {
        message.replacen(
            " know their visitor by a cookie and are ",
            " knows its visitor by a cookie and is ",
            1,
        )
    } else {
        message
    };
    let trail: Vec<Evidence> = views
        .iter()
        .take(8)
        .map(|view| cx.evidence(name_span(view.span.file, view.node), format!("`{}`", view.shown())))
        .collect();
    Finding::new(META.id, severity, META.confidence, cx.evidence(call.span, "exempted here"), message)
        .with_trail(trail)
        .with_scope(&*call.scope)
        .with_example(views.first().and_then(|view| forged(cx, view.span, view.node)))
        .with_fix(Fix::advice(
            "send the token from the page, or let the view take a token in a header instead of the cookie",
        ))
}

/// Whether what is exempted is a view, or the blueprint that it belongs to.
fn concerns(exempted: &Fact, view: &View<'_>) -> bool {
    match &exempted.kind {
        FactKind::Function(function) => function.span == view.span,
        FactKind::Str(_) => {
            exempted.as_str().is_some_and(|path| path.rsplit('.').next() == Some(view.name()))
        }
        FactKind::Instance(class, attributes)
            if class.is("flask.Blueprint") || class.name.ends_with("Blueprint") =>
        {
            let name =
                attributes.iter().find(|(name, _)| &**name == "name").and_then(|(_, name)| name.as_str());
            name.is_some_and(|name| {
                view.routes.iter().any(|route| {
                    let endpoint = route.endpoint.as_str().unwrap_or_default();
                    endpoint
                        .rsplit_once('.')
                        .is_some_and(|(owner, _)| owner == name || owner.ends_with(&format!(".{name}")))
                })
            })
        }
        _ => false,
    }
}
