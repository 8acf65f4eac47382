//! FS751: a location and its `alias` end differently, so that a path climbs out of the folder.

use flaskseal_core::{
    Applicability, Assessment, Confidence, Edit, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta,
    Severity, Span,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::nginx::{
    Configuration, Directive, LevelId, LevelKind, Part, Pattern, parts, path,
};
use flaskseal_project::deploy::web::Path;

use super::PROXY_HYGIENE;
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(751),
    name: "nginx-alias-traversal",
    summary: "A location without a final slash is an alias for a folder, so that `/name../` leads out of it.",
    severity: Severity::High,
    confidence: Confidence::Certain,
    controls: &[PROXY_HYGIENE],
    layers: &[Layer::Deploy, Layer::Host],
    cwe: &[22],
    owasp: Some("A01"),
    asvs: &["V13.4.7"],
    fix: FixAvailability::Safe,
    page: include_str!("fs751_nginx_alias_traversal.md"),
};

pub(crate) struct NginxAliasTraversal;

impl Rule for NginxAliasTraversal {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for configuration in nginx::configurations(project) {
            for id in configuration.all(LevelKind::Location) {
                let Some(head) = &configuration.level(id).head else { continue };
                for alias in configuration.own(id, "alias") {
                    let Some(folder) = alias.argument(0) else { continue };
                    match path(head) {
                        Path::Prefix(path) => {
                            prefix(configuration, id, head, &path, alias, folder, out);
                        }
                        Path::Pattern(pattern) => {
                            captured(configuration, id, head, &pattern, alias, folder, out);
                        }
                        Path::All | Path::Exact(_) | Path::Named(_) => {}
                    }
                }
            }
        }
    }
}

fn prefix(
    configuration: &Configuration,
    id: LevelId,
    head: &Directive,
    path: &str,
    alias: &Directive,
    folder: &str,
    out: &mut Assessment,
) {
    if path.is_empty() || path.ends_with('/') || path.starts_with('@') {
        return;
    }
    let is_file = folder.rsplit('/').next().is_some_and(|name| name.contains('.') && !name.starts_with('.'));
    let (severity, message) = if folder.ends_with('/') {
        (META.severity, format!("`{path}../` leads out of `{folder}`"))
    } else if is_file {
        (Severity::Low, format!("`{path}` followed by anything leads to other files beside `{folder}`"))
    } else {
        (Severity::Medium, format!("`{path}` followed by anything leads to whatever begins with `{folder}`"))
    };
    // Where the folder ends in a slash, the location has to as well; otherwise both have to change.
    let edits = if folder.ends_with('/') {
        let end = head.arguments.last().map_or(head.span, |word| word.span);
        let end = Span::new(end.file, end.range.end, end.range.end);
        vec![Edit { span: end, replacement: "/".to_owned() }]
    } else {
        Vec::new()
    };
    let fix = Fix {
        advice: format!(
            "end both with a slash: `location {path}/` and `alias {}/`",
            folder.trim_end_matches('/')
        ),
        applicability: if edits.is_empty() { Applicability::DisplayOnly } else { Applicability::Safe },
        edits,
    };
    let primary = nginx::evidence(head.span, "ends without a slash");
    let finding = Finding::new(META.id, severity, META.confidence, primary, message)
        .with_trail([nginx::evidence(alias.span, "takes the place of the location's path, to the letter")])
        .with_scope(nginx::scope(configuration, id))
        .with_fix(fix);
    out.fail(finding);
}

/// A group in the alias that can begin with dots, because no slash stands before it in the pattern.
fn captured(
    configuration: &Configuration,
    id: LevelId,
    head: &Directive,
    text: &str,
    alias: &Directive,
    folder: &str,
    out: &mut Assessment,
) {
    let pattern = Pattern::new(text, false);
    let mut before = String::new();
    for part in parts(folder) {
        let name = match part {
            Part::Text(text) => {
                before = text;
                continue;
            }
            Part::Variable(name) => name,
        };
        let group = pattern
            .groups()
            .iter()
            .find(|group| group.name.as_deref() == Some(&*name) || name.parse() == Ok(group.index));
        let Some(group) = group.filter(|group| !group.is_named) else { continue };
        let climbs = group.first.contains(b'.') && group.characters.contains(b'/');
        if !climbs || stands_behind_slash(text, group.index) {
            continue;
        }
        let severity = if before.ends_with('/') { META.severity } else { Severity::Medium };
        let message = format!("`${name}` can be `../` and what follows, which leads out of the folder");
        let primary = nginx::evidence(alias.span, "the group takes part of the path as it comes");
        let finding = Finding::new(META.id, severity, META.confidence, primary, message)
            .with_trail([nginx::evidence(head.span, "no slash stands before the group")])
            .with_scope(nginx::scope(configuration, id))
            .with_fix(Fix::advice("put a slash before the group in the pattern: `^/static/(.*)$`"));
        out.fail(finding);
        return;
    }
}

/// Whether a slash stands before a group in a pattern: nginx has taken out `/../` before it compares, so that what
/// follows a slash never begins with dots that climb.
fn stands_behind_slash(pattern: &str, index: usize) -> bool {
    let mut groups = 0;
    let mut escaped = false;
    let bytes = pattern.as_bytes();
    for (at, &byte) in bytes.iter().enumerate() {
        if escaped {
            escaped = false;
            continue;
        }
        match byte {
            b'\\' => escaped = true,
            b'(' => {
                let special = bytes.get(at + 1) == Some(&b'?');
                let named = special && matches!(bytes.get(at + 2), Some(b'<' | b'P' | b'\''));
                if !special || named {
                    groups += 1;
                }
                if groups == index {
                    return at.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'/');
                }
            }
            _ => {}
        }
    }
    false
}
