//! Requests that show what an input can do: made from the route, the methods, the input and a text to bring in.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use flaskseal_core::{Body, Request, Span};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Change, Coding, FactKind, Origin, Route};
use flaskseal_python::ast::{self, AnyNodeRef, CmpOp, Expr};

use super::input::parts;
use crate::code::{enclosing, last_name, span_of, within};

/// A request that brings `payload` in through an input. `at` are places that it has to reach besides the one that
/// reads the input. `None` where the route is not known.
pub(crate) fn example(cx: &Context<'_>, origin: &Origin, at: &[Span], payload: &str) -> Option<Request> {
    let places: Vec<Span> = std::iter::once(origin.at).chain(at.iter().copied()).collect();
    let written = written(origin, payload);
    let payload = written.as_str();
    let Some(route) = places.iter().find_map(|place| route(cx, *place)) else {
        return missing_page(cx, origin, &places, payload);
    };
    let rule = route.rule.as_str()?;
    let (part, key) = parts(&origin.input);
    let key = key.unwrap_or_else(|| "name".to_owned());
    let methods = Methods::of(cx, route, &places);
    let request = |method: &str| Request::new(method, fill(rule, None));
    let with_header = |name: &str| Some(request(methods.any()).with_header(name, in_header(payload)));
    let with_body = |body: Body| Some(request(methods.with_body()).with_body(body));
    match part {
        "args" | "values" | "full_path" | "url" | "query_string" => {
            let target = format!("{}?{}={}", fill(rule, None), in_query(&key), in_query(payload));
            Some(Request::new(methods.any(), target))
        }
        "form" => with_body(Body::Form(format!("{}={}", in_form(&key), in_form(payload)))),
        "json" | "get_json()" => {
            with_body(Body::Json(format!("{{{}: {}}}", in_json(&key), in_json(payload))))
        }
        "data" | "get_data()" | "stream" | "input_stream" => with_body(Body::Plain(payload.to_owned())),
        "files" => {
            let is_name = origin.input.ends_with(".filename");
            let (file_name, content) = if is_name { (payload, "x") } else { ("file", payload) };
            with_body(Body::Upload {
                field: key,
                file_name: file_name.to_owned(),
                media_type: "application/octet-stream".to_owned(),
                content: content.to_owned(),
            })
        }
        "cookies" => {
            Some(request(methods.any()).with_header("Cookie", format!("{key}={}", in_cookie(payload))))
        }
        "headers" => with_header(&key),
        "referrer" => with_header("Referer"),
        "origin" => with_header("Origin"),
        "host" | "host_url" | "root_url" | "url_root" => with_header("Host"),
        "user_agent" | "user_agent.string" => with_header("User-Agent"),
        "content_type" | "mimetype" => with_header("Content-Type"),
        "view_args" => Some(Request::new(methods.any(), fill(rule, Some((&key, &in_path(payload)))))),
        _ => None,
    }
}

/// A request that a page of another site makes a visitor's browser send to a view: with the fields that it reads.
pub(crate) fn forged(cx: &Context<'_>, function: Span, node: &ast::StmtFunctionDef) -> Option<Request> {
    let route = cx.routes_of(function).next()?;
    let methods = Methods::of(cx, route, &[]);
    let fields: Vec<String> = form_fields(node).iter().map(|name| format!("{}=1", in_form(name))).collect();
    let request = Request::new(methods.with_body(), fill(route.rule.as_str()?, None));
    Some(request.with_header("Origin", "https://evil.example").with_body(Body::Form(fields.join("&"))))
}

/// A request for some page, from a script of another site.
pub(crate) fn foreign(cx: &Context<'_>) -> Option<Request> {
    let routes = cx.app?.routes.iter();
    let answers_get =
        |route: &&Route| route.methods.as_ref().is_none_or(|methods| methods.iter().any(|one| one == "GET"));
    let rule = routes.filter(answers_get).find_map(|route| route.rule.as_str())?;
    Some(Request::new("GET", fill(rule, None)).with_header("Origin", "https://evil.example"))
}

/// A link to a view.
pub(crate) fn link(route: &Route) -> Option<Request> {
    Some(Request::new("GET", fill(route.rule.as_str()?, None)))
}

/// A request that sets a field which a function did not ask for.
pub(crate) fn field(cx: &Context<'_>, function: Span, name: &str) -> Option<Request> {
    let route = cx.routes_of(function).next()?;
    let text = cx.text(function);
    let request = Request::new(Methods::of(cx, route, &[]).with_body(), fill(route.rule.as_str()?, None));
    let body = if text.contains("get_json") || text.contains("request.json") {
        Body::Json(format!("{{{}: true}}", in_json(name)))
    } else {
        Body::Form(format!("{}=1", in_form(name)))
    };
    Some(request.with_body(body))
}

