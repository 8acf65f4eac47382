//! FS441: request data that can hold line breaks is written to a log.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Event, Fact};

use super::NO_INJECTION;
use crate::Rule;
use crate::flow::{flows, line, report};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(441),
    name: "log-injection",
    summary: "Request data that can hold line breaks is written to a log.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[117],
    owasp: Some("A09"),
    asvs: &["V16.4.1"],
    fix: FixAvailability::None,
    page: include_str!("fs441_log_injection.md"),
};

pub(crate) struct LogInjection;

impl Rule for LogInjection {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        for flow in flows(cx, &["log"]) {
            if is_quoted(flow.event, flow.value) {
                continue;
            }
            let Some(rope) = flow.text() else { continue };
            for breach in line::breaches(&rope, "in a log record", "x\nINFO login of admin", Severity::Low) {
                found.push(flow.found(breach).advise("log it with `%r`, which writes line breaks as `\\n`"));
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}

/// Whether the message formats an argument with `%r`, `%a` or as a number.
fn is_quoted(event: &Event, value: &Fact) -> bool {
    let message = event.positional.iter().position(|argument| argument.as_str().is_some());
    let index = event.positional.iter().position(|argument| contains(argument, value));
    let (Some(message), Some(index)) = (message, index) else { return false };
    let text = event.positional[message].as_str().unwrap_or_default();
    let Some(number) = index.checked_sub(message + 1) else { return false };
    conversions(text).nth(number).is_some_and(|conversion| conversion != 's')
}

fn contains(argument: &Fact, value: &Fact) -> bool {
    argument.alternatives().iter().any(|(one, _)| std::ptr::eq(*one, value)) || std::ptr::eq(argument, value)
}

/// The letters of the conversions of a format: `s` and `r` of `%s and %-10r`.
fn conversions(format: &str) -> impl Iterator<Item = char> {
    format.split('%').skip(1).filter_map(|piece| {
        piece
            .chars()
            .find(|c| !matches!(c, '0'..='9' | '-' | '+' | ' ' | '#' | '.' | '*'))
            .filter(|c| c.is_alphabetic())
    })
}
