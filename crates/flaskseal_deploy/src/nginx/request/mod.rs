//! What nginx does with one request, as far as its configuration decides it: which server and location answer, where a
//! redirect leads, which headers are added, what the upstream is asked. What is not understood is said to be unknown.

use std::collections::BTreeMap;

use super::configuration::{Configuration, LevelId, LevelKind};
use super::site;
use crate::web::AddedHeader;

mod content;
mod location;
mod rewrite;
mod value;

/// A request as it arrives.
#[derive(Clone, Debug, Default)]
pub struct Request<'r> {
    pub port: u16,
    pub method: &'r str,
    /// The header `Host`.
    pub host: &'r str,
    /// Path and query as sent.
    pub target: &'r str,
    /// Other headers, names in lower case.
    pub headers: &'r [(&'r str, &'r str)],
}

/// What lies under a path of the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    File,
    Folder,
    Nothing,
}

/// What nginx answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    pub server: LevelId,
    /// The location, or the `if` block that took its place; the server itself where no location fits.
    pub level: LevelId,
    /// None: the upstream decides.
    pub status: Option<u16>,
    /// `Location`, as sent.
    pub redirect: Option<String>,
    /// The text of a `return`.
    pub body: Option<String>,
    /// What the upstream is asked: the request target, and headers that nginx sets.
    pub passed: Option<(String, Vec<(String, String)>)>,
    /// Headers of `add_header` with their values, before the status decides which are sent.
    pub headers: Vec<(AddedHeader, String)>,
}

impl Response {
    /// The headers that are sent with a status.
    pub fn headers_at(&self, status: u16) -> impl Iterator<Item = (&str, &str)> {
        let is_plain = matches!(status, 200 | 201 | 204 | 206 | 301 | 302 | 303 | 304 | 307 | 308);
        self.headers
            .iter()
            .filter(move |(header, value)| (header.always || is_plain) && !value.is_empty())
            .map(|(header, value)| (header.name.as_str(), value.as_str()))
    }
}

/// Why an answer is not known.
pub type Unknown = &'static str;

/// Internal redirects that nginx itself follows.
const MAX_CYCLES: usize = 10;

impl Configuration {
    /// The answer to a request from the machine itself. `files` says what lies under a path.
    pub fn answer(&self, request: &Request<'_>, files: &dyn Fn(&str) -> Found) -> Result<Response, Unknown> {
        let server = self.server(request).ok_or("no server listens there")?;
        let (path, args) = request.target.split_once('?').unwrap_or((request.target, ""));
        let mut run = Run {
            configuration: self,
            request,
            files,
            server,
            level: server,
            location: None,
            uri: normalised(path).ok_or("the path cannot be decoded")?,
            args: args.to_owned(),
            captures: Vec::new(),
            variables: BTreeMap::new(),
            is_changed: false,
            is_original: true,
            error: None,
            cycles: 0,
        };
        let host = request.host.rsplit_once(':').map_or(request.host, |(host, _)| host).to_ascii_lowercase();
        for name in self.own(server, "server_name").flat_map(|names| &names.arguments) {
            if let Some(text) = name.text.strip_prefix('~')
                && let Some(groups) = matches(text, true, &host)?
            {
                run.captured(groups);
                break;
            }
        }
        run.run()
    }