/// The names of the form fields that a function reads: `request.form["name"]`, `request.form.get("name")`.
fn form_fields(node: &ast::StmtFunctionDef) -> BTreeSet<&str> {
    let is_form = |expression: &Expr| {
        matches!(expression, Expr::Attribute(attribute)
            if matches!(attribute.attr.id.as_str(), "form" | "values")
                && last_name(&attribute.value) == Some("request"))
    };
    let nodes = node.body.iter().flat_map(|statement| within(AnyNodeRef::from(statement)));
    nodes
        .filter_map(|node| match node {
            AnyNodeRef::ExprSubscript(subscript) if is_form(&subscript.value) => match &*subscript.slice {
                Expr::StringLiteral(name) => Some(name.value.to_str()),
                _ => None,
            },
            AnyNodeRef::ExprCall(call) => match (&*call.func, call.arguments.args.first()) {
                (Expr::Attribute(method), Some(Expr::StringLiteral(name)))
                    if method.attr.id.as_str() == "get" && is_form(&method.value) =>
                {
                    Some(name.value.to_str())
                }
                _ => None,
            },
            _ => None,
        })
        .collect()
}

/// What to send so that a text is there after everything that the program does to it.
fn written(origin: &Origin, payload: &str) -> String {
    let mut text = payload.to_owned();
    for change in origin.changes() {
        text = match change {
            Change::Decoded(Coding::Base64) => STANDARD.encode(&text),
            Change::Decoded(Coding::Base64Url) => URL_SAFE.encode(&text),
            Change::Decoded(Coding::Hex) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            Change::Decoded(Coding::Percent) => escaped(&text, "%+&=#? "),
            Change::EscapedForHtml => text,
            // What is taken out once leaves what was written around it.
            Change::Replaced { from, to } if to.is_empty() => match from.char_indices().last() {
                Some((last, _)) if last > 0 => {
                    let (start, end) = from.split_at(last);
                    text.replace(&**from, &format!("{start}{from}{end}"))
                }
                _ => text,
            },
            Change::Replaced { .. } => text,
            Change::Between { prefix, suffix } => format!("{prefix}{text}{suffix}"),
        };
    }
    text
}

/// A request for an address that no route has, where a handler of that error reads the query.
fn missing_page(cx: &Context<'_>, origin: &Origin, places: &[Span], payload: &str) -> Option<Request> {
    let hooks = cx.app?.hooks.iter().filter(|hook| hook.name == "errorhandler");
    let handlers: Vec<Span> = hooks
        .filter_map(|hook| match &hook.function.kind {
            FactKind::Function(function) => Some(function.span),
            _ => None,
        })
        .collect();
    let is_handler =
        |place: &Span| enclosing(cx, *place).iter().any(|node| handlers.contains(&span_of(place.file, node)));
    if !places.iter().any(is_handler) {
        return None;
    }
    match parts(&origin.input) {
        ("args" | "values", Some(key)) => {
            Some(Request::new("GET", format!("/no-such-page?{}={}", in_query(&key), in_query(payload))))
        }
        ("path" | "url" | "base_url" | "full_path", _) => {
            Some(Request::new("GET", format!("/{}", in_path(payload))))
        }
        _ => None,
    }
}

/// The route whose code is at a place.
fn route<'p>(cx: &Context<'p>, place: Span) -> Option<&'p Route> {
    let functions = &cx.evaluation.functions;
    let is_known = |span: &Span| functions.binary_search_by_key(span, |function| function.span).is_ok();
    let around = enclosing(cx, place).into_iter().map(|node| span_of(place.file, &node));
    around.filter(is_known).find_map(|function| cx.routes_of(function).next())
}

/// The methods that reach the code.
struct Methods<'p> {
    all: Vec<&'p str>,
}

impl<'p> Methods<'p> {
    fn of(cx: &Context<'p>, route: &'p Route, places: &[Span]) -> Self {
        let all = route.methods.iter().flatten().map(String::as_str);
        let all: Vec<&str> = all.filter(|method| !matches!(*method, "HEAD" | "OPTIONS")).collect();
        let asked: Vec<&str> = places.iter().flat_map(|place| asked(cx, *place)).collect();
        let is_asked = |method: &&str| asked.contains(method);
        Self { all: if all.iter().any(is_asked) { all.into_iter().filter(is_asked).collect() } else { all } }
    }

    fn any(&self) -> &'p str {
        if self.all.contains(&"GET") { "GET" } else { self.all.first().copied().unwrap_or("GET") }
    }

    fn with_body(&self) -> &'p str {
        let is_preferred = |method: &&str| *method == "POST";
        let other = || self.all.iter().find(|method| **method != "GET");
        self.all.iter().copied().find(is_preferred).or_else(|| other().copied()).unwrap_or("POST")
    }
}

/// The methods that conditions around a place ask for: `if request.method == "POST":`.
fn asked<'p>(cx: &Context<'p>, place: Span) -> Vec<&'p str> {
    let mut found = Vec::new();
    for node in enclosing(cx, place) {
        let AnyNodeRef::StmtIf(statement) = node else { continue };
        let is_in_body =
            statement.body.iter().any(|one| span_of(place.file, one).range.encloses(place.range));
        if is_in_body {
            method_of(&statement.test, &mut found);
        }
    }
    found
}

