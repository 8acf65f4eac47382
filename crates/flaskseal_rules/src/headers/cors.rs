//! Which other sites may read the application's answers: Flask-CORS with its defaults, and headers written by hand.

use flaskseal_core::Span;
use flaskseal_project::Context;
use flaskseal_project::semantic::{Context as When, Event, Fact, FactKind};
use flaskseal_python::ast::{AnyNodeRef, CmpOp, Expr};

use super::effective::{Headers, Scope, Value};
use crate::answer::runs;
use crate::code::{enclosing, last_name};

/// A grant to other sites.
pub(super) struct Grant {
    pub(super) origins: Origins,
    /// With the visitor's cookies; `None` where it is not known.
    pub(super) credentials: Option<bool>,
    /// For every path of the application.
    pub(super) is_whole: bool,
    pub(super) private_network: bool,
    pub(super) span: Span,
}

/// To whom.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Origins {
    /// `*`, which browsers do not combine with cookies unless the server answers with the origin that asked.
    Any,
    /// Whoever asks: the Origin header comes back.
    Reflected,
    /// A pattern or a test that foreign sites satisfy, with an example of what is wrong with it.
    Loose(String),
    Null,
    /// A list of exact origins.
    Listed(Vec<String>),
    Unknown,
}

/// Every grant of the application.
pub(super) fn grants(cx: &Context<'_>, headers: &Headers<'_>) -> Vec<Grant> {
    let mut grants = Vec::new();
    let runs_here = |call: &&Event| call.context == When::Start && runs(&call.guard);
    // Options of a `CORS()` without an application hold for its `init_app`.
    let made = cx.calls("cors.app").filter(runs_here).find(|call| !is_bound(call));
    for call in cx.calls("cors.app").filter(runs_here).filter(|call| is_bound(call)) {
        let made = made.filter(|_| call.path.ends_with("init_app"));
        of_extension(cx, call, made, &mut grants);
    }
    for call in cx.calls("cors.view").filter(|call| runs(&call.guard)) {
        let option = |name: &str| call.keyword(name).map(Fact::by_default);
        grants.push(grant(cx, call, &option, false));
    }
    by_hand(cx, headers, &mut grants);
    grants
}

fn is_bound(call: &Event) -> bool {
    call.argument(0, "app").is_some_and(|app| !matches!(app.kind, FactKind::None))
}

fn of_extension(cx: &Context<'_>, call: &Event, made: Option<&Event>, grants: &mut Vec<Grant>) {
    let given = |name: &str| {
        let value = call.keyword(name).or_else(|| made.and_then(|made| made.keyword(name)));
        value.map(Fact::by_default)
    };
    let resources = given("resources").or_else(|| {
        let setting = cx.setting_by_default("CORS_RESOURCES");
        (!matches!(setting.kind, FactKind::Absent)).then_some(setting)
    });
    let Some(resources) = resources else {
        grants.push(grant(cx, call, &given, true));
        return;
    };
    match &resources.kind {
        FactKind::Dict { entries, .. } => {
            for (pattern, options) in entries {
                let own = |name: &str| match &options.kind {
                    FactKind::Dict { entries, .. } => entries
                        .iter()
                        .find(|(key, _)| key.as_str() == Some(name))
                        .map(|(_, value)| value.by_default())
                        .or_else(|| given(name)),
                    _ => given(name),
                };
                grants.push(grant(cx, call, &own, is_whole(pattern)));
            }
        }
        FactKind::Sequence { items, .. } => grants.push(grant(cx, call, &given, items.iter().any(is_whole))),
        _ => grants.push(grant(cx, call, &given, is_whole(&resources))),
    }
}

/// Whether a pattern of paths is that of the whole application.
fn is_whole(pattern: &Fact) -> bool {
    matches!(pattern.as_str(), Some("/*" | "*" | r"/.*" | ".*" | r"^/.*" | "/"))
}

/// What the options of Flask-CORS grant. A setting stands in for an option, `*` for origins that nothing names.
fn grant(cx: &Context<'_>, call: &Event, option: &dyn Fn(&str) -> Option<Fact>, is_whole: bool) -> Grant {
    let setting = |name: &str| {
        let value = cx.setting_by_default(&format!("CORS_{}", name.to_ascii_uppercase()));
        (!matches!(value.kind, FactKind::Absent)).then_some(value)
    };
    let origins = option("origins").or_else(|| setting("origins"));
    let credentials = option("supports_credentials").or_else(|| setting("supports_credentials"));
    let private_network = option("allow_private_network").or_else(|| setting("allow_private_network"));
    let at = origins.as_ref().and_then(|origins| origins.at);
    let inside = at.filter(|at| at.file == call.span.file && call.span.range.encloses(at.range));
    Grant {
        origins: origins.as_ref().map_or(Origins::Any, origins_of),
        credentials: match credentials {
            None if call.open => None,
            None => Some(false),
            Some(value) => value.truth(),
        },
        is_whole,
        private_network: private_network.and_then(|value| value.truth()) == Some(true),
        span: inside.unwrap_or(call.span),
    }
}

