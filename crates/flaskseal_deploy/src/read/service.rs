//! Programs that systemd and supervisord start.

use flaskseal_core::path::join_absolute;
use flaskseal_core::{FileId, Span};

use super::Reader;
use super::words::split;
use crate::model::{EnvFile, EnvVar, FileKind, Mechanism};
use crate::shell::Argument;
use crate::start::{State, load};
use crate::value::{Dialect, Value};
use crate::{files, host, value};

impl Reader<'_> {
    pub(super) fn systemd(&mut self) {
        let drop_ins = std::mem::take(&mut self.sources.drop_ins);
        for (id, unit) in std::mem::take(&mut self.sources.units) {
            let file = self.tree.file(id);
            let folder = format!("/{}.d/", file.name());
            let mut layers = vec![(id, &unit)];
            // Of the same name, wherever in the tree: units and drop-ins are installed by different steps.
            layers.extend(
                drop_ins
                    .iter()
                    .filter(|(drop_in, _)| {
                        let path = &self.tree.file(*drop_in).path;
                        format!("/{path}").contains(&folder)
                    })
                    .map(|(id, unit)| (*id, unit)),
            );
            let title = file.name().strip_suffix(".service").unwrap_or(file.name());
            let service = host::unit::service(title, &file.path, files::is_dev(&file.path), &layers);
            let mut state = State { home: file.folder().to_owned(), ..State::default() };
            if let Some(entry) = unit.get("Service", "WorkingDirectory") {
                let path = entry.value.text.trim_start_matches('-').trim_matches('"');
                state.cwd = path.starts_with('/').then(|| join_absolute("/", path));
            }
            if let Some(user) = service.as_ref().and_then(|service| service.user.as_ref()) {
                state.user = Some((user.value.clone(), user.span));
            }
            self.out.host.services.extend(service);
            for pair in unit.environment() {
                let (name, text) = pair.value;
                let span = Span { file: id, range: pair.range };
                state.env.push(EnvVar {
                    name,
                    value: Value::Known(text),
                    span,
                    mechanism: Mechanism::SystemdEnvironment,
                    via: None,
                });
            }
            // Files of variables override `Environment=` (systemd.exec(5)).
            for env_file in unit.environment_files() {
                let found =
                    state.locate(self.tree, &env_file.path.value).and_then(|path| self.tree.find(&path));
                let span = Span { file: id, range: env_file.path.range };
                state.env_files.push(EnvFile {
                    path: env_file.path.value.clone(),
                    file: found,
                    required: env_file.required,
                    span,
                });
                // Of a tree only the end of the path is known, and what has it may be another file.
                let is_one = |found: &FileId| {
                    let path = &*self.tree.file(*found).path;
                    path.starts_with(files::HOST_PREFIX) || files::kind(path, "") == Some(FileKind::Dotenv)
                };
                if let Some(found) = found.filter(is_one) {
                    load(self.tree, found, Mechanism::SystemdEnvironmentFile, Some(span), &mut state.env);
                }
            }
            for exec in unit.exec_start() {
                let lookup = |name: &str| state.env.get(name).map(|variable| variable.value.clone());
                let words: Vec<_> = exec
                    .words
                    .iter()
                    .map(|word| {
                        let value = value::evaluate(&value::parts(&word.value, Dialect::Systemd), &lookup);
                        Argument::new(value, Span { file: id, range: word.range })
                    })
                    .collect();
                let found = self.follower.words(&words, state.clone());
                let name = file.name().strip_suffix(".service").unwrap_or(file.name()).to_owned();
                // A unit may run anything; only what is understood is a process of the application.
                self.finish(found, &name, id, files::is_dev(&file.path), None, false);
            }
        }
    }

    pub(super) fn supervisor(&mut self) {
        for (id, supervisor) in std::mem::take(&mut self.sources.supervisor) {
            let file = self.tree.file(id);
            let (base, image) = match &self.supervised {
                Some((state, image)) => (state.clone(), Some(image.clone())),
                None => (State { home: file.folder().to_owned(), ..State::default() }, None),
            };
            for program in supervisor.programs.iter().take(200) {
                let dev = files::is_dev(&file.path);
                self.out.host.services.extend(host::unit::program(id, program, dev, image.is_some()));
                let Some(line) = &program.command else { continue };
                let mut state = base.clone();
                for variable in &program.environment {
                    let Some(text) = &variable.value else { continue };
                    let span = Span { file: id, range: variable.range };
                    let value = supervisor_value(&text.value);
                    state.env.push(EnvVar {
                        name: variable.name.value.clone(),
                        value,
                        span,
                        mechanism: Mechanism::Supervisor,
                        via: None,
                    });
                }
                if let Some(directory) = &program.directory {
                    state.change_directory(self.tree, &directory.value);
                }
                if let Some(user) = &program.user {
                    state.user = Some((user.value.clone(), Span { file: id, range: user.range }));
                }
                let words = split(id, line, None);
                let found = self.follower.words(&words, state);
                self.finish(found, &program.name, id, files::is_dev(&file.path), image.as_ref(), true);
            }
        }
    }
}

pub(super) fn supervisor_value(text: &str) -> Value {
    if text.contains("%(") { Value::external(text) } else { Value::known(text) }
}
