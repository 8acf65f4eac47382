//! Formats of one line a finding: for editors and logs, and for GitHub Actions.

use std::fmt::Write as _;

use flaskseal_core::{GateReport, ReportedFinding, RuleMeta, Severity, Standing, Tree};

use crate::mask::Masks;
use crate::place::{Place, harmless, short};
use crate::summary::Summary;

/// `path:line:column: severity[rule] message`, then the gate's line. Suppressed and accepted findings are counted.
pub(crate) fn concise(report: &GateReport, tree: &Tree) -> String {
    let masks = Masks::new(report, tree);
    let mut out = String::new();
    for ReportedFinding { finding, .. } in standing(report) {
        let place = short(tree, finding.primary.span).map_or(String::new(), |place| format!("{place}: "));
        let message = masks.prose(&finding.message);
        let line = format!("{place}{}[{}] {message}", finding.severity.key(), finding.rule);
        let _ = writeln!(out, "{}", harmless(&line));
    }
    let _ = writeln!(out, "{}", gate_line(report));
    out
}

/// Workflow commands (docs.github.com, "Workflow commands for GitHub Actions"), then the checklist and the gate's
/// line as text: GitHub shows ten annotations a step, and the log shows all.
pub(crate) fn github(report: &GateReport, tree: &Tree, rules: &[&'static RuleMeta]) -> String {
    let masks = Masks::new(report, tree);
    let mut out = String::new();
    for ReportedFinding { finding, .. } in standing(report) {
        let command = match finding.severity {
            Severity::Critical | Severity::High => "error",
            Severity::Medium => "warning",
            Severity::Low => "notice",
        };
        // What was observed is in no file of the repository: its address stands before the message.
        let in_file = finding.primary.span.filter(|span| !tree.is_observed(span.file));
        let observed = finding.primary.span.filter(|span| tree.is_observed(span.file));
        let address = observed.and_then(|span| tree.get(span.file)).map_or("", |text| &*text.path);
        let place = in_file.and_then(|span| Place::of(tree, span)).map_or(String::new(), |place| {
            let mut text = format!("file={},line={}", property(place.path), place.start.line);
            let _ = write!(text, ",col={},endLine={}", place.start.column, place.end.line);
            if place.end.line == place.start.line {
                let _ = write!(text, ",endColumn={}", place.end.column);
            }
            text + ","
        });
        let name = rules.iter().find(|rule| rule.id == finding.rule).map_or("", |rule| rule.name);
        let title = format!("{} {} {name}", finding.severity.key(), finding.rule);
        let fix =
            finding.fix.as_ref().map_or(String::new(), |fix| format!("\nfix: {}", masks.prose(&fix.advice)));
        let separator = if address.is_empty() { "" } else { ": " };
        let message = format!("{address}{separator}{}{fix}", masks.prose(&finding.message));
        let _ = writeln!(out, "::{command} {place}title={}::{}", property(title.trim_end()), data(&message));
    }
    for app in &report.apps {
        for item in &app.items {
            let verdict = item.verdict.key().replace('-', " ");
            let (number, title) = (item.item.number(), item.item.title());
            // The first word keeps a hostile name from opening the line, where it could be a command.
            let line = format!(
                "checklist: {}: {number} {title}: {verdict}: {}",
                app.name,
                masks.prose(&item.reason)
            );
            let _ = writeln!(out, "{}", harmless(&line));
        }
    }
    let _ = writeln!(out, "{}", gate_line(report));
    out
}

fn standing(report: &GateReport) -> impl Iterator<Item = &ReportedFinding> {
    report.findings.iter().filter(|reported| match &reported.standing {
        Standing::Counts | Standing::Baselined { accepted: None } => true,
        Standing::Suppressed { .. }
        | Standing::Baselined { accepted: Some(_) }
        | Standing::Overruled { .. } => false,
    })
}

/// The last line of every text format.
pub(crate) fn gate_line(report: &GateReport) -> String {
    let summary = Summary::of(report);
    let gate = if report.gate.passed { "gate passes" } else { "gate fails" };
    let mut line = format!("{gate} at {}: {}", report.gate.fail_on.key(), summary.findings());
    let items = summary.items();
    if !items.is_empty() {
        let _ = write!(line, "; {items}");
    }
    if !report.gate.unverified_required.is_empty() {
        let keys: Vec<_> = report.gate.unverified_required.iter().map(|item| item.key()).collect();
        let _ = write!(line, "; required and not verified: {}", keys.join(", "));
    }
    line
}

fn data(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(harmless).collect();
    lines.join("\n").replace('%', "%25").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    harmless(text).replace('%', "%25").replace(':', "%3A").replace(',', "%2C")
}
