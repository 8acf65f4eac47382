//! Containers of Kubernetes objects, followed to their processes.

use flaskseal_core::path::join_absolute;
use flaskseal_core::{FileId, Span};

use super::Reader;
use super::state::{image_state, settle};
use crate::image::Built;
use crate::kubernetes::{Container, EnvSource, Manifests};
use crate::model::{EnvVar, Mechanism};
use crate::shell::Argument;
use crate::syntax::Spanned;
use crate::value::Value;
use crate::{files, host, kubernetes};

impl Reader<'_> {
    pub(super) fn kubernetes(&mut self) {
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
