//! FS414: a route serves files out of the project's own folder.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Fact, FactKind, Segment, Source};

use super::NO_INJECTION;
use crate::Rule;
use crate::flow::{alternatives, flows};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(414),
    name: "served-project-directory",
    summary: "A route serves files out of the project's own folder.",
    severity: Severity::High,
    confidence: Confidence::Certain,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[552],
    owasp: Some("A01"),
    asvs: &["V13.4.7"],
    fix: FixAvailability::None,
    page: include_str!("fs414_served_project_directory.md"),
};

pub(crate) struct ServedProjectDirectory;

impl Rule for ServedProjectDirectory {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut seen = Vec::new();
        for flow in flows(cx, &["path.served"]) {
            let Some(folder) = flow.event.argument(0, "directory") else { continue };
            if seen.contains(&flow.event.span) || flow.value.is_known() {
                continue;
            }
            let mut served: Option<String> = None;
            alternatives(folder, &mut |folder| served = served.take().or_else(|| project_folder(cx, folder)));
            let Some(served) = served else { continue };
            seen.push(flow.event.span);
            let place =
                cx.evidence(flow.event.span, "source code, configuration and keys are among the files");
            out.fail(
                Finding::new(
                    META.id,
                    META.severity,
                    META.confidence,
                    place,
                    format!("a route serves files of {served}"),
                )
                .with_scope(&*flow.event.scope)
                .with_fix(Fix::advice("serve a folder that holds nothing but what is meant to be public")),
            );
        }
        support_by_coverage(cx, NO_INJECTION, out);
    }
}

/// What a folder is, where it is the project's or wider.
fn project_folder(cx: &Context<'_>, folder: &Fact) -> Option<String> {
    let rope = match &folder.kind {
        FactKind::Str(rope) => rope.clone(),
        FactKind::Instance(class, attributes) if class.is("pathlib.Path") => {
            attributes.iter().find(|(name, _)| &**name == "@path")?.1.to_rope()
        }
        FactKind::Path(path) => {
            let is_root = path.ends_with(".root_path") || &**path == "os.getcwd()";
            return is_root.then(|| "the application's folder".to_owned());
        }
        _ => return None,
    };
    match rope.segments() {
        [Segment::Literal(text)] => match text.trim_end_matches('/') {
            "" if text.starts_with('/') => Some("the whole machine".to_owned()),
            "." | "" | ".." => Some("the folder in which the application runs".to_owned()),
            "/root" | "/home" | "/etc" => Some(format!("`{text}`")),
            _ => None,
        },
        [Segment::Hole(hole)] if hole.source == Source::Root => Some("the project's folder".to_owned()),
        [Segment::Hole(hole), Segment::Literal(rest)] if hole.source == Source::Root => {
            let folder = rest.trim_matches('/');
            if folder.is_empty() {
                return Some("the project's folder".to_owned());
            }
            // A folder from which production loads code.
            let holds_code = cx.evaluation.loaded.iter().any(|file| {
                cx.path(*file)
                    .strip_prefix(folder)
                    .is_some_and(|rest| rest.starts_with('/') && rest.matches('/').count() == 1)
            });
            holds_code.then(|| format!("the folder `{folder}`, which holds code"))
        }
        _ => None,
    }
}
