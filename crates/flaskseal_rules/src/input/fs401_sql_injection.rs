//! FS401: request data becomes part of an SQL text.

use std::cell::LazyCell;

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;
use flaskseal_project::models::Sink;
use flaskseal_project::semantic::Rope;

use super::NO_INJECTION;
use crate::Rule;
use crate::flow::{Flow, flows, report, sql};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(401),
    name: "sql-injection",
    summary: "Request data becomes part of an SQL text.",
    severity: Severity::Critical,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[89],
    owasp: Some("A03"),
    asvs: &["V1.2.4"],
    fix: FixAvailability::None,
    page: include_str!("fs401_sql_injection.md"),
};

pub(crate) struct SqlInjection;

impl Rule for SqlInjection {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let flows = flows(cx, &["sql", "sql.mysql"]);
        let has_driver = LazyCell::new(|| {
            let is_sql = |sink: &&Sink| sink.context.starts_with("sql") && !sink.is_of_any();
            cx.evaluation.events.iter().any(|event| cx.sinks(event).iter().any(is_sql))
        });
        let mut found = Vec::new();
        for flow in &flows {
            let Some(rope) = flow.text() else { continue };
            let is_sql = !flow.sink.is_of_any() || sql::begins_as_sql(&rope);
            // The method of an object that is not known, and a statement of which nothing is known either.
            let is_likely = !is_sql && rope.literal_prefix().trim().is_empty() && *has_driver;
            if !is_sql && !is_likely {
                continue;
            }
            let escapes = &*flow.sink.context == "sql.mysql";
            for breach in sql::breaches(&rope, escapes) {
                let advice = advice(flow, breach.place);
                let one = flow.found(breach).advise(advice);
                found.push(if is_sql { one } else { one.review() });
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}

fn advice(flow: &Flow<'_>, place: &str) -> String {
    if place.contains("name") {
        return "no driver can bind a name: look it up among those that are allowed, `COLUMNS[key]`"
            .to_owned();
    }
    let path = &*flow.event.path;
    let (mark, values) = if path.contains("sqlalchemy") {
        (":value", "{\"value\": value}")
    } else if path.starts_with("sqlite3") || path.starts_with("duckdb") || path.starts_with("pyodbc") {
        ("?", "(value,)")
    } else {
        ("%s", "(value,)")
    };
    let call = if path.ends_with("text") { "text" } else { path.rsplit('.').next().unwrap_or("execute") };
    let statement = flow.text().as_ref().map(outline).unwrap_or_default();
    let statement = statement.replace("{}", mark);
    if call == "text" {
        return format!("bind the value: `execute(text(\"{statement}\"), {values})`");
    }
    format!("pass the value as a parameter: `{call}(\"{statement}\", {values})`")
}

/// The end of the statement before its first hole, with the hole as `{}` and without quotes around it.
fn outline(rope: &Rope) -> String {
    let prefix = rope.literal_prefix().trim_end_matches(['\'', '"', '%']);
    let words: Vec<&str> = prefix.split_whitespace().collect();
    let tail = words[words.len().saturating_sub(3)..].join(" ");
    let dots = if words.len() > 3 { "... " } else { "" };
    format!("{dots}{tail} {{}}").replace(['\\', '"'], "")
}
