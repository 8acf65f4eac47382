//! FS765: a temporary file has a name that others know beforehand.

use std::collections::BTreeSet;

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::Event;

use super::PROXY_HYGIENE;
use super::fs741_root_service::service_of;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(765),
    name: "insecure-temporary-file",
    summary: "A temporary file has a name that other users of the host know beforehand.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[PROXY_HYGIENE],
    layers: &[Layer::Source],
    cwe: &[377, 379],
    owasp: Some("A01"),
    asvs: &["V15.4.2"],
    fix: FixAvailability::Unsafe,
    page: include_str!("fs765_insecure_temporary_file.md"),
};

pub(crate) struct InsecureTemporaryFile;

impl Rule for InsecureTemporaryFile {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut seen = BTreeSet::new();
        let fix = || Fix::advice("let `tempfile.NamedTemporaryFile` or `tempfile.mkstemp` make the file");
        for call in cx.calls("temp.name") {
            if seen.insert(call.span) {
                let message = format!("`{}` only names a file: somebody else can make it first", call.path);
                out.fail(
                    Finding::new(
                        META.id,
                        Severity::Medium,
                        META.confidence,
                        cx.evidence(call.span, "a name, and no file"),
                        message,
                    )
                    .with_scope(&*call.scope)
                    .with_fix(fix()),
                );
            }
        }
        let has_private_folder = cx
            .entry
            .process
            .as_ref()
            .and_then(|process| service_of(cx.project, process))
            .is_some_and(|service| service.is_on("PrivateTmp"));
        if has_private_folder {
            return;
        }
        for call in cx.calls("file.open") {
            let Some(path) = shared_path(call).filter(|_| writes(call)) else { continue };
            if seen.insert(call.span) {
                let message = format!("`{path}` is a name that every user of the host can take first");
                out.fail(
                    Finding::new(
                        META.id,
                        META.severity,
                        META.confidence,
                        cx.evidence(call.span, "written in a shared folder"),
                        message,
                    )
                    .with_scope(&*call.scope)
                    .with_fix(fix()),
                );
            }
        }
    }
}

/// A fixed path in a folder that every user may write to.
pub(super) fn shared_path(call: &Event) -> Option<String> {
    let path = call.argument(0, "file").or_else(|| call.argument(0, "path"))?.by_default();
    let path = path.as_str()?;
    ["/tmp/", "/var/tmp/", "/dev/shm/"].iter().any(|folder| path.starts_with(folder)).then(|| path.to_owned())
}

/// `x` fails where the file is there already.
fn writes(call: &Event) -> bool {
    let mode = call.argument(1, "mode").map(flaskseal_project::semantic::Fact::by_default);
    mode.as_ref()
        .and_then(|mode| mode.as_str())
        .is_some_and(|mode| mode.contains(['w', 'a', '+']) && !mode.contains('x'))
}
