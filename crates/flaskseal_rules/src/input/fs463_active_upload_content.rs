//! FS463: browsers may run what a user uploaded as if it were the application's own.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;

use flaskseal_project::semantic::{Fact, FactKind};

use super::SAFE_UPLOADS;
use super::uploads::{Save, TypeCheck, Uploads, shown};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(463),
    name: "active-upload-content",
    summary: "Users' files are served from the application's origin in a way that browsers may run.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[SAFE_UPLOADS],
    layers: &[Layer::Source],
    cwe: &[79, 434],
    owasp: Some("A03"),
    asvs: &["V3.2.1", "V5.3.1"],
    fix: FixAvailability::None,
    page: include_str!("fs463_active_upload_content.md"),
};

pub(crate) struct ActiveUploadContent;

impl Rule for ActiveUploadContent {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let uploads = Uploads::of(cx);
        let risky: Vec<&Save<'_>> = uploads.saves.iter().filter(|save| is_active(cx, save)).collect();
        for save in &risky {
            if save.paths.iter().any(|path| is_in_static(cx, path)) {
                let place = cx.evidence(save.call.span, "kept in the folder of static files");
                report(
                    place,
                    "what users upload is served like the application's own pages",
                    &save.call.scope,
                    out,
                );
                continue;
            }
            let folders: Vec<&str> = save
                .paths
                .iter()
                .filter_map(|path| path.rsplit_once('/'))
                .map(|(folder, _)| folder)
                .collect();
            let sends = cx.calls("file.send").find(|send| {
                let name = if send.path.ends_with("send_file") { "path_or_file" } else { "directory" };
                let sent = send.argument(0, name).map(shown).unwrap_or_default();
                let is_same = sent.iter().any(|sent| {
                    let is_it = |folder: &&str| {
                        !folder.is_empty()
                            && sent
                                .strip_prefix(*folder)
                                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                    };
                    folders.iter().any(is_it)
                });
                let is_harmless = send.keyword("as_attachment").and_then(Fact::truth) == Some(true)
                    || send.keyword("mimetype").is_some_and(|kind| {
                        kind.as_str().is_none_or(|kind| !kind.contains("html") && !kind.contains("svg"))
                    });
                is_same && !is_harmless
            });
            if let Some(send) = sends {
                let place = cx.evidence(send.span, "sent with the type that its name suggests");
                report(
                    place,
                    "what users upload is shown by browsers as a page of the application",
                    &send.scope,
                    out,
                );
            }
        }
    }
}

fn report(place: Evidence, message: &str, scope: &str, out: &mut Assessment) {
    out.fail(
        Finding::new(META.id, META.severity, META.confidence, place, message).with_scope(scope).with_fix(
            Fix::advice("keep uploads outside of static folders, and send them with `as_attachment=True`"),
        ),
    );
}

/// Whether the file may be of a type that browsers run: every type, or one of a list that has such.
fn is_active(cx: &Context<'_>, save: &Save<'_>) -> bool {
    if save.check != TypeCheck::Sound {
        return true;
    }
    let text = &cx.project.tree.file(save.call.span.file).text;
    let names_type =
        |kind: &str| text.contains(&format!("\"{kind}\"")) || text.contains(&format!("'{kind}'"));
    ["svg", ".svg", "html", ".html", "htm", "xhtml", "xml"].iter().any(|kind| names_type(kind))
        && text.to_ascii_lowercase().contains("extension")
}

/// Whether a path leads into the folder whose files Flask serves: by default `static` beside the application's module.
fn is_in_static(cx: &Context<'_>, path: &str) -> bool {
    let Some(app) = cx.app else { return false };
    let folders = match &app.static_folder {
        Some(folder) if !matches!(folder.kind, FactKind::Absent) => shown(folder),
        _ => {
            let module = app.span.map_or("", |span| cx.path(span.file));
            let folder = module.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("/{folder}"));
            vec![format!("{{root}}{folder}/static")]
        }
    };
    let inside = |folder: &String| {
        path.strip_prefix(folder.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
    };
    if folders.iter().any(inside) || path.contains("root_path}/static/") {
        return true;
    }
    // Relative to wherever the server was started: commonly the project.
    let known = path.split('{').next().unwrap_or_default();
    known.starts_with("static/") || known.starts_with("./static/") || known.starts_with("app/static/")
}
