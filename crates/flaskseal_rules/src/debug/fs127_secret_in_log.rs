//! FS127: passwords, tokens, keys or whole requests go to the log.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span, TextRange,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Event, Fact, FactKind};
use flaskseal_python::ast;

use super::QUIET;
use super::coverage::support_by_coverage;
use super::secret_name::is_secret_name;
use crate::Rule;
use crate::answer::{Piece, pieces};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(127),
    name: "secret-in-log",
    summary: "Passwords, tokens, keys or session contents are written to a log.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[QUIET],
    layers: &[Layer::Source, Layer::Deploy],
    cwe: &[532],
    owasp: Some("A09"),
    asvs: &["V16.2.5"],
    fix: FixAvailability::None,
    page: include_str!("fs127_secret_in_log.md"),
};

pub(crate) struct SecretInLog;

impl Rule for SecretInLog {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut seen: Vec<Span> = Vec::new();
        for event in cx.calls("log.write") {
            if seen.contains(&event.span) || !is_log(cx, event) || is_command(cx, event) {
                continue;
            }
            let found =
                by_name(cx, event).or_else(|| by_value(cx, event)).or_else(|| by_collection(cx, event));
            if let Some(Logged { what, severity, confidence, at }) = found {
                seen.push(event.span);
                let place = cx.evidence(at, "logs are kept, copied and read by many");
                out.fail(
                    Finding::new(META.id, severity, confidence, place, format!("{what} goes to the log"))
                        .with_scope(&*event.scope)
                        .with_fix(Fix::advice(
                            "leave it out of the message, or log that it is there: `bool(token)`",
                        )),
                );
            }
        }
        access_log(cx, out);
        support_by_coverage(cx, QUIET, out);
    }
}

struct Logged {
    what: String,
    severity: Severity,
    confidence: Confidence,
    at: Span,
}

/// `*.info` is a method of anything; a logger is called so, or made by a logging library.
fn is_log(cx: &Context<'_>, event: &Event) -> bool {
    if ["logging.", "loguru.", "flask.", "builtins."].iter().any(|start| event.path.starts_with(start)) {
        return true;
    }
    let callee = cx.text(event.span).split('(').next().unwrap_or_default().to_lowercase();
    callee
        .rsplit_once('.')
        .is_some_and(|(receiver, _)| receiver.rsplit('.').next().is_some_and(|name| name.contains("log")))
}

/// A command prints for the person who started it.
fn is_command(cx: &Context<'_>, event: &Event) -> bool {
    let decorated = event.function.and_then(|function| cx.decorated(function));
    decorated.is_some_and(|known| known.decorators.iter().any(|(_, span)| cx.text(*span).contains("command")))
}

// By the names in the call.

fn by_name(cx: &Context<'_>, event: &Event) -> Option<Logged> {
    let call = flaskseal_python::parse_expression(cx.text(event.span))?;
    let ast::Expr::Call(call) = &call else { return None };
    let keywords = call.arguments.keywords.iter().map(|keyword| &keyword.value);
    let mut arguments = call.arguments.args.iter().chain(keywords).enumerate();
    arguments.find_map(|(index, argument)| {
        let (name, range) = secret_of(argument, 0)?;
        // A constant with words in it is a message about passwords.
        let is_message =
            event.positional.get(index).and_then(Fact::as_str).is_some_and(|text| text.contains(' '));
        if is_message {
            return None;
        }
        let start = event.span.range.start;
        let at =
            Span { file: event.span.file, range: TextRange::new(start + range.start, start + range.end) };
        Some(Logged {
            what: format!("`{name}`"),
            severity: Severity::Medium,
            confidence: META.confidence,
            at,
        })
    })
}

