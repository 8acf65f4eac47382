//! Which location a path finds.

use super::{Groups, MAX_CYCLES, Response, Run, Step, Unknown, matches};
use crate::nginx::configuration::{LevelId, LevelKind};
use crate::nginx::site::{self, PASSES};
use crate::nginx::syntax::Directive;
use crate::web::Path;

impl Run<'_> {
    pub(super) fn locate(&mut self) -> Result<Response, Unknown> {
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
    pub(super) fn in_location(&mut self) -> Result<Step, Unknown> {
        if let Some(location) = self.location {
            match self.rewrite(location)? {
                Step::Next => {}
                step => return Ok(step),
            }
        }
        self.access()
    }

    /// Finds the location below a level. Some: nginx redirects to the same path with a slash.
    pub(super) fn find(&mut self, around: LevelId, found: &mut bool) -> Result<Option<Response>, Unknown> {
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

    pub(super) fn enter(&mut self, id: LevelId) {
        self.level = id;
        self.location = Some(id);
    }

    pub(super) fn captured(&mut self, groups: Groups) {
        for (name, text) in &groups {
            if let Some(name) = name {
                self.variables.insert(name.clone(), text.clone());
            }
        }
        self.captures = groups.into_iter().map(|(_, text)| text).collect();
    }
}
