//! JSON: the whole report, by `schemas/report-1.schema.json`.
//!
//! The structs below are the format. Within `flaskseal-report/1` members are only ever added; anything else is
//! version 2.

use flaskseal_core::{
    Applicability, CONTROLS, ControlReport, Evidence, FixAvailability, Gap, GateReport, ReportedFinding,
    RuleMeta, Span, Standing, Tree,
};
use serde::Serialize;

use crate::mask::Masks;
use crate::place::Place;
use crate::summary::Summary;

pub(crate) fn render(report: &GateReport, tree: &Tree, rules: &[&'static RuleMeta]) -> String {
    let writer = Writer { report, tree, rules, masks: Masks::new(report, tree) };
    let mut text = serde_json::to_string_pretty(&writer.report()).expect("the report has string keys alone");
    text.push('\n');
    text
}

#[derive(Serialize)]
struct Report<'r> {
    schema: &'static str,
    tool: Tool,
    root: &'r str,
    gate: Gate,
    summary: Counts,
    apps: Vec<App<'r>>,
    findings: Vec<Finding<'r>>,
    ledger: Ledger,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Gate {
    passed: bool,
    fail_on: &'static str,
    unverified_required: Vec<&'static str>,
}

#[derive(Serialize)]
struct Counts {
    critical: usize,
    high: usize,
    medium: usize,
    low: usize,
    to_review: usize,
    suppressed: usize,
    baselined: usize,
}

#[derive(Serialize)]
struct App<'r> {
    name: &'r str,
    entries: Vec<Entry<'r>>,
    items: Vec<Item>,
}

#[derive(Serialize)]
struct Entry<'r> {
    display: String,
    found_by: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Location>,
}

#[derive(Serialize)]
struct Item {
    number: u8,
    key: &'static str,
    title: &'static str,
    verdict: &'static str,
    reason: String,
    controls: Vec<Control>,
}

#[derive(Serialize)]
struct Control {
    id: String,
    title: &'static str,
    required: bool,
    state: &'static str,
    support: Vec<Claim>,
    gaps: Vec<Missing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_applicable: Option<String>,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are the format")]
struct Claim {
    claim: String,
    layer: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Location>,
}

#[derive(Serialize)]
struct Missing {
    reason: String,
    remedy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Location>,
}

#[derive(Serialize)]
struct Location {
    path: String,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
}

#[derive(Serialize)]
struct Finding<'r> {
    rule: String,
    name: &'static str,
    severity: &'static str,
    confidence: &'static str,
    message: String,
    fingerprint: &'r str,
    apps: Vec<&'r str>,
    primary: Claim,
    trail: Vec<Claim>,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<Request>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<Fix>,
    standing: StandingOut<'r>,
}

/// A request, complete but for `Host` and `Content-Length`.
#[derive(Serialize)]
struct Request {
    method: String,
    target: String,
    /// Lines, `name: value`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

#[derive(Serialize)]
struct Fix {
    advice: String,
    applicability: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    edits: Vec<Edit>,
}

#[derive(Serialize)]
struct Edit {
    location: Location,
    replacement: String,
}

#[derive(Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
enum StandingOut<'r> {
    Counts,
    Suppressed {
        reason: &'r str,
        by: &'r str,
        #[serde(skip_serializing_if = "Option::is_none")]
        location: Option<Location>,
    },
    Baselined {
        #[serde(skip_serializing_if = "Option::is_none")]
        accepted: Option<&'r str>,
    },
    Overruled {
        by: Claim,
    },
}

#[derive(Serialize)]
struct Ledger {
    python_files: usize,
    python_lines: usize,
    deployment_files: usize,
    #[serde(skip_serializing_if = "is_zero")]
    answers: usize,
    production_files: usize,
    calls_resolved: usize,
    calls_unresolved: usize,
    entries: Vec<LedgerLine>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[derive(Serialize)]
struct LedgerLine {
    kind: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Location>,
    message: String,
}

struct Writer<'r> {
    report: &'r GateReport,
    tree: &'r Tree,
    rules: &'r [&'static RuleMeta],
    masks: Masks,
}

