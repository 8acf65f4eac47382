//! FS475: looking at an address changes something.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;

use super::CSRF;
use super::csrf::{Csrf, Identity};
use super::state_change::{self, ChangeKind};
use crate::Rule;
use crate::access::name_span;
use crate::flow::example::link;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(475),
    name: "state-change-via-get",
    summary: "A route that answers GET deletes or changes something for a logged-in user.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[CSRF],
    layers: &[Layer::Source],
    cwe: &[650, 352],
    owasp: Some("A04"),
    asvs: &["V3.5.3"],
    fix: FixAvailability::None,
    page: include_str!("fs475_state_change_via_get.md"),
};

pub(crate) struct StateChangeViaGet;

impl Rule for StateChangeViaGet {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let csrf = Csrf::of(cx);
        for view in &csrf.views {
            let Some(change) = state_change::on_get(view) else { continue };
            if csrf.identity(view) != Identity::Ambient {
                continue;
            }
            let what = match change.kind {
                ChangeKind::Deletion => "deletes something",
                ChangeKind::Commit => "changes something",
            };
            let name = view.name();
            let rule = view.routes.first().and_then(|route| route.rule.as_str()).unwrap_or("?");
            let place = cx
                .evidence(name_span(view.span.file, view.node), "a link or a picture on any page is enough");
            out.fail(
                Finding::new(META.id, META.severity, META.confidence, place, format!("`GET {rule}` {what}"))
                    .with_trail([cx.evidence(change.span, "without a test of the method")])
                    .with_scope(name)
                    .with_example(view.routes.first().and_then(|route| link(route)))
                    .with_fix(Fix::advice(
                        "register the route with `methods=[\"POST\"]`, and call it from a form with a token",
                    )),
            );
        }
    }
}
