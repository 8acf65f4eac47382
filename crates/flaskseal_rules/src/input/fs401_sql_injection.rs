//! FS401: request data becomes part of an SQL text.

use std::cell::LazyCell;

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;
use flaskseal_project::models::Sink;
use flaskseal_project::semantic::{Rope, Segment};

use super::NO_INJECTION;
use crate::Rule;
use crate::flow::input::parts;
use crate::flow::{Flow, flows, named_origin, report, sql};
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
    let rope = flow.text();
    if call == "executescript" {
        let statement = rope.as_ref().map(outline).unwrap_or_default().replace("{}", mark);
        return format!(
            "a script takes no parameters: run its statements one by one, `execute(\"{statement}\", {values})`"
        );
    }
    if let Some((statement, values)) = rope.as_ref().and_then(|rope| bound(rope, mark)) {
        return match call {
            "text" => format!("bind the value: `execute(text(\"{statement}\"), {values})`"),
            _ => format!("pass the value as a parameter: `{call}(\"{statement}\", {values})`"),
        };
    }
    let statement = rope.as_ref().map(outline).unwrap_or_default();
    let statement = statement.replace("{}", mark);
    if call == "text" {
        return format!("bind the value: `execute(text(\"{statement}\"), {values})`");
    }
    format!("pass the value as a parameter: `{call}(\"{statement}\", {values})`")
}

/// The statement with marks for what comes from the request, and these values as they are handed over; `None` where it
/// is long, or has parts that no driver can bind.
fn bound(rope: &Rope, mark: &str) -> Option<(String, String)> {
    let is_value = |place: &sql::Place| matches!(place, sql::Place::Quoted | sql::Place::Value);
    if !sql::places(rope, false).iter().all(is_value) {
        return None;
    }
    let is_named = mark.starts_with(':');
    let mut statement = String::new();
    let mut values = Vec::new();
    // What stood between a quote and the hole, until its other side is known.
    let mut open: Option<(String, String)> = None;
    for segment in rope.segments() {
        match segment {
            Segment::Literal(text) => {
                let mut text = &**text;
                if let Some((before, name)) = open.take() {
                    let (after, rest) = text.split_once('\'')?;
                    values.push(written(&before, &name, after)?);
                    text = rest;
                }
                statement.push_str(text);
            }
            Segment::Hole(hole) => {
                let origin = named_origin(hole).filter(|_| open.is_none())?;
                let name = parts(&origin.input).1.unwrap_or_else(|| "value".to_owned());
                let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                let is_quoted = statement.matches('\'').count() % 2 == 1;
                if is_quoted {
                    let (before, inside) = statement.rsplit_once('\'')?;
                    open = Some((inside.to_owned(), name.clone()));
                    statement = before.to_owned();
                } else {
                    values.push(name.clone());
                }
                statement.push_str(if is_named { ":" } else { mark });
                if is_named {
                    statement.push_str(&name);
                }
            }
        }
    }
    let statement = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    // Where marks begin with a percent sign, another one would be read as such.
    let is_clear = mark != "%s" || statement.matches('%').count() == values.len();
    let is_plain = open.is_none() && is_clear && !statement.contains(['"', '\\']) && statement.len() <= 120;
    let values = match (is_named, values.as_slice()) {
        (true, _) => {
            let names = sql_names(&statement);
            let pairs = names.zip(&values).map(|(name, value)| format!("\"{name}\": {value}"));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        (false, [only]) => format!("({only},)"),
        (false, _) => format!("({})", values.join(", ")),
    };
    is_plain.then_some((statement, values))
}

/// The names of the marks of a statement, in their order.
fn sql_names(statement: &str) -> impl Iterator<Item = &str> {
    let marks = statement.split(':').skip(1);
    marks.map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or(rest))
}

/// A value with the text around it: `f"%{q}%"`.
fn written(before: &str, name: &str, after: &str) -> Option<String> {
    if before.is_empty() && after.is_empty() {
        return Some(name.to_owned());
    }
    let is_plain = |text: &str| !text.contains(['"', '\\', '{', '}', '\n']);
    (is_plain(before) && is_plain(after)).then(|| format!("f\"{before}{{{name}}}{after}\""))
}

/// The end of the statement before its first hole, with the hole as `{}` and without quotes around it.
fn outline(rope: &Rope) -> String {
    let prefix = rope.literal_prefix().trim_end_matches(['\'', '"', '%']);
    let words: Vec<&str> = prefix.split_whitespace().collect();
    let tail = words[words.len().saturating_sub(3)..].join(" ");
    let dots = if words.len() > 3 { "... " } else { "" };
    format!("{dots}{tail} {{}}").replace(['\\', '"'], "")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use flaskseal_core::{FileId, Span};
    use flaskseal_project::semantic::{Alphabet, Hole, Origin, Source};

    use super::*;

    #[test]
    fn statements_are_written_with_marks() {
        let statement = |text: &str, mark| {
            let mut parts = Vec::new();
            for (index, literal) in text.split('@').enumerate() {
                if index > 0 {
                    let input = format!("flask.request.args[\"q{index}\"]");
                    let origin = Arc::new(Origin::request(input, Span::new(FileId(0), 0, 0)));
                    let hole = Hole::new(Source::Unknown, Alphabet::ALL);
                    parts.push(Rope::from(Hole { origin: Some(origin), ..hole }));
                }
                parts.push(Rope::literal(literal));
            }
            bound(&Rope::concat(parts), mark)
        };
        let of = |statement: &str, values: &str| Some((statement.to_owned(), values.to_owned()));
        assert_eq!(
            statement("SELECT * FROM t\n WHERE a = '@' AND b = @", "?"),
            of("SELECT * FROM t WHERE a = ? AND b = ?", "(q1, q2)")
        );
        assert_eq!(
            statement("SELECT 'x' FROM t WHERE a LIKE '%@%'", "?"),
            of("SELECT 'x' FROM t WHERE a LIKE ?", "(f\"%{q1}%\",)")
        );
        assert_eq!(
            statement("SELECT * FROM t WHERE a = '@' AND b = '@'", ":value"),
            of("SELECT * FROM t WHERE a = :q1 AND b = :q2", "{\"q1\": q1, \"q2\": q2}")
        );
        assert_eq!(statement("SELECT * FROM t ORDER BY @", "?"), None);
        assert_eq!(statement("SELECT * FROM t WHERE a = '@@'", "?"), None);
        assert_eq!(statement("SELECT * FROM t WHERE a = '@", "?"), None);
    }
}
