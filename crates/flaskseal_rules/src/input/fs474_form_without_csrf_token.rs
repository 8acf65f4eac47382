//! FS474: a form that posts to the application has no token in it.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
    TextRange,
};
use flaskseal_project::jinja::{ExprKind, Node, NodeKind, Tag};
use flaskseal_project::{Project, TemplateFile};

use super::CSRF;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(474),
    name: "form-without-csrf-token",
    summary: "An HTML form that posts to the application renders no token.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[CSRF],
    layers: &[Layer::Template],
    cwe: &[352],
    owasp: Some("A01"),
    asvs: &["V3.5.1"],
    fix: FixAvailability::None,
    page: include_str!("fs474_form_without_csrf_token.md"),
};

pub(crate) struct FormWithoutCsrfToken;

impl Rule for FormWithoutCsrfToken {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_templates(&self, project: &Project<'_>, out: &mut Assessment) {
        // A script that adds the token to every request serves forms, too.
        let sends_header = |text: &str| {
            let text = text.to_ascii_lowercase();
            text.contains("x-csrftoken") || text.contains("x-csrf-token")
        };
        let is_script =
            |path: &str| path.ends_with(".js") || path.ends_with(".mjs") || path.ends_with(".html");
        if project.tree.files.iter().any(|file| is_script(&file.path) && sends_header(&file.text))
            || project.templates.files.iter().any(|file| sends_header(file.source()))
        {
            return;
        }
        for file in &project.templates.files {
            if file.name.as_deref().is_some_and(|name| name.to_ascii_lowercase().contains("mail")) {
                continue;
            }
            for (index, tag) in file.markup.tags.iter().enumerate() {
                if !posts_here(tag) {
                    continue;
                }
                let after = file.markup.tags.iter().skip(index + 1);
                let end = after.clone().find(|tag| tag.is_end && &*tag.name == "form");
                let end = end.map_or(file.source().len() as u32, |tag| tag.range.end);
                let range = TextRange::new(tag.range.start, end);
                if has_token(file, range) {
                    continue;
                }
                let place = Evidence::at(Layer::Template, file.span(tag.range), "no token before its end");
                out.fail(
                    Finding::new(META.id, META.severity, META.confidence, place, "a form posts without a CSRF token")
                        .with_fix(Fix::advice(
                            "add `<input type=\"hidden\" name=\"csrf_token\" value=\"{{ csrf_token() }}\">`, or `{{ form.hidden_tag() }}`",
                        )),
                );
            }
        }
    }
}

/// Whether a tag begins a form that posts to the application itself.
fn posts_here(tag: &Tag) -> bool {
    let posts =
        tag.attribute("method").is_some_and(|method| method.literal.trim().eq_ignore_ascii_case("post"));
    let is_foreign = tag.attribute("action").is_some_and(|action| {
        let action = action.literal.trim();
        action.contains("://") || action.starts_with("//") || action.starts_with("mailto:")
    });
    !tag.is_end && &*tag.name == "form" && posts && !is_foreign
}

/// Whether a token is printed in a range, or something of which that is not known.
fn has_token(file: &TemplateFile, range: TextRange) -> bool {
    let text = file.text(range).to_ascii_lowercase();
    if ["csrf", "xsrf", "hidden_tag", "nonce"].iter().any(|word| text.contains(word)) {
        return true;
    }
    let mut is_open = false;
    let mut imported: Vec<&str> = Vec::new();
    file.template.walk(&mut |node: &Node| match &node.kind {
        NodeKind::Import { alias, .. } => imported.push(alias),
        NodeKind::FromImport { names, .. } => imported.extend(names.iter().map(|(_, alias)| &**alias)),
        NodeKind::Macro { name, .. } => imported.push(name),
        _ => {}
    });
    file.template.walk(&mut |node: &Node| {
        if !range.encloses(node.range) {
            return;
        }
        match &node.kind {
            NodeKind::Include { .. }
            | NodeKind::Call { .. }
            | NodeKind::Opaque(_)
            | NodeKind::Block { .. } => {
                is_open = true;
            }
            NodeKind::Output(values) => {
                for value in values {
                    value.walk(&mut |inner| {
                        // A macro, the parent's block, or a whole form may print it.
                        let ExprKind::Call(callee, _) = &inner.kind else {
                            is_open |= inner.as_name() == Some("form") && value.as_name() == Some("form");
                            return;
                        };
                        let dotted = callee.dotted().unwrap_or_default();
                        let first = dotted.split('.').next().unwrap_or_default();
                        is_open |= imported.contains(&first)
                            || matches!(first, "super" | "caller")
                            || dotted.ends_with("form") && dotted != "url_for";
                    });
                }
            }
            _ => {}
        }
    });
    is_open
}
