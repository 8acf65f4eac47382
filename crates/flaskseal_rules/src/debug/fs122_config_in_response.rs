//! FS122: a route hands out configuration, the environment or the process.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span, TextRange,
};
use flaskseal_live::Live;
use flaskseal_live::listed::Find;
use flaskseal_project::Context;
use flaskseal_project::semantic::{Fact, FactKind};
use flaskseal_python::ast;

use super::NO_DIAGNOSTICS;
use super::secret_name::is_secret_name;
use crate::answer::{Answer, Piece, answers, is_guarded, returned, runs};
use crate::{Rule, served};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(122),
    name: "config-in-response",
    summary: "A route hands out configuration, environment variables or internals of the process.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[NO_DIAGNOSTICS],
    // Templates that print `config` are not read yet.
    layers: &[Layer::Source, Layer::Live],
    cwe: &[200, 497],
    owasp: Some("A01"),
    asvs: &["V13.4.5"],
    fix: FixAvailability::None,
    page: include_str!("fs122_config_in_response.md"),
};

pub(crate) struct ConfigInResponse;

impl Rule for ConfigInResponse {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut seen: Vec<Span> = Vec::new();
        for answer in &answers(cx) {
            // A template gets what it needs; what it prints of it is another question.
            if answer.call.is_some_and(|call| call.contains("render_template")) {
                continue;
            }
            let written = by_expression(cx, answer);
            let found = if written.is_empty() { by_value(cx, answer) } else { written };
            for Exposed { what, severity, at } in found {
                // A call inside a return statement is an answer twice.
                let is_known = |known: &Span| {
                    known.file == at.file
                        && (known.range.encloses(at.range) || at.range.encloses(known.range))
                };
                if seen.iter().any(is_known) {
                    continue;
                }
                seen.push(at);
                let severity = if is_guarded(cx, answer.function) { severity.lowered() } else { severity };
                let place = cx.evidence(at, "whoever asks for this route gets it");
                out.fail(
                    Finding::new(
                        META.id,
                        severity,
                        META.confidence,
                        place,
                        format!("{what} goes to the client"),
                    )
                    .with_scope(answer.scope)
                    .with_fix(Fix::advice("return the few values that the client needs, by name")),
                );
            }
        }
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        for (answer, listed) in
            served::listed(live).into_iter().filter(|(_, listed)| listed.find == Find::Internals)
        {
            let has_secret = ["SECRET_KEY", "DATABASE_URI", "DATABASE_URL", "PASSWORD"]
                .iter()
                .any(|name| answer.page().contains(name));
            let severity = if has_secret { Severity::Critical } else { Severity::High };
            let place = live.answer(answer, "names of settings, with their values");
            let message = format!("`{}` shows {} to everybody", listed.path, listed.what);
            let finding = Finding::new(META.id, severity, Confidence::Certain, place, message);
            out.fail(finding.with_scope(listed.path).with_fix(Fix::advice("take the address away")));
        }
    }
}

struct Exposed {
    what: String,
    severity: Severity,
    at: Span,
}

// By what is written: text made of the whole says no longer what it is made of.

fn by_expression(cx: &Context<'_>, answer: &Answer<'_>) -> Vec<Exposed> {
    let exposed = |found: Option<Whole>, file, offset: u32| {
        found.map(|Whole { what, severity, range }| Exposed {
            what: what.to_owned(),
            severity,
            at: Span { file, range: TextRange::new(offset + range.start, offset + range.end) },
        })
    };
    if answer.call.is_some() {
        let Some(call) = flaskseal_python::parse_expression(cx.text(answer.span)) else { return Vec::new() };
        return exposed(whole(&call, 0), answer.span.file, answer.span.range.start).into_iter().collect();
    }
    // A return that production never reaches leaves constants behind, or nothing.
    if !may_be_made(answer.value) {
        return Vec::new();
    }
    let returned = returned(cx, answer.span);
    returned.iter().filter_map(|(value, span)| exposed(whole(value, 0), span.file, 0)).collect()
}

fn may_be_made(value: &Fact) -> bool {
    match &value.kind {
        FactKind::Dict { .. } => true,
        FactKind::Sequence { items, .. } => items.iter().any(may_be_made),
        FactKind::OneOf(alternatives) => {
            alternatives.iter().any(|(value, guard)| runs(guard) && may_be_made(value))
        }
        _ => !value.is_known(),
    }
}

struct Whole {
    what: &'static str,
    severity: Severity,
    range: TextRange,
}

