//! SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format Version 2.1.0"), for code scanning services.
//!
//! Section numbers below are of that standard. Empty arrays are left out, but for `results`, whose presence says that
//! the analysis ran.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use flaskseal_core::{
    Applicability, Confidence, Evidence, Finding, GateReport, LedgerEntry, LedgerKind, ReportedFinding,
    RuleMeta, Severity, Span, Standing, Tree,
};
use serde::Serialize;

use crate::mask::{Masks, TOKEN};
use crate::place::{Place, file};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Code scanning services know this name for the root of the repository.
const ROOT: &str = "%SRCROOT%";

/// The longest text of a region that is quoted, in characters.
const SNIPPET: usize = 400;

pub(crate) fn render(report: &GateReport, tree: &Tree, rules: &[&'static RuleMeta]) -> String {
    let writer = Writer { report, tree, rules, masks: Masks::new(report, tree) };
    let mut text = serde_json::to_string_pretty(&writer.log()).expect("the log has string keys alone");
    text.push('\n');
    text
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    invocations: [Invocation; 1],
    column_kind: &'static str,
    original_uri_base_ids: BTreeMap<&'static str, UriBase>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    redaction_tokens: Vec<String>,
    results: Vec<SarifResult>,
    properties: RunProperties,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rules: Vec<Rule>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notifications: Vec<Descriptor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    name: &'static str,
    short_description: Message,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<Help>,
    default_configuration: Configuration,
    properties: RuleProperties,
}

#[derive(Serialize)]
struct Help {
    text: String,
    markdown: String,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct RuleProperties {
    tags: Vec<String>,
    precision: &'static str,
    #[serde(rename = "security-severity")]
    security_severity: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    id: &'static str,
    short_description: Message,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    exit_code: u8,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Serialize)]
struct Notification {
    descriptor: DescriptorReference,
    level: &'static str,
    message: Message,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Location>,
}

#[derive(Serialize)]
struct DescriptorReference {
    id: &'static str,
}

#[derive(Serialize)]
struct UriBase {
    description: Message,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult {
    rule_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_index: Option<usize>,
    level: &'static str,
    message: Message,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    code_flows: Vec<CodeFlow>,
    partial_fingerprints: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressions: Vec<Suppression>,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline_state: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<Fix>,
    properties: ResultProperties,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    physical_location: Option<PhysicalLocation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactLocation {
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri_base_id: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
    end_line: u32,
    end_column: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    snippet: Option<Message>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CodeFlow {
    thread_flows: [ThreadFlow; 1],
}

#[derive(Serialize)]
struct ThreadFlow {
    locations: Vec<ThreadFlowLocation>,
}

#[derive(Serialize)]
struct ThreadFlowLocation {
    location: Location,
}

#[derive(Serialize)]
struct Suppression {
    kind: &'static str,
    status: &'static str,
    justification: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Location>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fix {
    description: Message,
    artifact_changes: Vec<ArtifactChange>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactChange {
    artifact_location: ArtifactLocation,
    replacements: Vec<Replacement>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Replacement {
    deleted_region: Region,
    inserted_content: Message,
}

#[derive(Serialize)]
struct ResultProperties {
    severity: &'static str,
    confidence: &'static str,
    #[serde(rename = "security-severity")]
    security_severity: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    apps: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RunProperties {
    gate_passed: bool,
    fail_on: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    verdicts: Vec<ItemVerdict>,
}

#[derive(Serialize)]
struct ItemVerdict {
    app: String,
    item: &'static str,
    verdict: &'static str,
    reason: String,
}

struct Writer<'r> {
    report: &'r GateReport,
    tree: &'r Tree,
    rules: &'r [&'static RuleMeta],
    masks: Masks,
}

impl Writer<'_> {
    fn log(&self) -> Log {
        let GateReport { gate, findings, ledger, apps, .. } = self.report;
        let verdicts = apps.iter().flat_map(|app| {
            app.items.iter().map(|item| ItemVerdict {
                app: app.name.clone(),
                item: item.item.key(),
                verdict: item.verdict.key(),
                reason: self.prose(&item.reason),
            })
        });
        let run = Run {
            tool: Tool {
                driver: Driver {
                    name: "flaskseal",
                    semantic_version: env!("CARGO_PKG_VERSION"),
                    rules: self.rules.iter().map(|rule| self::rule(rule)).collect(),
                    notifications: self.notification_kinds(),
                },
            },
            invocations: [Invocation {
                execution_successful: true,
                exit_code: u8::from(!gate.passed),
                tool_execution_notifications: ledger
                    .entries
                    .iter()
                    .map(|entry| self.notification(entry))
                    .collect(),
            }],
            column_kind: "unicodeCodePoints",
            original_uri_base_ids: [(
                ROOT,
                UriBase { description: message("The directory that was checked.") },
            )]
            .into(),
            redaction_tokens: if self.masks.is_empty() { Vec::new() } else { vec![TOKEN.to_string()] },
            results: findings.iter().map(|finding| self.result(finding)).collect(),
            properties: RunProperties {
                gate_passed: gate.passed,
                fail_on: gate.fail_on.key(),
                verdicts: verdicts.collect(),
            },
        };
        Log { schema: SCHEMA, version: "2.1.0", runs: [run] }
    }

    fn result(&self, reported: &ReportedFinding) -> SarifResult {
        let ReportedFinding { finding, standing, apps, fingerprint } = reported;
        let text = match &finding.fix {
            Some(fix) => format!("{}.\nFix: {}.", finding.message, fix.advice.trim_end_matches('.')),
            None => format!("{}.", finding.message),
        };
        SarifResult {
            rule_id: finding.rule.to_string(),
            rule_index: self.rules.iter().position(|rule| rule.id == finding.rule),
            level: level(finding.severity),
            message: message(self.masks.prose(&text)),
            locations: self.location(finding.primary.span, None).into_iter().collect(),
            code_flows: self.code_flow(finding).into_iter().collect(),
            partial_fingerprints: [("flaskseal/v1", fingerprint.clone())].into(),
            suppressions: self.suppression(standing).into_iter().collect(),
            baseline_state: self.baseline_state(standing),
            fixes: self.fix(finding).into_iter().collect(),
            properties: ResultProperties {
                severity: finding.severity.key(),
                confidence: finding.confidence.key(),
                security_severity: security_severity(finding.severity),
                apps: apps
                    .iter()
                    .filter_map(|&app| self.report.apps.get(app))
                    .map(|app| app.name.clone())
                    .filter(|_| self.report.apps.len() > 1)
                    .collect(),
            },
        }
    }

    /// The trail and, last, the primary place: the sink (3.36).
    fn code_flow(&self, finding: &Finding) -> Option<CodeFlow> {
        let step = |step: &Evidence| {
            let location = self.location(step.span, Some(&step.claim))?;
            Some(ThreadFlowLocation { location })
        };
        let mut locations: Vec<_> = finding.trail.iter().filter_map(step).collect();
        if locations.is_empty() {
            return None;
        }
        locations.extend(step(&finding.primary));
        Some(CodeFlow { thread_flows: [ThreadFlow { locations }] })
    }

    /// 3.35. A comment is in the source; configuration and an accepted baseline entry are outside.
    fn suppression(&self, standing: &Standing) -> Option<Suppression> {
        let contradiction;
        let (kind, justification, span) = match standing {
            Standing::Suppressed { reason, span: Some(span), .. } => ("inSource", reason, Some(*span)),
            Standing::Suppressed { reason, span: None, .. }
            | Standing::Baselined { accepted: Some(reason) } => ("external", reason, None),
            Standing::Overruled { by } => {
                contradiction = format!("the {} layer shows otherwise: {}", by.layer.key(), by.claim);
                ("external", &contradiction, by.span)
            }
            Standing::Counts | Standing::Baselined { accepted: None } => return None,
        };
        Some(Suppression {
            kind,
            status: "accepted",
            justification: self.prose(justification),
            location: self.location(span, None),
        })
    }

    /// 3.27.24: given for every result of a run that had a baseline, or for none.
    fn baseline_state(&self, standing: &Standing) -> Option<&'static str> {
        let known = |standing: &Standing| matches!(standing, Standing::Baselined { .. });
        let compared = self.report.findings.iter().any(|reported| known(&reported.standing));
        compared.then(|| if known(standing) { "unchanged" } else { "new" })
    }

    /// 3.55: only fixes that have edits, all of which can be shown.
    fn fix(&self, finding: &Finding) -> Option<Fix> {
        let fix = finding.fix.as_ref().filter(|fix| fix.applicability != Applicability::DisplayOnly)?;
        let mut changes: BTreeMap<String, Vec<Replacement>> = BTreeMap::new();
        for edit in &fix.edits {
            let place = Place::of(self.tree, edit.span)?;
            if self.masks.prose(&edit.replacement) != edit.replacement {
                return None;
            }
            changes.entry(uri(place.path)).or_default().push(Replacement {
                deleted_region: region(&place, None),
                inserted_content: message(edit.replacement.as_str()),
            });
        }
        let artifact_changes: Vec<_> = changes
            .into_iter()
            .map(|(uri, replacements)| ArtifactChange {
                artifact_location: ArtifactLocation { uri, uri_base_id: Some(ROOT) },
                replacements,
            })
            .collect();
        (!artifact_changes.is_empty())
            .then(|| Fix { description: message(self.masks.prose(&fix.advice)), artifact_changes })
    }

    fn notification_kinds(&self) -> Vec<Descriptor> {
        let mut kinds: Vec<LedgerKind> = self.report.ledger.entries.iter().map(|entry| entry.kind).collect();
        kinds.sort();
        kinds.dedup();
        kinds
            .into_iter()
            .map(|kind| Descriptor { id: kind.key(), short_description: message(describe(kind)) })
            .collect()
    }

    fn notification(&self, entry: &LedgerEntry) -> Notification {
        let location = self.location(entry.span, None).or_else(|| {
            (!entry.path.is_empty()).then(|| Location {
                physical_location: Some(PhysicalLocation {
                    artifact_location: artifact(&entry.path, entry.path.contains("://")),
                    region: None,
                }),
                message: None,
            })
        });
        Notification {
            descriptor: DescriptorReference { id: entry.kind.key() },
            level: match entry.kind {
                LedgerKind::Unreadable | LedgerKind::Incomplete | LedgerKind::Suppression => "warning",
                LedgerKind::MissingLayer | LedgerKind::LeftOut | LedgerKind::Note => "note",
            },
            message: message(self.masks.prose(&entry.message)),
            locations: location.into_iter().collect(),
        }
    }

    fn location(&self, span: Option<Span>, claim: Option<&str>) -> Option<Location> {
        let span = span?;
        let place = Place::of(self.tree, span)?;
        let snippet = file(self.tree, span).map(|file| {
            let text = self.masks.text(span.file, file, span.range);
            text.chars().take(SNIPPET).collect::<String>()
        });
        Some(Location {
            physical_location: Some(PhysicalLocation {
                artifact_location: artifact(place.path, self.tree.is_observed(span.file)),
                region: Some(region(&place, snippet.filter(|text| !text.is_empty()))),
            }),
            message: claim.filter(|claim| !claim.is_empty()).map(|claim| message(self.masks.prose(claim))),
        })
    }

    fn prose(&self, text: &str) -> String {
        self.masks.prose(text).into_owned()
    }
}

fn rule(meta: &RuleMeta) -> Rule {
    // What `explain` prints: the page without its examples, which are its tests.
    let page = meta.page.split("\n## Examples").next().unwrap_or_default().trim();
    let mut tags = vec!["security".to_owned()];
    tags.extend(meta.cwe.iter().map(|cwe| format!("external/cwe/cwe-{cwe:03}")));
    tags.extend(
        meta.owasp.map(|category| {
            format!("external/owasp/owasp-{}", category.trim_end_matches('~').to_lowercase())
        }),
    );
    Rule {
        id: meta.id.to_string(),
        name: meta.name,
        short_description: message(if meta.summary.is_empty() { meta.name } else { meta.summary }),
        help: (!page.is_empty()).then(|| Help { text: page.to_owned(), markdown: page.to_owned() }),
        default_configuration: Configuration { level: level(meta.severity) },
        properties: RuleProperties {
            tags,
            precision: match meta.confidence {
                Confidence::Certain => "very-high",
                Confidence::Firm => "high",
                Confidence::Tentative => "medium",
            },
            security_severity: security_severity(meta.severity),
        },
    }
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

/// In the bands in which GitHub reads them: over 9.0 critical, from 7.0 high, from 4.0 medium
/// (docs.github.com, "SARIF support for code scanning", reportingDescriptor).
const fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
    }
}

const fn describe(kind: LedgerKind) -> &'static str {
    match kind {
        LedgerKind::Unreadable => "A file could not be read, decoded or parsed.",
        LedgerKind::Incomplete => "A bound of the analysis was reached.",
        LedgerKind::MissingLayer => "A layer of evidence was not given.",
        LedgerKind::LeftOut => "A file was left out by design.",
        LedgerKind::Suppression => "A suppression or baseline entry has no effect.",
        LedgerKind::Note => "Something worth knowing that weakens no verdict.",
    }
}

fn message(text: impl Into<String>) -> Message {
    Message { text: text.into() }
}

fn region(place: &Place<'_>, snippet: Option<String>) -> Region {
    Region {
        start_line: place.start.line,
        start_column: place.start.column,
        end_line: place.end.line,
        end_column: place.end.column,
        snippet: snippet.map(message),
    }
}

/// Where something is: a file below the root, or what was observed of a running system, by its address.
fn artifact(path: &str, is_observed: bool) -> ArtifactLocation {
    if is_observed && path.contains("://") {
        return ArtifactLocation { uri: path.to_owned(), uri_base_id: None };
    }
    ArtifactLocation { uri: uri(path), uri_base_id: Some(ROOT) }
}

/// A relative URI reference (RFC 3986): everything but unreserved characters and `/` is percent-encoded.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.trim_start_matches('/').bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            byte => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_relative_references() {
        assert_eq!(uri("a b/키:1%.py"), "a%20b/%ED%82%A4%3A1%25.py");
        assert_eq!(uri("/etc/x"), "etc/x");
    }
}
