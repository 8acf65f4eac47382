//! FS541: request data is written to an HTML response without escaping.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::semantic::{Event, Fact};
use flaskseal_project::{Context, Nature, Project};

use super::{ESCAPED_OUTPUT, printed};
use crate::Rule;
use crate::flow::{answer, flows, html, input, report};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(541),
    name: "reflected-xss",
    summary: "Request data is written to an HTML response without escaping.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[ESCAPED_OUTPUT],
    layers: &[Layer::Source, Layer::Template],
    cwe: &[79],
    owasp: Some("A03"),
    asvs: &["V1.2.1"],
    fix: FixAvailability::None,
    page: include_str!("fs541_reflected_xss.md"),
};

pub(crate) struct ReflectedXss;

impl Rule for ReflectedXss {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        let mut marked = Vec::new();
        for flow in flows(cx, &["html.markup", "mail.html", "mail.typed"]) {
            let Some(rope) = flow.text() else { continue };
            let is_mail = flow.sink.context.starts_with("mail.");
            if &*flow.sink.context == "mail.typed" && !is_html_mail(flow.event) {
                continue;
            }
            for breach in html::breaches(&rope) {
                marked.push(breach.origin.at);
                let one = flow.found(breach).advise("let it escape: `Markup(\"<b>{}</b>\").format(value)`");
                found.push(if is_mail { one.weighing(Severity::Low) } else { one });
            }
        }
        for flow in flows(cx, &["html.answer", "html.body", "response.attribute"]) {
            let rope = match &*flow.sink.context {
                "html.answer" => answer::body(flow.value),
                "html.body" => answer::content(flow.value),
                _ if answer::is_body_attribute(flow.event) => answer::content(flow.value),
                _ => None,
            };
            let Some(rope) = rope else { continue };
            if !answer::is_html(cx, flow.event, flow.value) || answer::is_json(&rope) {
                continue;
            }
            for breach in html::breaches(&rope) {
                // What was marked as safe was reported where that was done.
                if marked.contains(&breach.origin.at) {
                    continue;
                }
                let is_settable = input::is_settable_across_sites(&breach.origin);
                let one = flow
                    .found(breach)
                    .advise("escape it, `markupsafe.escape(value)`, or return a template with the value as a variable");
                found.push(if is_settable { one } else { one.weighing(Severity::Medium) });
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, ESCAPED_OUTPUT, out);
    }

    fn check_templates(&self, project: &Project<'_>, out: &mut Assessment) {
        printed::report_unescaped(project, &META, Nature::Request, out);
    }
}

/// Whether the type of a mail's part, which is given beside its text, is HTML.
fn is_html_mail(event: &Event) -> bool {
    let subtype = event.argument(1, "_subtype").or_else(|| event.keyword("subtype"));
    subtype.and_then(Fact::as_str).is_some_and(|subtype| subtype.eq_ignore_ascii_case("html"))
}
