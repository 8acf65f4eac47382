//! Requests that show what an input can do: made from the route, the methods, the input and a text to bring in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use flaskseal_core::{Body, Request, Span};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Change, Coding, Fact, FactKind, Origin, Route};
use flaskseal_python::ast::{self, AnyNodeRef, CmpOp, Expr};

use super::input::parts;
use super::needs::Needs;
use crate::code::{enclosing, last_name, span_of, within};

/// A request that brings `payload` in through an input. `at` are places that it has to reach besides the one that
/// reads the input. `None` where the route is not known.
pub(crate) fn example(cx: &Context<'_>, origin: &Origin, at: &[Span], payload: &str) -> Option<Request> {
    let places: Vec<Span> = std::iter::once(origin.at).chain(at.iter().copied()).collect();
    let written = written(origin, payload);
    let payload = written.as_str();
    let found = places.iter().find_map(|place| route(cx, *place));
    let Some(route) = found.or_else(|| places.iter().find_map(|place| behind_hook(cx, *place))) else {
        return missing_page(cx, origin, &places, payload);
    };
    let rule = route.rule.as_str()?;
    let (part, key) = parts(&origin.input);
    let key = key.unwrap_or_else(|| "name".to_owned());
    let methods = Methods::of(cx, route, &places);
    let needs = Needs::of(cx, &places);
    let argument = (part == "view_args").then(|| (key.as_str(), in_path(payload)));
    let path = fill(rule, argument.as_ref().map(|(name, value)| (*name, value.as_str())));
    let is_in_query = matches!(part, "args" | "values" | "full_path" | "url" | "query_string");
    let own = Some((key.as_str(), payload));
    let query = fields(&needs.args, own.filter(|_| is_in_query), in_query);
    let target = if query.is_empty() { path } else { format!("{path}?{query}") };
    let form = fields(&needs.form, own.filter(|_| part == "form"), in_form);
    let body = match part {
        "json" | "get_json()" => Some(Body::Json(json(&origin.input, payload, &needs.json))),
        "data" | "get_data()" | "stream" | "input_stream" => Some(Body::Plain(payload.to_owned())),
        "files" => {
            let is_name = origin.input.ends_with(".filename");
            let (file_name, content) = if is_name { (payload, "x") } else { ("file", payload) };
            Some(Body::Upload {
                field: key.clone(),
                file_name: file_name.to_owned(),
                media_type: "application/octet-stream".to_owned(),
                content: content.to_owned(),
            })
        }
        _ => (!form.is_empty()).then_some(Body::Form(form)),
    };
    let method = if body.is_some() { methods.with_body() } else { methods.any() };
    let request = Request { body, ..Request::new(method, target) };
    let header = match part {
        "headers" => key.as_str(),
        "referrer" => "Referer",
        "origin" => "Origin",
        "host" | "host_url" | "root_url" | "url_root" => "Host",
        "user_agent" | "user_agent.string" => "User-Agent",
        "content_type" | "mimetype" => "Content-Type",
        "cookies" => return Some(request.with_header("Cookie", format!("{key}={}", in_cookie(payload)))),
        "args" | "values" | "full_path" | "url" | "query_string" | "form" | "json" | "get_json()"
        | "data" | "get_data()" | "stream" | "input_stream" | "files" | "view_args" => return Some(request),
        _ => return None,
    };
    Some(request.with_header(header, in_header(payload)))
}

/// Fields of a query or a form: one, and further ones that the code asks for.
fn fields(needs: &BTreeMap<&str, String>, own: Option<(&str, &str)>, write: fn(&str) -> String) -> String {
    let further = needs.iter().filter(|(name, _)| own.is_none_or(|(own, _)| own != **name));
    let all = own.into_iter().chain(further.map(|(name, value)| (*name, value.as_str())));
    all.map(|(name, value)| format!("{}={}", write(name), write(value))).collect::<Vec<_>>().join("&")
}

