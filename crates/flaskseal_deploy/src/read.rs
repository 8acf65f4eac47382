//! From the files of a tree to its deployment: every file is read once, then each thing that starts a process is
//! followed to the program that serves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flaskseal_core::{FileId, Span, TextRange, Tree};

use crate::command::{self, Invocation, Launch};
use crate::compose::{self, Compose, Layers, Service};
use crate::dockerfile::{self, CommandForm, Dockerfile};
use crate::files::{self, ancestors, folder_exists, has_module, join, join_absolute};
use crate::host::compose::{Surroundings, container as container_of};
use crate::host::{self, Download, Firewall, FirewallKind, packet_filter, ufw};
use crate::image::{self, Built, Mounts};
use crate::kubernetes::{self, Container, EnvSource, Manifests};
use crate::model::{
    CliOption, Deployment, EnvFact, EnvFile, EnvVar, Environment, FileKind, Image, Mechanism, Process,
    ProcessKind, Server, Target,
};
use crate::platform::{self, Platform, PlatformVariable, Start};
use crate::shell::{self, Argument, Statement, StatementKind};
use crate::start::{Follower, Found, State, load};
use crate::supervisor::{self, Supervisor};
use crate::syntax::{Mapped, Parsed, Problem, Spanned, split_words};
use crate::systemd::{self, Unit};
use crate::uwsgi::{self, Uwsgi};
use crate::value::{self, Dialect, Part, Value};
use crate::variable::Variable;
use crate::{apache, caddy, certificate, dotenv, nginx, procfile, sshd, traefik};

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

