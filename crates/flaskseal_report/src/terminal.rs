//! The report for people: the checklist first, then each finding with its source, then what was not looked at.

use std::fmt::{Display, Write as _};

use anstyle::{AnsiColor, Style};
use flaskseal_core::{
    AppReport, CONTROLS, Confidence, ControlReport, ControlState, GateReport, ItemReport, LedgerEntry,
    LedgerKind, ReportedFinding, RuleMeta, Severity, Standing, Tree, Verdict,
};
use unicode_width::UnicodeWidthStr;

use crate::RenderOptions;
use crate::mask::Masks;
use crate::place::{harmless, short};
use crate::summary::Summary;

mod source;

/// Lines of the ledger that are shown of each kind, unless everything is asked for.
const LEDGER_LINES: usize = 3;

pub(crate) fn render(
    report: &GateReport,
    tree: &Tree,
    rules: &[&'static RuleMeta],
    options: &RenderOptions,
) -> String {
    if options.quiet >= 2 {
        return String::new();
    }
    let mut page = Page {
        report,
        tree,
        rules,
        masks: Masks::new(report, tree),
        color: options.color,
        width: options.width.clamp(40, 200),
        verbose: options.verbose > 0,
        out: String::new(),
    };
    if options.quiet == 0 {
        page.header();
        page.checklists();
    }
    page.findings();
    if options.quiet == 0 {
        page.accepted();
        page.conflicts();
        page.ledger();
    }
    page.gate();
    // What a terminal could take for the start of an escape sequence, and no line of source needs.
    page.out.chars().map(|c| if ('\u{80}'..='\u{9f}').contains(&c) { '\u{fffd}' } else { c }).collect()
}

struct Page<'r> {
    report: &'r GateReport,
    tree: &'r Tree,
    rules: &'r [&'static RuleMeta],
    masks: Masks,
    color: bool,
    width: usize,
    verbose: bool,
    out: String,
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

const fn bold(color: AnsiColor) -> Style {
    Style::new().bold().fg_color(Some(anstyle::Color::Ansi(color)))
}

/// Starts of an application that are listed one by one.
const MAX_ENTRIES: usize = 6;

