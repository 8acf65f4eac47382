//! FS611: a package comes from a branch, from an archive without a hash, or from outside the tree.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Project;
use flaskseal_project::deps::Source;

use super::UPKEEP;
use super::applicable::at;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(611),
    name: "mutable-source",
    summary: "A package comes from a place whose contents can change.",
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    controls: &[UPKEEP],
    layers: &[Layer::Deps],
    cwe: &[494, 829],
    owasp: Some("A08"),
    asvs: &["V15.2.4"],
    fix: FixAvailability::None,
    page: include_str!("fs611_mutable_source.md"),
};

pub(crate) struct MutableSource;

impl Rule for MutableSource {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        let mut fixed = 0;
        for package in project.packages.production() {
            let name =
                if package.name.is_empty() { "a package".to_owned() } else { format!("`{}`", package.name) };
            let (severity, message) = match &package.source {
                Source::Repository { url, .. } if is_plain(url) => (
                    Severity::High,
                    format!("{name} is taken from a repository over an unprotected connection"),
                ),
                Source::Repository { commit: None, .. } => {
                    (META.severity, format!("{name} is taken from a repository without a full commit"))
                }
                Source::Url(url) if url.starts_with("http://") => {
                    (Severity::High, format!("{name} is an archive over plain HTTP"))
                }
                Source::Url(url) if !has_hash(url) && package.hashes == 0 => {
                    (META.severity, format!("{name} is an archive without a hash"))
                }
                Source::Path(path) if is_outside(path) => {
                    (Severity::Low, format!("{name} is a path outside the tree"))
                }
                _ => {
                    fixed += 1;
                    continue;
                }
            };
            let place = at(package.span, "what is installed can change without a change here");
            let finding = Finding::new(META.id, severity, META.confidence, place, message);
            out.fail(
                finding.with_fix(Fix::advice("name the full commit, or the archive together with its hash")),
            );
        }
        if fixed > 0 {
            let claim = format!("{fixed} packages come from an index or from a place that cannot change");
            out.support(UPKEEP, Evidence::general(Layer::Deps, claim));
        }
    }
}

fn is_plain(url: &str) -> bool {
    ["git+http://", "git+git://", "git://", "http://", "hg+http://", "svn+http://", "bzr+http://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
}

/// `#sha256=...` of pip. `md5` and `sha1` can be forged.
fn has_hash(url: &str) -> bool {
    url.split_once('#').is_some_and(|(_, fragment)| {
        fragment
            .split('&')
            .any(|part| ["sha256=", "sha384=", "sha512="].iter().any(|name| part.starts_with(name)))
    })
}

fn is_outside(path: &str) -> bool {
    let path = path.strip_prefix("file://").unwrap_or(path);
    path.starts_with('/') || path.starts_with("../")
}
