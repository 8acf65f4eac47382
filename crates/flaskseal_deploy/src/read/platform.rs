//! What a platform starts in a folder: Procfiles, platforms of others, uWSGI's own files, scripts with nobody to start them.

use std::sync::Arc;

use flaskseal_core::path::join;
use flaskseal_core::{FileId, Span, TextRange};

use super::Reader;
use super::state::host_state;
use crate::command::{Invocation, Launch};
use crate::files;
use crate::image::Mounts;
use crate::model::{EnvVar, Environment, FileKind, Mechanism, ProcessKind, Server, Target};
use crate::platform::{Platform, PlatformVariable, Start};
use crate::shell::Argument;
use crate::start::Found;
use crate::syntax::Mapped;
use crate::value::Value;

impl Reader<'_> {
    pub(super) fn procfiles(&mut self) {
        for (id, procfile) in std::mem::take(&mut self.sources.procfiles) {
            let file = self.tree.file(id);
            let beside = |platform: &&(FileId, FileKind, Platform)| {
                platform.1 == FileKind::Heroku && self.tree.file(platform.0).folder() == file.folder()
            };
            let mut state = host_state(file.folder());
            if let Some((heroku, _, platform)) = self.sources.platforms.iter().find(beside) {
                push_platform(&platform.env, *heroku, &mut state.env);
            }
            for entry in procfile.entries.iter().take(200) {
                let found = self.follower.shell_line(id, &entry.command, state.clone());
                self.finish(found, &entry.name.value, id, files::is_dev(&file.path), None, true);
            }
        }
    }

    pub(super) fn platforms(&mut self) {
        for (id, kind, platform) in std::mem::take(&mut self.sources.platforms) {
            let file = self.tree.file(id);
            for process in platform.processes.iter().take(200) {
                let folder = process.folder.as_deref().and_then(|folder| join(file.folder(), folder));
                let mut state = host_state(folder.as_deref().unwrap_or(file.folder()));
                push_platform(&platform.env, id, &mut state.env);
                push_platform(&process.env, id, &mut state.env);
                let called = |server: Server, module: &str, callable: &str, range: TextRange| Invocation {
                    kind: ProcessKind::Web,
                    server,
                    target: Target::Module {
                        module: module.to_owned(),
                        callable: Some(callable.to_owned()),
                        span: Span { file: id, range },
                    },
                    options: Vec::new(),
                    arguments: Vec::new(),
                    launch: Launch::default(),
                    span: Span { file: id, range },
                };
                let found = match &process.start {
                    Start::Command(line) => self.follower.shell_line(id, line, state),
                    Start::Callable { platform, spec } => {
                        let (module, callable) = spec.value.rsplit_once('.').unwrap_or((&spec.value, "app"));
                        let server = Server::Faas { platform: (*platform).to_owned() };
                        vec![Found {
                            invocation: called(server, &module.replace('/', "."), callable, spec.range),
                            state,
                        }]
                    }
                    // App Engine: `gunicorn main:app` (docs, "Application startup").
                    Start::PlatformDefault { range } => {
                        vec![Found { invocation: called(Server::Gunicorn, "main", "app", *range), state }]
                    }
                };
                let dev =
                    files::is_dev(&file.path) || (kind == FileKind::Zappa && files::is_dev(&process.name));
                self.finish(found, &process.name, id, dev, None, true);
            }
            // Fly and Render set variables around an image that is built here.
            if platform.processes.is_empty() && kind == FileKind::Fly {
                for started in
                    self.out.processes.iter_mut().filter(|started| started.image.is_some() && !started.dev)
                {
                    push_platform(&platform.env, id, &mut started.env);
                }
            }
        }
    }

    pub(super) fn uwsgi(&mut self) {
        for (id, config) in self.sources.uwsgi.clone() {
            let file = self.tree.file(id);
            let serves =
                ["module", "wsgi", "wsgi-file", "file", "mount"].iter().find_map(|key| config.get(key));
            let Some(serves) = serves.filter(|_| !self.uwsgi_used.contains(&id)) else { continue };
            let span = Span { file: id, range: serves.range() };
            let word = |text: &str| Argument::new(Value::known(text), span);
            let line = [word("uwsgi"), word("--ini"), word(&format!("/{}", file.path))];
            let mut state = host_state(file.folder());
            let mut mounts = Mounts::default();
            mounts.add("/".to_owned(), String::new(), true);
            state.mounts = Arc::new(mounts);
            state.folder = None;
            let found = self.follower.words(&line, state);
            self.finish(found, file.name(), id, files::is_dev(&file.path), None, true);
        }
    }

    /// Scripts that look like entry points, where nothing else starts anything.
    pub(super) fn lone_scripts(&mut self) {
        if !self.out.processes.is_empty() {
            return;
        }
        for id in std::mem::take(&mut self.sources.scripts).into_iter().take(1_000) {
            let file = self.tree.file(id);
            let named = ["entrypoint", "start", "run", "boot", "serve", "launch", "gunicorn"]
                .iter()
                .any(|word| file.name().contains(word));
            if !named || self.follower.followed.contains(&id) {
                continue;
            }
            let line = Mapped::verbatim(&file.text, 0);
            let found = self.follower.shell_line(id, &line, host_state(file.folder()));
            self.follower.followed.insert(id);
            let found =
                found.into_iter().filter(|found| found.invocation.kind != ProcessKind::Other).collect();
            self.finish(found, file.name(), id, files::is_dev(&file.path), None, true);
        }
    }
}

fn push_platform(variables: &[PlatformVariable], file: FileId, env: &mut Environment) {
    for variable in variables {
        let span = Span { file, range: variable.range };
        env.push(EnvVar {
            name: variable.name.clone(),
            value: variable.value.clone(),
            span,
            mechanism: Mechanism::Platform,
            via: None,
        });
    }
}
