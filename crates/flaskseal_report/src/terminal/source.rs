//! A finding with its source lines, in the manner of the Rust compiler.

use std::ops::Range;

use annotate_snippets::renderer::DEFAULT_TERM_WIDTH;
use annotate_snippets::{Annotation, AnnotationKind, Element, Group, Level, Renderer, Snippet};
use anstyle::AnsiColor;
use flaskseal_core::{
    Confidence, Evidence, FileId, GateReport, ReportedFinding, Severity, Standing, TextRange, Tree,
};

use super::{bold, wrap};
use crate::mask::{Masks, fit};
use crate::place::harmless;

/// Places of one file that are further apart are shown apart.
const NEAR: u32 = 8;

/// A longer primary place is pointed at by its first line.
const TALL: u32 = 5;

/// Columns before the text of a footer: the gutter and `= fix: `.
const FOOTER_INDENT: usize = 14;

pub(super) struct Shown<'r> {
    pub(super) report: &'r GateReport,
    pub(super) tree: &'r Tree,
    pub(super) masks: &'r Masks,
    pub(super) name: &'static str,
    /// The first finding of its rule says where to read more.
    pub(super) introduce: bool,
    pub(super) color: bool,
    pub(super) width: usize,
}

/// A place that is to be pointed at.
struct Mark {
    file: FileId,
    range: TextRange,
    lines: (u32, u32),
    label: String,
    primary: bool,
}

