//! One request and its answer, as text with places: evidence points into it as it points into a file.

use std::fmt::Write as _;

use flaskseal_core::TextRange;
use url::Url;

use crate::Cookie;

/// What a request was there to find out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Purpose {
    /// The page that the user named.
    Start,
    /// The start page over plain HTTP.
    Plain,
    /// An address that nobody has.
    Missing,
    /// A file of the start page: script, style, picture.
    Static,
    /// Another page of the site.
    Page,
    /// A method that the page does not have.
    Method,
    /// An address of the fixed list.
    Listed,
    /// A resource of Werkzeug's debugger.
    Debugger,
    /// The start page, asked for from a foreign site.
    ForeignOrigin,
    /// The start page, asked for from a page without an origin.
    NullOrigin,
    /// The start page, by a foreign name.
    ForeignHost,
    /// The start page, with a proxy's headers that name a foreign host and a folder that nobody has.
    ForwardedHost,
    /// The start page over plain HTTP, with a proxy's header that says it came over TLS.
    ForwardedProto,
    /// A page, by a client that takes compressed answers.
    Compressed,
    /// What maps a script of the start page to its source.
    SourceMap,
    /// A page that was seen with the user's own cookies and logins, without them.
    Stranger,
}

impl Purpose {
    const ALL: [Self; 16] = [
        Self::Start,
        Self::Plain,
        Self::Missing,
        Self::Static,
        Self::Page,
        Self::Method,
        Self::Listed,
        Self::Debugger,
        Self::ForeignOrigin,
        Self::NullOrigin,
        Self::ForeignHost,
        Self::ForwardedHost,
        Self::ForwardedProto,
        Self::Compressed,
        Self::SourceMap,
        Self::Stranger,
    ];

    pub const fn key(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Plain => "plain",
            Self::Missing => "missing",
            Self::Static => "static",
            Self::Page => "page",
            Self::Method => "method",
            Self::Listed => "listed",
            Self::Debugger => "debugger",
            Self::ForeignOrigin => "foreign-origin",
            Self::NullOrigin => "null-origin",
            Self::ForeignHost => "foreign-host",
            Self::ForwardedHost => "forwarded-host",
            Self::ForwardedProto => "forwarded-proto",
            Self::Compressed => "compressed",
            Self::SourceMap => "source-map",
            Self::Stranger => "stranger",
        }
    }

    /// Whether the request was one that any visitor makes.
    pub const fn is_ordinary(self) -> bool {
        matches!(self, Self::Start | Self::Missing | Self::Static | Self::Page)
    }
}

/// A header as it was received, in its order, repeated ones included.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    pub name: String,
    /// Without blanks around it; bytes that are not UTF-8 are replaced.
    pub value: String,
    /// Its line in the exchange's text.
    pub range: TextRange,
}

/// An answer, as the client took it from the network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received {
    /// `HTTP/1.1`.
    pub version: &'static str,
    pub status: u16,
    pub reason: String,
    pub headers: Vec<(String, Vec<u8>)>,
    /// At most what the client's bound allows.
    pub body: Vec<u8>,
    /// The body went on.
    pub truncated: bool,
    /// What follows of it did not come in time.
    pub late: bool,
}

/// A request and its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub purpose: Purpose,
    pub method: String,
    pub url: Url,
    /// Headers that made the request special.
    pub sent: Vec<(String, String)>,
    pub status: u16,
    pub headers: Vec<Header>,
    pub body: Vec<u8>,
    pub truncated: bool,
    /// What is shown: request line, status line, headers, and the body where it is a page. Secrets are masked.
    pub text: String,
    /// How the text is called: the address.
    pub name: String,
    /// The status line in the text.
    pub status_range: TextRange,
    /// Where the body begins in the text; `None` where it is not shown.
    pub body_at: Option<u32>,
}

