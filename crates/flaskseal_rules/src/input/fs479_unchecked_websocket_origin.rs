//! FS479: pages of any site may open a WebSocket in their visitor's name.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Context as When, Fact, FactKind};

use super::CSRF;
use crate::Rule;
use crate::answer::runs;
use crate::code::function_around;
use crate::reach::Mentions;
use crate::session_cookie;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(479),
    name: "unchecked-websocket-origin",
    summary: "A WebSocket that knows its visitor by a cookie accepts connections from every site.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[CSRF],
    layers: &[Layer::Source],
    cwe: &[1385, 346],
    owasp: Some("A07"),
    asvs: &["V4.4.2"],
    fix: FixAvailability::None,
    page: include_str!("fs479_unchecked_websocket_origin.md"),
};

pub(crate) struct UncheckedWebsocketOrigin;

impl Rule for UncheckedWebsocketOrigin {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        for call in cx.calls("socketio.new").filter(|call| call.context == When::Start && runs(&call.guard)) {
            let Some(origins) = call.keyword("cors_allowed_origins") else { continue };
            if !allows_all(&origins.by_default()) {
                continue;
            }
            // Without a cookie that names somebody, a foreign page gains nothing.
            let severity = if session_cookie::uses_session(cx) { Severity::High } else { Severity::Low };
            let at = origins
                .at
                .filter(|at| call.span.file == at.file && call.span.range.encloses(at.range))
                .unwrap_or(call.span);
            let place = cx.evidence(at, "switches the check of the origin off");
            out.fail(
                Finding::new(
                    META.id,
                    severity,
                    META.confidence,
                    place,
                    "pages of any site may open the application's WebSocket",
                )
                .with_scope(&*call.scope)
                .with_fix(Fix::advice(
                    "leave `cors_allowed_origins` out, or list the sites that may connect",
                )),
            );
        }
        for call in cx.calls("websocket.route") {
            let Some(function) = function_around(cx, call.span) else { continue };
            let mut mentions = Mentions::default();
            mentions.add_body(function);
            let knows_visitor = mentions.session || mentions.any_name(&["current_user", "cookies"]);
            let checks_origin = mentions.any_name(&["origin"]) || mentions.any_text(&["origin"]);
            if knows_visitor && !checks_origin {
                let place = cx.evidence(call.span, "nothing looks at the Origin header");
                let message =
                    format!("pages of any site may open the WebSocket `{}`", function.name.as_str());
                out.fail(
                    Finding::new(META.id, META.severity, META.confidence, place, message)
                        .with_scope(function.name.as_str())
                        .with_fix(Fix::advice(
                            "compare `request.origin` with the application's own before the first message",
                        )),
                );
            }
        }
    }
}

/// `"*"`, a list with it, or an empty list, which switches the check off.
fn allows_all(origins: &Fact) -> bool {
    match &origins.kind {
        FactKind::Str(_) => origins.as_str() == Some("*"),
        FactKind::Sequence { items, open } => {
            items.iter().any(|item| item.as_str() == Some("*")) || items.is_empty() && !open
        }
        _ => false,
    }
}
