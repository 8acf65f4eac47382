//! FS784: a file in a shared folder is looked at and then used by its name.

use std::collections::BTreeSet;

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::Event;

use super::PROXY_HYGIENE;
use super::fs765_insecure_temporary_file::shared_path;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(784),
    name: "check-then-use-race",
    summary: "A file in a shared folder is checked and then used by name.",
    severity: Severity::Low,
    confidence: Confidence::Tentative,
    controls: &[PROXY_HYGIENE],
    layers: &[Layer::Source],
    cwe: &[367],
    owasp: None,
    asvs: &["V15.4.2"],
    fix: FixAvailability::None,
    page: include_str!("fs784_check_then_use_race.md"),
};

pub(crate) struct CheckThenUseRace;

impl Rule for CheckThenUseRace {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let uses: Vec<&Event> = cx.calls("file.open").chain(cx.calls("file.remove")).collect();
        let mut seen = BTreeSet::new();
        for check in cx.calls("file.exists") {
            let Some(path) = shared_path(check) else { continue };
            let used = uses.iter().find(|used| {
                used.scope == check.scope
                    && used.span.file == check.span.file
                    && used.span.range.start > check.span.range.start
                    && shared_path(used).as_deref() == Some(path.as_str())
                    && !is_exclusive(used)
            });
            if let Some(used) = used
                && seen.insert(used.span)
            {
                let message = format!(
                    "between the look at `{path}` and its use, somebody else can put another file there"
                );
                out.fail(
                    Finding::new(META.id, META.severity, META.confidence, cx.evidence(used.span, "used by its name"), message)
                        .with_trail([cx.evidence(check.span, "looked at here")])
                        .with_scope(&*used.scope)
                        .with_fix(Fix::advice("use it and handle the error, or make it with `open(path, \"x\")` in a folder of your own")),
                );
            }
        }
    }
}

fn is_exclusive(call: &Event) -> bool {
    call.argument(1, "mode").and_then(|mode| mode.as_str()).is_some_and(|mode| mode.contains('x'))
}