/// A document with the payload where an access path leads, and the fields that the code asks for beside it.
fn json(input: &str, payload: &str, needs: &BTreeMap<&str, String>) -> String {
    let keys = json_keys(input);
    let mut value = in_json(payload);
    for key in keys.iter().skip(1).rev() {
        value = match key {
            Some(name) => format!("{{{}: {value}}}", in_json(name)),
            None => format!("[{value}]"),
        };
    }
    match keys.first() {
        Some(None) => format!("[{value}]"),
        first => {
            let own = first.and_then(Option::as_deref).unwrap_or("name");
            let further = needs.iter().filter(|(name, _)| **name != own);
            let further = further.map(|(name, value)| format!(", {}: {}", in_json(name), in_json(value)));
            format!("{{{}: {value}{}}}", in_json(own), further.collect::<String>())
        }
    }
}

/// The keys of an access path into JSON: a name, or `None` for an element of a list.
fn json_keys(input: &str) -> Vec<Option<String>> {
    let mut keys = Vec::new();
    let mut rest = input.split_once('[').map_or("", |(_, rest)| rest);
    while keys.len() < MAX_KEYS {
        let (key, after) = match rest.strip_prefix('"') {
            Some(text) => match text.split_once("\"]") {
                Some((name, after)) => (Some(name.replace("\\\"", "\"")), after),
                None => break,
            },
            None => match rest.split_once(']') {
                Some((_, after)) => (None, after),
                None => break,
            },
        };
        keys.push(key);
        rest = after.strip_prefix('[').unwrap_or_default();
    }
    keys
}

/// Deeper paths are not followed.
const MAX_KEYS: usize = 8;

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
            Change::Decoded(Coding::Percent) => escaped(&text, "%+&=#?/ "),
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
    let handlers: Vec<Span> = hooks.filter_map(|hook| function_of(&hook.function)).collect();
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

/// A route before which the code at a place runs, as a hook: one without arguments, if there is one.
fn behind_hook<'p>(cx: &Context<'p>, place: Span) -> Option<&'p Route> {
    let app = cx.app?;
    let around: Vec<Span> = enclosing(cx, place).iter().map(|node| span_of(place.file, node)).collect();
    let mut hooks = app.hooks.iter().filter(|hook| hook.name.starts_with("before"));
    let hook = hooks.find(|hook| function_of(&hook.function).is_some_and(|span| around.contains(&span)))?;
    let covered = || app.routes.iter().filter(|route| hook.covers(route) && route.rule.as_str().is_some());
    let is_plain = |route: &&Route| route.rule.as_str().is_some_and(|rule| !rule.contains('<'));
    covered().find(is_plain).or_else(|| covered().next())
}

fn function_of(function: &Fact) -> Option<Span> {
    match &function.kind {
        FactKind::Function(function) => Some(function.span),
        _ => None,
    }
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
    fn documents_follow_their_access_path() {
        let needs = BTreeMap::from([("b", "1".to_owned())]);
        let of = |input: &str| json(input, "x", &needs);
        assert_eq!(of(r#"flask.request.json["a"]["c"]"#), r#"{"a": {"c": "x"}, "b": "1"}"#);
        assert_eq!(of(r#"flask.request.json["b"]"#), r#"{"b": "x"}"#);
        assert_eq!(of("flask.request.get_json()[0][*]"), r#"[["x"]]"#);
        assert_eq!(of("flask.request.json"), r#"{"name": "x", "b": "1"}"#);
    }

    #[test]
    fn rules_are_filled() {
        assert_eq!(fill("/user/<int:id>/<path:p>", Some(("p", "../x"))), "/user/1/../x");
        assert_eq!(fill("/a/<broken", None), "/a/");
        assert_eq!(fill("/<any(en, de):language>/<float:f>/<string(length=2):x>", None), "/en/1.0/xx");
    }
}
