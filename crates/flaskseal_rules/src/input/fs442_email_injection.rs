//! FS442: request data decides on the headers or the recipients of a mail.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Alphabet, Fact, FactKind, Rope, Segment};

use super::NO_INJECTION;
use crate::Rule;
use crate::flow::{Breach, flows, line, report, text};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(442),
    name: "email-injection",
    summary: "Request data decides on the headers or the recipients of a mail.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[93, 20],
    owasp: Some("A03"),
    asvs: &["V1.3.11"],
    fix: FixAvailability::None,
    page: include_str!("fs442_email_injection.md"),
};

pub(crate) struct EmailInjection;

impl Rule for EmailInjection {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        for flow in flows(cx, &["mail.message"]) {
            let Some(rope) = flow.text().as_ref().and_then(headers) else { continue };
            for breach in line::breaches(
                &rope,
                "in the headers of a mail",
                "x\r\nBcc: all@example.org",
                Severity::Medium,
            ) {
                found.push(
                    flow.found(breach).advise(
                        "build the mail with `email.message.EmailMessage`, which refuses line breaks",
                    ),
                );
            }
        }
        for flow in flows(cx, &["mail.header", "mail.recipient"]) {
            // The other headers go where the program sends them, and the classes of mails refuse line breaks.
            let header = || flow.event.positional.first().and_then(Fact::as_str).map(str::to_ascii_lowercase);
            if &*flow.sink.context == "mail.header"
                && !matches!(header().as_deref(), Some("to" | "cc" | "bcc" | "resent-to"))
            {
                continue;
            }
            let recipients = match &flow.value.kind {
                FactKind::Sequence { items, .. } => items.iter().filter_map(text).collect(),
                _ => Vec::from_iter(flow.text()),
            };
            let breaches = recipients.iter().flat_map(Rope::holes).filter_map(|hole| {
                Breach::of(
                    hole,
                    "as a recipient of a mail",
                    Alphabet::of("@"),
                    &["victim@example.org"],
                    Severity::Low,
                )
            });
            for breach in breaches.take(1) {
                found.push(
                    flow.found(breach)
                        .advise("send to addresses that their owners have confirmed, and limit how often"),
                );
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}

/// The part of a raw message before its first empty line; `None` where it has none or no headers.
fn headers(message: &Rope) -> Option<Rope> {
    let is_raw = message.literal_prefix().split('\n').next().is_some_and(|line| line.contains(':'));
    if !is_raw {
        return None;
    }
    let mut parts = Vec::new();
    for segment in message.segments() {
        match segment {
            Segment::Literal(text) => {
                let end = text.find("\n\n").or_else(|| text.find("\r\n\r\n"));
                parts.push(Rope::literal(text.get(..end.unwrap_or(text.len())).unwrap_or(text)));
                if end.is_some() {
                    break;
                }
            }
            Segment::Hole(hole) => parts.push(Rope::from(hole.clone())),
        }
    }
    Some(Rope::concat(parts))
}
