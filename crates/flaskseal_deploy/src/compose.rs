//! Compose files (Compose specification): services with what starts them. Variables are not replaced here, and the
//! whole tree of each service is kept.

use std::sync::Arc;

use flaskseal_core::{FileId, TextRange};

use crate::dockerfile::CommandForm;
use crate::syntax::{Parsed, Problem, Spanned};
use crate::variable::Variable;
use crate::yaml::{self, Kind, Node};

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Compose {
    pub services: Vec<Service>,
    pub documents: yaml::Documents,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Service {
    pub name: String,
    pub name_range: TextRange,
    pub image: Option<Spanned<String>>,
    pub build: Option<Build>,
    /// A string is split into words and not run by a shell. An empty list takes the image's away.
    pub command: Option<CommandForm>,
    pub entrypoint: Option<CommandForm>,
    pub environment: Vec<Variable>,
    pub env_files: Vec<EnvFile>,
    /// `8000:8000`, or the published and target ports of the long form joined in the same way.
    pub ports: Vec<Spanned<String>>,
    /// Bind mounts and volumes: source and target.
    pub volumes: Vec<Spanned<(String, String)>>,
    pub working_dir: Option<Spanned<String>>,
    pub user: Option<Spanned<String>>,
    pub profiles: Vec<String>,
    pub extends: Option<Extends>,
    pub node: Option<Arc<Node>>,
}

impl Service {
    /// The service without what another that is laid over it resets or replaces (`!reset`, `!override`). None: all of
    /// it. `text` is that of its file.
    pub(crate) fn under(&self, upper: &Self, text: &str) -> Option<Self> {
        let left = Arc::new(self.node.as_ref()?.under(upper.node.as_ref()?)?);
        Some(Self { name: self.name.clone(), name_range: self.name_range, ..service(&left, text) })
    }

    /// The file takes the service of other files away: `web: !reset null`.
    pub(crate) fn is_reset(&self) -> bool {
        self.node.as_ref().is_some_and(|node| node.tag == Some(yaml::Tag::Reset))
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Build {
    pub context: Option<Spanned<String>>,
    pub dockerfile: Option<Spanned<String>>,
    pub target: Option<Spanned<String>>,
    pub args: Vec<Variable>,
    pub range: TextRange,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnvFile {
    pub path: Spanned<String>,
    pub required: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extends {
    /// None: this file.
    pub file: Option<String>,
    pub service: String,
}

/// The layers of a service, the base first: what it extends, and the files that are laid over each other.
pub(crate) struct Layers<'s>(pub(crate) Vec<(FileId, &'s Service)>);

impl<'s> Layers<'s> {
    /// The topmost layer.
    pub(crate) fn top(&self) -> Option<(FileId, &'s Service)> {
        self.0.last().copied()
    }

    /// What the topmost layer that says anything says.
    pub(crate) fn pick<T: ?Sized>(
        &self,
        field: impl Fn(&'s Service) -> Option<&'s T>,
    ) -> Option<(FileId, &'s T)> {
        self.0.iter().rev().find_map(|(file, service)| field(service).map(|value| (*file, value)))
    }

    /// Everything that any layer says, the base first.
    pub(crate) fn all<T: 's>(
        &self,
        field: impl Fn(&'s Service) -> &'s [T],
    ) -> impl Iterator<Item = (FileId, &'s T)> {
        self.0.iter().flat_map(move |(file, service)| field(service).iter().map(|value| (*file, value)))
    }

    /// The value of a key in each layer that has it, the base first.
    pub(crate) fn nodes(&self, key: &str) -> impl Iterator<Item = (FileId, &'s Arc<Node>)> {
        self.0.iter().filter_map(move |(file, service)| Some((*file, service.node.as_ref()?.get(key)?)))
    }

    /// The value that counts.
    pub(crate) fn node(&self, key: &str) -> Option<(FileId, &'s Arc<Node>)> {
        self.nodes(key).filter(|(_, node)| !node.is_null()).last()
    }
}

/// Services of one file, and items of one list: aliases make these larger than the file.
const MAX_SERVICES: usize = 500;
const MAX_ITEMS: usize = 500;

/// Whether a YAML text of any name is a Compose file: services with an image or a build at the usual depth. Cheap, for
/// trees with thousands of other YAML files.
pub fn looks_like(text: &str) -> bool {
    let mut in_services = false;
    for line in text.lines().take(5_000) {
        let content = line.trim_start_matches(' ');
        let depth = line.len() - content.len();
        if depth == 0 && !content.is_empty() && !content.starts_with('#') {
            in_services = content.trim_end() == "services:";
        } else if in_services && depth > 0 {
            // A list is something else: services of a CI job.
            if content.starts_with('-') && depth <= 2 {
                return false;
            }
            if depth >= 2 && (content.starts_with("image:") || content.starts_with("build:")) {
                return true;
            }
        }
    }
    false
}

pub fn parse(text: &str) -> Parsed<Compose> {
    let Parsed { tree: documents, mut problems } = yaml::parse(text);
    let mut services: Vec<Service> = Vec::new();
    for document in &documents {
        let Some(node) = document.get("services") else { continue };
        if !matches!(node.kind, Kind::Mapping(_)) && !node.is_null() {
            problems.push(Problem::new(node.range, "`services` is not a mapping"));
        }
        if node.entries().len() > MAX_SERVICES {
            problems
                .push(Problem::new(node.range, format!("only the first {MAX_SERVICES} services are read")));
        }
        for entry in node.entries().iter().take(MAX_SERVICES) {
            let mut service = service(&entry.value, text);
            service.name.clone_from(&entry.key);
            service.name_range = entry.key_range;
            services.push(service);
        }
    }
    Parsed { tree: Compose { services, documents }, problems }
}

fn service(node: &Arc<Node>, text: &str) -> Service {
    let scalar = |key: &str| node.get(key).and_then(spanned);
    Service {
        image: scalar("image"),
        build: node.get("build").map(build),
        command: node.get("command").and_then(|value| command(value, text)),
        entrypoint: node.get("entrypoint").and_then(|value| command(value, text)),
        environment: node.get("environment").map(|value| Variable::list(value)).unwrap_or_default(),
        env_files: node.get("env_file").map(env_files).unwrap_or_default(),
        ports: node.get("ports").map(ports).unwrap_or_default(),
        volumes: node.get("volumes").map(volumes).unwrap_or_default(),
        working_dir: scalar("working_dir"),
        user: scalar("user"),
        profiles: node
            .get("profiles")
            .map(|value| one_or_many(value).into_iter().map(|name| name.value).collect())
            .unwrap_or_default(),
        extends: node.get("extends").and_then(extends),
        node: Some(Arc::clone(node)),
        ..Service::default()
    }
}

fn spanned(node: &Arc<Node>) -> Option<Spanned<String>> {
    node.text().map(|text| Spanned::new(text.to_owned(), node.range))
}

fn one_or_many(node: &Arc<Node>) -> Vec<Spanned<String>> {
    node.items().iter().take(MAX_ITEMS).filter_map(spanned).chain(spanned(node)).collect()
}

fn command(node: &Arc<Node>, text: &str) -> Option<CommandForm> {
    match &node.kind {
        Kind::Scalar { .. } => node.mapped(text).map(CommandForm::Shell),
        Kind::Sequence(items) => {
            Some(CommandForm::Exec(items.iter().take(MAX_ITEMS).filter_map(spanned).collect()))
        }
        Kind::Mapping(_) => None,
    }
}

fn build(node: &Arc<Node>) -> Build {
    let scalar = |key: &str| node.get(key).and_then(spanned);
    Build {
        context: spanned(node).or_else(|| scalar("context")),
        dockerfile: scalar("dockerfile"),
        target: scalar("target"),
        args: node.get("args").map(|args| Variable::list(args)).unwrap_or_default(),
        range: node.range,
    }
}

fn env_files(node: &Arc<Node>) -> Vec<EnvFile> {
    let items =
        if matches!(node.kind, Kind::Sequence(_)) { node.items() } else { std::slice::from_ref(node) };
    items
        .iter()
        .take(MAX_ITEMS)
        .filter_map(|item| {
            let path = item.get("path").and_then(spanned).or_else(|| spanned(item))?;
            let required = item.get("required").and_then(|flag| flag.text()) != Some("false");
            Some(EnvFile { path, required })
        })
        .collect()
}

fn ports(node: &Arc<Node>) -> Vec<Spanned<String>> {
    node.items()
        .iter()
        .take(MAX_ITEMS)
        .filter_map(|item| {
            let part = |key: &str| item.get(key).and_then(|value| value.text());
            match part("target") {
                Some(target) => {
                    let host = part("host_ip").map(|host| format!("{host}:")).unwrap_or_default();
                    let published = part("published").map(|port| format!("{port}:")).unwrap_or_default();
                    let protocol = part("protocol").map(|name| format!("/{name}")).unwrap_or_default();
                    Some(Spanned::new(format!("{host}{published}{target}{protocol}"), item.range))
                }
                None => spanned(item),
            }
        })
        .collect()
}

fn volumes(node: &Arc<Node>) -> Vec<Spanned<(String, String)>> {
    node.items()
        .iter()
        .take(MAX_ITEMS)
        .filter_map(|item| {
            let (source, target) = match item.text() {
                Some(short) => {
                    let mut parts = short.split(':');
                    (parts.next()?.to_owned(), parts.next()?.to_owned())
                }
                None => (item.get("source")?.text()?.to_owned(), item.get("target")?.text()?.to_owned()),
            };
            Some(Spanned::new((source, target), item.range))
        })
        .collect()
}

fn extends(node: &Arc<Node>) -> Option<Extends> {
    if let Some(service) = node.text() {
        return Some(Extends { file: None, service: service.to_owned() });
    }
    let file = node.get("file").and_then(|file| file.text()).map(str::to_owned);
    Some(Extends { file, service: node.get("service")?.text()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_everything() {
        let text = "x-env: &env\n  SHARED: yes\nservices:\n  web:\n    build: {context: ./app, target: prod, args: [V=1]}\n    command: gunicorn -b :80 app:app\n    environment:\n      <<: *env\n      KEY: ${KEY:-changeme}\n      PASS:\n    env_file: [a.env, {path: b.env, required: false}]\n    ports: [\"127.0.0.1:80:8000\", {target: 8000, published: \"80\"}]\n    volumes: [\".:/app:ro\"]\n    extends: base\n  api:\n    build: .\n    entrypoint: []\n    command: [\"flask\", \"run\"]\n    environment: [A=1, B]\n    env_file: .env\n    user: 1000\n    extends: {file: c.yml, service: x}\n  empty:\n";
        let parsed = parse(text);
        assert_eq!(parsed.problems, []);
        let [web, api, empty] = parsed.tree.services.as_slice() else { panic!() };
        let pairs: Vec<_> = web
            .environment
            .iter()
            .map(|v| (v.name.value.as_str(), v.value.as_ref().map(|v| v.value.as_str())))
            .collect();
        assert_eq!(pairs, [("SHARED", Some("yes")), ("KEY", Some("${KEY:-changeme}")), ("PASS", None)]);
        assert!(
            matches!(&web.command, Some(CommandForm::Shell(line)) if line.text == "gunicorn -b :80 app:app")
        );
        assert_eq!(web.env_files.iter().map(|f| f.required).collect::<Vec<_>>(), [true, false]);
        assert_eq!(web.ports[1].value, "80:8000");
        assert_eq!(web.volumes[0].value, (".".to_owned(), "/app".to_owned()));
        assert_eq!(web.build.as_ref().unwrap().args[0].name.value, "V");
        assert_eq!(api.build.as_ref().unwrap().context.as_ref().unwrap().value, ".");
        assert_eq!(api.entrypoint, Some(CommandForm::Exec(Vec::new())));
        assert_eq!(api.environment[1].value, None);
        assert_eq!(api.extends.as_ref().unwrap().file.as_deref(), Some("c.yml"));
        assert!(empty.command.is_none());
    }

    #[test]
    fn near_misses() {
        assert_eq!(parse("services: [a]").problems.len(), 1);
        assert!(parse("web:\n  image: x\n").tree.services.is_empty());
        assert!(parse("services:\n  web:\n    command:\n").tree.services[0].command.is_none());
    }
}