impl<'r> Writer<'r> {
    fn report(&self) -> Report<'r> {
        let GateReport { root, gate, findings, ledger, apps } = self.report;
        let summary = Summary::of(self.report);
        let [critical, high, medium, low] = summary.by_severity.map(|(_, count)| count);
        Report {
            schema: "flaskseal-report/1",
            tool: Tool { name: "flaskseal", version: env!("CARGO_PKG_VERSION") },
            root,
            gate: Gate {
                passed: gate.passed,
                fail_on: gate.fail_on.key(),
                unverified_required: gate.unverified_required.iter().map(|item| item.key()).collect(),
            },
            summary: Counts {
                critical,
                high,
                medium,
                low,
                to_review: summary.to_review,
                suppressed: summary.suppressed,
                baselined: summary.baselined,
            },
            apps: apps.iter().map(|app| self.app(app)).collect(),
            findings: findings.iter().map(|finding| self.finding(finding)).collect(),
            ledger: Ledger {
                python_files: ledger.python_files,
                python_lines: ledger.python_lines,
                deployment_files: ledger.deployment_files,
                answers: ledger.answers,
                production_files: ledger.production_files,
                calls_resolved: ledger.calls_resolved,
                calls_unresolved: ledger.calls_unresolved,
                entries: ledger
                    .entries
                    .iter()
                    .map(|entry| LedgerLine {
                        kind: entry.kind.key(),
                        path: entry.path.clone(),
                        location: self.location(entry.span),
                        message: self.prose(&entry.message),
                    })
                    .collect(),
            },
        }
    }

    fn app(&self, app: &'r flaskseal_core::AppReport) -> App<'r> {
        App {
            name: &app.name,
            entries: app
                .entries
                .iter()
                .map(|entry| Entry {
                    display: self.prose(&entry.display),
                    found_by: &entry.found_by,
                    location: self.location(entry.span),
                })
                .collect(),
            items: app
                .items
                .iter()
                .map(|item| Item {
                    number: item.item.number(),
                    key: item.item.key(),
                    title: item.item.title(),
                    verdict: item.verdict.key(),
                    reason: self.prose(&item.reason),
                    controls: item.controls.iter().map(|control| self.control(control)).collect(),
                })
                .collect(),
        }
    }

    fn control(&self, report: &ControlReport) -> Control {
        let control = CONTROLS.iter().find(|control| control.id == report.control);
        Control {
            id: report.control.to_string(),
            title: control.map_or("", |control| control.title),
            required: control.is_some_and(|control| control.required),
            state: report.state.key(),
            support: report.support.iter().map(|evidence| self.claim(evidence)).collect(),
            gaps: report.gaps.iter().map(|gap| self.missing(gap)).collect(),
            not_applicable: report.not_applicable.as_deref().map(|reason| self.prose(reason)),
        }
    }

    fn finding(&self, reported: &'r ReportedFinding) -> Finding<'r> {
        let ReportedFinding { finding, standing, apps, fingerprint } = reported;
        let meta = self.rules.iter().find(|rule| rule.id == finding.rule);
        Finding {
            rule: finding.rule.to_string(),
            name: meta.map_or("", |meta| meta.name),
            severity: finding.severity.key(),
            confidence: finding.confidence.key(),
            message: self.prose(&finding.message),
            fingerprint,
            apps: apps.iter().filter_map(|&app| self.report.apps.get(app)).map(|app| &*app.name).collect(),
            primary: self.claim(&finding.primary),
            trail: finding.trail.iter().map(|step| self.claim(step)).collect(),
            scope: &finding.scope,
            example: finding.example.as_ref().map(|example| self.request(example)),
            fix: finding.fix.as_ref().map(|fix| self.fix(fix)),
            standing: match standing {
                Standing::Counts => StandingOut::Counts,
                Standing::Suppressed { reason, by, span } => {
                    StandingOut::Suppressed { reason, by, location: self.location(*span) }
                }
                Standing::Baselined { accepted } => StandingOut::Baselined { accepted: accepted.as_deref() },
                Standing::Overruled { by } => StandingOut::Overruled { by: self.claim(by) },
            },
        }
    }

    fn request(&self, request: &flaskseal_core::Request) -> Request {
        let headers = request.all_headers();
        Request {
            method: request.method.clone(),
            target: self.prose(&request.target),
            headers: headers.iter().map(|(name, value)| self.prose(&format!("{name}: {value}"))).collect(),
            body: request.body.as_ref().map(|body| self.prose(&body.text())),
        }
    }

    /// An edit that would print a secret is left out; the advice remains.
    fn fix(&self, fix: &flaskseal_core::Fix) -> Fix {
        let edits = fix.edits.iter().map(|edit| {
            let location = self.location(Some(edit.span))?;
            let open = self.masks.prose(&edit.replacement) == edit.replacement;
            open.then(|| Edit { location, replacement: edit.replacement.clone() })
        });
        Fix {
            advice: self.prose(&fix.advice),
            applicability: match fix.applicability {
                Applicability::Safe => FixAvailability::Safe.key(),
                Applicability::Unsafe => FixAvailability::Unsafe.key(),
                Applicability::DisplayOnly => "display-only",
            },
            edits: edits.collect::<Option<_>>().unwrap_or_default(),
        }
    }

    fn claim(&self, evidence: &Evidence) -> Claim {
        Claim {
            claim: self.prose(&evidence.claim),
            layer: evidence.layer.key(),
            location: self.location(evidence.span),
        }
    }

    fn missing(&self, gap: &Gap) -> Missing {
        Missing {
            reason: self.prose(&gap.reason),
            remedy: self.prose(&gap.remedy),
            location: self.location(gap.span),
        }
    }

    fn location(&self, span: Option<Span>) -> Option<Location> {
        let place = Place::of(self.tree, span?)?;
        Some(Location {
            path: place.path.to_owned(),
            line: place.start.line,
            column: place.start.column,
            end_line: place.end.line,
            end_column: place.end.column,
        })
    }

    fn prose(&self, text: &str) -> String {
        self.masks.prose(text).into_owned()
    }
}
