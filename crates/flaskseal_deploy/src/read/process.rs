//! From an invocation that was found to a process of the deployment.

use flaskseal_core::path::join;
use flaskseal_core::{FileId, Span};

use super::Reader;
use super::words::split;
use crate::command::Invocation;
use crate::files::{ancestors, folder_exists, has_module};
use crate::model::{CliOption, EnvVar, Environment, Image, Mechanism, Process, Server, Target};
use crate::shell::Argument;
use crate::start::{Found, State};
use crate::syntax::Mapped;
use crate::value::Value;
use crate::{command, uwsgi};

impl Reader<'_> {
    pub(super) fn finish(
        &mut self,
        found: Vec<Found>,
        name: &str,
        by: FileId,
        dev: bool,
        image: Option<&Image>,
        ours: bool,
    ) {
        for Found { invocation, mut state } in found {
            if let Server::Unknown { program } = &invocation.server {
                if program == "supervisord" {
                    if let Some(image) = image {
                        self.supervised.get_or_insert((state, image.clone()));
                    }
                    continue;
                }
                // A database, a proxy: somebody else's program.
                if !ours {
                    continue;
                }
            }
            let Invocation { kind, server, mut target, mut options, arguments, span, .. } = invocation;
            match &server {
                Server::Gunicorn => gunicorn_environment(&state.env, &mut options),
                Server::Uwsgi => self.uwsgi_files(&mut state, &mut options, &mut target, &arguments),
                Server::FlaskRun { .. } if target == Target::Default => {
                    if let Some(variable) = state.env.get("FLASK_APP") {
                        target = Target::FlaskApp { spec: variable.value.clone(), span: variable.span };
                    }
                }
                _ => {}
            }
            let folder = self.folder(&state, &target);
            let config_file = (server == Server::Gunicorn)
                .then(|| self.gunicorn_config(&options, folder.as_deref(), &state))
                .flatten();
            self.out.processes.push(Process {
                name: name.to_owned(),
                kind,
                server,
                target,
                options,
                arguments,
                env: state.env,
                env_files: state.env_files,
                working_dir: state.cwd,
                folder,
                user: state.user,
                source: span,
                found_by: self.tree.file(by).path.to_string(),
                certain: !state.uncertain,
                dev,
                config_file,
                image: image.cloned(),
            });
        }
    }

    /// uWSGI's configuration files, named by options or by position.
    fn uwsgi_files(
        &mut self,
        state: &mut State,
        options: &mut Vec<CliOption>,
        target: &mut Target,
        arguments: &[Argument],
    ) {
        let named = options.iter().filter(|option| {
            matches!(option.name.as_str(), "ini" | "yaml" | "yml" | "xml" | "json" | "i" | "y" | "x")
        });
        let mut paths: Vec<String> =
            named.filter_map(|option| option.value.as_ref().map(|value| value.text().to_owned())).collect();
        let is_config = |path: &str| command::has_extension(path, &["ini", "yaml", "yml", "xml", "json"]);
        paths.extend(arguments.iter().map(Argument::text).filter(|path| is_config(path)).map(str::to_owned));
        let mut read = Vec::new();
        for path in paths.iter().take(8) {
            let path = path.split(':').next().unwrap_or(path);
            let Some(id) = state.locate(self.tree, path).and_then(|path| self.tree.find(&path)) else {
                continue;
            };
            self.uwsgi_used.insert(id);
            let config = match self.sources.uwsgi.get(&id) {
                Some(config) => config.clone(),
                None => uwsgi::parse(&self.tree.file(id).text).tree,
            };
            for option in config.options.iter().take(1_000) {
                let span = Span { file: id, range: option.range() };
                let text = option.value.value.as_str();
                match option.key.value.as_str() {
                    "env" => {
                        if let Some((name, text)) = text.split_once('=') {
                            let value = Value::known(text.trim());
                            state.env.push(EnvVar {
                                name: name.trim().to_owned(),
                                value,
                                span,
                                mechanism: Mechanism::Uwsgi,
                                via: None,
                            });
                        }
                    }
                    "chdir" => state.change_directory(self.tree, text),
                    "uid" => state.user = Some((text.to_owned(), span)),
                    "mount" | "manage-script-name" => {
                        if let (Some((_, spec)), Target::Default) = (text.split_once('='), &*target) {
                            *target = command::named(spec.trim(), span);
                        }
                    }
                    _ => {}
                }
                read.push(CliOption {
                    name: option.key.value.clone(),
                    value: Some(Value::known(text)),
                    span,
                });
            }
        }
        if *target == Target::Default {
            *target = command::uwsgi_target(&read);
        }
        read.append(options);
        *options = read;
    }

    fn gunicorn_config(&self, options: &[CliOption], folder: Option<&str>, state: &State) -> Option<FileId> {
        let folder = folder.unwrap_or("");
        let named = options
            .iter()
            .rev()
            .find(|option| option.name == "config")
            .and_then(|option| option.value.as_ref());
        let Some(named) = named else {
            return join(folder, "gunicorn.conf.py").and_then(|path| self.tree.find(&path));
        };
        let text = named.text();
        let path = match text.strip_prefix("python:") {
            Some(module) => format!("{}.py", module.replace('.', "/")),
            None => text.strip_prefix("file:").unwrap_or(text).to_owned(),
        };
        let beside = (!path.starts_with('/')).then(|| join(folder, &path)).flatten();
        let beside = beside.and_then(|path| self.tree.find(&path));
        beside.or_else(|| state.locate(self.tree, &path).and_then(|path| self.tree.find(&path)))
    }

    /// The folder of the tree that the process works in: what is mapped, if the application is there; else the
    /// nearest folder above the deployment file that has it.
    pub(super) fn folder(&self, state: &State, target: &Target) -> Option<String> {
        let tree = self.tree;
        let file_in = |folder: &str, path: &str| {
            if path.starts_with('/') {
                return state.locate(tree, path).is_some_and(|found| found.starts_with(folder));
            }
            join(folder, path).is_some_and(|path| tree.exists(&path))
        };
        let module_in = |folder: &str, module: &str| {
            // `python -m pkg.web` and namespace packages: the first part is enough.
            let first = module.split('.').next().unwrap_or(module);
            has_module(tree, folder, module)
                || has_module(tree, folder, first)
                || (module.contains('.')
                    && join(folder, &module.replace('.', "/"))
                        .is_some_and(|path| tree.exists(&format!("{path}.py"))))
        };
        let serves = |folder: &str| match target {
            Target::Module { module, .. } => module_in(folder, module),
            Target::File { path, .. } => file_in(folder, path),
            Target::FlaskApp { spec, .. } => match command::named(spec.text(), Span::new(FileId(0), 0, 0)) {
                Target::File { path, .. } => file_in(folder, &path),
                Target::Module { module, .. } => module_in(folder, &module),
                _ => false,
            },
            Target::Default => ["wsgi", "app"].iter().any(|module| has_module(tree, folder, module)),
        };
        if let Some(folder) = state.folder.as_deref().filter(|folder| serves(folder)) {
            return Some(folder.to_owned());
        }
        let above: Vec<&str> = ancestors(&state.home).collect();
        let below = above.iter().flat_map(|folder| {
            ["src", "app", "backend", "server", "api", "web"]
                .map(|name| join(folder, name).unwrap_or_default())
        });
        let all = above.iter().map(|folder| (*folder).to_owned()).chain(below);
        all.filter(|folder| folder_exists(tree, folder))
            .find(|folder| serves(folder))
            .or_else(|| state.folder.clone())
    }
}

/// `GUNICORN_CMD_ARGS` stands before the command line, which wins: also over what is a list, such as `bind`.
fn gunicorn_environment(env: &Environment, options: &mut Vec<CliOption>) {
    let Some(variable) = env.get("GUNICORN_CMD_ARGS") else { return };
    let Some(text) = variable.value.or_default() else { return };
    let mut mapped = Mapped::default();
    mapped.push(text, variable.span.range);
    let mut words = split(variable.span.file, &mapped, None);
    for word in &mut words {
        word.span = variable.span;
    }
    let mut all = command::gunicorn_options(&words);
    all.retain(|given| !options.iter().any(|option| option.name == given.name));
    all.append(options);
    *options = all;
}
