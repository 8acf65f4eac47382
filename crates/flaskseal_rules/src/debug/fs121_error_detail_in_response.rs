//! FS121: exception text or a traceback goes to the client.

use std::collections::BTreeMap;

use flaskseal_core::Confidence;
use flaskseal_core::{Assessment, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span};
use flaskseal_live::{Live, debugger};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Fact, FactKind};

use super::NO_DIAGNOSTICS;
use super::broad_handler::texts_in_answers;
use super::coverage::support_by_coverage;
use crate::Rule;
use crate::answer::{Answer, Piece, answers, handled_by};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(121),
    name: "error-detail-in-response",
    summary: "The text of an exception or a traceback is returned to the client.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[NO_DIAGNOSTICS],
    layers: &[Layer::Source, Layer::Live],
    cwe: &[209],
    owasp: Some("A04"),
    asvs: &["V16.5.1"],
    fix: FixAvailability::None,
    page: include_str!("fs121_error_detail_in_response.md"),
};

pub(crate) struct ErrorDetailInResponse;

/// What of an error a client sees, worst last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Detail {
    /// The text of an exception of one kind, such as one that says what input was wrong.
    Specific,
    /// The text of whatever went wrong, or of an error of the database, the system or the network.
    Anything,
    Traceback,
}

impl Rule for ErrorDetailInResponse {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut seen: BTreeMap<Span, (Detail, &str)> = BTreeMap::new();
        for answer in &answers(cx) {
            answer.pieces(&mut |piece, at| {
                let Piece::Path(path) = piece else { return };
                if let Some(detail) = detail(path).or_else(|| handled(cx, answer, path)) {
                    let worst = seen.entry(at).or_insert((detail, answer.scope));
                    worst.0 = worst.0.max(detail);
                }
            });
        }
        let line = |at: Span| (at.file, cx.project.tree.file(at.file).place(at.range.start).line);
        for at in texts_in_answers(cx) {
            match seen.iter_mut().find(|(known, _)| line(**known) == line(at)) {
                Some((_, known)) => known.0 = known.0.max(Detail::Anything),
                None => {
                    seen.insert(at, (Detail::Anything, scope_of(cx, at)));
                }
            }
        }
        for (at, (detail, scope)) in seen {
            out.fail(finding(cx, at, detail, scope));
        }
        support_by_coverage(cx, NO_DIAGNOSTICS, out);
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        let mut told: Vec<String> = Vec::new();
        for answer in &live.site.exchanges {
            let page = answer.page();
            // Whole tracebacks are another rule's.
            if debugger::is_traceback(&page) {
                continue;
            }
            let Some(name) = debugger::exception(answer.status, &page) else { continue };
            if told.iter().any(|known| known == name) {
                continue;
            }
            told.push(name.to_owned());
            let place = live.answer(answer, "the text of an exception");
            let message = format!("an error page shows the text of `{name}`");
            out.fail(
                Finding::new(META.id, META.severity, Confidence::Certain, place, message)
                    .with_fix(Fix::advice("log the exception, and answer with a page of your own")),
            );
        }
    }
}

/// The innermost function around a place.
fn scope_of<'p>(cx: &Context<'p>, at: Span) -> &'p str {
    let around = |span: Span| span.file == at.file && span.range.encloses(at.range);
    let functions = cx.evaluation.functions.iter().filter(|function| around(function.span));
    functions
        .max_by_key(|function| function.span.range.start)
        .map_or("", |function| &*function.qualified_name)
}

fn finding(cx: &Context<'_>, at: Span, detail: Detail, scope: &str) -> Finding {
    let (severity, message, label) = match detail {
        Detail::Traceback => {
            (Severity::Medium, "a traceback goes to the client", "shows code, paths and versions")
        }
        Detail::Anything => (
            Severity::Medium,
            "the text of an unforeseen exception goes to the client",
            "may name tables, hosts, files or values",
        ),
        Detail::Specific => (
            Severity::Low,
            "the text of an exception goes to the client",
            "whatever the library wrote into it",
        ),
    };
    Finding::new(META.id, severity, META.confidence, cx.evidence(at, label), message)
        .with_scope(scope)
        .with_fix(Fix::advice(
            "log it with `app.logger.exception(...)` and answer with a message of your own",
        ))
}