fn method_of<'p>(test: &'p Expr, found: &mut Vec<&'p str>) {
    match test {
        Expr::BoolOp(all) if all.op == ast::BoolOp::And => {
            for value in &all.values {
                method_of(value, found);
            }
        }
        Expr::Compare(compare) => {
            let is_method = matches!(&*compare.left, Expr::Attribute(attribute)
                if attribute.attr.id.as_str() == "method" && last_name(&attribute.value) == Some("request"));
            if let ([CmpOp::Eq], [Expr::StringLiteral(method)], true) =
                (&*compare.ops, &*compare.comparators, is_method)
            {
                found.push(method.value.to_str());
            }
        }
        _ => {}
    }
}

/// A rule with its converters filled in.
fn fill(rule: &str, argument: Option<(&str, &str)>) -> String {
    let mut filled = String::new();
    let mut rest = rule;
    while let Some((before, after)) = rest.split_once('<') {
        filled.push_str(before);
        let Some((inside, after)) = after.split_once('>') else { return filled };
        let (converter, name) = inside.rsplit_once(':').unwrap_or(("", inside));
        match argument {
            Some((wanted, value)) if wanted == name => filled.push_str(value),
            _ => filled.push_str(&sample(converter)),
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// A text that a converter takes.
fn sample(converter: &str) -> String {
    let (name, arguments) = converter.split_once('(').unwrap_or((converter, ""));
    let arguments = arguments.trim_end_matches(')');
    match name.trim() {
        "int" => "1".to_owned(),
        "float" => "1.0".to_owned(),
        "uuid" => "00000000-0000-4000-8000-000000000000".to_owned(),
        "any" => arguments.split(',').next().unwrap_or_default().trim_matches([' ', '"', '\'']).to_owned(),
        _ => {
            let least = arguments.split(',').filter_map(|argument| argument.split_once('='));
            let mut least = least.filter(|(name, _)| matches!(name.trim(), "length" | "minlength"));
            let count = least.next().and_then(|(_, count)| count.trim().parse::<usize>().ok()).unwrap_or(1);
            "x".repeat(count.clamp(1, 64))
        }
    }
}

fn in_query(text: &str) -> String {
    escaped(text, "%&#+ ")
}

fn in_form(text: &str) -> String {
    escaped(text, "%&=#+ ")
}

fn in_path(text: &str) -> String {
    escaped(text, "%?# ")
}

fn escaped(text: &str, special: &str) -> String {
    let mut result = String::new();
    for character in text.chars() {
        if special.contains(character) || character.is_control() {
            let mut buffer = [0; 4];
            for byte in character.encode_utf8(&mut buffer).bytes() {
                let _ = write!(result, "%{byte:02x}");
            }
        } else {
            result.push(character);
        }
    }
    result
}

/// A string of JSON, quotes included.
fn in_json(text: &str) -> String {
    let mut result = "\"".to_owned();
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                result.push('\\');
                result.push(character);
            }
            '\n' => result.push_str("\\n"),
            character if character.is_control() => {
                let _ = write!(result, "\\u{:04x}", u32::from(character));
            }
            character => result.push(character),
        }
    }
    result.push('"');
    result
}

/// A header ends with its line.
fn in_header(text: &str) -> String {
    text.replace('\r', "%0d").replace('\n', "%0a")
}

/// A cookie's value in quotes, where it needs them, as Python's and Werkzeug's readers of cookies undo it.
fn in_cookie(text: &str) -> String {
    let is_plain =
        |character: char| character.is_ascii_graphic() && !matches!(character, '"' | ',' | ';' | '\\');
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    let mut result = "\"".to_owned();
    for byte in text.bytes() {
        if is_plain(char::from(byte)) || byte == b' ' {
            result.push(char::from(byte));
        } else {
            let _ = write!(result, "\\{byte:03o}");
        }
    }
    result.push('"');
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_for_their_place() {
        assert_eq!(in_query("' OR 1=1 --"), "'%20OR%201=1%20--");
        assert_eq!(in_form("é=1"), "é%3d1");
        assert_eq!(in_json("a\"\\\n\u{1}"), r#""a\"\\\n\u0001""#);
        assert_eq!(in_cookie("; id"), r#""\073 id""#);
        assert_eq!(in_cookie("a.b"), "a.b");
        assert_eq!(in_header("a\r\nb"), "a%0d%0ab");
    }

    #[test]
    fn rules_are_filled() {
        assert_eq!(fill("/user/<int:id>/<path:p>", Some(("p", "../x"))), "/user/1/../x");
        assert_eq!(fill("/a/<broken", None), "/a/");
        assert_eq!(fill("/<any(en, de):language>/<float:f>/<string(length=2):x>", None), "/en/1.0/xx");
    }
}