/// A part of the expression whose text comes out whole and whose name is a secret's.
fn secret_of(expression: &ast::Expr, depth: usize) -> Option<(String, TextRange)> {
    if depth > 32 {
        return None;
    }
    let inner = |expression: &ast::Expr| secret_of(expression, depth + 1);
    let range = flaskseal_python::range_of(expression);
    let named = |name: &str| is_secret_name(name).then(|| (name.to_owned(), range));
    match expression {
        ast::Expr::Name(node) => named(&node.id),
        // The value of a form's field or of a wrapped secret: `form.password.data`.
        ast::Expr::Attribute(node) if matches!(node.attr.as_str(), "data" | "value") => inner(&node.value),
        ast::Expr::Attribute(node) => named(&node.attr),
        ast::Expr::Subscript(node) => match &*node.slice {
            ast::Expr::StringLiteral(key) => named(key.value.to_str()),
            _ => None,
        },
        ast::Expr::Call(node) => {
            let (name, receiver) = match &*node.func {
                ast::Expr::Name(function) => (function.id.as_str(), None),
                ast::Expr::Attribute(method) => (method.attr.as_str(), Some(&*method.value)),
                _ => return None,
            };
            let arguments = || {
                let keywords = node.arguments.keywords.iter().map(|keyword| &keyword.value);
                node.arguments.args.iter().chain(keywords)
            };
            match name {
                "get" | "getenv" | "pop" | "getlist" => match node.arguments.args.first() {
                    Some(ast::Expr::StringLiteral(key)) => named(key.value.to_str()),
                    _ => None,
                },
                "str" | "repr" | "dict" | "list" | "dumps" | "pformat" | "format" | "join" => {
                    arguments().find_map(inner)
                }
                "strip" | "lower" | "upper" | "encode" | "decode" | "get_secret_value" => {
                    receiver.and_then(inner)
                }
                _ => None,
            }
        }
        ast::Expr::FString(node) => node
            .value
            .elements()
            .filter_map(|element| element.as_interpolation())
            .find_map(|part| inner(&part.expression)),
        ast::Expr::BinOp(node) => inner(&node.left).or_else(|| inner(&node.right)),
        ast::Expr::Tuple(node) => node.elts.iter().find_map(inner),
        ast::Expr::List(node) => node.elts.iter().find_map(inner),
        ast::Expr::Dict(node) => node.items.iter().find_map(|item| inner(&item.value)),
        ast::Expr::BoolOp(node) => node.values.iter().find_map(inner),
        ast::Expr::If(node) => inner(&node.body).or_else(|| inner(&node.orelse)),
        ast::Expr::Starred(node) => inner(&node.value),
        _ => None,
    }
}

/// `dict(session)`, `json.dumps(request.form)`: text and copies of a collection no longer say whose they are.
fn by_collection(cx: &Context<'_>, event: &Event) -> Option<Logged> {
    let call = flaskseal_python::parse_expression(cx.text(event.span))?;
    let ast::Expr::Call(call) = &call else { return None };
    let path = call.arguments.args.iter().find_map(|argument| collection(argument, 0))?;
    if path == "flask.session" && !imports_session(cx, event) {
        return None;
    }
    let (severity, confidence) = whole(cx, event, &path)?;
    Some(Logged { what: format!("the whole of `{}`", short(&path)), severity, confidence, at: event.span })
}

/// Whether the name `session` is Flask's in the file of a call: database sessions and conference sessions have it, too.
fn imports_session(cx: &Context<'_>, event: &Event) -> bool {
    let Some(module) = &cx.project.parsed.modules[event.span.file.0 as usize] else { return false };
    module.syntax.body.iter().any(|statement| match statement {
        ast::Stmt::ImportFrom(import) => {
            import.module.as_ref().is_some_and(|module| module.id == "flask")
                && import.names.iter().any(|name| name.name.id == "session" && name.asname.is_none())
        }
        _ => false,
    })
}

/// The access path of a collection that comes out whole.
fn collection(expression: &ast::Expr, depth: usize) -> Option<String> {
    if depth > 32 {
        return None;
    }
    match expression {
        ast::Expr::Name(name) if name.id == "session" && depth > 0 => Some("flask.session".to_owned()),
        ast::Expr::Attribute(node) => match &*node.value {
            ast::Expr::Name(owner) if owner.id == "request" => Some(format!("flask.request.{}", node.attr)),
            _ => None,
        },
        ast::Expr::Call(node) => match &*node.func {
            ast::Expr::Name(function) if matches!(function.id.as_str(), "dict" | "str" | "repr") => {
                collection(node.arguments.args.first()?, depth + 1)
            }
            ast::Expr::Attribute(method) if matches!(method.attr.as_str(), "dumps" | "pformat") => {
                collection(node.arguments.args.first()?, depth + 1)
            }
            ast::Expr::Attribute(method)
                if matches!(method.attr.as_str(), "to_dict" | "items" | "values" | "copy") =>
            {
                collection(&method.value, depth + 1)
            }
            _ => None,
        },
        ast::Expr::FString(node) => {
            let mut parts = node.value.elements().filter_map(|element| element.as_interpolation());
            parts.find_map(|part| collection(&part.expression, depth + 1))
        }
        ast::Expr::BinOp(node) => {
            collection(&node.left, depth + 1).or_else(|| collection(&node.right, depth + 1))
        }
        _ => None,
    }
}

