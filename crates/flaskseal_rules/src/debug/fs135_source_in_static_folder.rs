//! FS135: the static folder holds the application itself.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span, path,
};
use flaskseal_project::semantic::{Event, Fact, FactKind, Segment, Source};
use flaskseal_project::{Context, Role, role_of};

use super::NO_DIAGNOSTICS;
use crate::Rule;
use crate::answer::start_calls;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(135),
    name: "source-in-static-folder",
    summary: "The folder of static files contains the application's code, configuration or data.",
    severity: Severity::Critical,
    confidence: Confidence::Certain,
    controls: &[NO_DIAGNOSTICS],
    layers: &[Layer::Source],
    cwe: &[552, 538],
    owasp: Some("A01"),
    asvs: &["V13.4.7", "V13.4.1"],
    fix: FixAvailability::None,
    page: include_str!("fs135_source_in_static_folder.md"),
};

pub(crate) struct SourceInStaticFolder;

impl Rule for SourceInStaticFolder {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        for event in start_calls(cx, "static.folder") {
            if let Some(folder) = event.keyword("static_folder") {
                // Flask joins it to the folder of the module that the application is named after.
                report(cx, event, folder, cx.project.tree.file(event.span.file).folder(), out);
            }
        }
        let working = cx.entry.roots.first().map(String::as_str).unwrap_or_default();
        for event in start_calls(cx, "static.middleware") {
            if let Some(FactKind::Dict { entries, .. }) =
                event.argument(1, "exports").map(|exports| &exports.kind)
            {
                for (_, folder) in entries {
                    report(cx, event, folder, working, out);
                }
            } else {
                let position = usize::from(!event.path.ends_with("add_files"));
                if let Some(folder) = event.argument(position, "root") {
                    report(cx, event, folder, working, out);
                }
            }
        }
    }
}

fn report(cx: &Context<'_>, event: &Event, folder: &Fact, relative_to: &str, out: &mut Assessment) {
    let folder = folder.by_default();
    let Some(served) = resolve(&folder, relative_to) else { return };
    let Some(found) = exposed(cx, &served) else { return };
    let inside = |at: &Span| at.file == event.span.file && event.span.range.encloses(at.range);
    let at = folder.at.filter(inside).unwrap_or(event.span);
    let place = cx.evidence(at, format!("`{found}` is in it"));
    out.fail(
        Finding::new(
            META.id,
            META.severity,
            META.confidence,
            place,
            "the static folder holds the application itself",
        )
        .with_scope(&*event.scope)
        .with_fix(Fix::advice("move what is public into a folder of its own and serve only that")),
    );
}

/// What is served.
enum Served {
    /// A folder of the tree; empty for its root.
    Folder(String),
    /// The whole machine.
    Everything,
}

fn resolve(folder: &Fact, relative_to: &str) -> Option<Served> {
    let FactKind::Str(rope) = &folder.kind else { return None };
    let (base, rest) = match rope.segments() {
        [] => (relative_to, ""),
        [Segment::Literal(text)] if text.starts_with('/') => {
            return text.trim_matches('/').is_empty().then_some(Served::Everything);
        }
        [Segment::Literal(text)] => (relative_to, &**text),
        [Segment::Hole(hole)] if hole.source == Source::Root => ("", ""),
        [Segment::Hole(hole), Segment::Literal(text)]
            if hole.source == Source::Root && text.starts_with('/') =>
        {
            ("", &**text)
        }
        _ => return None,
    };
    // Above the root of the tree lies what is not known, and all of the tree.
    Some(Served::Folder(path::join_within(base, rest)))
}

/// A file in the folder that nobody outside must read.
fn exposed(cx: &Context<'_>, served: &Served) -> Option<String> {
    let folder = match served {
        Served::Everything => return Some("/etc".to_owned()),
        Served::Folder(folder) => folder,
    };
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let code = cx.evaluation.loaded.iter().map(|file| cx.path(*file)).find(|path| path.starts_with(&prefix));
    // Python that production does not load may be there for browsers to run, in a folder that says so.
    let is_public = ["static", "assets", "public", "dist", "www"].iter().any(|name| folder.contains(name));
    let is_private = |path: &&str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        name == ".env"
            || name != "Thumbs.db"
                && [".sqlite", ".sqlite3", ".db", ".pem", ".key"].iter().any(|end| name.ends_with(end))
            || name.rsplit_once('.').is_some_and(|(_, end)| end == "py")
                && !is_public
                && role_of(path) == Role::Source
    };
    let mut paths =
        cx.project.tree.paths.iter().map(|path| &*path.path).filter(|path| path.starts_with(&prefix));
    code.or_else(|| paths.find(is_private)).map(str::to_owned)
}