/// What of an error an access path gives, where it gives any.
fn detail(path: &str) -> Option<Detail> {
    let is_traceback =
        ["traceback.format_", "traceback.TracebackException", "sys.exc_info()", "sys.exception()"]
            .iter()
            .any(|start| path.starts_with(start));
    if is_traceback {
        return Some(Detail::Traceback);
    }
    let (class, rest) = path.split_once("()")?;
    if shows_text(rest) { of_class(class) } else { None }
}

/// In an error handler, the only argument is the exception that it is registered for.
fn handled(cx: &Context<'_>, answer: &Answer<'_>, path: &str) -> Option<Detail> {
    let (_, rest) = path.strip_prefix("flask.request.view_args[\"")?.split_once("\"]")?;
    let of_registration = |fact: &Fact| match &fact.kind {
        FactKind::Path(class) => shows_text(rest).then(|| of_class(class)).flatten(),
        // For 500 the exception is Flask's own; what went wrong is one attribute further.
        FactKind::Int(500) => rest.starts_with(".original_exception").then_some(Detail::Anything),
        FactKind::Class(class) if class.ancestors.iter().any(|known| known.starts_with("werkzeug.")) => None,
        FactKind::Class(_) => matches!(rest, "" | ".args").then_some(Detail::Specific),
        _ => None,
    };
    handled_by(cx, answer.function?).filter_map(of_registration).max()
}

/// What follows an exception in an access path and is, or holds, its text.
fn shows_text(rest: &str) -> bool {
    let Some(attribute) = rest.strip_prefix('.') else { return rest.is_empty() };
    let name = attribute.split(['.', '(', '[']).next().unwrap_or_default();
    matches!(
        name,
        "args"
            | "message"
            | "msg"
            | "strerror"
            | "orig"
            | "stderr"
            | "output"
            | "reason"
            | "with_traceback"
            | "__traceback__"
            | "__dict__"
            | "__str__"
            | "__repr__"
            | "original_exception"
            | "statement"
            | "pgerror"
    )
}

/// How much the text of an exception of this class says.
fn of_class(class: &str) -> Option<Detail> {
    const SYSTEMS: &[&str] = &[
        "sqlite3",
        "sqlalchemy",
        "psycopg2",
        "psycopg",
        "pymysql",
        "MySQLdb",
        "mysql",
        "pymongo",
        "redis",
        "requests",
        "httpx",
        "urllib",
        "urllib3",
        "socket",
        "subprocess",
        "smtplib",
        "boto3",
        "botocore",
        "ldap",
        "ldap3",
        "paramiko",
        "docker",
        "elasticsearch",
        "jinja2",
        "peewee",
        "aiohttp",
    ];
    const BROAD: &[&str] = &[
        "Exception",
        "BaseException",
        "OSError",
        "IOError",
        "EnvironmentError",
        "FileNotFoundError",
        "PermissionError",
        "ConnectionError",
        "ConnectionRefusedError",
        "TimeoutError",
    ];
    let (module, name) = class.rsplit_once('.')?;
    let top = module.split('.').next().unwrap_or(module);
    // Made for the client to read.
    if top == "werkzeug" || !name.starts_with(|first: char| first.is_ascii_uppercase()) {
        return None;
    }
    let is_exception = ["Error", "Exception", "Warning", "Timeout", "Interrupt", "Failure"]
        .iter()
        .any(|end| name.ends_with(end));
    if top == "builtins" && BROAD.contains(&name) || is_exception && SYSTEMS.contains(&top) {
        return Some(Detail::Anything);
    }
    is_exception.then_some(Detail::Specific)
}