fn origins_of(fact: &Fact) -> Origins {
    let texts: Vec<Option<&str>> = match &fact.kind {
        FactKind::Sequence { items, open: false } => items.iter().map(pattern_text).collect(),
        _ => vec![pattern_text(fact)],
    };
    let mut listed = Vec::new();
    let mut worst = None;
    for text in texts {
        let Some(text) = text else {
            worst = worst.or(Some(Origins::Unknown));
            continue;
        };
        match of_pattern(text) {
            Origins::Any => return Origins::Any,
            Origins::Listed(one) => listed.extend(one),
            other => worst = worst.filter(|worst| *worst != Origins::Unknown).or(Some(other)),
        }
    }
    worst.unwrap_or(Origins::Listed(listed))
}

/// The text of an origin or of a compiled pattern.
fn pattern_text(fact: &Fact) -> Option<&str> {
    fact.as_str()
}

/// What Flask-CORS makes of an origin: text with signs of a regular expression is matched from its beginning.
fn of_pattern(text: &str) -> Origins {
    if matches!(
        text,
        "*" | ".*" | r"^.*$" | r".*$" | ".+" | "https?://.*" | r"^https?://.*$" | "https://.*" | "http://.*"
    ) {
        return Origins::Any;
    }
    if text == "null" {
        return Origins::Null;
    }
    if !text.contains(['*', '\\', ']', '?', '$', '^', '[', '(', ')']) {
        return Origins::Listed(vec![text.to_owned()]);
    }
    match looseness(text) {
        Some(reason) => Origins::Loose(reason),
        None => Origins::Listed(vec![text.to_owned()]),
    }
}

/// Why a regular expression for origins, matched from the beginning, also matches foreign sites.
pub(super) fn looseness(pattern: &str) -> Option<String> {
    let body = pattern.trim_start_matches('^');
    let ends = body.ends_with('$') || body.ends_with("\\Z");
    let body = body.trim_end_matches("\\Z").trim_end_matches('$');
    let host = body.split_once("://").map_or(body, |(_, host)| host);
    if !ends && !host.contains("localhost") && !host.contains("127") {
        return Some("it does not end with `$`: a longer name matches".to_owned());
    }
    let characters: Vec<char> = host.chars().collect();
    let at = |index: usize| characters.get(index).copied();
    for index in 0..characters.len() {
        if at(index) != Some('.') || index > 0 && at(index - 1) == Some('\\') {
            continue;
        }
        match at(index + 1) {
            // `.*example\.com`: anything before the name, unless a dot stands between.
            Some('*' | '+') => {
                let next = at(index + 2);
                let has_dot = next == Some('\\') && at(index + 3) == Some('.');
                if !has_dot && next.is_some() && next != Some(')') && next != Some(':') {
                    return Some("anything may stand before the name".to_owned());
                }
                if next.is_none() {
                    return Some("anything may follow".to_owned());
                }
            }
            Some(next)
                if next.is_ascii_alphanumeric()
                    && index > 0
                    && at(index - 1).is_some_and(|before| before.is_ascii_alphanumeric()) =>
            {
                return Some("its dot is not escaped: any character matches".to_owned());
            }
            _ => {}
        }
    }
    None
}

/// `Access-Control-Allow-Origin` that the code writes itself.
fn by_hand(cx: &Context<'_>, headers: &Headers<'_>, grants: &mut Vec<Grant>) {
    let allows = |scope: &Scope, span: Span| {
        let mut credentials = headers.named("access-control-allow-credentials");
        credentials.any(|header| {
            let is_on = header.value.text().is_none_or(|text| text.eq_ignore_ascii_case("true"));
            is_on
                && (header.scope == *scope
                    || header.scope == Scope::All
                    || header.span.file == span.file && matches!(header.scope, Scope::Conditional))
        })
    };
    for header in headers.named("access-control-allow-origin") {
        let origins = match &header.value {
            Value::Exact(text) if text.trim() == "*" => Origins::Any,
            Value::Partial(text) if text.trim() == "$http_origin" => Origins::Reflected,
            Value::Exact(text) if text.trim() == "null" => Origins::Null,
            Value::Exact(text) => Origins::Listed(vec![text.clone()]),
            _ if header.input.as_ref().is_some_and(|input| is_requested_origin(input)) => {
                reflected(cx, header.span)
            }
            Value::Partial(_) | Value::Unknown => reflected_by_name(cx, header.span),
        };
        grants.push(Grant {
            origins,
            credentials: Some(allows(&header.scope, header.span)),
            is_whole: matches!(header.scope, Scope::All | Scope::Conditional),
            private_network: false,
            span: header.span,
        });
    }
}

/// Whether an input is the Origin header of the request.
fn is_requested_origin(input: &str) -> bool {
    input.starts_with("flask.request.") && input.to_ascii_lowercase().contains("origin")
}