    /// The server that a request is for: by address, then by name.
    pub fn server(&self, request: &Request<'_>) -> Option<LevelId> {
        let host = request.host.rsplit_once(':').map_or(request.host, |(host, _)| host).to_ascii_lowercase();
        let listening: Vec<(LevelId, bool)> = self
            .all(LevelKind::Server)
            .filter(|id| self.is_web(*id))
            .filter_map(|id| {
                let found =
                    site::listeners(self, id).into_iter().find(|listener| listener.port == request.port)?;
                Some((id, found.is_default))
            })
            .collect();
        let names = |id: LevelId| self.own(id, "server_name").flat_map(|names| &names.arguments);
        let exact = listening.iter().find(|(id, _)| {
            names(*id).any(|name| {
                name.text.eq_ignore_ascii_case(&host) || name.text.strip_prefix('.') == Some(&host)
            })
        });
        if let Some((id, _)) = exact {
            return Some(*id);
        }
        let longest = |fits: &dyn Fn(&str) -> bool| {
            listening
                .iter()
                .flat_map(|(id, _)| names(*id).map(move |name| (*id, name.text.to_ascii_lowercase())))
                .filter(|(_, name)| fits(name))
                .max_by_key(|(id, name)| (name.len(), std::cmp::Reverse(*id)))
                .map(|(id, _)| id)
        };
        let starts = longest(&|name| {
            name.strip_prefix('*')
                .or_else(|| name.starts_with('.').then_some(name))
                .is_some_and(|rest| rest.starts_with('.') && host.ends_with(rest) && host.len() > rest.len())
        });
        let ends = || {
            longest(&|name| {
                name.strip_suffix(".*").is_some_and(|start| host.starts_with(&format!("{start}.")))
            })
        };
        let pattern = || {
            listening.iter().map(|(id, _)| *id).find(|id| {
                names(*id).any(|name| {
                    name.text
                        .strip_prefix('~')
                        .is_some_and(|text| matches(text, true, &host).is_ok_and(|hit| hit.is_some()))
                })
            })
        };
        let default =
            || listening.iter().find(|(_, is_default)| *is_default).or(listening.first()).map(|(id, _)| *id);
        starts.or_else(ends).or_else(pattern).or_else(default)
    }
}

/// Decodes a path and takes out doubled slashes, `.` and `..`, as nginx does before it compares. None: nginx refuses it.
fn normalised(path: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = rest.get(2..)?;
        } else {
            bytes.push(first);
        }
    }
    let decoded = String::from_utf8(bytes).ok()?;
    let ends = decoded.ends_with(['/']) || decoded.ends_with("/.") || decoded.ends_with("/..");
    let joined = format!("/{}", flaskseal_core::path::join("", &decoded)?);
    Some(if ends && joined != "/" { joined + "/" } else { joined })
}

/// The groups of a match with their names; the whole match is the first.
type Groups = Vec<(Option<String>, String)>;

/// The groups of a pattern in a text, where it matches.
fn matches(pattern: &str, ignore_case: bool, text: &str) -> Result<Option<Groups>, Unknown> {
    let pattern = if ignore_case { format!("(?i){pattern}") } else { pattern.to_owned() };
    let compiled = fancy_regex::Regex::new(&pattern).map_err(|_| "the pattern is not understood")?;
    let found = compiled.captures(text).map_err(|_| "the pattern takes too long")?;
    Ok(found.map(|groups| {
        compiled
            .capture_names()
            .enumerate()
            .map(|(index, name)| {
                let text = groups.get(index).map_or("", |group| group.as_str());
                (name.map(str::to_owned), text.to_owned())
            })
            .collect()
    }))
}

struct Run<'r> {
    configuration: &'r Configuration,
    request: &'r Request<'r>,
    files: &'r dyn Fn(&str) -> Found,
    server: LevelId,
    /// What counts: the server, a location, an `if` block.
    level: LevelId,
    location: Option<LevelId>,
    uri: String,
    args: String,
    captures: Vec<String>,
    variables: BTreeMap<String, String>,
    /// A `rewrite` has changed the path since the location was found.
    is_changed: bool,
    /// The path is still the one that was sent.
    is_original: bool,
    /// The status of an error page, once it is on its way.
    error: Option<u16>,
    cycles: usize,
}

/// What a phase comes to.
enum Step {
    Done(Box<Response>),
    /// The path has changed: find the location again.
    Again,
    Next,
}

impl Run<'_> {
    fn run(&mut self) -> Result<Response, Unknown> {
        match self.rewrite(self.server)? {
            Step::Done(response) => return Ok(*response),
            Step::Again | Step::Next => {}
        }
        self.is_changed = false;
        self.locate()
    }
}
