//! Kubernetes manifests: what containers run, with which environment (core/v1, apps/v1, batch/v1).

use std::sync::Arc;

use flaskseal_core::TextRange;

use crate::syntax::{Parsed, Problem, Spanned};
use crate::value::MAX_TEXT;
use crate::yaml::{self, Node};

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Manifests {
    pub objects: Vec<Object>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Object {
    pub kind: Spanned<String>,
    pub name: String,
    pub namespace: Option<String>,
    /// Of workloads, without those that only initialise.
    pub containers: Vec<Container>,
    /// Of ConfigMaps and Secrets, decoded.
    pub data: Vec<Datum>,
    pub node: Arc<Node>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Datum {
    pub name: Spanned<String>,
    /// None: not text, or not base64.
    pub value: Option<Spanned<String>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Container {
    pub name: String,
    pub image: Option<Spanned<String>>,
    /// Replaces the image's ENTRYPOINT.
    pub command: Option<Vec<Spanned<String>>>,
    /// Replaces the image's CMD.
    pub args: Option<Vec<Spanned<String>>>,
    pub env: Vec<EnvEntry>,
    pub env_from: Vec<EnvFrom>,
    pub working_dir: Option<Spanned<String>>,
    /// `runAsUser` of the container, or else of the pod.
    pub run_as_user: Option<Spanned<String>>,
    pub range: TextRange,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnvEntry {
    pub name: Spanned<String>,
    pub source: EnvSource,
    pub range: TextRange,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EnvSource {
    Text(Spanned<String>),
    ConfigMapKey {
        name: String,
        key: String,
    },
    SecretKey {
        name: String,
        key: String,
    },
    /// `fieldRef` and others, spelled for people.
    Other(String),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnvFrom {
    pub name: String,
    pub prefix: String,
    pub secret: bool,
    pub range: TextRange,
}

/// Objects of one file, and entries of one list: aliases make these larger than the file.
const MAX_OBJECTS: usize = 500;
const MAX_ENTRIES: usize = 500;

/// Whether a YAML text can be a manifest at all: cheap, for trees with thousands of other YAML files.
pub fn looks_like(text: &str) -> bool {
    let has =
        |key: &str| text.lines().take(2_000).any(|line| line.trim_start_matches(['-', ' ']).starts_with(key));
    has("apiVersion:") && has("kind:")
}

pub fn parse(text: &str) -> Parsed<Manifests> {
    let Parsed { tree: documents, mut problems } = yaml::parse(text);
    let mut objects = Vec::new();
    for document in &documents {
        let list = document.get("kind").and_then(|kind| kind.text()).is_some_and(|kind| kind == "List");
        match document.get("items").filter(|_| list) {
            Some(items) => objects.extend(items.items().iter().take(MAX_OBJECTS).filter_map(object)),
            None => objects.extend(object(document)),
        }
    }
    if objects.len() >= MAX_OBJECTS {
        let rest = objects.last().map(|object: &Object| object.node.range).unwrap_or_default();
        problems.push(Problem::new(rest, format!("only the first {MAX_OBJECTS} objects are read")));
    }
    objects.truncate(MAX_OBJECTS);
    Parsed { tree: Manifests { objects }, problems }
}

impl Manifests {
    pub fn config_map(&self, name: &str) -> Option<&Object> {
        self.objects.iter().find(|object| object.kind.value == "ConfigMap" && object.name == name)
    }

    pub fn secret(&self, name: &str) -> Option<&Object> {
        self.objects.iter().find(|object| object.kind.value == "Secret" && object.name == name)
    }
}

fn object(node: &Arc<Node>) -> Option<Object> {
    node.get("apiVersion")?;
    let kind = node.get("kind")?;
    let kind = Spanned::new(kind.text()?.to_owned(), kind.range);
    let text_at = |path: &[&str]| node.at(path).and_then(|node| node.text()).map(str::to_owned);
    let pod = pod_path(&kind.value).and_then(|path| node.at(path));
    let containers = pod.map(|pod| containers(pod)).unwrap_or_default();
    let data = match kind.value.as_str() {
        "ConfigMap" => data(node, "data", false),
        "Secret" => {
            let mut all = data(node, "data", true);
            all.extend(data(node, "stringData", false));
            all
        }
        _ => Vec::new(),
    };
    Some(Object {
        kind,
        name: text_at(&["metadata", "name"]).unwrap_or_default(),
        namespace: text_at(&["metadata", "namespace"]),
        containers,
        data,
        node: Arc::clone(node),
    })
}

/// Where a workload of this kind describes its pods.
fn pod_path(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "Deployment"
        | "StatefulSet"
        | "DaemonSet"
        | "ReplicaSet"
        | "ReplicationController"
        | "Job"
        | "DeploymentConfig" => Some(&["spec", "template", "spec"]),
        "CronJob" => Some(&["spec", "jobTemplate", "spec", "template", "spec"]),
        "Pod" => Some(&["spec"]),
        _ => None,
    }
}

/// The description of the pods of a workload.
pub(crate) fn pod_of(object: &Object) -> Option<&Arc<Node>> {
    object.node.at(pod_path(&object.kind.value)?)
}

fn data(node: &Node, key: &str, encoded: bool) -> Vec<Datum> {
    let entries = node.get(key).map(|data| data.entries()).unwrap_or_default();
    entries
        .iter()
        .take(MAX_ENTRIES)
        .map(|entry| {
            let text = entry.value.text();
            let text = if encoded { text.and_then(decoded_text) } else { text.map(str::to_owned) };
            Datum {
                name: Spanned::new(entry.key.clone(), entry.key_range),
                value: text.map(|text| Spanned::new(text, entry.value.range)),
            }
        })
        .collect()
}

fn containers(pod: &Node) -> Vec<Container> {
    let pod_user = pod.at(&["securityContext", "runAsUser"]);
    let items = pod.get("containers").map(|list| list.items()).unwrap_or_default();
    items
        .iter()
        .take(50)
        .map(|node| Container {
            name: node.get("name").and_then(|name| name.text()).unwrap_or_default().to_owned(),
            image: node.get("image").and_then(spanned),
            command: node.get("command").map(words),
            args: node.get("args").map(words),
            env: node
                .get("env")
                .map(|list| list.items().iter().take(MAX_ENTRIES).filter_map(env_entry).collect())
                .unwrap_or_default(),
            env_from: node
                .get("envFrom")
                .map(|list| list.items().iter().take(MAX_ENTRIES).filter_map(env_from).collect())
                .unwrap_or_default(),
            working_dir: node.get("workingDir").and_then(spanned),
            run_as_user: node.at(&["securityContext", "runAsUser"]).or(pod_user).and_then(spanned),
            range: node.range,
        })
        .collect()
}

fn spanned(node: &Arc<Node>) -> Option<Spanned<String>> {
    node.text().map(|text| Spanned::new(text.to_owned(), node.range))
}

fn words(node: &Arc<Node>) -> Vec<Spanned<String>> {
    node.items().iter().filter_map(spanned).collect()
}

fn env_entry(node: &Arc<Node>) -> Option<EnvEntry> {
    let name = node.get("name").and_then(spanned)?;
    let from = node.get("valueFrom");
    let reference = |kind: &str| {
        let reference = from?.get(kind)?;
        let text =
            |key: &str| reference.get(key).and_then(|value| value.text()).unwrap_or_default().to_owned();
        Some((text("name"), text("key")))
    };
    let source = if let Some((name, key)) = reference("configMapKeyRef") {
        EnvSource::ConfigMapKey { name, key }
    } else if let Some((name, key)) = reference("secretKeyRef") {
        EnvSource::SecretKey { name, key }
    } else if let Some(from) = from {
        EnvSource::Other(from.entries().first().map(|entry| entry.key.clone()).unwrap_or_default())
    } else {
        let value = node.get("value");
        let text = value.and_then(|value| value.text()).unwrap_or_default().to_owned();
        EnvSource::Text(Spanned::new(text, value.map_or(name.range, |value| value.range)))
    };
    Some(EnvEntry { name, source, range: node.range })
}

fn env_from(node: &Arc<Node>) -> Option<EnvFrom> {
    let prefix = node.get("prefix").and_then(|prefix| prefix.text()).unwrap_or_default().to_owned();
    let (reference, secret) = match (node.get("configMapRef"), node.get("secretRef")) {
        (Some(map), _) => (map, false),
        (None, Some(secret)) => (secret, true),
        (None, None) => return None,
    };
    let name = reference.get("name")?.text()?.to_owned();
    Some(EnvFrom { name, prefix, secret, range: node.range })
}

/// Base64 that holds UTF-8 text.
fn decoded_text(text: &str) -> Option<String> {
    String::from_utf8(flaskseal_certificate::decoded(text)?).ok()
}

/// `$(NAME)` in command, args and env, as the kubelet replaces it; what it does not know stays as it is.
pub(crate) fn replaced(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("$(").filter(|_| result.len() < MAX_TEXT) {
        let (before, behind) = rest.split_at(at);
        result.push_str(before);
        let Some(close) = behind.find(')') else {
            rest = behind;
            break;
        };
        let name = behind.get(2..close).unwrap_or("");
        match lookup(name) {
            Some(value) => result.push_str(&value),
            None => result.push_str(behind.get(..=close).unwrap_or("")),
        }
        rest = behind.get(close + 1..).unwrap_or("");
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: app}\ndata:\n  KEY: ZGV2\n  BAD: '*'\nstringData: {OTHER: plain}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      securityContext: {runAsUser: 1000}\n      initContainers: [{name: init, command: [migrate]}]\n      containers:\n        - name: web\n          image: shop:1\n          command: [gunicorn]\n          args: [\"-b\", \":$(PORT)\", \"app:app\"]\n          env:\n            - {name: PORT, value: \"8000\"}\n            - name: KEY\n              valueFrom: {secretKeyRef: {name: app, key: KEY}}\n          envFrom: [{configMapRef: {name: cfg}, prefix: X_}]\n";

    #[test]
    fn workloads_and_data() {
        let parsed = parse(TEXT);
        assert_eq!(parsed.problems, []);
        let [secret, web] = parsed.tree.objects.as_slice() else { panic!() };
        let values: Vec<_> = secret.data.iter().map(|d| d.value.as_ref().map(|v| v.value.as_str())).collect();
        assert_eq!(values, [Some("dev"), None, Some("plain")]);
        let [container] = web.containers.as_slice() else { panic!() };
        assert_eq!(container.run_as_user.as_ref().unwrap().value, "1000");
        assert_eq!(container.env[1].source, EnvSource::SecretKey { name: "app".into(), key: "KEY".into() });
        assert_eq!((container.env_from[0].prefix.as_str(), container.env_from[0].secret), ("X_", false));
    }

    #[test]
    fn near_misses() {
        assert!(looks_like(TEXT));
        assert!(!looks_like("openapi: 3\ninfo: {}\n"));
        assert!(parse("kind: Deployment\n").tree.objects.is_empty());
        assert_eq!(replaced(":$(PORT)$(NO)$(", &|name| (name == "PORT").then(|| "80".into())), ":80$(NO)$(");
    }
}