// By what the values are.

fn by_value(cx: &Context<'_>, event: &Event) -> Option<Logged> {
    let mut found: Option<Logged> = None;
    let values = event.positional.iter().chain(event.keywords.iter().map(|(_, value)| value));
    for value in values {
        pieces(value, event.span, &mut |piece, at| {
            if found.is_some() {
                return;
            }
            let logged = |what: String, severity, confidence| Logged { what, severity, confidence, at };
            found = match piece {
                Piece::Path(path) => whole(cx, event, path).map(|(severity, confidence)| {
                    logged(format!("the whole of `{}`", short(path)), severity, confidence)
                }),
                Piece::Env(name) if is_secret_name(name) => Some(logged(
                    format!("the environment variable `{name}`"),
                    Severity::Medium,
                    META.confidence,
                )),
                Piece::Env(_) => None,
                Piece::Value(fact) => {
                    setting(cx, fact).map(|what| logged(what, Severity::Medium, META.confidence))
                }
            };
        });
    }
    found
}

fn short(path: &str) -> &str {
    path.strip_prefix("flask.").unwrap_or(path)
}

/// Collections that hold credentials among other things.
fn whole(cx: &Context<'_>, event: &Event, path: &str) -> Option<(Severity, Confidence)> {
    let path = ["()", ".to_dict", ".items", ".values"]
        .iter()
        .fold(path, |path, end| path.strip_suffix(end).unwrap_or(path));
    match path {
        "flask.request.headers"
        | "flask.request.cookies"
        | "flask.session"
        | "os.environ"
        | "flask.request.environ"
        | "flask.Flask().config"
        | "flask.current_app.config" => Some((Severity::Medium, META.confidence)),
        "flask.request.form"
        | "flask.request.values"
        | "flask.request.json"
        | "flask.request.get_json"
        | "flask.request.data"
        | "flask.request.get_data" => {
            let handles_password =
                event.function.is_some_and(|function| cx.text(function).contains("password"));
            Some(if handles_password {
                (Severity::Medium, META.confidence)
            } else {
                (Severity::Low, Confidence::Tentative)
            })
        }
        _ => None,
    }
}

fn setting(cx: &Context<'_>, fact: &Fact) -> Option<String> {
    if let FactKind::Dict { entries, .. } = &fact.kind {
        let has = |name: &str| entries.iter().any(|(key, _)| key.as_str() == Some(name));
        return (has("SECRET_KEY") && has("SESSION_COOKIE_HTTPONLY"))
            .then(|| "the whole configuration".to_owned());
    }
    let (text, at) = (fact.as_str().filter(|text| !text.is_empty())?, fact.at?);
    let settings = &cx.app?.settings;
    let same = |value: &Fact| value.at == Some(at) && value.as_str() == Some(text);
    let setting = settings.iter().find(|setting| same(&setting.value) && is_secret_name(&setting.name))?;
    Some(format!("the setting `{}`", setting.name))
}

/// gunicorn writes request headers where its format says so: `%({authorization}i)s`.
fn access_log(cx: &Context<'_>, out: &mut Assessment) {
    let options = cx.entry.process.as_ref().map(|process| process.options.as_slice()).unwrap_or_default();
    let option = options.iter().rev().find(|option| option.name == "access-logformat");
    let by_option =
        option.map(|option| (option.value.as_ref().and_then(|value| value.or_default()), Some(option.span)));
    let by_file = || {
        let (_, fact) = cx.entry.server_settings.iter().find(|(name, _)| &**name == "access_log_format")?;
        Some((fact.as_str(), fact.at))
    };
    if let Some((Some(format), Some(at))) = by_option.or_else(by_file) {
        let lower = format.to_lowercase();
        if let Some(header) =
            ["{authorization}i", "{cookie}i", "{set-cookie}o"].iter().find(|header| lower.contains(*header))
        {
            let place = cx.evidence(at, "each line holds what opens a session");
            let header = header.trim_matches(['{', '}', 'i', 'o']);
            out.fail(
                Finding::new(
                    META.id,
                    META.severity,
                    META.confidence,
                    place,
                    format!("the access log records the header `{header}`"),
                )
                .with_fix(Fix::advice("take the header out of the format")),
            );
        }
    }
}