impl Page<'_> {
    fn header(&mut self) {
        let ledger = &self.report.ledger;
        let mut seen: Vec<String> = Vec::new();
        if self.has_tree() {
            seen.push(format!(
                "{} Python {}, {} {}",
                grouped(ledger.python_files),
                plural(ledger.python_files, "file", "files"),
                grouped(ledger.python_lines),
                plural(ledger.python_lines, "line", "lines")
            ));
        }
        if ledger.deployment_files > 0 {
            let files_word = plural(ledger.deployment_files, "file", "files");
            seen.push(format!("{} deployment {files_word}", grouped(ledger.deployment_files)));
        }
        if ledger.answers > 0 {
            let answers = plural(ledger.answers, "answer", "answers");
            seen.push(format!("{} {answers} of the running site", grouped(ledger.answers)));
        }
        let files = seen.join(", ");
        let title = self.paint(BOLD, concat!("flaskseal ", env!("CARGO_PKG_VERSION")));
        let root = harmless(&self.report.root);
        let _ = writeln!(self.out, "{title}  {root}  {}", self.paint(DIM, &files));
    }

    /// Whether files were read, and not a running site alone.
    fn has_tree(&self) -> bool {
        !self.tree.files.is_empty() || self.report.ledger.answers == 0
    }

    fn checklists(&mut self) {
        if self.report.apps.is_empty() {
            let _ = writeln!(self.out, "\n  no Flask application was found");
        }
        for app in &self.report.apps {
            self.app(app);
        }
    }

    fn app(&mut self, app: &AppReport) {
        self.out.push('\n');
        let name = self.paint(BOLD, harmless(&app.name));
        let _ = match &*app.entries {
            [] => writeln!(self.out, "{name}  {}", self.paint(DIM, "no production entry known")),
            _ => writeln!(self.out, "{name}  {}", self.paint(DIM, "as production runs it:")),
        };
        for entry in app.entries.iter().take(MAX_ENTRIES) {
            let place = short(self.tree, entry.span).unwrap_or_else(|| entry.found_by.clone());
            let place = self.paint(DIM, format!("({})", harmless(&place)));
            let display = harmless(&self.masks.prose(&entry.display));
            let _ = writeln!(self.out, "  {display} {place}");
        }
        if app.entries.len() > MAX_ENTRIES {
            let more = format!("and {} more", app.entries.len() - MAX_ENTRIES);
            let _ = writeln!(self.out, "  {}", self.paint(DIM, more));
        }
        self.out.push('\n');
        for item in &app.items {
            self.item(item);
        }
    }

    fn item(&mut self, item: &ItemReport) {
        const TITLE: usize = 34;
        const VERDICT: usize = 14;
        const BEFORE_REASON: usize = 2 + 3 + TITLE + 2 + VERDICT;
        let (word, style) = match item.verdict {
            Verdict::Pass => ("PASS", bold(AnsiColor::Green)),
            Verdict::Fail => ("FAIL", bold(AnsiColor::Red)),
            Verdict::NotVerified => ("NOT VERIFIED", bold(AnsiColor::Yellow)),
            Verdict::NotApplicable => ("N/A", DIM),
        };
        let number = self.paint(DIM, item.item.number());
        let verdict = self.paint(style, word);
        let pad = VERDICT - word.len();
        let reason = harmless(&self.masks.prose(&item.reason));
        let _ = write!(self.out, "  {number}  {:TITLE$}  {verdict}", item.item.title());
        if reason.is_empty() {
            self.out.push('\n');
        } else if BEFORE_REASON + reason.width() <= self.width {
            let _ = writeln!(self.out, "{:pad$}{reason}", "");
        } else {
            self.out.push('\n');
            self.wrapped(&reason, 7, 7);
        }
        if self.verbose && !all_alike(&item.controls) {
            for control in &item.controls {
                self.control(control);
            }
        }
    }

    fn control(&mut self, report: &ControlReport) {
        let title =
            CONTROLS.iter().find(|control| control.id == report.control).map_or("", |control| control.title);
        let (mark, style) = match report.state {
            ControlState::Met => ("met", bold(AnsiColor::Green)),
            ControlState::Violated => ("violated", bold(AnsiColor::Red)),
            ControlState::Unknown => ("unknown", bold(AnsiColor::Yellow)),
            ControlState::NotApplicable => ("n/a", DIM),
        };
        let pad = 8 - mark.len();
        let _ = write!(
            self.out,
            "       {:5} {}{:pad$}  ",
            report.control.to_string(),
            self.paint(style, mark),
            ""
        );
        self.wrapped_from(title, 23, 23);
        let mut lines: Vec<(&str, String)> = Vec::new();
        for evidence in &report.support {
            let place = short(self.tree, evidence.span).map_or(String::new(), |place| format!(" ({place})"));
            lines.push(("+", format!("{}{place}", evidence.claim)));
        }
        for gap in &report.gaps {
            let place = short(self.tree, gap.span).map_or(String::new(), |place| format!(" ({place})"));
            let remedy = if gap.remedy.is_empty() { String::new() } else { format!(": {}", gap.remedy) };
            lines.push(("?", format!("{}{place}{remedy}", gap.reason)));
        }
        lines.extend(report.not_applicable.iter().map(|reason| ("-", reason.clone())));
        for (mark, text) in lines {
            let _ = write!(self.out, "{:23}{} ", "", self.paint(DIM, mark));
            let text = harmless(&self.masks.prose(&text));
            self.wrapped_from(&text, 25, 25);
        }
    }

    fn findings(&mut self) {
        let findings: Vec<&ReportedFinding> =
            self.report.findings.iter().filter(|reported| stands(&reported.standing)).collect();
        let (loud, notes): (Vec<_>, Vec<_>) = findings.into_iter().partition(|reported| {
            let finding = &reported.finding;
            self.verbose || (finding.severity > Severity::Low && finding.confidence > Confidence::Tentative)
        });
        let mut last_rule = None;
        for reported in loud {
            let first = last_rule != Some(reported.finding.rule);
            last_rule = Some(reported.finding.rule);
            self.out.push('\n');
            let shown = source::Shown {
                report: self.report,
                tree: self.tree,
                masks: &self.masks,
                name: self
                    .rules
                    .iter()
                    .find(|rule| rule.id == reported.finding.rule)
                    .map_or("", |rule| rule.name),
                introduce: first,
                color: self.color,
                width: self.width,
            };
            self.out.push_str(&shown.finding(reported));
            self.out.push('\n');
        }
        if !notes.is_empty() {
            let heading = self.paint(BOLD, "Notes");
            let _ = writeln!(
                self.out,
                "\n{heading} {}",
                self.paint(DIM, "(they do not block; -v shows their source)")
            );
            for ReportedFinding { finding, .. } in notes {
                let kind = if finding.confidence == Confidence::Tentative {
                    "to review"
                } else {
                    finding.severity.key()
                };
                let style = if kind == "low" { bold(AnsiColor::Cyan) } else { bold(AnsiColor::Magenta) };
                let place = short(self.tree, finding.primary.span)
                    .map_or(String::new(), |place| format!("  {place}"));
                let label = format!("{kind}[{}]", finding.rule);
                let _ = write!(self.out, "  {}", self.paint(style, &label));
                let _ = writeln!(self.out, "{}", self.paint(DIM, harmless(&place)));
                let message = harmless(&self.masks.prose(&finding.message));
                self.wrapped(&message, 4, 4);
            }
        }
    }

    /// Findings that somebody took responsibility for.
    fn accepted(&mut self) {
        let accepted: Vec<&ReportedFinding> =
            self.report.findings.iter().filter(|reported| is_accepted(&reported.standing)).collect();
        if accepted.is_empty() {
            return;
        }
        let heading = self.paint(BOLD, "Accepted");
        let _ = writeln!(self.out, "\n{heading}");
        for ReportedFinding { finding, standing, .. } in accepted {
            let (how, reason) = match standing {
                Standing::Suppressed { reason, by, .. } => (format!("suppressed by {by}"), reason.as_str()),
                Standing::Baselined { accepted } => {
                    ("in the baseline".to_owned(), accepted.as_deref().unwrap_or(""))
                }
                Standing::Counts | Standing::Overruled { .. } => continue,
            };
            let place = short(self.tree, finding.primary.span).unwrap_or_default();
            let label = format!("{}[{}]", finding.severity.key(), finding.rule);
            let _ = writeln!(self.out, "  {label}  {}", self.paint(DIM, harmless(&place)));
            let text = harmless(&self.masks.prose(&format!("{how}: {reason}")));
            self.wrapped(&text, 4, 4);
        }
    }

    /// Findings that a stronger layer contradicts: both sides, so that somebody can find out why.
    fn conflicts(&mut self) {
        let is_conflict =
            |reported: &&ReportedFinding| matches!(reported.standing, Standing::Overruled { .. });
        let conflicts: Vec<&ReportedFinding> = self.report.findings.iter().filter(is_conflict).collect();
        if conflicts.is_empty() {
            return;
        }
        let heading = self.paint(BOLD, "Conflicts between layers");
        let _ = writeln!(self.out, "\n{heading}");
        for ReportedFinding { finding, standing, .. } in conflicts {
            let Standing::Overruled { by } = standing else { continue };
            let place = short(self.tree, finding.primary.span).unwrap_or_default();
            let label = format!("{}[{}]", finding.severity.key(), finding.rule);
            let _ = writeln!(self.out, "  {label}  {}", self.paint(DIM, harmless(&place)));
            self.wrapped(&harmless(&self.masks.prose(&finding.message)), 4, 4);
            let at = short(self.tree, by.span).map_or(String::new(), |place| format!(" ({place})"));
            let text = format!("the {} layer shows otherwise: {}{at}", by.layer.key(), by.claim);
            self.wrapped(&harmless(&self.masks.prose(&text)), 4, 4);
        }
    }

    fn ledger(&mut self) {
        let ledger = &self.report.ledger;
        if !self.has_tree() && ledger.entries.is_empty() {
            return;
        }
        let heading = self.paint(BOLD, "Coverage");
        let _ = writeln!(self.out, "\n{heading}");
        if self.has_tree() {
            self.read_files();
        }
        for kind in [
            LedgerKind::Unreadable,
            LedgerKind::Incomplete,
            LedgerKind::MissingLayer,
            LedgerKind::LeftOut,
            LedgerKind::Suppression,
            LedgerKind::Note,
        ] {
            let entries: Vec<&LedgerEntry> =
                ledger.entries.iter().filter(|entry| entry.kind == kind).collect();
            if !entries.is_empty() {
                self.ledger_kind(kind, &entries);
            }
        }
    }

    fn read_files(&mut self) {
        let ledger = &self.report.ledger;
        let mut seen = format!(
            "{} of {} Python files are part of what production runs",
            grouped(ledger.production_files),
            grouped(ledger.python_files)
        );
        let calls = ledger.calls_resolved + ledger.calls_unresolved;
        if calls > 0 {
            let _ = write!(seen, "; {} of {} calls resolved", grouped(ledger.calls_resolved), grouped(calls));
        }
        self.wrapped(&seen, 2, 4);
    }

    fn ledger_kind(&mut self, kind: LedgerKind, entries: &[&LedgerEntry]) {
        let (title, style) = match kind {
            LedgerKind::Unreadable => ("not read", bold(AnsiColor::Yellow)),
            LedgerKind::Incomplete => ("incomplete", bold(AnsiColor::Yellow)),
            LedgerKind::MissingLayer => ("not given", DIM),
            LedgerKind::LeftOut => ("left out", DIM),
            LedgerKind::Suppression => ("suppressions", bold(AnsiColor::Yellow)),
            LedgerKind::Note => ("notes", DIM),
        };
        let shown = match kind {
            _ if self.verbose => entries.len(),
            LedgerKind::LeftOut => 0,
            _ => LEDGER_LINES,
        };
        let _ = write!(self.out, "  {}", self.paint(style, title));
        let hidden = entries.len().saturating_sub(shown);
        let _ = match (shown, hidden) {
            (0, hidden) => writeln!(self.out, " {} {}", grouped(hidden), self.paint(DIM, "(-v lists them)")),
            _ => writeln!(self.out, " {}", grouped(entries.len())),
        };
        for entry in entries.iter().take(shown) {
            let place = short(self.tree, entry.span).unwrap_or_else(|| entry.path.clone());
            let text = match (place.is_empty(), entry.message.is_empty()) {
                (true, _) => entry.message.clone(),
                (false, true) => place,
                (false, false) => format!("{place}: {}", entry.message),
            };
            let text = harmless(&self.masks.prose(&text));
            self.wrapped(&text, 4, 6);
        }
        if shown > 0 && hidden > 0 {
            let _ =
                writeln!(self.out, "    {}", self.paint(DIM, format!("and {} more: -v", grouped(hidden))));
        }
    }

    fn gate(&mut self) {
        let gate = &self.report.gate;
        let summary = Summary::of(self.report);
        let (word, style) = if gate.passed {
            ("Gate passes", bold(AnsiColor::Green))
        } else {
            ("Gate fails", bold(AnsiColor::Red))
        };
        let mut text = format!(": {}", summary.findings());
        let items = summary.items();
        if !items.is_empty() {
            let _ = write!(text, "; {items}");
        }
        if gate.fail_on != Severity::Medium {
            let _ = write!(text, "; fails on {} and above", gate.fail_on.key());
        }
        if !gate.unverified_required.is_empty() {
            let keys: Vec<_> = gate.unverified_required.iter().map(|item| item.key()).collect();
            let _ = write!(text, "; required and not verified: {}", keys.join(", "));
        }
        let _ = write!(self.out, "\n{}", self.paint(style, word));
        self.wrapped_from(&text, word.len(), 2);
    }

    /// Text at an indentation, and on further lines at another.
    fn wrapped(&mut self, text: &str, first: usize, rest: usize) {
        let _ = write!(self.out, "{:first$}", "");
        self.wrapped_from(text, first, rest);
    }

    /// Text on a line of which `used` columns are taken.
    fn wrapped_from(&mut self, text: &str, used: usize, rest: usize) {
        let mut lines =
            wrap(text, self.width.saturating_sub(used), self.width.saturating_sub(rest)).into_iter();
        let _ = writeln!(self.out, "{}", lines.next().unwrap_or_default());
        for line in lines {
            let _ = writeln!(self.out, "{:rest$}{line}", "");
        }
    }

    fn paint(&self, style: Style, text: impl Display) -> String {
        if self.color { format!("{style}{text}{style:#}") } else { text.to_string() }
    }
}

