//! A service of a Compose file, with all the files that are laid over each other, as a container.

use std::sync::Arc;

use flaskseal_core::{FileId, Span};

use super::{Container, HostMount, Namespace, Platform, Published, Said, port};
use crate::compose::Layers;
use crate::dockerfile::CommandForm;
use crate::value::Value;
use crate::yaml::Node;

/// What stands beside the services.
#[derive(Default)]
pub(crate) struct Surroundings {
    /// Networks that are `internal: true`.
    pub(crate) internal_networks: Vec<String>,
}

impl Surroundings {
    pub(crate) fn read(documents: &[Arc<Node>]) -> Self {
        let networks = documents.iter().filter_map(|document| document.get("networks"));
        let internal = networks.flat_map(|networks| networks.entries()).filter(|network| {
            network.value.get("internal").and_then(|node| node.text()).is_some_and(is_true)
        });
        Self { internal_networks: internal.map(|network| network.key.clone()).collect() }
    }
}

/// Entries of one list.
const MAX_ITEMS: usize = 200;

pub(crate) fn container(
    layers: &Layers<'_>,
    surroundings: &Surroundings,
    filled: &dyn Fn(&str) -> Value,
) -> Option<Container> {
    let (file, top) = layers.top()?;
    let node = top.node.as_ref()?;
    let span = |file: FileId, node: &Node| Span { file, range: node.range };
    let mut container = Container::new(
        &top.name,
        Platform::Compose,
        Span { file, range: top.name_range },
        Span { file, range: node.range },
    );
    let scalar = |key: &str| -> Option<Said<Value>> {
        let (file, node) = layers.node(key)?;
        Some(Said::new(filled(node.text()?), span(file, node)))
    };
    let flag = |key: &str| -> Option<Said<bool>> {
        let said = scalar(key)?;
        Some(Said::new(is_true(said.value.or_default()?), said.span))
    };
    let texts = |key: &str| -> Vec<Said<String>> {
        let items =
            layers.nodes(key).flat_map(|(file, node)| node.items().iter().map(move |item| (file, item)));
        items
            .take(MAX_ITEMS)
            .filter_map(|(file, item)| {
                Some(Said::new(filled(item.text()?).text().to_owned(), span(file, item)))
            })
            .collect()
    };
    container.image = scalar("image").map(|said| Said::new(said.value.text().to_owned(), said.span));
    container.is_built = layers.node("build").is_some();
    container.user = scalar("user");
    container.privileged = flag("privileged");
    container.read_only = flag("read_only");
    container.capabilities_added = texts("cap_add");
    container.capabilities_dropped = texts("cap_drop");
    for option in texts("security_opt") {
        let text = option.value.to_ascii_lowercase().replacen('=', ":", 1);
        match text.split_once(':').unwrap_or((&text, "")) {
            ("no-new-privileges", value) => {
                container.escalation = Some(Said::new(value == "false", option.span));
            }
            _ => container.confinement.push(Said::new(text, option.span)),
        }
    }
    for (key, namespace) in [
        ("network_mode", Namespace::Network),
        ("pid", Namespace::Process),
        ("ipc", Namespace::Ipc),
        ("userns_mode", Namespace::User),
    ] {
        if let Some(said) = scalar(key).filter(|said| said.value.or_default() == Some("host")) {
            container.shares.push(Said::new(namespace, said.span));
        }
    }
    container.mounts = mounts(layers, filled);
    let shares_network = container.shares(Namespace::Network).is_some();
    // With the network of the host, published ports mean nothing.
    let ports = layers.all(|service| service.ports.as_slice()).filter(|_| !shares_network);
    for (file, text) in ports.take(MAX_ITEMS) {
        let span = Span { file, range: text.range };
        let Some(port) = port::published(filled(&text.value).text(), span) else { continue };
        // The same port in two layers is one.
        container.ports.retain(|known| Published { span, ..known.clone() } != port);
        container.ports.push(port);
    }
    let networks = layers.nodes("networks").last();
    let names: Vec<String> = networks.map(|(_, node)| names(node)).unwrap_or_default();
    let is_internal = |name: &String| surroundings.internal_networks.contains(name);
    container.is_internal = if names.is_empty() {
        surroundings.internal_networks.iter().any(|name| name == "default")
    } else {
        names.iter().all(is_internal)
    };
    let limit = |name: &str| {
        layers.nodes("deploy").any(|(_, deploy)| deploy.at(&["resources", "limits", name]).is_some())
    };
    container.has_memory_limit = layers.node("mem_limit").is_some() || limit("memory");
    container.has_process_limit = layers.node("pids_limit").is_some() || limit("pids");
    container.healthcheck = layers.node("healthcheck").map(|(file, node)| {
        let is_none = |node: &Node| node.text() == Some("NONE");
        let test = node.get("test");
        let disabled = node.get("disable").and_then(|node| node.text()).is_some_and(is_true)
            || test
                .is_some_and(|test| is_none(test) || test.items().first().is_some_and(|word| is_none(word)));
        Said::new(!disabled, span(file, node))
    });
    for (file, variable) in layers.all(|service| service.environment.as_slice()).take(MAX_ITEMS) {
        let name = variable.name.value.clone();
        let value = match &variable.value {
            Some(text) => filled(&text.value),
            None => Value::external(name.clone()),
        };
        container.variables.retain(|known| known.value.0 != name);
        container.variables.push(Said::new((name, value), Span { file, range: variable.range }));
    }
    container.is_init = prepares(layers.pick(|service| service.command.as_ref()).map(|(_, form)| form));
    Some(container)
}

