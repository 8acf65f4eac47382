//! FS610: packages come over an unprotected connection, or from two indexes that answer for the same names.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::deps::IndexKind;
use flaskseal_project::{Audience, Project};

use super::UPKEEP;
use super::applicable::at;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(610),
    name: "unsafe-package-index",
    summary: "Packages are taken from a source that can be intercepted, or that another source can answer for.",
    severity: Severity::High,
    confidence: Confidence::Certain,
    controls: &[UPKEEP],
    layers: &[Layer::Deps, Layer::Deploy],
    cwe: &[494, 829, 427],
    owasp: Some("A08"),
    asvs: &["V15.2.4"],
    fix: FixAvailability::None,
    page: include_str!("fs610_unsafe_package_index.md"),
};

pub(crate) struct UnsafePackageIndex;

impl Rule for UnsafePackageIndex {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        let manifests =
            project.packages.manifests.iter().filter(|manifest| manifest.audience == Audience::Production);
        for manifest in manifests {
            // uv asks its indexes one after the other and takes the first that knows the name.
            let first_wins = manifest.manifest.tool == Some("uv") || manifest.manifest.tool == Some("pipenv");
            for index in &manifest.manifest.indexes {
                let span = Span { file: manifest.file, range: index.range };
                judge(index.kind, &index.url, at(span, ""), first_wins, out);
            }
        }
        for install in &project.packages.installs {
            for (kind, url, span) in &install.indexes {
                judge(*kind, url, Evidence::at(Layer::Deploy, *span, ""), false, out);
            }
        }
        for fact in &project.deployment.env_facts {
            let kind = match fact.name.as_str() {
                "PIP_INDEX_URL" | "UV_DEFAULT_INDEX" | "UV_INDEX_URL" => IndexKind::Main,
                "PIP_EXTRA_INDEX_URL" => IndexKind::Extra,
                "PIP_TRUSTED_HOST" => IndexKind::TrustedHost,
                "UV_INDEX_STRATEGY"
                    if fact.value.or_default().is_some_and(|value| value.starts_with("unsafe-")) =>
                {
                    IndexKind::UnsafeStrategy
                }
                _ => continue,
            };
            if let Some(value) = fact.value.or_default() {
                for url in value.split_ascii_whitespace() {
                    judge(kind, url, Evidence::at(Layer::Deploy, fact.value_span, ""), false, out);
                }
            }
        }
    }
}

fn judge(kind: IndexKind, url: &str, place: Evidence, first_wins: bool, out: &mut Assessment) {
    let host = host_of(url);
    if is_local(&host) {
        return;
    }
    let mut fail = |severity, confidence, message: String, claim: &str, advice: &str| {
        let primary = Evidence { claim: claim.to_owned(), ..place.clone() };
        out.fail(Finding::new(META.id, severity, confidence, primary, message).with_fix(Fix::advice(advice)));
    };
    if kind == IndexKind::TrustedHost {
        let severity = if is_internal(&host) { Severity::Medium } else { META.severity };
        let message = format!("the certificate of `{host}` is not verified when packages are installed");
        fail(
            severity,
            META.confidence,
            message,
            "anybody on the way can answer",
            "give pip the certificate: `--cert FILE`",
        );
        return;
    }
    if url.starts_with("http://") {
        let severity = if is_internal(&host) { Severity::Medium } else { META.severity };
        let message = format!("packages are taken from `{host}` over plain HTTP");
        fail(severity, META.confidence, message, "anybody on the way can answer", "use `https://`");
        return;
    }
    let advice = "bind internal names to their index: explicit sources of uv or Poetry, or one private index that mirrors \
                  the public one";
    match kind {
        IndexKind::Extra if !first_wins && !is_public(&host) => {
            let message = format!("`{host}` is asked beside the public index, and the higher version wins");
            let claim = "whoever registers an internal name on the public index is installed";
            fail(Severity::Medium, Confidence::Firm, message, claim, advice);
        }
        IndexKind::UnsafeStrategy => {
            let message = format!("the index strategy `{url}` lets the higher version of any index win");
            let claim = "whoever registers an internal name on the public index is installed";
            fail(Severity::Medium, Confidence::Firm, message, claim, advice);
        }
        _ => {}
    }
}

/// The host of a URL, without credentials and port; the text itself where it is no URL.
fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = if host.starts_with('[') { host } else { host.split(':').next().unwrap_or(host) };
    host.to_ascii_lowercase()
}

fn is_local(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]" | "")
}

/// A name or an address of a private network.
fn is_internal(host: &str) -> bool {
    let octets: Vec<u8> = host.split('.').filter_map(|part| part.parse().ok()).collect();
    let private = matches!(octets.as_slice(), [10, ..] | [192, 168, ..])
        || matches!(octets.as_slice(), [172, 16..=31, ..]);
    !host.contains('.')
        || private
        || [".local", ".internal", ".lan", ".corp"].iter().any(|ending| host.ends_with(ending))
}

/// Indexes of builds that their makers publish for everybody; no internal name is there.
fn is_public(host: &str) -> bool {
    let known =
        ["pypi.org", "files.pythonhosted.org", "test.pypi.org", "download.pytorch.org", "pypi.nvidia.com"];
    known.contains(&host)
        || host == "piwheels.org"
        || host.ends_with(".piwheels.org")
        || host == "data.pyg.org"
}
