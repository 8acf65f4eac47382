//! A request that shows what a finding means.

use std::fmt;

use crate::one_line;

/// As a client sends it, but for what every client adds: `Host`, where it is not named, and `Content-Length`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    pub method: String,
    /// Path and query, with percent signs where a server would read a character otherwise.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Body>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// Fields of a form: `name=value&...`.
    Form(String),
    Json(String),
    Plain(String),
    /// A file in a form.
    Upload {
        field: String,
        file_name: String,
        media_type: String,
        content: String,
    },
}

/// What stands between the parts of an upload.
const BOUNDARY: &str = "flaskseal";

impl Request {
    pub fn new(method: impl Into<String>, target: impl Into<String>) -> Self {
        Self { method: method.into(), target: target.into(), headers: Vec::new(), body: None }
    }

    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn with_body(mut self, body: Body) -> Self {
        self.body = Some(body);
        self
    }

    /// All headers that the request itself decides.
    pub fn all_headers(&self) -> Vec<(String, String)> {
        let mut headers = self.headers.clone();
        if let Some(body) = &self.body {
            headers.push(("Content-Type".to_owned(), body.media_type()));
        }
        headers
    }
}

impl Body {
    fn media_type(&self) -> String {
        match self {
            Self::Form(_) => "application/x-www-form-urlencoded".to_owned(),
            Self::Json(_) => "application/json".to_owned(),
            Self::Plain(_) => "text/plain".to_owned(),
            Self::Upload { .. } => format!("multipart/form-data; boundary={BOUNDARY}"),
        }
    }

    /// The body as it is sent.
    pub fn text(&self) -> String {
        match self {
            Self::Form(text) | Self::Json(text) | Self::Plain(text) => text.clone(),
            Self::Upload { field, file_name, media_type, content } => format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\n\
                 Content-Type: {media_type}\r\n\r\n{content}\r\n--{BOUNDARY}--\r\n",
                in_quotes(field),
                in_quotes(file_name),
            ),
        }
    }
}

/// A parameter of a part's header, as browsers write it (HTML, "multipart form data").
fn in_quotes(text: &str) -> String {
    text.replace('\r', "%0D").replace('\n', "%0A").replace('"', "%22")
}

/// On one line, for people: "`POST /x` with `q=1`".
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, target, headers, body } = self;
        write!(f, "`{method} {target}`")?;
        let mut parts: Vec<String> =
            headers.iter().map(|(name, value)| format!("`{name}: {}`", one_line(value))).collect();
        parts.extend(body.as_ref().map(|body| match body {
            Body::Form(text) | Body::Json(text) => format!("`{}`", one_line(text)),
            Body::Plain(text) => format!("the body `{}`", one_line(text)),
            Body::Upload { file_name, .. } => format!("an upload named `{}`", one_line(file_name)),
        }));
        if parts.is_empty() { Ok(()) } else { write!(f, " with {}", parts.join(" and ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_shown_on_one_line() {
        assert_eq!(Request::new("GET", "/x?q='").to_string(), "`GET /x?q='`");
        let request = Request::new("POST", "/x")
            .with_header("Origin", "https://evil.example")
            .with_body(Body::Plain("a\nb".to_owned()));
        assert_eq!(request.to_string(), "`POST /x` with `Origin: https://evil.example` and the body `a\\nb`");
    }

    #[test]
    fn an_upload_is_a_form() {
        let body = Body::Upload {
            field: "f".to_owned(),
            file_name: "a\"b".to_owned(),
            media_type: "text/plain".to_owned(),
            content: "x".to_owned(),
        };
        assert!(
            body.text().contains("name=\"f\"; filename=\"a%22b\"\r\nContent-Type: text/plain\r\n\r\nx\r\n--")
        );
        let request = Request::new("POST", "/").with_body(body);
        assert_eq!(request.all_headers()[0].1, "multipart/form-data; boundary=flaskseal");
    }
}
