//! FS108: a running site shows the debugger, or a traceback.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::debugger::{self, DebugPage};
use flaskseal_live::{Exchange, Live};
use flaskseal_project::Context;

use super::DEBUG_OFF;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(108),
    name: "public-debug-page",
    summary: "A running site shows the debugger or a traceback.",
    severity: Severity::Critical,
    confidence: Confidence::Certain,
    controls: &[DEBUG_OFF],
    layers: &[Layer::Live],
    cwe: &[489, 209],
    owasp: Some("A05~"),
    asvs: &["V13.4.2", "V16.5.1"],
    fix: FixAvailability::None,
    page: include_str!("fs108_public_debug_page.md"),
};

pub(crate) struct PublicDebugPage;

impl Rule for PublicDebugPage {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        let mut shown: Vec<&'static str> = Vec::new();
        for answer in &live.site.exchanges {
            let Some((severity, message, claim)) = judge(answer).filter(|found| !shown.contains(&found.1))
            else {
                continue;
            };
            shown.push(message);
            let place = live.answer(answer, claim);
            let advice =
                "start production with a WSGI server, without `FLASK_DEBUG` and without `debug=True`";
            let finding = Finding::new(META.id, severity, META.confidence, place, message);
            out.fail(finding.with_fix(Fix::advice(advice)));
        }
    }
}

/// What an answer gives away.
fn judge(answer: &Exchange) -> Option<(Severity, &'static str, &'static str)> {
    let kind = answer.media_type();
    if debugger::is_resource(&answer.body, &kind) {
        return Some((Severity::Critical, "Werkzeug's debugger answers", "the debugger's own script"));
    }
    let text = answer.page();
    let page = if answer.is_html() { debugger::of_page(&text) } else { None };
    Some(match page {
        Some(DebugPage::Console) => (
            Severity::Critical,
            "Werkzeug's console runs Python for whoever knows its PIN",
            "evaluation is on in this page",
        ),
        Some(DebugPage::Traceback) => {
            (Severity::High, "Werkzeug's debugger shows source lines to everybody", "a traceback with source")
        }
        _ if debugger::is_traceback(&text) => {
            (Severity::High, "an answer shows a traceback", "frames, with files and lines")
        }
        _ => return None,
    })
}