/// A transcript that is none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "a transcript begins with `GET https://shop.example/ (start)` and goes on with `HTTP/1.1 200 OK`: {0}"
)]
pub struct MalformedTranscript(&'static str);

/// Bytes at the end of a script in which it names its source map.
const SOURCE_MAP_LINE: usize = 2048;
/// Bytes of a page that are shown and examined.
const SHOWN: usize = 256 << 10;

impl Exchange {
    /// An exchange that took place. `sent` are the headers that made the request special.
    pub fn new(
        purpose: Purpose,
        method: &str,
        url: Url,
        sent: &[(String, String)],
        received: Received,
    ) -> Self {
        let mut text = format!("{method} {url}\n");
        for (name, value) in sent {
            let _ = writeln!(text, "> {name}: {}", one_line(value));
        }
        let status_at = text.len() as u32;
        let _ = write!(text, "{} {} {}", received.version, received.status, one_line(&received.reason));
        let status_range = TextRange::new(status_at, text.trim_end().len() as u32);
        text.truncate(status_range.end as usize);
        text.push('\n');
        let mut headers = Vec::with_capacity(received.headers.len());
        for (name, value) in received.headers {
            let value = String::from_utf8_lossy(&value).trim().to_owned();
            let at = text.len() as u32;
            let _ = write!(text, "{name}: {}", one_line(&masked(&name, &value)));
            headers.push(Header { name, value, range: TextRange::new(at, text.len() as u32) });
            text.push('\n');
        }
        let mut exchange = Self {
            purpose,
            method: method.to_owned(),
            name: url.to_string(),
            url,
            sent: sent.to_vec(),
            status: received.status,
            headers,
            body: received.body,
            truncated: received.truncated,
            text,
            status_range,
            body_at: None,
        };
        if exchange.is_html() && purpose.is_ordinary() {
            exchange.text.push('\n');
            exchange.body_at = Some(exchange.text.len() as u32);
            let page = String::from_utf8_lossy(exchange.body.get(..SHOWN).unwrap_or(&exchange.body));
            exchange.text.push_str(&page);
        }
        exchange
    }

    /// Reads an exchange from a transcript, for tests: `GET https://shop.example/ (start)`, sent headers after `> `,
    /// the status line, headers, an empty line, the body. Lines before the body that begin with `#` are comments.
    ///
    /// # Errors
    /// When the text does not begin so.
    pub fn parse(name: &str, text: &str) -> Result<Self, MalformedTranscript> {
        let mut request = None;
        let mut status = None;
        let mut sent = Vec::new();
        let mut headers = Vec::new();
        let mut body_at = None;
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let start = at;
            at += line.len();
            let line = line.trim_end();
            let range = TextRange::new(start as u32, (start + line.len()) as u32);
            if line.is_empty() && status.is_some() {
                body_at = Some(at as u32);
                break;
            }
            if let Some((name, value)) = line.strip_prefix('>').and_then(|line| line.split_once(':')) {
                sent.push((name.trim().to_owned(), value.trim().to_owned()));
            }
            if line.is_empty() || line.starts_with('#') || line.starts_with('>') {
                continue;
            }
            if request.is_none() {
                request = Some(request_line(line)?);
            } else if status.is_none() {
                let code = line.strip_prefix("HTTP/").and_then(|rest| rest.split(' ').nth(1));
                let code = code.and_then(|code| code.parse::<u16>().ok());
                status = Some((code.ok_or(MalformedTranscript("no status line"))?, range));
            } else {
                let (name, value) =
                    line.split_once(':').ok_or(MalformedTranscript("a header without `:`"))?;
                headers.push(Header { name: name.to_owned(), value: value.trim().to_owned(), range });
            }
        }
        let (method, url, purpose) = request.ok_or(MalformedTranscript("no request line"))?;
        let (status, status_range) = status.ok_or(MalformedTranscript("no status line"))?;
        let body = body_at.and_then(|at| text.get(at as usize..)).unwrap_or("").as_bytes().to_vec();
        Ok(Self {
            purpose,
            method,
            url,
            sent,
            status,
            headers,
            body,
            truncated: false,
            text: text.to_owned(),
            name: name.to_owned(),
            status_range,
            body_at,
        })
    }

    /// The value of a header that made the request special.
    pub fn sent(&self, name: &str) -> Option<&str> {
        let header = self.sent.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }

    /// Headers of a name, in any case.
    pub fn named<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Header> {
        self.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name))
    }

    /// The first header of a name.
    pub fn header(&self, name: &str) -> Option<&Header> {
        self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        self.header(name).map(|header| header.value.as_str())
    }

    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Where a script or style says that its source map is: in a header, or in its last line (ECMA-426).
    pub fn source_map(&self) -> Option<Url> {
        let named = self.value("sourcemap").or_else(|| self.value("x-sourcemap")).map(str::to_owned);
        let address = named.or_else(|| {
            // The last line of what was cut is out of sight; by custom the map has the file's name.
            if self.truncated {
                return Some(format!("{}.map", self.url.path()));
            }
            let end = self.body.len().saturating_sub(SOURCE_MAP_LINE);
            let text = String::from_utf8_lossy(self.body.get(end..)?).into_owned();
            let line = text.trim_end().lines().next_back()?.trim_end_matches("*/").trim_end();
            let (_, address) = line.rsplit_once("# sourceMappingURL=")?;
            Some(address.to_owned())
        })?;
        // A map inside the file has been delivered already.
        self.url.join(address.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
    }

    /// The media type without its parameters, in lower case.
    pub fn media_type(&self) -> String {
        let value = self.value("content-type").unwrap_or("");
        value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
    }

    pub fn is_html(&self) -> bool {
        matches!(self.media_type().as_str(), "text/html" | "application/xhtml+xml")
    }

    /// Whether browsers go on to another address.
    pub fn is_redirect(&self) -> bool {
        matches!(self.status, 301 | 302 | 303 | 307 | 308) && self.header("location").is_some()
    }

    /// Where a redirect leads, as browsers read it.
    pub fn target(&self) -> Option<Url> {
        self.url.join(self.value("location")?).ok().filter(|_| self.is_redirect())
    }

    pub fn cookies(&self) -> impl Iterator<Item = (Cookie, &Header)> {
        self.named("set-cookie").filter_map(|header| Some((Cookie::parse(&header.value)?, header)))
    }

    /// The body as text.
    pub fn page(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.body.get(..SHOWN).unwrap_or(&self.body))
    }
}

