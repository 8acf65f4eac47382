//! Every file, read by its format: what it starts is kept for later, what it sets is a fact at once.

use std::collections::BTreeMap;

use flaskseal_core::{FileId, Span};

use super::Reader;
use crate::compose::Compose;
use crate::dockerfile::Dockerfile;
use crate::kubernetes::Manifests;
use crate::model::{EnvFact, FileKind, Mechanism};
use crate::platform::Platform;
use crate::supervisor::Supervisor;
use crate::syntax::{Parsed, Problem};
use crate::systemd::Unit;
use crate::uwsgi::Uwsgi;
use crate::value::{Dialect, Value};
use crate::{
    apache, caddy, compose, dockerfile, dotenv, files, kubernetes, nginx, platform, procfile, sshd,
    supervisor, systemd, traefik, uwsgi,
};

impl Reader<'_> {
    pub(super) fn parse_files(&mut self) {
        for id in self.tree.ids() {
            let file = self.tree.file(id);
            let Some(kind) = files::kind(&file.path, &file.text) else { continue };
            self.out.files.push((id, kind));
            let text = &*file.text;
            match kind {
                FileKind::Dockerfile => {
                    let tree = self.kept(id, dockerfile::parse(text));
                    self.dockerfile_facts(id, &tree);
                    self.sources.dockerfiles.insert(id, tree);
                }
                FileKind::Compose => {
                    let tree = self.kept(id, compose::parse(text));
                    for service in &tree.services {
                        self.variable_facts(
                            id,
                            &service.environment,
                            Mechanism::ComposeEnvironment,
                            Some(Dialect::Compose),
                        );
                        let args =
                            service.build.as_ref().map(|build| build.args.as_slice()).unwrap_or_default();
                        self.variable_facts(id, args, Mechanism::ComposeBuildArg, Some(Dialect::Compose));
                    }
                    self.sources.compose.insert(id, tree);
                }
                FileKind::Procfile => {
                    let tree = self.kept(id, procfile::parse(text));
                    self.sources.procfiles.push((id, tree));
                }
                FileKind::Systemd => {
                    let tree = self.kept(id, systemd::parse(text));
                    for pair in tree.environment() {
                        let (name, text) = pair.value;
                        self.fact(
                            name,
                            Value::Known(text),
                            Span { file: id, range: pair.range },
                            pair.range,
                            Mechanism::SystemdEnvironment,
                        );
                    }
                    self.sources.units.push((id, tree));
                }
                FileKind::Supervisor => {
                    let tree = self.kept(id, supervisor::parse(text));
                    for program in &tree.programs {
                        self.variable_facts(id, &program.environment, Mechanism::Supervisor, None);
                    }
                    self.sources.supervisor.push((id, tree));
                }
                FileKind::Uwsgi => {
                    let tree = self.kept(id, uwsgi::parse(text));
                    for option in tree.options.iter().filter(|option| option.key.value == "env") {
                        if let Some((name, text)) = option.value.value.split_once('=') {
                            let span = Span { file: id, range: option.range() };
                            self.fact(
                                name.trim().to_owned(),
                                Value::known(text.trim()),
                                span,
                                option.value.range,
                                Mechanism::Uwsgi,
                            );
                        }
                    }
                    self.sources.uwsgi.insert(id, tree);
                }
                FileKind::Kubernetes => {
                    let tree = self.kept(id, kubernetes::parse(text));
                    self.kubernetes_facts(id, &tree);
                    self.sources.manifests.push((id, tree));
                }
                FileKind::Apache => {
                    let tree = self.kept(id, apache::parse(text));
                    self.sources.apache.push((id, tree));
                }
                FileKind::Caddy => {
                    let tree = self.kept(id, caddy::parse(text));
                    // An instance of its own: no configuration of nginx has this number.
                    let sites = caddy::sites(self.tree, id, &tree, usize::MAX - id.0 as usize);
                    self.out.web.sites.extend(sites);
                }
                FileKind::Traefik => {
                    let said = self.kept(id, traefik::parse(id, text));
                    self.sources.traefik.extend(said);
                }
                FileKind::Nginx => {
                    let filled =
                        if nginx::is_template(&file.path) { nginx::filled(text) } else { Some(text.into()) };
                    let Some(filled) = filled else {
                        let span = Span::new(id, 0, 0);
                        let what = "conditions of a template decide what nginx reads here: check what it is filled in to";
                        self.out.problems.push((span, what.to_owned()));
                        continue;
                    };
                    let tree = self.kept(id, nginx::parse(id, &filled));
                    self.sources.nginx.insert(id, tree);
                }
                FileKind::Dotenv => {
                    let tree = self.kept(id, dotenv::parse(text));
                    for (binding, value) in tree.values(&|_| None) {
                        let span = Span { file: id, range: binding.range };
                        let value_range = binding.value.as_ref().map_or(binding.range, |value| value.range);
                        self.fact(
                            binding.name.value.clone(),
                            value,
                            span,
                            value_range,
                            Mechanism::DotenvFile,
                        );
                    }
                }
                FileKind::ShellScript => self.sources.scripts.push(id),
                FileKind::SystemdDropIn => {
                    let tree = self.kept(id, systemd::parse(text));
                    self.sources.drop_ins.push((id, tree));
                }
                FileKind::Firewall => self.firewall(id),
                FileKind::Sshd => self.out.host.sshd.extend(sshd::settings(id, text)),
                FileKind::Dockerignore | FileKind::GunicornConfig => {}
                FileKind::AppEngine
                | FileKind::Zappa
                | FileKind::Serverless
                | FileKind::Render
                | FileKind::Fly
                | FileKind::Railway
                | FileKind::Heroku => {
                    let tree = self.kept(id, platform::parse(text, kind));
                    let own = tree.processes.iter().flat_map(|process| &process.env);
                    for variable in tree.env.iter().chain(own) {
                        let span = Span { file: id, range: variable.range };
                        let fact = EnvFact {
                            name: variable.name.clone(),
                            value: variable.value.clone(),
                            span,
                            value_span: Span { file: id, range: variable.value_range },
                            mechanism: Mechanism::Platform,
                        };
                        self.out.env_facts.push(fact);
                    }
                    self.sources.platforms.push((id, kind, tree));
                }
            }
        }
    }

    pub(super) fn kept<T>(&mut self, file: FileId, parsed: Parsed<T>) -> T {
        let problems = parsed.problems.into_iter().take(100);
        self.out.problems.extend(problems.map(|Problem { range, message }| (Span { file, range }, message)));
        parsed.tree
    }
}

/// The files, read.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) dockerfiles: BTreeMap<FileId, Dockerfile>,
    pub(super) compose: BTreeMap<FileId, Compose>,
    pub(super) procfiles: Vec<(FileId, procfile::Procfile)>,
    pub(super) units: Vec<(FileId, Unit)>,
    pub(super) drop_ins: Vec<(FileId, Unit)>,
    pub(super) supervisor: Vec<(FileId, Supervisor)>,
    pub(super) uwsgi: BTreeMap<FileId, Uwsgi>,
    pub(super) manifests: Vec<(FileId, Manifests)>,
    pub(super) apache: Vec<(FileId, apache::Apache)>,
    pub(super) traefik: Vec<traefik::Said>,
    pub(super) nginx: BTreeMap<FileId, Vec<nginx::Directive>>,
    pub(super) platforms: Vec<(FileId, FileKind, Platform)>,
    pub(super) scripts: Vec<FileId>,
}
