//! FS551: a URL attribute takes a whole URL, its scheme included, from somebody else.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::jinja::{Position, UrlPlace, Value};
use flaskseal_project::{Coding, Nature, Piece, Project, Way};

use super::printed::Flaw;
use super::{ESCAPED_OUTPUT, printed};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(551),
    name: "unsafe-template-url",
    summary: "A URL attribute takes a whole URL from user data.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[ESCAPED_OUTPUT],
    layers: &[Layer::Template],
    cwe: &[79],
    owasp: Some("A03"),
    asvs: &["V1.2.2"],
    fix: FixAvailability::None,
    page: include_str!("fs551_unsafe_template_url.md"),
};

pub(crate) struct UnsafeTemplateUrl;

impl Rule for UnsafeTemplateUrl {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_templates(&self, project: &Project<'_>, out: &mut Assessment) {
        for (file, print) in printed::prints(project) {
            let Position::Attribute { element, name, value, .. } = &print.position else { continue };
            let is_page = match value {
                Value::Url(UrlPlace::Start) => false,
                Value::Srcdoc => true,
                _ => continue,
            };
            let is_bad = |way: &Way, piece: &Piece| {
                if is_page {
                    return piece.is_open()
                        && piece.alphabet.contains('<')
                        && !is_escaped_twice(file.text(print.tag));
                }
                let first = way.pieces.iter().find(|piece| piece.literal.as_deref() != Some(""));
                first.is_some_and(|first| std::ptr::eq(first, piece))
                    && piece.is_open()
                    && piece.alphabet.contains(':')
                    && piece.coding != Coding::Json
                    && !is_own_address(piece)
            };
            let ways = print.ways.iter().flat_map(|way| way.pieces.iter().map(move |piece| (way, piece)));
            let worst = ways
                .filter(|(way, piece)| is_bad(way, piece))
                .reduce(|worst, next| if next.1.nature > worst.1.nature { next } else { worst });
            let Some((way, piece)) = worst else { continue };
            let flaw = Flaw { file, print, way, piece };
            // What is only shown runs no script, whatever its scheme.
            let is_shown = matches!(&**element, "img" | "audio" | "video" | "source" | "track" | "input")
                && matches!(&**name, "src" | "poster");
            let severity = match piece.nature {
                _ if is_shown => Severity::Low,
                Nature::Request if is_page => Severity::High,
                Nature::Request | Nature::Stored => Severity::Medium,
                _ => Severity::Low,
            };
            let confidence =
                if piece.nature == Nature::Unknown { Confidence::Tentative } else { flaw.confidence() };
            let (message, claim, advice) = if is_page {
                (
                    format!("{} becomes a page of its own in `srcdoc`", flaw.called()),
                    "escaped once, and decoded before it is read as HTML",
                    "escape the value twice, or serve the page from an address of its own",
                )
            } else {
                (
                    format!("{} decides the whole address in `{name}`", flaw.called()),
                    "`javascript:` is an address, too",
                    "let only `http` and `https` through when the address is stored, or write the beginning of the address into the template",
                )
            };
            let payload = if is_page { "<script>alert(1)</script>" } else { "javascript:alert(1)" };
            let finding = flaw.finding(&META, severity, confidence, message, claim, advice);
            out.fail(printed::showing(finding, flaw.example(project, &[payload])));
        }
    }
}

/// Addresses of the request itself, whose scheme the server has seen.
fn is_own_address(piece: &Piece) -> bool {
    let Some(origin) = &piece.origin else {
        return piece.called.as_deref().is_some_and(|called| {
            ["request.url", "request.base_url", "request.path", "request.full_path"].contains(&called)
        });
    };
    ["url", "base_url", "root_url", "url_root", "host_url", "path", "full_path", "script_root", "referrer"]
        .iter()
        .any(|own| *origin.input == *format!("flask.request.{own}"))
}

fn is_escaped_twice(text: &str) -> bool {
    let text: String = text.split_whitespace().collect();
    text.contains("|e|forceescape") || text.contains("|escape|forceescape")
}
