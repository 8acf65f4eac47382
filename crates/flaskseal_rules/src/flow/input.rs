//! Inputs as people call them, and requests that show what an input can do.

use std::fmt::Write as _;

use flaskseal_core::Span;
use flaskseal_project::Context;
use flaskseal_project::semantic::{Origin, OriginKind, Route};

use crate::code::{enclosing, span_of};

/// "form field `q`", "the request body".
pub(crate) fn describe(origin: &Origin) -> String {
    let (part, key) = parts(&origin.input);
    let named = |one: &str, any: &str| match &key {
        Some(key) => format!("{one} `{key}`"),
        None => any.to_owned(),
    };
    let text = match part {
        "args" => named("query parameter", "a query parameter"),
        "form" => named("form field", "a form field"),
        "values" => named("parameter", "a parameter"),
        "cookies" => named("cookie", "a cookie"),
        "headers" => named("header", "a header"),
        "view_args" => named("URL part", "a part of the URL"),
        "json" | "get_json()" => named("JSON field", "the JSON body"),
        "files" if origin.input.ends_with(".filename") => {
            named("the file name of upload", "the file name of an upload")
        }
        "files" => named("upload", "an upload"),
        "data" | "get_data()" | "stream" | "input_stream" => "the request body".to_owned(),
        "query_string" => "the query string".to_owned(),
        "referrer" => "header `Referer`".to_owned(),
        "origin" => "header `Origin`".to_owned(),
        "user_agent" | "user_agent.string" => "header `User-Agent`".to_owned(),
        "content_type" | "mimetype" | "mimetype_params" => "header `Content-Type`".to_owned(),
        "authorization" => "header `Authorization`".to_owned(),
        "host" | "host_url" | "root_url" | "url_root" => "header `Host`".to_owned(),
        "url" | "base_url" | "full_path" | "path" => "the request's URL".to_owned(),
        _ => format!("`{}`", origin.input.trim_start_matches("flask.")),
    };
    match origin.kind {
        OriginKind::Request => text,
        OriginKind::Stored => format!("{text}, stored before,"),
    }
}

/// Whether an input's text cannot hold a line break: HTTP ends the line before it.
pub(crate) fn is_single_line(origin: &Origin) -> bool {
    matches!(
        parts(&origin.input).0,
        "cookies"
            | "headers"
            | "view_args"
            | "referrer"
            | "origin"
            | "user_agent"
            | "user_agent.string"
            | "content_type"
            | "mimetype"
            | "authorization"
            | "host"
            | "host_url"
            | "url"
            | "base_url"
            | "full_path"
            | "path"
            | "root_url"
            | "url_root"
            | "query_string"
    )
}

/// Whether another site can make a browser send the input.
pub(crate) fn is_settable_across_sites(origin: &Origin) -> bool {
    !matches!(
        parts(&origin.input).0,
        "cookies" | "headers" | "user_agent" | "user_agent.string" | "authorization"
    )
}

/// The part of the request that an access path begins with, and the first key in it.
pub(crate) fn parts(input: &str) -> (&str, Option<String>) {
    let path = input.strip_prefix("flask.request.").unwrap_or(input);
    let Some((part, rest)) = path.split_once('[') else {
        return (path.trim_end_matches(".keys()"), None);
    };
    let key = rest.split_once("\"]").and_then(|(key, _)| key.strip_prefix('"'));
    (part, key.map(|key| key.replace("\\\"", "\"")))
}

/// A request that brings `payload` in through an input: `GET /search?q=' OR 1=1`. `None` where the route is not known.
pub(crate) fn example(
    cx: &Context<'_>,
    origin: &Origin,
    function: Option<Span>,
    payload: &str,
) -> Option<String> {
    let route = route(cx, origin, function)?;
    let rule = route.rule.as_str()?;
    let methods = route.methods.as_deref().unwrap_or_default();
    let is_get = methods.is_empty() || methods.iter().any(|method| method == "GET");
    let unsafe_method = methods.iter().find(|method| !matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS"));
    let method = if is_get { "GET" } else { unsafe_method.map_or("POST", String::as_str) };
    let with_body = unsafe_method.map_or("POST", String::as_str);
    let (part, key) = parts(&origin.input);
    let key = key.unwrap_or_else(|| "name".to_owned());
    let path = fill(rule, None);
    let query = in_query(payload);
    let one_line = payload.replace('\r', "%0d").replace('\n', "%0a");
    Some(match part {
        "args" | "values" | "full_path" | "url" | "query_string" => {
            format!("`{method} {path}?{key}={query}`")
        }
        "form" => format!("`{with_body} {path}` with `{key}={query}`"),
        "json" | "get_json()" => format!("`{with_body} {path}` with `{{\"{key}\": \"{one_line}\"}}`"),
        "data" | "get_data()" | "stream" => format!("`{with_body} {path}` with the body `{one_line}`"),
        "cookies" => format!("`{method} {path}` with `Cookie: {key}={one_line}`"),
        "headers" => format!("`{method} {path}` with `{key}: {one_line}`"),
        "referrer" => format!("`{method} {path}` with `Referer: {one_line}`"),
        "host" | "host_url" | "root_url" | "url_root" => format!("`{method} {path}` with `Host: {one_line}`"),
        "user_agent" | "user_agent.string" => format!("`{method} {path}` with `User-Agent: {one_line}`"),
        "view_args" => {
            let filled = fill(rule, Some((&key, &in_path(payload))));
            format!("`{method} {filled}`")
        }
        "files" => format!("`{with_body} {path}` with an upload named `{one_line}`"),
        _ => return None,
    })
}

/// The route whose code reads the input, or runs the call.
fn route<'p>(cx: &Context<'p>, origin: &Origin, function: Option<Span>) -> Option<&'p Route> {
    let functions = &cx.evaluation.functions;
    let is_known = |span: &Span| functions.binary_search_by_key(span, |function| function.span).is_ok();
    let around = enclosing(cx, origin.at).into_iter().map(|node| span_of(origin.at.file, &node));
    around.filter(is_known).chain(function).find_map(|function| cx.routes_of(function).next())
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
            _ => filled.push_str(if converter.starts_with("int") { "1" } else { "x" }),
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

fn in_query(text: &str) -> String {
    escaped(text, &['%', '&', '#', '+', ' '])
}

fn in_path(text: &str) -> String {
    escaped(text, &['%', '?', '#', ' '])
}

fn escaped(text: &str, special: &[char]) -> String {
    let mut result = String::new();
    for character in text.chars() {
        if special.contains(&character) || character.is_control() {
            let _ = write!(result, "%{:02x}", u32::from(character));
        } else {
            result.push(character);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_have_names() {
        let span = Span::new(flaskseal_core::FileId(0), 0, 0);
        let name = |input: &str| describe(&Origin::request(input, span));
        assert_eq!(name("flask.request.args[\"q\"]"), "query parameter `q`");
        assert_eq!(name("flask.request.args[*]"), "a query parameter");
        assert_eq!(name("flask.request.form.keys()"), "a form field");
        assert_eq!(name("flask.request.files[\"f\"].filename"), "the file name of upload `f`");
        assert_eq!(name("flask.request.json[\"a\"][\"b\"]"), "JSON field `a`");
        assert_eq!(name("flask.request.get_json()"), "the JSON body");
    }

    #[test]
    fn examples_are_escaped() {
        assert_eq!(in_query("' OR 1=1 --"), "'%20OR%201=1%20--");
        assert_eq!(fill("/user/<int:id>/<path:p>", Some(("p", "../x"))), "/user/1/../x");
        assert_eq!(fill("/a/<broken", None), "/a/");
    }
}
