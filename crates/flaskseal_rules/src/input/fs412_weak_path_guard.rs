//! FS412: a check of a path exists, and can be bypassed.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;

use super::NO_INJECTION;
use crate::Rule;
use crate::flow::{flows, path, report};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(412),
    name: "weak-path-guard",
    summary: "A check of a path exists and can be bypassed.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[22],
    owasp: Some("A01"),
    asvs: &["V5.3.2"],
    fix: FixAvailability::None,
    page: include_str!("fs412_weak_path_guard.md"),
};

pub(crate) struct WeakPathGuard;

impl Rule for WeakPathGuard {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        for flow in flows(cx, path::CONTEXTS) {
            let Some(rope) = flow.text() else { continue };
            if let Some(breach) = path::beside_prefix(&rope) {
                found.push(
                    flow.found(breach)
                        .noting("a sibling folder whose name begins alike passes the check")
                        .advise("compare whole parts: `path.is_relative_to(base)`"),
                );
            } else if let Some((breach, reach)) = path::breach(&rope, path::is_written(&flow))
                && path::has_weak_guard(&rope, reach)
            {
                found.push(
                    flow.found(breach)
                        .weighing(Severity::Medium)
                        .noting("the check looks for `..`, and an absolute path has none")
                        .advise("join with `werkzeug.utils.safe_join(FOLDER, name)`, which refuses both"),
                );
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}