fn request_line(line: &str) -> Result<(String, Url, Purpose), MalformedTranscript> {
    let mut words = line.split_whitespace();
    let method = words.next().ok_or(MalformedTranscript("no method"))?;
    let url = words.next().and_then(|url| Url::parse(url).ok());
    let purpose = match words.next() {
        None => Purpose::Page,
        Some(word) => {
            let key = word.trim_matches(['(', ')']);
            let known = Purpose::ALL.into_iter().find(|purpose| purpose.key() == key);
            known.ok_or(MalformedTranscript("no such purpose"))?
        }
    };
    Ok((method.to_owned(), url.ok_or(MalformedTranscript("no address"))?, purpose))
}

/// What a header may show: the names and attributes of cookies, and nothing of what is called a secret.
fn masked(name: &str, value: &str) -> String {
    let lower = name.to_ascii_lowercase();
    if lower == "set-cookie" {
        let (cookie, rest) = value.split_once(';').map_or((value, ""), |(cookie, rest)| (cookie, rest));
        let Some((name, content)) = cookie.split_once('=') else { return "…".to_owned() };
        let content = if content.is_empty() { "" } else { "…" };
        return if rest.is_empty() {
            format!("{name}={content}")
        } else {
            format!("{name}={content};{rest}")
        };
    }
    let is_secret = ["token", "secret", "api-key", "apikey", "password", "authorization", "csrf"];
    if is_secret.iter().any(|word| lower.contains(word)) && !lower.starts_with("access-control-") {
        return "…".to_owned();
    }
    value.to_owned()
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(headers: &[(&str, &str)], body: &str) -> Received {
        Received {
            version: "HTTP/1.1",
            status: 200,
            reason: "OK".to_owned(),
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())).collect(),
            body: body.as_bytes().to_vec(),
            truncated: false,
            late: false,
        }
    }

    #[test]
    fn places_are_those_of_the_lines() {
        let url = Url::parse("https://shop.example/").unwrap();
        let answer = received(&[("Server", " nginx "), ("Content-Type", "text/html; charset=utf-8")], "<p>x");
        let exchange = Exchange::new(Purpose::Start, "GET", url, &[], answer);
        let at = |range: TextRange| exchange.text.get(range.start as usize..range.end as usize).unwrap();
        assert_eq!(at(exchange.status_range), "HTTP/1.1 200 OK");
        assert_eq!(at(exchange.headers[0].range), "Server: nginx");
        assert_eq!(&exchange.text[exchange.body_at.unwrap() as usize..], "<p>x");
    }

    #[test]
    fn secrets_do_not_reach_the_text() {
        let url = Url::parse("https://shop.example/").unwrap();
        let answer = received(
            &[
                ("Set-Cookie", "session=eyJhIjoxfQ.x.y; Path=/"),
                ("X-CSRF-Token", "abcdef"),
                ("set-cookie", "raw"),
            ],
            "",
        );
        let exchange = Exchange::new(Purpose::Start, "GET", url, &[], answer);
        assert!(exchange.text.contains("session=…; Path=/"), "{}", exchange.text);
        for secret in ["eyJ", "abcdef", "raw"] {
            assert!(!exchange.text.contains(secret), "{secret}: {}", exchange.text);
        }
        assert_eq!(exchange.cookies().next().unwrap().0.value, "eyJhIjoxfQ.x.y");
    }

    #[test]
    fn transcripts_are_read_with_places() {
        let text = "# a note\nGET https://shop.example/a (missing)\n> Origin: x\nHTTP/1.1 404 NOT FOUND\nServer: nginx\n\n<p>";
        let exchange = Exchange::parse("a", text).unwrap();
        assert_eq!((exchange.purpose, exchange.status), (Purpose::Missing, 404));
        assert_eq!(exchange.headers[0].value, "nginx");
        assert_eq!(exchange.page(), "<p>");
        for wrong in [
            "",
            "GET",
            "GET x",
            "GET https://a/",
            "GET https://a/\nHTTP/1.1 x",
            "GET https://a/ (x)\nHTTP/1.1 200\n",
        ] {
            assert!(Exchange::parse("a", wrong).is_err(), "{wrong}");
        }
    }
}