/// The expression, or a part of it that comes out whole, is configuration or environment.
fn whole(expression: &ast::Expr, depth: usize) -> Option<Whole> {
    if depth > 32 {
        return None;
    }
    let inner = |expression: &ast::Expr| whole(expression, depth + 1);
    match expression {
        ast::Expr::Attribute(node) => {
            let owner = match &*node.value {
                ast::Expr::Name(owner) => owner.id.as_str(),
                ast::Expr::Attribute(owner) => owner.attr.as_str(),
                _ => return None,
            };
            let (what, severity) = match (owner, node.attr.as_str()) {
                ("os", "environ") => ("the whole environment of the process", Severity::Critical),
                ("app" | "current_app" | "application", "config") => {
                    ("the whole configuration", Severity::Critical)
                }
                ("request", "environ") => ("the whole WSGI environment", Severity::High),
                ("sys", "modules") => ("the list of loaded modules", Severity::High),
                _ => return None,
            };
            Some(Whole { what, severity, range: flaskseal_python::range_of(node) })
        }
        ast::Expr::Call(node) => {
            let mut arguments = node
                .arguments
                .args
                .iter()
                .chain(node.arguments.keywords.iter().map(|keyword| &keyword.value));
            let (name, receiver) = match &*node.func {
                ast::Expr::Name(function) => (function.id.as_str(), None),
                ast::Expr::Attribute(method) => (method.attr.as_str(), Some(&*method.value)),
                _ => return None,
            };
            match name {
                "dict" | "str" | "repr" | "jsonify" | "make_response" | "Response" | "pformat" | "dumps"
                | "format" | "join" | "flash" | "escape" => arguments.find_map(inner),
                // By themselves these give the keys.
                "list" | "sorted" | "tuple" => {
                    arguments.filter(|argument| argument.is_call_expr()).find_map(inner)
                }
                "copy" | "items" | "values" => receiver.and_then(inner),
                _ => None,
            }
        }
        ast::Expr::DictComp(node) => unfiltered(&node.generators).and_then(inner),
        ast::Expr::ListComp(node) => unfiltered(&node.generators).and_then(inner),
        ast::Expr::Generator(node) => unfiltered(&node.generators).and_then(inner),
        ast::Expr::FString(node) => node
            .value
            .elements()
            .filter_map(|element| element.as_interpolation())
            .find_map(|part| inner(&part.expression)),
        ast::Expr::BinOp(node) => inner(&node.left).or_else(|| inner(&node.right)),
        ast::Expr::Tuple(node) => node.elts.iter().find_map(inner),
        ast::Expr::List(node) => node.elts.iter().find_map(inner),
        ast::Expr::Dict(node) => node.items.iter().find_map(|item| inner(&item.value)),
        ast::Expr::Starred(node) => inner(&node.value),
        _ => None,
    }
}

/// What a comprehension runs over, where it takes all of it: a filter may leave the harmless part.
fn unfiltered(generators: &[ast::Comprehension]) -> Option<&ast::Expr> {
    match generators {
        [only] if only.ifs.is_empty() && only.iter.is_call_expr() => Some(&only.iter),
        _ => None,
    }
}

// By what the value is.

fn by_value(cx: &Context<'_>, answer: &Answer<'_>) -> Vec<Exposed> {
    let mut found: Vec<Exposed> = Vec::new();
    answer.pieces(&mut |piece, at| {
        if let Some((what, severity)) = exposed(cx, &piece) {
            found.push(Exposed { what, severity, at: place(cx, answer, at) });
        }
    });
    // The whole says it all.
    match found.iter().position(|exposed| exposed.severity == Severity::Critical) {
        Some(index) => vec![found.swap_remove(index)],
        None => found,
    }
}

/// A constant has its place elsewhere; the only return of the function is a better one than the function.
fn place(cx: &Context<'_>, answer: &Answer<'_>, at: Span) -> Span {
    if answer.call.is_some() || at != answer.span {
        return at;
    }
    match returned(cx, answer.span).as_slice() {
        [(_, only)] => *only,
        _ => at,
    }
}

fn exposed(cx: &Context<'_>, piece: &Piece<'_>) -> Option<(String, Severity)> {
    match piece {
        Piece::Path(path) => {
            let whole = ["", ".copy()", ".items()", ".values()"];
            let is = |name: &str| path.strip_prefix(name).is_some_and(|rest| whole.contains(&rest));
            if is("os.environ") || is("flask.request.environ") {
                let severity = if is("os.environ") { Severity::Critical } else { Severity::High };
                Some((format!("the whole of `{}`", path.trim_start_matches("flask.")), severity))
            } else if is("flask.current_app.config") || is("flask.Flask().config") {
                Some(("the whole configuration".to_owned(), Severity::Critical))
            } else if is("sys.modules") {
                Some(("`sys.modules`".to_owned(), Severity::High))
            } else {
                None
            }
        }
        Piece::Env(name) => {
            is_secret_name(name).then(|| (format!("the environment variable `{name}`"), Severity::High))
        }
        Piece::Value(fact) if is_configuration(fact) => {
            Some(("the whole configuration".to_owned(), Severity::Critical))
        }
        Piece::Value(fact) => {
            let app = cx.app?;
            // The same text from the same place is the setting itself.
            let setting = app.settings.iter().find(|setting| {
                fact.at.is_some()
                    && setting.value.at == fact.at
                    && fact
                        .as_str()
                        .is_some_and(|text| !text.is_empty() && setting.value.as_str() == Some(text))
                    && is_secret_name(&setting.name)
            })?;
            Some((format!("the setting `{}`", setting.name), Severity::High))
        }
    }
}

/// A dictionary with the keys that only a configuration has.
fn is_configuration(fact: &Fact) -> bool {
    let FactKind::Dict { entries, .. } = &fact.kind else { return false };
    let has = |name: &str| entries.iter().any(|(key, _)| key.as_str() == Some(name));
    has("SECRET_KEY") && has("SESSION_COOKIE_HTTPONLY")
}
