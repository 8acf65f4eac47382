//! FS761: files are made so that every user of the host can read or change them.

use std::collections::BTreeSet;

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::host::{Kept, Kind, Purpose};
use flaskseal_project::{Context, Project};

use super::FILE_MODES;
use super::modes;
use super::platform::{Place, place};
use crate::{HostView, Rule};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(761),
    name: "readable-secret-file",
    summary: "Files are readable or writable by every user of the host.",
    severity: Severity::High,
    confidence: Confidence::Certain,
    controls: &[FILE_MODES],
    layers: &[Layer::Source, Layer::Host],
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
        if project.is_observed {
            return;
        }
        if let Place::Platform(name, _) = place(project) {
            out.not_applicable(FILE_MODES, format!("{name} has no other users"));
        } else {
            let reason = "modes and owners of files cannot be seen in the tree";
            out.gap(FILE_MODES, Gap::new(reason, "look at the server itself with `--host`"));
        }
    }

    fn check_host(&self, host: &HostView<'_>, _: &Project<'_>, out: &mut Assessment) {
        kept(host, out);
    }
}

/// The files of a host that hold secrets.
fn kept(host: &HostView<'_>, out: &mut Assessment) {
    let secrets = host.facts.kept.iter().filter(|kept| {
        kept.status.kind == Kind::File && !matches!(kept.purpose, Purpose::Code | Purpose::Settings)
    });
    let mut tight: Option<&Kept> = None;
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for kept in secrets {
        if !seen.insert(&kept.path) {
            continue;
        }
        let Some((severity, message)) = looseness(host, kept) else {
            tight.get_or_insert(kept);
            continue;
        };
        let place = modes::evidence(host.facts, kept);
        let mode = if kept.purpose == Purpose::Key { "600" } else { "640" };
        out.fail(
            Finding::new(META.id, severity, META.confidence, place, message)
                .with_scope(kept.path.clone())
                .with_fix(Fix::advice(format!("`chmod {mode} {}`", kept.path))),
        );
    }
    if let Some(kept) = tight {
        out.support(FILE_MODES, modes::evidence(host.facts, kept));
    } else if seen.is_empty() {
        out.gap(FILE_MODES, Gap::new("no file with secrets was found on the host", ""));
    }
}

/// Why a file is not as private as it should be.
fn looseness(host: &HostView<'_>, kept: &Kept) -> Option<(Severity, String)> {
    let what = match kept.purpose {
        Purpose::Key => "the private key",
        Purpose::Environment => "the file of variables",
        Purpose::Database => "the database",
        Purpose::Passwords => "the file of passwords",
        Purpose::Code | Purpose::Settings => return None,
    };
    let path = &kept.path;
    if kept.is_open_to_others(0o002) {
        return Some((META.severity, format!("every account of the host can change {what} {path}")));
    }
    if kept.is_open_to_others(0o004) {
        return Some((META.severity, format!("every account of the host can read {what} {path}")));
    }
    let group = host.facts.accounts.group_name(kept.status.group);
    let is_shared = matches!(group.as_str(), "users" | "staff" | "nogroup" | "games" | "everyone");
    (kept.status.mode & 0o040 != 0 && is_shared).then(|| {
        let message = format!("everybody in the group `{group}`, which many are in, can read {what} {path}");
        (Severity::Medium, message)
    })
}

/// Others may write, and no sticky bit keeps them from each other's files.
fn is_wide(mode: i64) -> bool {
    mode & 0o002 != 0 && mode & 0o1000 == 0
}
