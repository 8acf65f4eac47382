//! FS730: secrets, or the data of version control, are copied into the image.

use flaskseal_core::{
    Applicability, Assessment, Confidence, Edit, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta,
    Severity, Span,
};
use flaskseal_project::deploy::host::{BuiltImage, Leak, WholeContext};
use flaskseal_project::deploy::is_dev;
use flaskseal_project::{Project, Role, role_of};

use super::PROXY_HYGIENE;
use super::deployed::{self, evidence};
use crate::Rule;
use crate::credential::{is_reference, promise};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(730),
    name: "leaky-build-context",
    summary: "Secrets or the data of version control are copied into the image.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[PROXY_HYGIENE],
    layers: &[Layer::Deploy],
    cwe: &[538, 540],
    owasp: Some("A01"),
    asvs: &["V13.3.1", "V13.4.1"],
    fix: FixAvailability::Safe,
    page: include_str!("fs730_leaky_build_context.md"),
};

pub(crate) struct LeakyBuildContext;

impl Rule for LeakyBuildContext {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for image in deployed::images(project) {
            let leaks: Vec<(&Leak, Severity)> =
                image.leaks.iter().filter_map(|leak| Some((leak, severity(project, leak)?))).collect();
            if leaks.is_empty() {
                if let Some(whole) = image.whole_context.first() {
                    unguarded(project, whole, out);
                }
                continue;
            }
            let mut spans: Vec<Span> = leaks.iter().map(|(leak, _)| leak.span).collect();
            spans.dedup();
            for span in spans {
                leaking(project, image, span, &leaks, out);
            }
        }
    }
}

fn leaking(
    project: &Project<'_>,
    image: &BuiltImage,
    span: Span,
    leaks: &[(&Leak, Severity)],
    out: &mut Assessment,
) {
    let here: Vec<&(&Leak, Severity)> = leaks.iter().filter(|(leak, _)| leak.span == span).collect();
    let worst = here.iter().map(|(_, severity)| *severity).max().unwrap_or(META.severity);
    let named: Vec<String> = here.iter().take(3).map(|(leak, _)| format!("`{}`", leak.path)).collect();
    let more = if here.len() > named.len() { " and more" } else { "" };
    let message = format!("{}{more} ends up in the image, for everybody who can pull it", named.join(", "));
    let paths: Vec<&str> = here.iter().map(|(leak, _)| leak.path.as_str()).collect();
    let ignore_file = image.whole_context.iter().find_map(|whole| whole.ignore_file);
    out.fail(
        Finding::new(META.id, worst, META.confidence, evidence(span, "copies it"), message).with_fix(fix(
            project,
            ignore_file,
            &paths,
        )),
    );
}

/// Nothing to see in this tree, and nothing that keeps it out where there is.
fn unguarded(project: &Project<'_>, whole: &WholeContext, out: &mut Assessment) {
    let missing: Vec<&str> = [(whole.ignores_git, ".git"), (whole.ignores_env, ".env")]
        .into_iter()
        .filter(|(is_ignored, _)| !is_ignored)
        .map(|(_, name)| name)
        .collect();
    if !whole.is_root || missing.is_empty() {
        return;
    }
    let message = format!("nothing keeps `{}` out of the image", missing.join("` and `"));
    out.fail(
        Finding::new(
            META.id,
            Severity::Low,
            META.confidence,
            evidence(whole.span, "copies the whole folder"),
            message,
        )
        .with_fix(fix(project, whole.ignore_file, &missing)),
    );
}

fn fix(project: &Project<'_>, ignore_file: Option<flaskseal_core::FileId>, paths: &[&str]) -> Fix {
    let advice = "list it in `.dockerignore`, with `.git`, `.env*`, `*.pem`, `*.key` and `instance/`";
    let Some(file) = ignore_file else { return Fix::advice(advice) };
    let text = &project.tree.file(file).text;
    let end = text.len() as u32;
    let mut lines = paths.join("\n");
    if !text.is_empty() && !text.ends_with('\n') {
        lines.insert(0, '\n');
    }
    lines.push('\n');
    Fix {
        advice: advice.to_owned(),
        applicability: Applicability::Safe,
        edits: vec![Edit { span: Span::new(file, end, end), replacement: lines }],
    }
}

/// How bad it is that a file is in the image; `None` where it holds no secret.
fn severity(project: &Project<'_>, leak: &Leak) -> Option<Severity> {
    if role_of(&leak.path) != Role::Source {
        return None;
    }
    let name = leak.path.rsplit('/').next().unwrap_or(&leak.path).to_ascii_lowercase();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let text = project.tree.find(&leak.path).map(|id| &*project.tree.file(id).text);
    // Whoever keeps a file for development apart keeps other secrets in production.
    if is_dev(&leak.path) {
        return text.is_some_and(holds_secret).then_some(Severity::Low);
    }
    match extension {
        // `team.shop.example.db`: the names of a domain.
        "db" if name.trim_end_matches(".db").contains('.') => None,
        "sqlite" | "sqlite3" | "db" => Some(Severity::Medium),
        "p12" | "pfx" => Some(Severity::High),
        "pem" | "key" => text.is_some_and(|text| text.contains("PRIVATE KEY")).then_some(Severity::High),
        _ if matches!(&*name, "id_rsa" | "id_ed25519" | "id_ecdsa" | ".netrc" | ".pgpass" | ".pypirc") => {
            Some(Severity::High)
        }
        _ if name.starts_with(".env") || extension == "env" => {
            text.is_some_and(holds_secret).then_some(Severity::High)
        }
        "py" | "cfg" | "toml" | "json" | "yaml" | "yml" => {
            text.is_some_and(holds_secret).then_some(Severity::High)
        }
        _ => None,
    }
}

/// Whether a text assigns a value to a name that promises a secret.
fn holds_secret(text: &str) -> bool {
    text.lines().take(2_000).any(|line| {
        let line = line.trim().trim_start_matches("export ");
        let Some((name, value)) = line.split_once(['=', ':']) else { return false };
        let name = name.trim().trim_matches(['"', '\'']);
        let value = value.trim().trim_matches(['"', '\'', ',']);
        !line.starts_with('#')
            && !value.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && promise(name).is_some()
            && !is_reference(value)
    })
}
