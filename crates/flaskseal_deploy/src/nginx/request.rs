//! What nginx does with one request, as far as its configuration decides it: which server and location answer, where a
//! redirect leads, which headers are added, what the upstream is asked. What is not understood is said to be unknown.

use std::collections::BTreeMap;

use super::client::{Part, Test, parts};
use super::configuration::{Configuration, Item, LevelId, LevelKind};
use super::site::{self, PASSES, added_headers, returned};
use super::syntax::Directive;
use crate::web::{AddedHeader, Path};

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
    let mut parts: Vec<&str> = Vec::new();
    let ends = decoded.ends_with(['/']) || decoded.ends_with("/.") || decoded.ends_with("/..");
    for part in decoded.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    let joined = format!("/{}", parts.join("/"));
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

    fn locate(&mut self) -> Result<Response, Unknown> {
        loop {
            self.cycles += 1;
            if self.cycles > MAX_CYCLES {
                return self.status(500, None);
            }
            self.is_changed = false;
            self.level = self.server;
            self.location = None;
            if let Some(redirect) = self.find(self.server, &mut false)? {
                return Ok(redirect);
            }
            match self.in_location()? {
                Step::Done(response) => return Ok(*response),
                Step::Again => {}
                Step::Next => return Err("nothing answers"),
            }
        }
    }

    /// From the rewrite phase of the location on.
    fn in_location(&mut self) -> Result<Step, Unknown> {
        if let Some(location) = self.location {
            match self.rewrite(location)? {
                Step::Next => {}
                step => return Ok(step),
            }
        }
        self.access()
    }

    /// Finds the location below a level. Some: nginx redirects to the same path with a slash.
    fn find(&mut self, around: LevelId, found: &mut bool) -> Result<Option<Response>, Unknown> {
        let configuration = self.configuration;
        let locations: Vec<(LevelId, &Directive)> = configuration
            .blocks(around, LevelKind::Location)
            .filter_map(|id| Some((id, configuration.level(id).head.as_ref()?)))
            .collect();
        let mut best: Option<(LevelId, usize, bool)> = None;
        for (id, head) in &locations {
            match site::path(head) {
                Path::Exact(path) if path == self.uri => {
                    self.enter(*id);
                    *found = true;
                    return Ok(None);
                }
                Path::Prefix(path)
                    if self.uri.starts_with(&path)
                        && best.is_none_or(|(_, length, _)| path.len() > length) =>
                {
                    best =
                        Some((*id, path.len(), head.argument(0).is_some_and(|word| word.starts_with("^~"))));
                }
                _ => {}
            }
        }
        let with_slash = format!("{}/", self.uri);
        let redirects = locations.iter().find(|(id, head)| {
            let passes = PASSES.iter().any(|(name, _)| configuration.own(*id, name).next().is_some());
            passes && matches!(site::path(head), Path::Prefix(path) | Path::Exact(path) if path == with_slash)
        });
        if let Some((id, _)) = redirects {
            self.enter(*id);
            let target = format!("{with_slash}{}", self.query());
            return self.redirect(301, &target).map(Some);
        }
        let mut no_patterns = false;
        if let Some((id, _, stops)) = best {
            self.enter(id);
            no_patterns = stops;
            let mut is_final = false;
            if let Some(redirect) = self.find(id, &mut is_final)? {
                return Ok(Some(redirect));
            }
            if is_final {
                *found = true;
                return Ok(None);
            }
        }
        if no_patterns {
            return Ok(None);
        }
        for (id, head) in locations {
            let (text, ignore_case) = match (head.argument(0).unwrap_or(""), head.argument(1)) {
                ("~", Some(text)) => (text, false),
                ("~*", Some(text)) => (text, true),
                (joined, None) if joined.starts_with('~') => {
                    (joined.trim_start_matches('~').trim_start_matches('*'), joined.starts_with("~*"))
                }
                _ => continue,
            };
            if let Some(groups) = matches(text, ignore_case, &self.uri)? {
                self.captured(groups);
                self.enter(id);
                *found = true;
                let redirect = self.find(id, &mut false)?;
                return Ok(redirect);
            }
        }
        Ok(None)
    }

    fn enter(&mut self, id: LevelId) {
        self.level = id;
        self.location = Some(id);
    }

    fn captured(&mut self, groups: Groups) {
        for (name, text) in &groups {
            if let Some(name) = name {
                self.variables.insert(name.clone(), text.clone());
            }
        }
        self.captures = groups.into_iter().map(|(_, text)| text).collect();
    }

    /// The directives of the rewrite module at a level, with its `if` blocks, in order.
    fn rewrite(&mut self, id: LevelId) -> Result<Step, Unknown> {
        match self.script(id)? {
            Some(Step::Next) | None => {}
            Some(step) => return Ok(step),
        }
        Ok(if self.is_changed { Step::Again } else { Step::Next })
    }

    /// Some: the processing of the module ends.
    fn script(&mut self, id: LevelId) -> Result<Option<Step>, Unknown> {
        let configuration = self.configuration;
        for item in &configuration.level(id).items {
            match item {
                Item::Block(block) if configuration.level(*block).kind == LevelKind::If => {
                    let Some(head) = &configuration.level(*block).head else { continue };
                    if !self.holds(head)? {
                        continue;
                    }
                    // In a server the block has nothing but these directives.
                    if configuration.level(id).kind == LevelKind::Location {
                        self.level = *block;
                    }
                    if let Some(step) = self.script(*block)? {
                        return Ok(Some(step));
                    }
                }
                Item::Block(_) => {}
                Item::Simple(directive) => {
                    if let Some(step) = self.one(directive)? {
                        return Ok(Some(step));
                    }
                }
            }
        }
        Ok(None)
    }

    fn one(&mut self, directive: &Directive) -> Result<Option<Step>, Unknown> {
        match directive.name.text.as_str() {
            "set" => {
                let value = self.value(directive.argument(1).unwrap_or(""))?;
                let name = directive.argument(0).unwrap_or("").trim_start_matches('$').to_owned();
                self.variables.insert(name, value);
                Ok(None)
            }
            "break" => {
                self.is_changed = false;
                Ok(Some(Step::Next))
            }
            "return" => {
                let (status, text) = returned(directive);
                let text = text.map(|text| self.value(&text)).transpose()?;
                let response = match (status, text) {
                    (301 | 302 | 303 | 307 | 308, Some(target)) => self.redirect(status, &target)?,
                    (444, _) => return Err("the connection is closed"),
                    (status, text) => self.status(status, text)?,
                };
                Ok(Some(Step::Done(Box::new(response))))
            }
            "rewrite" => self.rewritten(directive),
            name if name.contains("_by_lua") || name == "js_content" || name == "perl" => {
                Err("a module answers")
            }
            _ => Ok(None),
        }
    }

    fn rewritten(&mut self, directive: &Directive) -> Result<Option<Step>, Unknown> {
        let pattern = directive.argument(0).unwrap_or("");
        let target = directive.argument(1).unwrap_or("");
        let flag = directive.argument(2);
        let Some(groups) = matches(pattern, false, &self.uri)? else { return Ok(None) };
        self.captured(groups);
        let keeps_args = !target.ends_with('?');
        let (path, query) = match target.trim_end_matches('?').split_once('?') {
            Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
            None => (target.trim_end_matches('?').to_owned(), None),
        };
        let new = self.value(&path)?;
        let mut args = query.map(|query| self.value(&query)).transpose()?.unwrap_or_default();
        if keeps_args && !self.args.is_empty() {
            args = if args.is_empty() { self.args.clone() } else { format!("{args}&{}", self.args) };
        }
        let absolute = ["http://", "https://", "$scheme"].iter().any(|start| target.starts_with(start));
        let status = match flag {
            Some("permanent") => Some(301),
            Some("redirect") => Some(302),
            _ if absolute => Some(302),
            _ => None,
        };
        if let Some(status) = status {
            let location = if args.is_empty() { new } else { format!("{new}?{args}") };
            return Ok(Some(Step::Done(Box::new(self.redirect(status, &location)?))));
        }
        self.uri = new;
        self.args = args;
        self.is_original = false;
        match flag {
            Some("last") => {
                self.is_changed = true;
                Ok(Some(Step::Again))
            }
            Some("break") => {
                self.is_changed = false;
                Ok(Some(Step::Next))
            }
            _ => {
                self.is_changed = true;
                Ok(None)
            }
        }
    }

    fn holds(&mut self, head: &Directive) -> Result<bool, Unknown> {
        let test = Test::of(head).ok_or("a test of files")?;
        let value = self.variable(&test.variable)?;
        let hit = match test.operator.as_str() {
            "" => return Ok(!value.is_empty() && value != "0"),
            "=" | "!=" => value == test.value,
            "~" | "!~" | "~*" | "!~*" => {
                let groups = matches(&test.value, test.operator.ends_with('*'), &value)?;
                let hit = groups.is_some();
                if let Some(groups) = groups {
                    self.captured(groups);
                }
                hit
            }
            _ => return Err("a test that is not known"),
        };
        Ok(hit != test.negated)
    }

    fn access(&mut self) -> Result<Step, Unknown> {
        let configuration = self.configuration;
        let is_on = |name: &str| configuration.setting(self.level, name).is_some_and(|word| !word.has("off"));
        if is_on("auth_basic") || is_on("auth_request") {
            return Err("somebody has to log in");
        }
        if self.location.is_some_and(|location| configuration.own(location, "internal").next().is_some())
            && self.error.is_none()
            && self.cycles <= 1
        {
            return self.status(404, None).map(|response| Step::Done(Box::new(response)));
        }
        if let Some((_, rules)) = site::access(configuration, self.level) {
            let hit = rules.iter().find(|rule| {
                rule.argument(0).is_some_and(|who| who == "all" || who == "127.0.0.1" || who == "127.0.0.0/8")
            });
            if hit.is_some_and(|rule| rule.is("deny")) {
                return self.status(403, None).map(|response| Step::Done(Box::new(response)));
            }
        }
        self.content()
    }

    fn content(&mut self) -> Result<Step, Unknown> {
        let configuration = self.configuration;
        if let Some(tries) = configuration.own(self.level, "try_files").next()
            && let Some(step) = self.try_files(tries)?
        {
            return Ok(step);
        }
        let own = std::iter::successors(Some(self.level), |id| {
            let level = configuration.level(*id);
            level.parent.filter(|_| matches!(level.kind, LevelKind::If | LevelKind::LimitExcept))
        });
        for level in own.collect::<Vec<_>>() {
            if let Some(pass) = configuration.own(level, "proxy_pass").next() {
                return self.pass(pass).map(|response| Step::Done(Box::new(response)));
            }
            if PASSES.iter().any(|(name, _)| configuration.own(level, name).next().is_some()) {
                return Err("another protocol");
            }
        }
        self.file()
    }

    fn try_files(&mut self, tries: &Directive) -> Result<Option<Step>, Unknown> {
        if self.configuration.setting(self.level, "alias").is_some() {
            return Err("try_files with an alias");
        }
        let (last, files) = tries.arguments.split_last().ok_or("try_files without files")?;
        for file in files {
            let path = self.value(&file.text)?;
            let wanted = if file.text.ends_with('/') { Found::Folder } else { Found::File };
            let full = self.path_of(path.trim_end_matches('/'))?;
            if (self.files)(&full) == wanted {
                self.uri = path;
                return Ok(None);
            }
        }
        if let Some(status) = last.text.strip_prefix('=') {
            let status = status.parse().map_err(|_| "no status")?;
            return self.status(status, None).map(|response| Some(Step::Done(Box::new(response))));
        }
        let target = self.value(&last.text)?;
        self.internal(&target).map(|response| Some(Step::Done(Box::new(response))))
    }

    /// An internal redirect, to a named location or to a path.
    fn internal(&mut self, target: &str) -> Result<Response, Unknown> {
        let configuration = self.configuration;
        self.cycles += 1;
        if self.cycles > MAX_CYCLES {
            return Err("an internal redirect without end");
        }
        if target.starts_with('@') {
            let named = configuration
                .blocks(self.server, LevelKind::Location)
                .find(|id| configuration.level(*id).argument(0) == Some(target));
            self.enter(named.ok_or("no such named location")?);
            return match self.in_location()? {
                Step::Done(response) => Ok(*response),
                Step::Again => self.locate(),
                Step::Next => Err("nothing answers"),
            };
        }
        let (path, args) = target.split_once('?').unwrap_or((target, ""));
        path.clone_into(&mut self.uri);
        args.clone_into(&mut self.args);
        self.is_original = false;
        self.locate()
    }

    /// The path of a file: `root` and the path, or `alias` and the rest of it.
    fn path_of(&mut self, uri: &str) -> Result<String, Unknown> {
        let configuration = self.configuration;
        let alias = self.location.and_then(|location| configuration.own(location, "alias").next());
        if let Some(alias) = alias {
            let folder = self.value(alias.argument(0).unwrap_or(""))?;
            let head = self.location.and_then(|location| configuration.level(location).head.as_ref());
            return match head.map(site::path) {
                Some(Path::Prefix(path)) => Ok(format!("{folder}{}", uri.get(path.len()..).unwrap_or(""))),
                _ => Ok(folder),
            };
        }
        let root =
            configuration.setting(self.level, "root").and_then(|root| root.argument(0)).ok_or("no root")?;
        Ok(format!("{}{uri}", self.value(root)?))
    }

    fn file(&mut self) -> Result<Step, Unknown> {
        let done = |response: Response| Ok(Step::Done(Box::new(response)));
        if !matches!(self.request.method, "GET" | "HEAD") {
            return self.status(405, None).and_then(done);
        }
        let uri = self.uri.clone();
        let full = self.path_of(&uri)?;
        if uri.ends_with('/') {
            let index = self.configuration.setting(self.level, "index");
            let names: Vec<String> = match index {
                Some(index) => index.arguments.iter().map(|word| word.text.clone()).collect(),
                None => vec!["index.html".to_owned()],
            };
            for name in names {
                if (self.files)(&format!("{full}{name}")) == Found::File {
                    let args = self.query();
                    let target = format!("{uri}{name}{args}");
                    return self.internal(&target).and_then(done);
                }
            }
            let status = if (self.files)(full.trim_end_matches('/')) == Found::Folder { 403 } else { 404 };
            return self.status(status, None).and_then(done);
        }
        match (self.files)(&full) {
            Found::File => self.respond(Some(200)).and_then(done),
            Found::Folder => {
                let target = format!("{uri}/{}", self.query());
                self.redirect(301, &target).and_then(done)
            }
            Found::Nothing => self.status(404, None).and_then(done),
        }
    }

    fn query(&self) -> String {
        if self.args.is_empty() { String::new() } else { format!("?{}", self.args) }
    }

    fn pass(&mut self, pass: &Directive) -> Result<Response, Unknown> {
        let configuration = self.configuration;
        let text = pass.argument(0).unwrap_or("");
        let has_variables = parts(text).iter().any(|part| matches!(part, Part::Variable(_)));
        let url = self.value(text)?;
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let (host, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let sent = if path.is_empty() {
            if self.is_original {
                self.request.target.to_owned()
            } else {
                format!("{}{}", self.uri, self.query())
            }
        } else if has_variables {
            path.to_owned()
        } else {
            let head = self.location.and_then(|location| configuration.level(location).head.as_ref());
            let length = match head.map(site::path) {
                Some(Path::Prefix(prefix) | Path::Exact(prefix)) if self.is_original => prefix.len(),
                Some(Path::Prefix(_) | Path::Exact(_)) => {
                    return Err("a rewritten path in a location with a path");
                }
                _ => return Err("a path where nginx takes none"),
            };
            format!("{path}{}{}", self.uri.get(length..).unwrap_or(""), self.query())
        };
        self.variables.insert("proxy_host".to_owned(), host.to_owned());
        let mut headers =
            vec![("Host".to_owned(), host.to_owned()), ("Connection".to_owned(), "close".to_owned())];
        for set in
            configuration.effective(self.level, "proxy_set_header").map(|(_, own)| own).unwrap_or_default()
        {
            let name = set.argument(0).unwrap_or("").to_owned();
            let value = self.value(set.argument(1).unwrap_or(""))?;
            headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
            headers.push((name, value));
        }
        let mut response = self.respond(None)?;
        response.passed = Some((sent, headers));
        Ok(response)
    }

    /// An answer of nginx's own, and the error page for it.
    fn status(&mut self, status: u16, body: Option<String>) -> Result<Response, Unknown> {
        if body.is_none() && status >= 300 && self.error.is_none() {
            let pages = self
                .configuration
                .effective(self.level, "error_page")
                .map(|(_, own)| own)
                .unwrap_or_default();
            for page in pages {
                let Some((target, words)) = page.arguments.split_last() else { continue };
                if !words.iter().any(|word| word.text == status.to_string()) {
                    continue;
                }
                let replaced = words.iter().find_map(|word| word.text.strip_prefix('='));
                let target = self.value(&target.text)?;
                if target.starts_with("http") {
                    return Err("an error page elsewhere");
                }
                self.error = Some(status);
                let mut response = self.internal(&target)?;
                match replaced {
                    // `=` alone: whatever the page answers.
                    Some("") => {}
                    Some(other) => response.status = Some(other.parse().map_err(|_| "no status")?),
                    None if response.redirect.is_none() => response.status = Some(status),
                    None => {}
                }
                return Ok(response);
            }
        }
        let mut response = self.respond(Some(status))?;
        response.body = body;
        Ok(response)
    }

    fn redirect(&mut self, status: u16, target: &str) -> Result<Response, Unknown> {
        let location = if target.starts_with('/') {
            let host = self.variable("host")?;
            let port =
                if self.request.port == 80 { String::new() } else { format!(":{}", self.request.port) };
            format!("http://{host}{port}{target}")
        } else {
            target.to_owned()
        };
        let mut response = self.respond(Some(status))?;
        response.redirect = Some(location);
        Ok(response)
    }

    fn respond(&mut self, status: Option<u16>) -> Result<Response, Unknown> {
        let mut headers = Vec::new();
        for header in added_headers(self.configuration, self.level) {
            let value = self.value(&header.value)?;
            headers.push((header, value));
        }
        Ok(Response {
            server: self.server,
            level: self.level,
            status,
            redirect: None,
            body: None,
            passed: None,
            headers,
        })
    }

    fn value(&mut self, text: &str) -> Result<String, Unknown> {
        let mut value = String::new();
        for part in parts(text) {
            match part {
                Part::Text(text) => value.push_str(&text),
                Part::Variable(name) => value.push_str(&self.variable(&name)?),
            }
            if value.len() > 16_384 {
                return Err("a value that is too long");
            }
        }
        Ok(value)
    }

    fn variable(&mut self, name: &str) -> Result<String, Unknown> {
        let request = self.request;
        let host =
            || request.host.rsplit_once(':').map_or(request.host, |(host, _)| host).to_ascii_lowercase();
        if let Some(value) = self.variables.get(name) {
            return Ok(value.clone());
        }
        if let Some(index) = name.parse::<usize>().ok().filter(|_| name.len() == 1) {
            return Ok(self.captures.get(index).cloned().unwrap_or_default());
        }
        if let Some(value) = self.mapped(name)? {
            return Ok(value);
        }
        let header = |name: &str| {
            let name = name.replace('_', "-");
            let found = request.headers.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned()).unwrap_or_default()
        };
        Ok(match name {
            "uri" | "document_uri" => self.uri.clone(),
            "request_uri" => request.target.to_owned(),
            "args" | "query_string" => self.args.clone(),
            "is_args" => if self.args.is_empty() { "" } else { "?" }.to_owned(),
            "host" => host(),
            "http_host" => request.host.to_owned(),
            "scheme" => "http".to_owned(),
            "https" => String::new(),
            "request_method" => request.method.to_owned(),
            "server_port" => request.port.to_string(),
            "remote_addr" | "server_addr" => "127.0.0.1".to_owned(),
            "server_name" => {
                let name = self.configuration.own(self.server, "server_name").next();
                name.and_then(|names| names.argument(0)).unwrap_or("").to_owned()
            }
            "proxy_add_x_forwarded_for" => {
                let known = header("x_forwarded_for");
                if known.is_empty() { "127.0.0.1".to_owned() } else { format!("{known}, 127.0.0.1") }
            }
            "invalid_referer" => return Err("a test of the referrer"),
            _ => {
                if let Some(name) = name.strip_prefix("arg_") {
                    let pairs = self.args.split('&').filter_map(|pair| pair.split_once('='));
                    let found = pairs.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
                    found.map(|(_, value)| value.to_owned()).unwrap_or_default()
                } else if let Some(name) = name.strip_prefix("http_") {
                    header(name)
                } else if let Some(name) = name.strip_prefix("cookie_") {
                    let cookies = header("cookie");
                    let found = cookies
                        .split(';')
                        .filter_map(|pair| pair.trim().split_once('='))
                        .find(|(known, _)| *known == name);
                    found.map(|(_, value)| value.to_owned()).unwrap_or_default()
                } else if self.configuration.makers.contains_key(name) {
                    // Set on another path: it is empty here.
                    String::new()
                } else {
                    return Err("a variable that is not known");
                }
            }
        })
    }

    /// The value of a `map` or of a `geo` for this machine.
    fn mapped(&mut self, name: &str) -> Result<Option<String>, Unknown> {
        let configuration = self.configuration;
        let dollar = format!("${name}");
        let map = configuration
            .all(LevelKind::Map)
            .find(|id| configuration.level(*id).argument(1) == Some(&dollar));
        if configuration.all(LevelKind::Geo).chain(configuration.all(LevelKind::SplitClients)).any(|id| {
            configuration
                .level(id)
                .head
                .as_ref()
                .and_then(|head| head.arguments.last())
                .is_some_and(|word| word.text == dollar)
        }) {
            return Err("a value by address");
        }
        let Some(map) = map else { return Ok(None) };
        if self.cycles > MAX_CYCLES * 10 {
            return Err("a map without end");
        }
        let source = configuration.level(map).argument(0).unwrap_or("").to_owned();
        self.cycles += 1;
        let subject = self.value(&source);
        self.cycles -= 1;
        let subject = subject?;
        let entries: Vec<&Directive> = configuration.level(map).directives().collect();
        let value = |entry: &Directive| entry.argument(0).unwrap_or("").to_owned();
        if entries.iter().any(|entry| entry.is("hostnames") || entry.is("include")) {
            return Err("a map with hosts");
        }
        let exact = entries.iter().find(|entry| {
            !entry.name.text.starts_with('~')
                && !entry.is("default")
                && entry.name.text.eq_ignore_ascii_case(&subject)
        });
        let mut chosen = exact.map(|entry| value(entry));
        if chosen.is_none() {
            for entry in entries.iter().filter(|entry| entry.name.text.starts_with('~')) {
                let text = entry.name.text.trim_start_matches('~');
                let (text, ignore) = text.strip_prefix('*').map_or((text, false), |text| (text, true));
                if let Some(groups) = matches(text, ignore, &subject)? {
                    self.captured(groups);
                    chosen = Some(value(entry));
                    break;
                }
            }
        }
        let chosen =
            chosen.or_else(|| entries.iter().find(|entry| entry.is("default")).map(|entry| value(entry)));
        self.value(&chosen.unwrap_or_default()).map(Some)
    }
}