impl Shown<'_> {
    pub(super) fn finding(&self, reported: &ReportedFinding) -> String {
        let finding = &reported.finding;
        let name = finding.severity.key();
        let level = level(finding.severity).with_name(name);
        let title_width = self.width.saturating_sub(name.len() + finding.rule.to_string().len() + 4);
        let title = wrap(&self.clean(&finding.message), title_width, title_width).join("\n");
        let mut group = Group::with_title(level.primary_title(title).id(finding.rule.to_string()));
        for (path, excerpts) in self.snippets(reported) {
            for (source, first_line, annotations) in excerpts {
                group = group.element(
                    Snippet::source(source)
                        .line_start(first_line)
                        .path(path.clone())
                        .annotations(annotations),
                );
            }
        }
        for (level, text) in self.footers(reported) {
            let width = self.width.saturating_sub(FOOTER_INDENT);
            let text = wrap(&text, width, width).join("\n");
            group = group.element(Element::from(level.message(text)));
        }
        self.renderer(finding.severity).render(&[group])
    }

    /// By file, the primary one first; in each file by line.
    #[expect(clippy::type_complexity, reason = "read once, just above")]
    fn snippets(
        &self,
        reported: &ReportedFinding,
    ) -> Vec<(String, Vec<(String, usize, Vec<Annotation<'static>>)>)> {
        let finding = &reported.finding;
        let numbered = finding.trail.len() > 1;
        let mut marks: Vec<Mark> = self.mark(&finding.primary, None, true).into_iter().collect();
        for (index, step) in finding.trail.iter().enumerate() {
            marks.extend(self.mark(step, numbered.then_some(index + 1), false));
        }
        let mut files: Vec<FileId> = Vec::new();
        for mark in &marks {
            if !files.contains(&mark.file) {
                files.push(mark.file);
            }
        }
        let mut shown = Vec::new();
        for id in files {
            let Some(file) = self.tree.get(id) else { continue };
            let mut here: Vec<&Mark> = marks.iter().filter(|mark| mark.file == id).collect();
            here.sort_by_key(|mark| (mark.lines, mark.range));
            let mut clusters: Vec<Vec<&Mark>> = Vec::new();
            for mark in here {
                match clusters.last_mut() {
                    Some(cluster)
                        if cluster.iter().any(|near| mark.lines.0 <= near.lines.1.saturating_add(NEAR)) =>
                    {
                        cluster.push(mark);
                    }
                    _ => clusters.push(vec![mark]),
                }
            }
            // What to look at first comes first, whatever its line.
            clusters.sort_by_key(|cluster| !cluster.iter().any(|mark| mark.primary));
            let excerpts = clusters
                .into_iter()
                .map(|cluster| {
                    let first = cluster.iter().map(|mark| mark.lines.0).min().unwrap_or(1);
                    let last = cluster.iter().map(|mark| mark.lines.1).max().unwrap_or(1);
                    let keep: Vec<TextRange> = cluster.iter().map(|mark| mark.range).collect();
                    let excerpt = self.masks.excerpt(id, file, (first, last), &keep);
                    let annotations = cluster
                        .iter()
                        .map(|mark| {
                            let kind =
                                if mark.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
                            let span: Range<usize> = excerpt.locate(mark.range);
                            kind.span(span).label((!mark.label.is_empty()).then(|| mark.label.clone()))
                        })
                        .collect();
                    (excerpt.text, excerpt.first_line as usize, annotations)
                })
                .collect();
            shown.push((harmless(&file.path), excerpts));
        }
        shown
    }

    fn mark(&self, evidence: &Evidence, number: Option<usize>, primary: bool) -> Option<Mark> {
        let span = evidence.span?;
        let file = self.tree.get(span.file)?;
        let mut range = fit(file, span.range);
        let first = file.lines().line(range.start);
        let mut last = file.lines().line(range.end.saturating_sub(1).max(range.start));
        if last - first >= TALL {
            last = first;
            range.end = file.lines().line_range(&file.text, first).end.max(range.start);
        }
        let claim = self.clean(&evidence.claim);
        let label = number.map_or(claim.clone(), |number| format!("{number}: {claim}"));
        Some(Mark { file: span.file, range, lines: (first, last), label, primary })
    }

    fn footers(&self, reported: &ReportedFinding) -> Vec<(Level<'static>, String)> {
        let finding = &reported.finding;
        let mut footers = Vec::new();
        let note = |text: String| (Level::NOTE, text);
        if finding.primary.span.is_none() && !finding.primary.claim.is_empty() {
            footers.push(note(self.clean(&finding.primary.claim)));
        }
        let numbered = finding.trail.len() > 1;
        for (index, step) in finding.trail.iter().enumerate().filter(|(_, step)| step.span.is_none()) {
            let number = if numbered { format!("{}: ", index + 1) } else { String::new() };
            footers.push(note(format!("{number}{}", self.clean(&step.claim))));
        }
        if self.report.apps.len() > 1 {
            let apps: Vec<_> = reported
                .apps
                .iter()
                .filter_map(|&app| self.report.apps.get(app))
                .map(|app| harmless(&app.name))
                .collect();
            footers.push(note(format!("in {}", apps.join(", "))));
        }
        if finding.confidence == Confidence::Tentative {
            footers.push(note("to review: a guess by name or shape, which never fails the gate".to_owned()));
        }
        if matches!(reported.standing, Standing::Baselined { accepted: None }) {
            footers.push(note("in the baseline, and accepted by nobody".to_owned()));
        }
        if let Some(fix) = &finding.fix {
            footers.push((Level::HELP.with_name("fix"), self.clean(&fix.advice)));
        }
        if self.introduce && !self.name.is_empty() {
            footers.push(note(format!("{}: `flaskseal explain {}`", self.name, finding.rule)));
        }
        footers
    }

    fn clean(&self, text: &str) -> String {
        harmless(&self.masks.prose(text))
    }

    fn renderer(&self, severity: Severity) -> Renderer {
        let renderer = if self.color { Renderer::styled().hyperlink(false) } else { Renderer::plain() };
        let renderer = renderer.term_width(self.width.max(DEFAULT_TERM_WIDTH / 2));
        if !self.color {
            return renderer;
        }
        let renderer = renderer.help(bold(AnsiColor::Green));
        match severity {
            Severity::Critical => renderer.error(bold(AnsiColor::Magenta)),
            Severity::High => renderer.error(bold(AnsiColor::Red)),
            Severity::Medium => renderer.warning(bold(AnsiColor::Yellow)),
            Severity::Low => renderer.info(bold(AnsiColor::Cyan)),
        }
    }
}

const fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Critical | Severity::High => Level::ERROR,
        Severity::Medium => Level::WARNING,
        Severity::Low => Level::INFO,
    }
}
