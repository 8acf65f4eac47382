//! FS761: files are made so that every user of the host can read or change them.

use std::collections::BTreeSet;

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::{Context, Project};

use super::FILE_MODES;
use super::platform::{Place, place};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(761),
    name: "readable-secret-file",
    summary: "Files are readable or writable by every user of the host.",
    severity: Severity::High,
    confidence: Confidence::Certain,
    controls: &[FILE_MODES],
    layers: &[Layer::Source],
    cwe: &[732, 276],
    owasp: Some("A01"),
    asvs: &["V13.3.2"],
    fix: FixAvailability::Unsafe,
    page: include_str!("fs761_readable_secret_file.md"),
};

pub(crate) struct ReadableSecretFile;

impl Rule for ReadableSecretFile {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut seen = BTreeSet::new();
        for call in cx.calls("file.chmod") {
            // The mode is the last of both forms: `os.chmod(path, mode)`, `path.chmod(mode)`.
            let mode = call
                .keyword("mode")
                .or_else(|| call.positional.last())
                .and_then(|fact| fact.by_default().as_int());
            let Some(mode) = mode.filter(|mode| is_wide(*mode)) else { continue };
            if seen.insert(call.span) {
                let message = format!("mode {mode:#o} lets every user of the host change the file");
                out.fail(
                    Finding::new(
                        META.id,
                        Severity::Medium,
                        Confidence::Certain,
                        cx.evidence(call.span, "this mode"),
                        message,
                    )
                    .with_scope(&*call.scope)
                    .with_fix(Fix::advice("use 0o600, or 0o640 with a group of the service")),
                );
            }
        }
        for call in cx.calls("file.umask") {
            let mask = call.argument(0, "mask").and_then(|fact| fact.by_default().as_int());
            if mask == Some(0) && seen.insert(call.span) {
                let message = "without a umask, new files may be written by every user of the host";
                out.fail(
                    Finding::new(
                        META.id,
                        Severity::Medium,
                        Confidence::Certain,
                        cx.evidence(call.span, "set to nothing"),
                        message,
                    )
                    .with_scope(&*call.scope)
                    .with_fix(Fix::advice("use `os.umask(0o077)`, or leave it to the service")),
                );
            }
        }
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        if let Place::Platform(name, _) = place(project) {
            out.not_applicable(FILE_MODES, format!("{name} has no other users"));
        } else {
            out.gap(FILE_MODES, Gap::new("modes and owners of files cannot be seen in the tree", ""));
        }
    }
}

/// Others may write, and no sticky bit keeps them from each other's files.
fn is_wide(mode: i64) -> bool {
    mode & 0o002 != 0 && mode & 0o1000 == 0
}
