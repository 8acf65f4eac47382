//! FS554: what the code has escaped, the template escapes again.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::jinja::Position;
use flaskseal_project::semantic::Alphabet;
use flaskseal_project::{Coding, Nature, Project};

use super::printed::Flaw;
use super::{ESCAPED_OUTPUT, printed};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(554),
    name: "double-escaping",
    summary: "A value is HTML-escaped in code and escaped again by the template.",
    severity: Severity::Low,
    confidence: Confidence::Certain,
    controls: &[ESCAPED_OUTPUT],
    layers: &[Layer::Source, Layer::Template],
    cwe: &[116],
    owasp: Some("A03"),
    asvs: &["V1.1.2"],
    fix: FixAvailability::None,
    page: include_str!("fs554_double_escaping.md"),
};

pub(crate) struct DoubleEscaping;

impl Rule for DoubleEscaping {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_templates(&self, project: &Project<'_>, out: &mut Assessment) {
        // What `html.escape` leaves: no sign of HTML, but `&` and what follows it.
        let signs = Alphabet::of("<>\"'");
        let rest = Alphabet::of("&;ABab 09_-.,?!");
        for (file, print) in printed::prints(project) {
            let is_text = matches!(print.position, Position::Text | Position::Attribute { .. });
            let text: String = file.text(print.tag).split_whitespace().collect();
            let is_forced = text.contains("|e|forceescape") || text.contains("|escape|forceescape");
            let is_srcdoc =
                matches!(&print.position, Position::Attribute { name, .. } if &**name == "srcdoc");
            let flaw = Flaw::worst(file, print, |piece| {
                let was_escaped = piece.coding == Coding::Escaped
                    && piece.nature >= Nature::Stored
                    && !piece.alphabet.meets(signs)
                    && piece.alphabet.intersection(rest) == rest;
                was_escaped || is_forced && piece.is_open()
            });
            let Some(flaw) = flaw.filter(|_| is_text && !is_srcdoc) else { continue };
            let message = format!("{} is escaped twice: readers see `&amp;lt;`", flaw.called());
            out.fail(flaw.finding(
                &META,
                Severity::Low,
                Confidence::Certain,
                message,
                "escaped before, and again here",
                "leave escaping to the template, or use `markupsafe.escape`, whose result is not escaped again",
            ));
        }
    }
}
