//! Paths of a host, and what is read of it, within bounds.

use std::collections::BTreeMap;

use flaskseal_core::path::join_absolute;
use flaskseal_core::{Blind, Kind, Machine, Status};

use crate::model::Unseen;
use crate::{Kept, Purpose};

/// One text, in bytes; the rules of a large firewall have some hundred thousand.
const MAX_TEXT: usize = 4 << 20;
/// All texts together.
const MAX_TEXTS: usize = 64 << 20;
const MAX_FILES: usize = 5_000;

/// What was read so far.
pub(crate) struct Files<'m> {
    pub(crate) machine: &'m dyn Machine,
    pub(crate) texts: BTreeMap<String, String>,
    pub(crate) unseen: Vec<Unseen>,
    pub(crate) kept: Vec<Kept>,
    statuses: BTreeMap<String, Result<Status, Blind>>,
    size: usize,
}

impl<'m> Files<'m> {
    pub(crate) fn new(machine: &'m dyn Machine) -> Self {
        Self {
            machine,
            texts: BTreeMap::new(),
            unseen: Vec::new(),
            kept: Vec::new(),
            statuses: BTreeMap::new(),
            size: 0,
        }
    }

    /// Reads a text file, once. What is not there is nothing to tell; what may not be read is.
    pub(crate) fn text(&mut self, path: &str) -> Option<&str> {
        let path = join_absolute("", path);
        if !self.texts.contains_key(&path) {
            match self.machine.read(&path, MAX_TEXT) {
                Ok(bytes) if bytes.contains(&0) => self.unseen(&path, "is not text"),
                Ok(bytes) if self.size + bytes.len() > MAX_TEXTS || self.texts.len() >= MAX_FILES => {
                    self.unseen(&path, "is not read: there is too much");
                }
                Ok(bytes) => {
                    self.size += bytes.len();
                    self.texts.insert(path.clone(), String::from_utf8_lossy(&bytes).into_owned());
                }
                Err(Blind::Missing) => {}
                Err(blind) => self.unseen(&path, blind.clause()),
            }
        }
        self.texts.get(&path).map(String::as_str)
    }

    /// A text that only this function reads: it is no evidence by itself.
    pub(crate) fn peek(&self, path: &str) -> Option<String> {
        let bytes = self.machine.read(path, MAX_TEXT).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The paths in a folder.
    pub(crate) fn list(&mut self, folder: &str) -> Vec<String> {
        match self.machine.list(folder) {
            Ok(names) => names.into_iter().take(MAX_FILES).map(|name| join_absolute(folder, &name)).collect(),
            Err(Blind::Missing | Blind::Special) => Vec::new(),
            Err(blind) => {
                self.unseen(folder, blind.clause());
                Vec::new()
            }
        }
    }

    /// Reads the files of a folder whose names end so.
    pub(crate) fn texts_in(&mut self, folder: &str, ending: &str) -> Vec<String> {
        let paths: Vec<String> =
            self.list(folder).into_iter().filter(|path| path.ends_with(ending)).collect();
        paths.into_iter().filter(|path| self.text(path).is_some()).collect()
    }

    pub(crate) fn exists(&self, path: &str) -> bool {
        // A link that leads nowhere is there all the same: units are switched on by links.
        self.machine.status(path).is_ok() || self.machine.link(path).is_ok()
    }

    fn status(&mut self, path: &str) -> Result<Status, Blind> {
        let machine = self.machine;
        *self.statuses.entry(path.to_owned()).or_insert_with(|| machine.status(path))
    }

    /// Notes owner and mode of a path and of the folders that lead to it.
    pub(crate) fn keep(&mut self, path: &str, purpose: Purpose, service: Option<&str>) -> Option<Status> {
        let path = join_absolute("", path);
        if self.kept.len() >= MAX_FILES {
            return None;
        }
        if let Some(known) = self.kept.iter().find(|kept| kept.path == path && kept.purpose == purpose) {
            return Some(known.status);
        }
        let status = match self.status(&path) {
            Ok(status) => status,
            Err(Blind::Missing) => return None,
            Err(blind) => {
                self.unseen(&path, blind.clause());
                return None;
            }
        };
        let mut way = Vec::new();
        for (at, _) in path.match_indices('/') {
            let folder = path.get(..at).filter(|folder| !folder.is_empty()).unwrap_or("/").to_owned();
            way.extend(self.status(&folder).ok().filter(|status| status.kind == Kind::Folder));
        }
        let service = service.map(str::to_owned);
        self.kept.push(Kept { path, purpose, service, status, way });
        Some(status)
    }

    pub(crate) fn unseen(&mut self, what: &str, why: &str) {
        if self.unseen.len() < MAX_FILES {
            self.unseen.push(Unseen { what: what.to_owned(), why: why.to_owned() });
        }
    }
}

pub(crate) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("/", |(folder, _)| if folder.is_empty() { "/" } else { folder })
}