/// The files, read.
#[derive(Default)]
struct Sources {
    dockerfiles: BTreeMap<FileId, Dockerfile>,
    compose: BTreeMap<FileId, Compose>,
    procfiles: Vec<(FileId, procfile::Procfile)>,
    units: Vec<(FileId, Unit)>,
    drop_ins: Vec<(FileId, Unit)>,
    supervisor: Vec<(FileId, Supervisor)>,
    uwsgi: BTreeMap<FileId, Uwsgi>,
    manifests: Vec<(FileId, Manifests)>,
    apache: Vec<(FileId, apache::Apache)>,
    traefik: Vec<traefik::Said>,
    nginx: BTreeMap<FileId, Vec<nginx::Directive>>,
    platforms: Vec<(FileId, FileKind, Platform)>,
    scripts: Vec<FileId>,
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

impl Reader<'_> {
    fn parse_files(&mut self) {
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
                    let tree = self.kept(id, nginx::parse(id, text));
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

    fn kept<T>(&mut self, file: FileId, parsed: Parsed<T>) -> T {
        let problems = parsed.problems.into_iter().take(100);
        self.out.problems.extend(problems.map(|Problem { range, message }| (Span { file, range }, message)));
        parsed.tree
    }

    // Facts.

    fn fact(&mut self, name: String, value: Value, span: Span, value_range: TextRange, mechanism: Mechanism) {
        let value_span = Span { file: span.file, range: value_range };
        self.out.env_facts.push(EnvFact { name, value, span, value_span, mechanism });
    }

    fn variable_facts(
        &mut self,
        file: FileId,
        variables: &[Variable],
        mechanism: Mechanism,
        dialect: Option<Dialect>,
    ) {
        for variable in variables {
            let Some(text) = &variable.value else { continue };
            let value = match dialect {
                Some(dialect) => value::evaluate(&value::parts(&text.value, dialect), &|_| None),
                None => supervisor_value(&text.value),
            };
            self.fact(
                variable.name.value.clone(),
                value,
                Span { file, range: variable.range },
                text.range,
                mechanism,
            );
        }
    }

    fn dockerfile_facts(&mut self, file: FileId, dockerfile: &Dockerfile) {
        let stages = dockerfile.stages.iter().flat_map(|stage| &stage.instructions);
        for instruction in dockerfile.global.iter().chain(stages) {
            let mechanism = match instruction.keyword.value.as_str() {
                "ENV" => Mechanism::DockerfileEnv,
                "ARG" => Mechanism::DockerfileArg,
                _ => continue,
            };
            for pair in instruction.pairs() {
                let (name, Some(text)) = pair.value else { continue };
                let value = value::evaluate(&value::parts(&text, Dialect::Dockerfile), &|_| None);
                self.fact(name, value, Span { file, range: pair.range }, pair.range, mechanism);
            }
        }
    }

    fn kubernetes_facts(&mut self, file: FileId, manifests: &Manifests) {
        for object in &manifests.objects {
            let mechanism = if object.kind.value == "Secret" {
                Mechanism::KubernetesSecret
            } else {
                Mechanism::KubernetesConfigMap
            };
            for datum in &object.data {
                if let Some(text) = &datum.value {
                    let range = TextRange::new(datum.name.range.start.min(text.range.end), text.range.end);
                    self.fact(
                        datum.name.value.clone(),
                        Value::known(text.value.as_str()),
                        Span { file, range },
                        text.range,
                        mechanism,
                    );
                }
            }
            for entry in object.containers.iter().flat_map(|container| &container.env) {
                if let EnvSource::Text(text) = &entry.source {
                    let span = Span { file, range: entry.range };
                    self.fact(
                        entry.name.value.clone(),
                        Value::known(text.value.as_str()),
                        span,
                        text.range,
                        Mechanism::KubernetesEnv,
                    );
                }
            }
        }
    }

    /// The assignments of the entry scripts that something starts.
    fn script_facts(&mut self) {
        for file in self.follower.followed.clone() {
            let script = shell::parse(&self.tree.file(file).text);
            let mut pending: Vec<&Statement> = script.tree.statements.iter().collect();
            while let Some(statement) = pending.pop() {
                match &statement.kind {
                    StatementKind::Simple(simple) => {
                        for assignment in &simple.assignments {
                            let value = value::evaluate(&assignment.value.parts, &|_| None);
                            let span = Span { file, range: assignment.range };
                            self.fact(
                                assignment.name.clone(),
                                value,
                                span,
                                assignment.value.range,
                                Mechanism::ShellAssignment,
                            );
                        }
                        if simple.words.first().and_then(|word| word.literal()) == Some("export") {
                            for word in shell::words(simple, file, &|_| None, &[]).iter().skip(1) {
                                if let Some((name, value)) = command::assignment(word) {
                                    self.fact(
                                        name,
                                        value,
                                        word.span,
                                        word.span.range,
                                        Mechanism::ShellAssignment,
                                    );
                                }
                            }
                        }
                    }
                    StatementKind::If { branches, otherwise } => {
                        pending.extend(branches.iter().flat_map(|branch| &branch.body));
                        pending.extend(otherwise);
                    }
                    StatementKind::Case { arms, .. } => pending.extend(arms.iter().flat_map(|arm| &arm.body)),
                    StatementKind::Loop { body }
                    | StatementKind::Function { body, .. }
                    | StatementKind::Group(body) => pending.extend(body),
                }
            }
        }
    }

    // Sources of processes.

    fn compose(&mut self) {
        let composes = std::mem::take(&mut self.sources.compose);
        let mut replaced: BTreeSet<(FileId, String)> = BTreeSet::new();
        let mut started = Vec::new();
        for (id, compose) in &composes {
            let path = &self.tree.file(*id).path;
            let base = base_of(self.tree, path)
                .and_then(|base| composes.get_key_value(&base))
                .filter(|_| !files::is_dev(path));
            for service in compose.services.iter().take(500) {
                let mut layers = Vec::new();
                if let Some((base_id, base)) = base
                    && let Some(below) = base.services.iter().find(|below| below.name == service.name)
                {
                    if is_prod(path) {
                        replaced.insert((*base_id, service.name.clone()));
                    }
                    self.extended(*base_id, below, &composes, &mut layers, 0);
                }
                self.extended(*id, service, &composes, &mut layers, 0);
                started.push((*id, service, layers));
            }
        }
        let surroundings: BTreeMap<FileId, Surroundings> =
            composes.iter().map(|(id, compose)| (*id, Surroundings::read(&compose.documents))).collect();
        for (id, service, layers) in started {
            if !replaced.contains(&(id, service.name.clone()))
                && let Some(surroundings) = surroundings.get(&id)
            {
                self.compose_service(id, &service.name, &Layers(layers), surroundings);
            }
        }
        self.sources.compose = composes;
    }

    /// The service above those it extends.
    fn extended<'s>(
        &self,
        id: FileId,
        service: &'s Service,
        composes: &'s BTreeMap<FileId, Compose>,
        layers: &mut Vec<(FileId, &'s Service)>,
        depth: usize,
    ) {
        if let Some(extends) = service.extends.as_ref().filter(|_| depth < 8) {
            let folder = self.tree.file(id).folder();
            let other = match &extends.file {
                Some(path) => join(folder, path).and_then(|path| self.tree.find(&path)),
                None => Some(id),
            };
            if let Some((other, compose)) = other.and_then(|other| composes.get_key_value(&other))
                && let Some(below) =
                    compose.services.iter().find(|candidate| candidate.name == extends.service)
            {
                self.extended(*other, below, composes, layers, depth + 1);
            }
        }
        layers.push((id, service));
    }

    fn compose_service(&mut self, id: FileId, name: &str, layers: &Layers<'_>, surroundings: &Surroundings) {
        let tree = self.tree;
        let folder = tree.file(id).folder().to_owned();
        let mut project = Environment::default();
        if let Some(file) = join(&folder, ".env").and_then(|path| tree.find(&path)) {
            load(tree, file, Mechanism::DotenvFile, None, &mut project);
        }
        let lookup = |name: &str| project.get(name).map(|variable| variable.value.clone());
        let filled = |text: &str| value::evaluate(&value::parts(text, Dialect::Compose), &lookup);

        let mut built = None;
        let mut image = None;
        if layers.pick(|service| service.build.as_ref()).is_some() {
            let part = |part: fn(&compose::Build) -> Option<&Spanned<String>>| {
                layers
                    .pick(|service| service.build.as_ref().and_then(part))
                    .map(|(_, text)| filled(&text.value).text().to_owned())
            };
            let context = part(|build| build.context.as_ref()).unwrap_or_else(|| ".".to_owned());
            let context = join(&folder, &context);
            let path = part(|build| build.dockerfile.as_ref()).unwrap_or_else(|| "Dockerfile".to_owned());
            let found = context.as_deref().and_then(|context| {
                let containerfile = || join(context, "Containerfile").and_then(|path| tree.find(&path));
                join(context, &path).and_then(|path| tree.find(&path)).or_else(containerfile)
            });
            let args: Vec<_> = layers
                .all(|service| service.build.as_ref().map(|build| build.args.as_slice()).unwrap_or_default())
                .filter_map(|(_, variable)| {
                    Some((variable.name.value.clone(), filled(&variable.value.as_ref()?.value)))
                })
                .collect();
            let target = part(|build| build.target.as_ref());
            if let (Some(file), Some(context)) = (found, context)
                && let Some(dockerfile) = self.sources.dockerfiles.get(&file)
            {
                built = image::build(tree, file, dockerfile, &context, &args, target.as_deref());
                image = built.as_ref().map(|built| Image {
                    dockerfile: file,
                    context,
                    dotenv_files: built.dotenv_files.clone(),
                });
            }
        }
        let from_here = built.is_some();
        let built = built.unwrap_or_default();
        let mut state = image_state(tree, &built, folder.clone());
        let mut mounts = built.mounts.clone();
        for (_, volume) in layers.all(|service| service.volumes.as_slice()) {
            let (from, to) = &volume.value;
            if from.starts_with('.')
                && let Some(from) = join(&folder, filled(from).text())
            {
                let is_folder = folder_exists(tree, &from);
                mounts.add(join_absolute("/", filled(to).text()), from, is_folder);
            }
        }
        state.mounts = Arc::new(mounts);
        if let Some((_, folder)) = layers.pick(|service| service.working_dir.as_ref()) {
            state.cwd = Some(join_absolute("/", filled(&folder.value).text()));
        }
        settle(tree, &mut state);
        if let Some((file, user)) = layers.pick(|service| service.user.as_ref()) {
            state.user = Some((filled(&user.value).text().to_owned(), Span { file, range: user.range }));
        }
        for (file, env_file) in layers.all(|service| service.env_files.as_slice()) {
            let path = filled(&env_file.path.value).text().to_owned();
            let found = join(tree.file(file).folder(), &path).and_then(|path| tree.find(&path));
            let span = Span { file, range: env_file.path.range };
            state.env_files.push(EnvFile { path, file: found, required: env_file.required, span });
            if let Some(found) = found {
                load(tree, found, Mechanism::ComposeEnvFile, Some(span), &mut state.env);
            }
        }
        for (file, variable) in layers.all(|service| service.environment.as_slice()) {
            let name = variable.name.value.clone();
            let (value, via) = match &variable.value {
                Some(text) => (filled(&text.value), used_line(&text.value, &project)),
                None => match project.get(&name) {
                    Some(line) => (line.value.clone(), Some(line.span)),
                    None => (Value::external(name.clone()), None),
                },
            };
            let span = Span { file, range: variable.range };
            state.env.push(EnvVar { name, value, span, mechanism: Mechanism::ComposeEnvironment, via });
        }
        let container = container_of(layers, surroundings, &filled);
        let words = |picked: Option<(FileId, &CommandForm)>| {
            picked.map(|(file, form)| match form {
                CommandForm::Exec(words) => words
                    .iter()
                    .map(|word| Argument::new(filled(&word.value), Span { file, range: word.range }))
                    .collect::<Vec<_>>(),
                CommandForm::Shell(line) => split(file, line, Some(&filled)),
            })
        };
        let entrypoint = words(layers.pick(|service| service.entrypoint.as_ref()));
        let cmd = words(layers.pick(|service| service.command.as_ref()));
        let unchanged = entrypoint.is_none() && cmd.is_none() && !files::is_dev(&tree.file(id).path);
        if let Some(image) = image.as_ref().filter(|_| unchanged) {
            self.taken.insert(image.dockerfile);
        }
        let command = built.command(entrypoint, cmd);
        let dev = files::is_dev(&tree.file(id).path)
            || layers.all(|service| service.profiles.as_slice()).any(|(_, profile)| files::is_dev(profile));
        if let Some(mut container) = container {
            container.dev = dev;
            container.dockerfile = image.as_ref().map(|image| image.dockerfile);
            container.command.clone_from(&command);
            self.out.host.containers.push(container);
        }
        if let Some(image) = &image {
            self.built_image(image, &built, dev);
        }
        let found = self.follower.words(&command, state);
        self.finish(found, name, id, dev, image.as_ref(), from_here);
    }

    fn built_image(&mut self, image: &Image, built: &Built, dev: bool) {
        if self.private_paths.is_none() {
            self.private_paths = Some(host::image::private_paths(self.tree));
        }
        let private = self.private_paths.as_deref().unwrap_or_default();
        let Some(image) =
            host::image::image(self.tree, image.dockerfile, &image.context, built, private, dev)
        else {
            return;
        };
        // The same stage may be built for production and for development.
        match self.out.host.images.iter_mut().find(|known| known.stage == image.stage) {
            Some(known) => known.dev &= image.dev,
            None => self.out.host.images.push(image),
        }
    }

    fn kubernetes(&mut self) {
        let manifests = std::mem::take(&mut self.sources.manifests);
        for (id, manifest) in &manifests {
            let dev = files::is_dev(&self.tree.file(*id).path);
            self.out.host.containers.extend(host::pod::containers(*id, manifest, dev));
            self.out.host.cluster_services.extend(host::pod::services(*id, manifest, dev));
            let policies = manifest.objects.iter().filter(|object| object.kind.value == "NetworkPolicy");
            let spans = policies.map(|object| Span { file: *id, range: object.kind.range });
            self.out.host.network_policies.extend(spans);
        }
        for (id, manifest) in &manifests {
            for object in &manifest.objects {
                for container in object.containers.iter().take(50) {
                    self.container(*id, &object.name, container, &manifests);
                }
            }
        }
        self.sources.manifests = manifests;
    }

    fn container(
        &mut self,
        id: FileId,
        object: &str,
        container: &Container,
        manifests: &[(FileId, Manifests)],
    ) {
        let tree = self.tree;
        // Images are not tied to Dockerfiles by name; the only one there is, is it.
        let mut candidates =
            self.sources.dockerfiles.keys().copied().filter(|file| !files::is_dev(&tree.file(*file).path));
        let only = candidates.next().filter(|_| candidates.next().is_none());
        let mut built = Built::default();
        let mut image = None;
        let elsewhere = container.image.as_ref().is_some_and(|image| is_known_base(&image.value));
        if let Some(file) = only.filter(|_| !elsewhere) {
            (built, image) = self.lone_image(file);
        }
        let home = tree.file(id).folder().to_owned();
        let mut state = image_state(tree, &built, home);
        if let Some(folder) = &container.working_dir {
            state.cwd = Some(join_absolute("/", &folder.value));
        }
        settle(tree, &mut state);
        if let Some(user) = &container.run_as_user {
            state.user = Some((user.value.clone(), Span { file: id, range: user.range }));
        }
        let find = |secret: bool, name: &str| {
            manifests.iter().find_map(|(file, manifest)| {
                let object = if secret { manifest.secret(name) } else { manifest.config_map(name) };
                object.map(|object| (*file, object))
            })
        };
        for from in &container.env_from {
            let span = Span { file: id, range: from.range };
            let mechanism =
                if from.secret { Mechanism::KubernetesSecret } else { Mechanism::KubernetesConfigMap };
            let Some((file, object)) = find(from.secret, &from.name) else { continue };
            for datum in &object.data {
                let Some(text) = &datum.value else { continue };
                let via = Some(Span { file, range: text.range });
                let name = format!("{}{}", from.prefix, datum.name.value);
                state.env.push(EnvVar {
                    name,
                    value: Value::known(text.value.as_str()),
                    span,
                    mechanism,
                    via,
                });
            }
        }
        for entry in &container.env {
            let span = Span { file: id, range: entry.range };
            let referred = |secret: bool, name: &str, key: &str| {
                let found = find(secret, name).and_then(|(file, object)| {
                    let datum = object.data.iter().rev().find(|datum| datum.name.value == key)?;
                    Some((file, datum.value.as_ref()?))
                });
                if let Some((file, text)) = found {
                    (Value::known(text.value.as_str()), Some(Span { file, range: text.range }))
                } else {
                    let kind = if secret { "secretKeyRef" } else { "configMapKeyRef" };
                    (Value::external(format!("{kind} {name}/{key}")), None)
                }
            };
            let ((value, via), mechanism) = match &entry.source {
                EnvSource::Text(text) => {
                    let known = |name: &str| {
                        state.env.get(name).and_then(|variable| variable.value.as_known()).map(str::to_owned)
                    };
                    (
                        (Value::Known(kubernetes::replaced(&text.value, &known)), None),
                        Mechanism::KubernetesEnv,
                    )
                }
                EnvSource::ConfigMapKey { name, key } => {
                    (referred(false, name, key), Mechanism::KubernetesConfigMap)
                }
                EnvSource::SecretKey { name, key } => {
                    (referred(true, name, key), Mechanism::KubernetesSecret)
                }
                EnvSource::Other(kind) => ((Value::external(kind.as_str()), None), Mechanism::KubernetesEnv),
            };
            state.env.push(EnvVar { name: entry.name.value.clone(), value, span, mechanism, via });
        }
        let words = |list: &Option<Vec<Spanned<String>>>| {
            let known = |name: &str| state.env.get(name).map(|variable| variable.value.text().to_owned());
            list.as_ref().map(|list| {
                let words = list.iter().map(|word| {
                    let text = kubernetes::replaced(&word.value, &known);
                    Argument::new(Value::Known(text), Span { file: id, range: word.range })
                });
                words.collect::<Vec<_>>()
            })
        };
        let (entrypoint, cmd) = (words(&container.command), words(&container.args));
        if let (Some(image), true, true) = (&image, entrypoint.is_none(), cmd.is_none()) {
            self.taken.insert(image.dockerfile);
        }
        let command = built.command(entrypoint, cmd);
        let dev = files::is_dev(&tree.file(id).path);
        if let Some(image) = &image {
            self.built_image(image, &built, dev);
            let here = Span { file: id, range: container.range };
            if let Some(known) = self.out.host.containers.iter_mut().find(|known| known.whole == here) {
                known.dockerfile = Some(image.dockerfile);
            }
        }
        let name = if container.name.is_empty() { object } else { &container.name };
        let found = self.follower.words(&command, state);
        let from_here = image.is_some();
        self.finish(found, name, id, dev, image.as_ref(), from_here);
    }

    fn lone_image(&self, file: FileId) -> (Built, Option<Image>) {
        let Some(dockerfile) = self.sources.dockerfiles.get(&file) else { return (Built::default(), None) };
        let context = context_of(self.tree, file, dockerfile);
        let Some(built) =
            image::build(self.tree, file, dockerfile, &context, &[], production_stage(dockerfile))
        else {
            return (Built::default(), None);
        };
        let image = Image { dockerfile: file, context, dotenv_files: built.dotenv_files.clone() };
        (built, Some(image))
    }

    fn dockerfiles(&mut self) {
        let ids: Vec<FileId> =
            self.sources.dockerfiles.keys().copied().filter(|id| !self.taken.contains(id)).collect();
        for id in ids {
            let (built, Some(image)) = self.lone_image(id) else { continue };
            let file = self.tree.file(id);
            let mut state = image_state(self.tree, &built, file.folder().to_owned());
            settle(self.tree, &mut state);
            self.built_image(&image, &built, files::is_dev(&file.path));
            let command = built.command(None, None);
            let found = self.follower.words(&command, state);
            let name = file.name().to_owned();
            self.finish(found, &name, id, files::is_dev(&file.path), Some(&image), true);
        }
    }

    fn procfiles(&mut self) {
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

    fn systemd(&mut self) {
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

    fn supervisor(&mut self) {
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

    fn apache(&mut self) {
        for (id, apache) in std::mem::take(&mut self.sources.apache) {
            let file = self.tree.file(id);
            self.out.web.sites.extend(apache::sites(self.tree, id, &apache, usize::MAX - id.0 as usize));
            for alias in apache.all("WSGIScriptAlias").take(200) {
                let Some(path) = alias.arguments.get(1) else { continue };
                let span = Span { file: id, range: alias.range };
                let group = alias
                    .arguments
                    .iter()
                    .find_map(|word| word.value.strip_prefix("process-group="))
                    .map(str::to_owned);
                let group = group.or_else(|| {
                    apache
                        .all("WSGIProcessGroup")
                        .next()
                        .and_then(|d| d.arguments.first())
                        .map(|word| word.value.clone())
                });
                let daemon = apache.all("WSGIDaemonProcess").find(|daemon| {
                    group.is_none() || daemon.arguments.first().map(|word| &word.value) == group.as_ref()
                });
                let setting = |name: &str| {
                    let words = daemon.map(|daemon| daemon.arguments.as_slice()).unwrap_or_default();
                    words.iter().find_map(|word| {
                        let value = word.value.strip_prefix(name)?.strip_prefix('=')?;
                        Some((value.to_owned(), Span { file: id, range: word.range }))
                    })
                };
                let mut state = State { home: file.folder().to_owned(), ..State::default() };
                state.user = setting("user");
                state.cwd = setting("home").map(|(path, _)| path);
                let mut options = Vec::new();
                for name in ["python-path", "python-home", "home"] {
                    if let Some((text, span)) = setting(name) {
                        options.push(CliOption {
                            name: name.to_owned(),
                            value: Some(Value::Known(text)),
                            span,
                        });
                    }
                }
                let target = Target::File {
                    path: path.value.clone(),
                    callable: None,
                    span: Span { file: id, range: path.range },
                };
                let invocation = Invocation {
                    kind: ProcessKind::Web,
                    server: Server::ModWsgi,
                    target,
                    options,
                    arguments: Vec::new(),
                    launch: Launch::default(),
                    span,
                };
                self.finish(
                    vec![Found { invocation, state }],
                    file.name(),
                    id,
                    files::is_dev(&file.path),
                    None,
                    true,
                );
            }
        }
    }

    fn nginx(&mut self) {
        let parsed = std::mem::take(&mut self.sources.nginx);
        if parsed.is_empty() {
            return;
        }
        let images = self.out.files.iter().filter(|(_, kind)| {
            matches!(kind, FileKind::Dockerfile | FileKind::Compose | FileKind::Kubernetes)
        });
        let version = nginx::version(images.map(|(id, _)| &*self.tree.file(*id).text));
        let configurations = nginx::assemble(self.tree, &parsed, version);
        for configuration in &configurations {
            self.out.problems.extend(configuration.problems.iter().cloned());
        }
        nginx::read(self.tree, configurations, &mut self.out.web);
    }

    fn traefik(&mut self) {
        let mut said = std::mem::take(&mut self.sources.traefik);
        for (id, compose) in &self.sources.compose {
            said.extend(traefik::of_compose(*id, compose));
        }
        let tree = self.tree;
        let dev = |file: FileId| files::is_dev(&tree.file(file).path);
        // An instance of its own: no configuration of nginx has this number.
        self.out.web.sites.extend(traefik::sites(&said, usize::MAX / 2, &dev));
    }

    fn certificates(&mut self) {
        for id in self.tree.ids() {
            let file = self.tree.file(id);
            let extension = file.path.rsplit_once('.').map(|(_, extension)| extension);
            if !matches!(extension, Some("pem" | "crt" | "cer" | "cert"))
                || !file.text.contains("BEGIN CERTIFICATE")
            {
                continue;
            }
            let certificates = self.kept(id, certificate::parse(&file.text));
            if !certificates.is_empty() {
                self.out.certificates.push((id, certificates));
            }
        }
    }

    fn platforms(&mut self) {
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

    fn uwsgi(&mut self) {
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
    fn lone_scripts(&mut self) {
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

    // The host.

    fn firewall(&mut self, file: FileId) {
        let text = &*self.tree.file(file).text;
        let dev = files::is_dev(&self.tree.file(file).path);
        let firewalls = &mut self.out.host.firewalls;
        if ufw::looks_like_status(text) {
            firewalls.push(ufw::status(file, text, dev));
        } else if packet_filter::looks_like_dump(text) && !text.contains("### tuple ###") {
            firewalls.push(packet_filter::dump(file, text, dev));
        } else if packet_filter::looks_like_nftables(text) {
            firewalls.push(packet_filter::nftables(file, text, dev));
        } else {
            // The files of UFW are read as one.
            let known =
                firewalls.iter().position(|known| known.kind == FirewallKind::UfwFiles && known.dev == dev);
            let at = known.unwrap_or_else(|| {
                firewalls.push(Firewall::new(FirewallKind::UfwFiles, file, dev));
                firewalls.len() - 1
            });
            if let Some(firewall) = firewalls.get_mut(at) {
                ufw::file(firewall, file, text);
            }
        }
    }

    /// What image builds and set-up scripts run.
    fn steps(&mut self) {
        let tree = self.tree;
        for (id, dockerfile) in std::mem::take(&mut self.sources.dockerfiles) {
            let dev = files::is_dev(&tree.file(id).path);
            for instruction in dockerfile.stages.iter().flat_map(|stage| &stage.instructions).take(5_000) {
                match instruction.keyword.value.as_str() {
                    "RUN" => self.run_steps(id, instruction, dev),
                    "ADD" => self.downloads(id, instruction, dev),
                    _ => {}
                }
            }
        }
        const WORDS: [&str; 9] =
            ["ufw", "iptables", "curl", "wget", "chmod", "NOPASSWD", "docker", "podman", "gunicorn"];
        let scripts: Vec<FileId> = self
            .out
            .files
            .iter()
            .filter(|(_, kind)| *kind == FileKind::ShellScript)
            .map(|(id, _)| *id)
            .collect();
        for id in scripts {
            let file = tree.file(id);
            if !WORDS.iter().any(|word| file.text.contains(word)) {
                continue;
            }
            let dev = files::is_dev(&file.path);
            let mut steps = Vec::new();
            host::step::steps(tree, id, &Mapped::verbatim(&file.text, 0), false, dev, &mut steps);
            let removed = host::docker_run::removed(&steps);
            let mut ufw = Firewall::new(FirewallKind::UfwCommands, id, dev);
            let mut packets = Firewall::new(FirewallKind::PacketCommands, id, dev);
            for step in &steps {
                for command in &step.commands {
                    ufw::command(&mut ufw, command);
                    packet_filter::command(&mut packets, command);
                }
                // What the script takes away again is no part of production.
                let container = host::docker_run::container(step)
                    .filter(|container| container.name.is_empty() || !removed.contains(&container.name));
                self.out.host.containers.extend(container);
            }
            let said = [ufw, packets].into_iter().filter(Firewall::says_anything);
            self.out.host.firewalls.extend(said);
            self.out.host.steps.extend(steps);
            if self.out.host.steps.len() > 20_000 {
                break;
            }
        }
    }

    fn run_steps(&mut self, file: FileId, instruction: &dockerfile::Instruction, dev: bool) {
        let steps = &mut self.out.host.steps;
        let before = steps.len();
        match instruction.command() {
            CommandForm::Shell(text) => host::step::steps(self.tree, file, &text, true, dev, steps),
            CommandForm::Exec(words) => {
                let is_shell = |word: &Spanned<String>| {
                    matches!(command::base_name(&word.value), "sh" | "bash" | "ash" | "dash")
                };
                let source = &*self.tree.file(file).text;
                match words.as_slice() {
                    [shell, option, text, ..] if is_shell(shell) && option.value.starts_with('-') => {
                        let text = Mapped::decoded(&text.value, source, text.range);
                        host::step::steps(self.tree, file, &text, true, dev, steps);
                    }
                    words => {
                        let span = Span { file, range: instruction.range };
                        let words = image::exec_arguments(words, file);
                        let commands = vec![host::StepCommand { words, span }];
                        steps.push(host::Step { commands, part_of: span, in_image: true, dev });
                    }
                }
            }
        }
        for heredoc in &instruction.heredocs {
            let text = Mapped::verbatim(&heredoc.value, heredoc.range.start);
            host::step::steps(self.tree, file, &text, true, dev, steps);
        }
        let part_of = Span { file, range: instruction.range };
        for step in steps.iter_mut().skip(before) {
            step.part_of = part_of;
        }
    }

    fn downloads(&mut self, file: FileId, instruction: &dockerfile::Instruction, dev: bool) {
        let words = instruction.words();
        let Some((_, sources)) = words.split_last() else { return };
        for source in sources.iter().take(50) {
            if source.value.starts_with("http://") || source.value.starts_with("https://") {
                self.out.host.downloads.push(Download {
                    url: source.value.clone(),
                    is_checked: instruction.flag("checksum").is_some(),
                    span: Span { file, range: instruction.range },
                    dev,
                });
            }
        }
    }

    // From what was found to processes.

    fn finish(
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
    fn folder(&self, state: &State, target: &Target) -> Option<String> {
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

/// The compose file that `docker-compose.prod.yml` is laid over: the plain one beside it.
fn base_of(tree: &Tree, path: &str) -> Option<FileId> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let names = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
    if names.contains(&name) {
        return None;
    }
    names.iter().find_map(|base| join(folder, base).and_then(|path| tree.find(&path)))
}

/// Whether the name says that production is started with this file on top of the plain one.
fn is_prod(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split(['.', '-', '_'])
        .any(|part| matches!(part, "prod" | "production" | "prd" | "live" | "deploy" | "release" | "server"))
}

/// The stage that production runs: the last one, unless its name says that it is for tests and another's does not.
fn production_stage(dockerfile: &Dockerfile) -> Option<&str> {
    let last = dockerfile.stages.last()?.name.as_deref()?;
    if !files::is_dev(last) {
        return None;
    }
    let named = dockerfile.stages.iter().rev().filter_map(|stage| stage.name.as_deref());
    named
        .into_iter()
        .find(|name| matches!(*name, "prod" | "production" | "release" | "runtime" | "final" | "app" | "web"))
}

/// Databases, proxies and bases that no Dockerfile of an application is.
fn is_known_base(image: &str) -> bool {
    let name = image.split(['@', ':']).next().unwrap_or(image);
    let name = name.rsplit('/').next().unwrap_or(name);
    [
        "postgres",
        "postgresql",
        "mysql",
        "mariadb",
        "redis",
        "mongo",
        "nginx",
        "rabbitmq",
        "memcached",
        "busybox",
        "traefik",
        "caddy",
        "elasticsearch",
    ]
    .contains(&name)
}

/// The line of the project's `.env` that the first variable of a text comes from.
fn used_line(text: &str, project: &Environment) -> Option<Span> {
    value::parts(text, Dialect::Compose).iter().find_map(|part| match part {
        Part::Parameter(parameter) => project.get(&parameter.name).map(|line| line.span),
        _ => None,
    })
}

fn supervisor_value(text: &str) -> Value {
    if text.contains("%(") { Value::external(text) } else { Value::known(text) }
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

/// `GUNICORN_CMD_ARGS` stands before the command line, which wins.
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
    all.append(options);
    *options = all;
}

/// Splits a line into words as Python's `shlex` does: quotes and blanks, but none of a shell's operators.
fn split(file: FileId, line: &Mapped, filled: Option<&dyn Fn(&str) -> Value>) -> Vec<Argument> {
    let known = |text: &str| Value::known(text);
    let filled = filled.unwrap_or(&known);
    let mut words = Vec::new();
    // A default that holds blanks, `${COMMAND:-gunicorn app:app}`, is filled in before the line is split.
    let replaced = blank_in_braces(&line.text).then(|| {
        let mut mapped = Mapped::default();
        mapped.push(filled(&line.text).text(), line.whole());
        mapped
    });
    for word in split_words(replaced.as_ref().unwrap_or(line)) {
        let span = Span { file, range: word.range };
        let value = if replaced.is_some() { Value::Known(word.value.clone()) } else { filled(&word.value) };
        if value.text().contains(' ') && word.value.starts_with('$') {
            words.extend(
                value.text().split_ascii_whitespace().map(|field| Argument::new(Value::known(field), span)),
            );
        } else {
            words.push(Argument::new(value, span));
        }
    }
    words
}

fn blank_in_braces(text: &str) -> bool {
    text.split("${")
        .skip(1)
        .any(|behind| behind.split('}').next().is_some_and(|inner| inner.contains(char::is_whitespace)))
}

fn image_state(tree: &Tree, built: &Built, home: String) -> State {
    let mut state = State {
        env: built.env.clone(),
        cwd: built.cwd.clone(),
        user: built.user.clone(),
        mounts: Arc::new(built.mounts.clone()),
        home,
        ..State::default()
    };
    settle(tree, &mut state);
    state
}

/// Finds the folder of the tree that the working directory is.
fn settle(tree: &Tree, state: &mut State) {
    let cwd = state.cwd.as_deref().unwrap_or("/");
    state.folder = state.mounts.locate(tree, cwd).filter(|folder| folder_exists(tree, folder));
}

/// A process that the platform starts in the folder of its file.
fn host_state(folder: &str) -> State {
    State { home: folder.to_owned(), folder: Some(folder.to_owned()), ..State::default() }
}

/// The build context, guessed: the folder, from the Dockerfile's upwards, that has most of what is copied.
fn context_of(tree: &Tree, file: FileId, dockerfile: &Dockerfile) -> String {
    let folder = tree.file(file).folder();
    let instructions = dockerfile.stages.iter().flat_map(|stage| &stage.instructions);
    let copies = instructions.filter(|instruction| {
        matches!(instruction.keyword.value.as_str(), "COPY" | "ADD") && instruction.flag("from").is_none()
    });
    let sources: Vec<String> = copies
        .take(200)
        .flat_map(|instruction| {
            let mut words = instruction.words();
            words.pop();
            words.into_iter().map(|word| word.value)
        })
        .filter(|source| !source.contains(['*', '$', '?']) && !matches!(source.as_str(), "." | "./"))
        .collect();
    let score = |folder: &str| {
        let exists = |source: &&String| {
            join(folder, source).is_some_and(|path| tree.exists(&path) || folder_exists(tree, &path))
        };
        sources.iter().filter(exists).count()
    };
    let has_python = |folder: &str| {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        {
            let first = tree.paths.partition_point(|known| *known.path < *prefix);
            let below = tree.paths.iter().skip(first).take_while(|known| known.path.starts_with(&prefix));
            below.take(10_000).any(|known| known.path.ends_with(".py"))
        }
    };
    let mut best = (0, false, folder);
    for (index, candidate) in ancestors(folder).take(8).enumerate() {
        let this = (score(candidate), has_python(candidate), candidate);
        if index == 0 || (this.0, this.1) > (best.0, best.1) {
            best = this;
        }
    }
    best.2.to_owned()
}
