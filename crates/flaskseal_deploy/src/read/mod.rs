//! From the files of a tree to its deployment: every file is read once, then each thing that starts a process is
//! followed to the program that serves.

use std::collections::BTreeSet;

use flaskseal_core::{FileId, Tree};

use crate::model::{Deployment, Image, Process};
use crate::start::{Follower, State};
use crate::syntax::Mapped;

use sources::Sources;
use state::host_state;

mod compose;
mod facts;
mod image;
mod kubernetes;
mod platform;
mod process;
mod service;
mod sources;
mod state;
mod step;
mod web;
mod words;

/// The processes that a command line starts in the root of the tree, as somebody would type it there. Their spans
/// are places in the command line, not in a file.
pub fn read_command(tree: &Tree, line: &str) -> Vec<Process> {
    if tree.files.is_empty() {
        return Vec::new();
    }
    let mut reader = Reader::new(tree);
    let found = reader.follower.shell_line(FileId(0), &Mapped::verbatim(line, 0), host_state(""));
    reader.finish(found, "", FileId(0), false, None, true);
    reader.out.processes
}

/// Reads every deployment file of the tree.
pub fn read(tree: &Tree) -> Deployment {
    let mut reader = Reader::new(tree);
    reader.parse_files();
    reader.compose();
    reader.kubernetes();
    reader.dockerfiles();
    reader.procfiles();
    reader.systemd();
    reader.supervisor();
    reader.apache();
    reader.nginx();
    reader.traefik();
    reader.certificates();
    reader.platforms();
    reader.uwsgi();
    reader.lone_scripts();
    reader.script_facts();
    reader.steps();
    let mut out = reader.out;
    out.problems.extend(reader.follower.problems);
    out.problems.sort();
    let path = |file: FileId| tree.files.get(file.0 as usize).map_or("", |file| &*file.path);
    out.processes.sort_by(|a, b| {
        let key = |process: &Process| {
            (process.found_by.clone(), path(process.source.file).to_owned(), process.source.range.start)
        };
        key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name))
    });
    out.env_facts.sort_by_key(|fact| fact.span);
    out
}

struct Reader<'a> {
    tree: &'a Tree,
    out: Deployment,
    follower: Follower<'a>,
    sources: Sources,
    /// Dockerfiles whose own command another file starts unchanged.
    taken: BTreeSet<FileId>,
    /// What supervisord starts with, where an image runs it.
    supervised: Option<(State, Image)>,
    uwsgi_used: BTreeSet<FileId>,
    /// Files of the tree that should not be in an image, with whether they are untracked.
    private_paths: Option<Vec<(&'a str, bool)>>,
}

impl<'a> Reader<'a> {
    fn new(tree: &'a Tree) -> Self {
        Self {
            tree,
            out: Deployment::default(),
            follower: Follower::new(tree),
            sources: Sources::default(),
            taken: BTreeSet::new(),
            supervised: None,
            uwsgi_used: BTreeSet::new(),
            private_paths: None,
        }
    }
}