/// The origin comes back, unless a test around the place lets only some through.
fn reflected(cx: &Context<'_>, at: Span) -> Origins {
    for node in enclosing(cx, at) {
        match node {
            AnyNodeRef::StmtFunctionDef(_) => break,
            AnyNodeRef::StmtIf(statement) => match test(&statement.test) {
                Test::Membership => return Origins::Listed(Vec::new()),
                Test::Loose(reason) => return Origins::Loose(reason),
                Test::Nothing => {}
            },
            _ => {}
        }
    }
    // `if origin not in ALLOWED: return response` further up.
    let function = crate::code::function_around(cx, at);
    let mut earlier = function.into_iter().flat_map(|function| &function.body);
    let leaves = earlier.find_map(|statement| match statement {
        flaskseal_python::ast::Stmt::If(statement) => {
            let is_before = flaskseal_python::range_of(statement).end <= at.range.start;
            let ends = matches!(
                statement.body.last(),
                Some(flaskseal_python::ast::Stmt::Return(_) | flaskseal_python::ast::Stmt::Raise(_))
            );
            match test(&statement.test) {
                Test::Nothing => None,
                found => (is_before && ends).then_some(found),
            }
        }
        _ => None,
    });
    match leaves {
        Some(Test::Membership) => Origins::Listed(Vec::new()),
        Some(Test::Loose(reason)) => Origins::Loose(reason),
        Some(Test::Nothing) | None => Origins::Reflected,
    }
}

/// A value that is not followed: its own test decides, if it has one.
fn reflected_by_name(cx: &Context<'_>, at: Span) -> Origins {
    match reflected(cx, at) {
        Origins::Reflected => Origins::Unknown,
        other => other,
    }
}

/// What a test of an origin is worth.
enum Test {
    /// It has to be one of some.
    Membership,
    Loose(String),
    Nothing,
}

fn test(test: &Expr) -> Test {
    for node in crate::code::within(AnyNodeRef::from(test)) {
        match node {
            AnyNodeRef::ExprCompare(compare) => {
                let sides = std::iter::once(&*compare.left).chain(&*compare.comparators);
                let is_origin = |side: &Expr| {
                    last_name(side).is_some_and(|name| name.to_ascii_lowercase().contains("origin"))
                };
                let sides: Vec<&Expr> = sides.collect();
                match compare.ops.first() {
                    Some(CmpOp::In | CmpOp::NotIn) if is_origin(sides[0]) => return Test::Membership,
                    // `"example.com" in origin`.
                    Some(CmpOp::In | CmpOp::NotIn)
                        if sides.get(1).is_some_and(|side| is_origin(side))
                            && sides[0].is_string_literal_expr()
                            && !matches!(sides[1], Expr::Attribute(attribute) if attribute.attr.id.as_str() == "headers") =>
                    {
                        return Test::Loose("it only has to occur in the origin".to_owned());
                    }
                    Some(CmpOp::Eq | CmpOp::NotEq)
                        if sides.iter().any(|side| is_origin(side))
                            && !sides.iter().any(|side| side.is_none_literal_expr()) =>
                    {
                        return Test::Membership;
                    }
                    _ => {}
                }
            }
            AnyNodeRef::ExprCall(call) => {
                let Expr::Attribute(callee) = &*call.func else { continue };
                let text = call.arguments.args.first().and_then(|argument| match argument {
                    Expr::StringLiteral(text) => Some(text.value.to_str()),
                    _ => None,
                });
                match (callee.attr.id.as_str(), text) {
                    ("endswith", Some(text)) if !text.starts_with(['.', '/']) => {
                        return Test::Loose(format!("every name that ends with `{text}` matches"));
                    }
                    ("endswith", Some(_)) => return Test::Membership,
                    ("startswith", Some(text)) => {
                        return Test::Loose(format!("a longer name that starts with `{text}` matches"));
                    }
                    ("match" | "search" | "fullmatch", Some(pattern))
                        if last_name(&callee.value) == Some("re") =>
                    {
                        let is_full = callee.attr.id.as_str() == "fullmatch";
                        let pattern = if is_full { format!("{pattern}$") } else { pattern.to_owned() };
                        return match looseness(&pattern) {
                            Some(reason) => Test::Loose(reason),
                            None => Test::Membership,
                        };
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Test::Nothing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_foreign_sites_match_are_loose() {
        for loose in [
            r"https://example\.com",
            r"^https://.*example\.com$",
            r"^https://www.example.com$",
            r"^https://example\.com.*$",
        ] {
            assert!(looseness(loose).is_some(), "{loose}");
        }
        for strict in [
            r"^https://example\.com$",
            r"^https://([a-z0-9-]+\.)*example\.com$",
            r"^https://.*\.example\.com$",
            r"^https://example\.com(:\d+)?$",
        ] {
            assert!(looseness(strict).is_none(), "{strict}");
        }
    }

    #[test]
    fn plain_origins_are_compared_whole() {
        assert_eq!(
            of_pattern("https://example.com"),
            Origins::Listed(vec!["https://example.com".to_owned()])
        );
        assert_eq!(of_pattern("*"), Origins::Any);
        assert_eq!(of_pattern("null"), Origins::Null);
    }
}
