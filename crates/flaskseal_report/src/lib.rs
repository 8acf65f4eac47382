//! Reports: terminal, JSON, SARIF, one line a finding, and annotations for a pull request.
//!
//! Pure functions from a judged report to text. They alone turn bytes into lines and columns, and they alone print
//! source: every line of it goes through `mask`, so that no format can show a secret. The same report gives the
//! same bytes; time, paths of the machine and the terminal are not asked.

use std::str::FromStr;

use flaskseal_core::{GateReport, RuleMeta, Tree};

mod mask;

mod place;

mod summary;

mod terminal;

mod json;

mod sarif;

mod lines;

/// How a report is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Format {
    /// For people: the checklist, then each finding with its source.
    Terminal,
    /// The whole report, by `schemas/report-1.schema.json`.
    Json,
    /// SARIF 2.1.0, for code scanning services.
    Sarif,
    /// A line for each finding: `path:line:column: severity[rule] message`.
    Concise,
    /// Workflow commands that GitHub Actions turns into annotations.
    Github,
}

impl Format {
    pub const ALL: [Self; 5] = [Self::Terminal, Self::Json, Self::Sarif, Self::Concise, Self::Github];

    pub const fn key(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Json => "json",
            Self::Sarif => "sarif",
            Self::Concise => "concise",
            Self::Github => "github",
        }
    }
}

/// The name is none of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a report format: terminal, json, sarif, concise or github")]
pub struct FormatError;

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        Self::ALL.into_iter().find(|format| format.key() == text).ok_or(FormatError)
    }
}

/// How the terminal wants it. Formats for programs ignore this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RenderOptions {
    /// Whether to write ANSI escapes.
    pub color: bool,
    /// Columns.
    pub width: usize,
    /// 1: every control with its evidence, the whole coverage ledger, every note with its source.
    pub verbose: u8,
    /// 1: findings and the last line alone; 2: nothing.
    pub quiet: u8,
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self { color: false, width: 100, verbose: 0, quiet: 0 }
    }
}

/// Writes the report. `rules` are the rules that ran.
pub fn render(
    format: Format,
    report: &GateReport,
    tree: &Tree,
    rules: &[&'static RuleMeta],
    options: &RenderOptions,
) -> String {
    match format {
        Format::Terminal => terminal::render(report, tree, rules, options),
        Format::Json => json::render(report, tree, rules),
        Format::Sarif => sarif::render(report, tree, rules),
        Format::Concise => lines::concise(report, tree),
        Format::Github => lines::github(report, tree, rules),
    }
}
