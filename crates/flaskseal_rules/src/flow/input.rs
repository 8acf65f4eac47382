//! Inputs as people call them.

use flaskseal_project::semantic::{Origin, OriginKind};

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
        "flask_socketio.message" => named("message field", "a message"),
        "simple_websocket.Server().receive()" => named("message field", "a message of the WebSocket"),
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

#[cfg(test)]
mod tests {
    use flaskseal_core::Span;

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
}