/// Whether a command only sets up what others use: it gives files to a user and ends.
fn prepares(command: Option<&CommandForm>) -> bool {
    let first = match command {
        Some(CommandForm::Exec(words)) => words
            .iter()
            .map(|word| word.value.as_str())
            .find(|word| !matches!(crate::command::base_name(word), "sh" | "bash") && !word.starts_with('-')),
        Some(CommandForm::Shell(line)) => Some(line.text.as_str()),
        None => None,
    };
    let words = first.unwrap_or("").split_ascii_whitespace().map(|word| word.trim_matches(['"', '\'']));
    let program = words.map(crate::command::base_name).find(|word| !matches!(*word, "sh" | "bash" | "-c"));
    matches!(program, Some("chown" | "chmod" | "install" | "mkdir"))
}

/// Bind mounts; named volumes are none. A later layer replaces the mount of the same target.
fn mounts(layers: &Layers<'_>, filled: &dyn Fn(&str) -> Value) -> Vec<HostMount> {
    let mut mounts: Vec<HostMount> = Vec::new();
    let items =
        layers.nodes("volumes").flat_map(|(file, node)| node.items().iter().map(move |item| (file, item)));
    for (file, item) in items.take(MAX_ITEMS) {
        let span = Span { file, range: item.range };
        let found = match item.text() {
            Some(short) => short_mount(filled(short).text(), span),
            None => {
                let text = |key: &str| {
                    item.get(key).and_then(|node| node.text()).map(|text| filled(text).text().to_owned())
                };
                let is_bind = text("type").is_none_or(|kind| kind == "bind");
                match (text("source").or_else(|| text("src")), text("target").or_else(|| text("dst"))) {
                    (Some(source), Some(target)) if is_bind && is_path(&source) => {
                        let read_only = text("read_only").is_some_and(|text| is_true(&text));
                        Some(HostMount { source, target, read_only, span })
                    }
                    _ => None,
                }
            }
        };
        let target = found.as_ref().map(|mount| mount.target.clone());
        mounts.retain(|known| Some(&known.target) != target.as_ref());
        mounts.extend(found);
    }
    mounts
}

/// `SOURCE:TARGET[:OPTIONS]`; None for a named volume, or a volume without a name.
pub(crate) fn short_mount(text: &str, span: Span) -> Option<HostMount> {
    let mut parts = text.split(':');
    let (source, target) = (parts.next()?, parts.next()?);
    let read_only = parts.next().is_some_and(|options| options.split(',').any(|option| option == "ro"));
    is_path(source).then(|| HostMount {
        source: source.to_owned(),
        target: target.to_owned(),
        read_only,
        span,
    })
}

fn is_path(source: &str) -> bool {
    source.starts_with(['/', '.', '~'])
        || source.starts_with("$HOME")
        || source.starts_with("${HOME")
        || source.starts_with("$PWD")
        || source.starts_with("${PWD")
}

fn names(node: &Node) -> Vec<String> {
    let listed = node.items().iter().filter_map(|item| item.text().map(str::to_owned));
    listed.chain(node.entries().iter().map(|entry| entry.key.clone())).take(MAX_ITEMS).collect()
}

/// As the YAML library of Compose reads a switch.
pub(crate) fn is_true(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "true" | "yes" | "on" | "1")
}
