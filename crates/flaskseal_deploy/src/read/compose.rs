//! Services of Compose files, laid over each other, followed to their processes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flaskseal_core::path::{join, join_absolute};
use flaskseal_core::{FileId, Span, Tree};

use super::Reader;
use super::state::{image_state, settle};
use super::words::split;
use crate::compose::{Compose, Layers, Service};
use crate::dockerfile::CommandForm;
use crate::files::folder_exists;
use crate::host::compose::{Surroundings, container as container_of};
use crate::model::{EnvFile, EnvVar, Environment, Image, Mechanism};
use crate::shell::Argument;
use crate::start::load;
use crate::syntax::Spanned;
use crate::value::{Dialect, Part, Value};
use crate::{compose, files, image, value};

impl Reader<'_> {
    pub(super) fn compose(&mut self) {
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
                && !service.is_reset()
                && let Some(surroundings) = surroundings.get(&id)
            {
                let layers = layers.iter().map(|(file, layer)| (*file, &**layer)).collect();
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
        layers: &mut Vec<(FileId, Cow<'s, Service>)>,
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
        for (file, below) in layers.iter_mut() {
            if let Some(left) = below.under(service, &self.tree.file(*file).text) {
                *below = Cow::Owned(left);
            }
        }
        layers.push((id, Cow::Borrowed(service)));
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
                    .map(|(file, text)| (file, filled(&text.value).text().to_owned()))
            };
            // Paths of a service that is extended start at its own file.
            let (file, context) =
                part(|build| build.context.as_ref()).unwrap_or_else(|| (id, ".".to_owned()));
            let context = join(tree.file(file).folder(), &context);
            let path = part(|build| build.dockerfile.as_ref())
                .map_or_else(|| "Dockerfile".to_owned(), |(_, path)| path);
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
            let target = part(|build| build.target.as_ref()).map(|(_, target)| target);
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
        for (file, volume) in layers.all(|service| service.volumes.as_slice()) {
            let (from, to) = &volume.value;
            if from.starts_with('.')
                && let Some(from) = join(tree.file(file).folder(), filled(from).text())
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

/// The line of the project's `.env` that the first variable of a text comes from.
fn used_line(text: &str, project: &Environment) -> Option<Span> {
    value::parts(text, Dialect::Compose).iter().find_map(|part| match part {
        Part::Parameter(parameter) => project.get(&parameter.name).map(|line| line.span),
        _ => None,
    })
}
