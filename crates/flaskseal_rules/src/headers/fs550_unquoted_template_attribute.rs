//! FS550: an expression stands in a tag without quotes around it.

use flaskseal_core::{
    Applicability, Assessment, Confidence, Edit, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
    Span, TextRange,
};
use flaskseal_project::jinja::{Position, Quote};
use flaskseal_project::{Nature, Piece, Print, Project, TemplateFile};

use super::printed::Flaw;
use super::{ESCAPED_OUTPUT, printed};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(550),
    name: "unquoted-template-attribute",
    summary: "An expression stands in an unquoted HTML attribute.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[ESCAPED_OUTPUT],
    layers: &[Layer::Template],
    cwe: &[79, 83],
    owasp: Some("A03"),
    asvs: &["V1.2.1"],
    fix: FixAvailability::Safe,
    page: include_str!("fs550_unquoted_template_attribute.md"),
};

pub(crate) struct UnquotedTemplateAttribute;

impl Rule for UnquotedTemplateAttribute {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_templates(&self, project: &Project<'_>, out: &mut Assessment) {
        for (file, print) in printed::prints(project) {
            let is_value = match &print.position {
                Position::Attribute { quote: Quote::None, .. } => true,
                Position::AttributeList => false,
                _ => continue,
            };
            let is_bad = |piece: &Piece| match piece.nature {
                Nature::Generated => false,
                Nature::Constant | Nature::Number | Nature::Url => is_value && piece.literal.is_none(),
                Nature::Unknown | Nature::Stored | Nature::Request => true,
            };
            let Some(flaw) = Flaw::worst(file, print, is_bad) else { continue };
            let is_open = flaw.piece.is_open();
            if !is_open && is_converted(file, print) {
                continue;
            }
            let severity = if is_open { Severity::Medium } else { Severity::Low };
            let message = if is_value {
                format!("{} stands in an attribute without quotes", flaw.called())
            } else {
                format!("{} stands where a tag has its attributes", flaw.called())
            };
            let advice = if is_value {
                "put quotes around the value"
            } else {
                "write the attribute with its quotes, or use `|xmlattr`"
            };
            let mut finding = flaw.finding(
                &META,
                severity,
                Confidence::Firm,
                message,
                "a space ends the attribute here",
                advice,
            );
            if let Some(value) = is_value.then(|| value_around(file, print)).flatten() {
                let quote = |at: u32| Edit {
                    span: Span { file: file.file, range: TextRange::new(at, at) },
                    replacement: "\"".to_owned(),
                };
                let span = file.span(value);
                finding.fix = Some(Fix {
                    advice: advice.to_owned(),
                    applicability: Applicability::Safe,
                    edits: vec![quote(span.range.start), quote(span.range.end)],
                });
            }
            let example = flaw.example(project, printed::scripts(&print.position));
            out.fail(printed::showing(finding, example));
        }
    }
}

/// A filter makes a number of it.
fn is_converted(file: &TemplateFile, print: &Print) -> bool {
    let text: String = file.text(print.tag).split_whitespace().collect();
    ["|int", "|float", "|length", "|count", "|round", "|abs"].iter().any(|filter| text.contains(filter))
}

/// The value that the print is a part of, where it can be quoted as it stands.
fn value_around(file: &TemplateFile, print: &Print) -> Option<TextRange> {
    let tags = file.markup.tags.iter().filter(|tag| tag.range.encloses(print.tag));
    let mut attributes = tags.flat_map(|tag| &tag.attributes);
    let found = attributes.find(|attribute| attribute.value_range.encloses(print.tag))?;
    let is_plain = file.is_exact() && !file.text(found.value_range).contains('"');
    is_plain.then_some(found.value_range)
}
