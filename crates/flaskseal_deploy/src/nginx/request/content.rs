//! What a location answers with: access, files, an upstream, an error page.

use super::{Found, MAX_CYCLES, Response, Run, Step, Unknown};
use crate::nginx::client::{Part, parts};
use crate::nginx::configuration::LevelKind;
use crate::nginx::site::{self, PASSES, added_headers};
use crate::nginx::syntax::Directive;
use crate::web::Path;

impl Run<'_> {
    pub(super) fn access(&mut self) -> Result<Step, Unknown> {
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

    pub(super) fn query(&self) -> String {
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
    pub(super) fn status(&mut self, status: u16, body: Option<String>) -> Result<Response, Unknown> {
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

    pub(super) fn redirect(&mut self, status: u16, target: &str) -> Result<Response, Unknown> {
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
}
