//! FS544: a template says that something is HTML of which nobody knows what it is.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::jinja::{ExprKind, Node, NodeKind};
use flaskseal_project::{Coding, Nature, Project, TemplateFile};

use super::{ESCAPED_OUTPUT, fs545_disabled_autoescape, printed};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(544),
    name: "template-safe-filter",
    summary: "A template switches escaping off for an expression that may hold user data.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[ESCAPED_OUTPUT],
    layers: &[Layer::Template],
    cwe: &[79],
    owasp: Some("A03"),
    asvs: &["V1.2.1"],
    fix: FixAvailability::None,
    page: include_str!("fs544_template_safe_filter.md"),
};

pub(crate) struct TemplateSafeFilter;

impl Rule for TemplateSafeFilter {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_templates(&self, project: &Project<'_>, out: &mut Assessment) {
        for (file, print) in printed::prints(project) {
            let Some(flaw) = printed::unescaped(file, print) else { continue };
            if flaw.piece.nature != Nature::Unknown || !matches!(flaw.piece.coding, Coding::Marked(Some(_))) {
                continue;
            }
            let message =
                format!("{} is printed without escaping, and nothing says what it is", flaw.called());
            out.fail(flaw.finding(
                &META,
                Severity::Low,
                Confidence::Tentative,
                message,
                "marked as safe",
                "remove `|safe`, or clean the value with nh3 where it is made",
            ));
        }
        // A switch for many expressions is one flaw.
        for file in project.templates.files.iter().filter(|file| file.is_escaped && printed::is_html(file)) {
            for node in switches(file) {
                let index = |print: &&flaskseal_project::Print| {
                    std::ptr::eq(&raw const project.templates.files[print.template], file)
                };
                let inside = project
                    .templates
                    .prints
                    .iter()
                    .filter(index)
                    .filter(|print| node.range.encloses(print.tag))
                    .filter_map(|print| printed::unescaped(file, print));
                let bare: Vec<_> = inside
                    .filter(|flaw| flaw.piece.nature == Nature::Unknown && flaw.piece.coding == Coding::Bare)
                    .collect();
                let Some(first) = bare.first() else { continue };
                let place = Evidence::at(Layer::Template, file.span(node.tag), "escaping is off from here");
                let message = format!("{} is printed with escaping switched off", first.called());
                let trail =
                    bare.iter().map(|flaw| Evidence::at(Layer::Template, flaw.span(), "printed as it is"));
                out.fail(
                    Finding::new(META.id, Severity::Low, Confidence::Tentative, place, message)
                        .with_trail(trail)
                        .with_scope(&*first.print.scope)
                        .with_fix(Fix::advice(
                            "remove the `autoescape` block, and mark what is HTML by itself",
                        )),
                );
            }
        }
    }
}

/// The tags that switch escaping off for a part of a template.
fn switches(file: &TemplateFile) -> Vec<&Node> {
    let mut switches = Vec::new();
    file.template.walk(&mut |node| {
        if let NodeKind::Autoescape { on, .. } = &node.kind
            && matches!(on.kind, ExprKind::Bool(false))
            && !fs545_disabled_autoescape::is_around_everything(file, node)
        {
            switches.push(node);
        }
    });
    switches
}