/// Whether every control is unknown for one and the same reason, which the item's own line gives.
fn all_alike(controls: &[ControlReport]) -> bool {
    let unknown =
        |control: &ControlReport| control.state == ControlState::Unknown && control.support.is_empty();
    controls.iter().all(unknown) && controls.windows(2).all(|pair| pair[0].gaps == pair[1].gaps)
}

/// Whether nobody took responsibility for the finding.
fn stands(standing: &Standing) -> bool {
    matches!(standing, Standing::Counts | Standing::Baselined { accepted: None })
}

/// Whether somebody did.
fn is_accepted(standing: &Standing) -> bool {
    matches!(standing, Standing::Suppressed { .. } | Standing::Baselined { accepted: Some(_) })
}

/// Breaks text between words into lines of so many columns. A word that is wider keeps its line to itself.
fn wrap(text: &str, first: usize, rest: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let width = if lines.len() == 1 { first } else { rest };
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn plural<'a>(count: usize, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}

/// `1,234,567`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn text_is_wrapped_by_columns_not_by_bytes() {
        assert_eq!(wrap("한국어 두 단어", 6, 9), ["한국어", "두 단어"]);
        assert_eq!(wrap("a unbreakable-word b", 5, 5), ["a", "unbreakable-word", "b"]);
        assert_eq!(wrap("", 5, 5), [""]);
    }
}
