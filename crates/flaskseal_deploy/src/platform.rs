//! Files of hosting platforms: App Engine, Zappa, Serverless, Render, Fly, Railway and Heroku. All say the same two
//! things: a start command and variables.

use flaskseal_core::TextRange;
use toml::Spanned as TomlSpanned;
use toml::de::{DeTable, DeValue};

use crate::model::FileKind;
use crate::syntax::{Mapped, Parsed, Problem, Spanned};
use crate::value::Value;
use crate::variable::Variable;
use crate::yaml::{self, Node};

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Platform {
    pub processes: Vec<PlatformProcess>,
    /// For every process of the file.
    pub env: Vec<PlatformVariable>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlatformProcess {
    pub name: String,
    pub start: Start,
    /// For this process alone.
    pub env: Vec<PlatformVariable>,
    /// A folder below the file's own.
    pub folder: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Start {
    /// Run by a shell.
    Command(Mapped),
    /// The platform calls the application itself.
    Callable { platform: &'static str, spec: Spanned<String> },
    /// What the platform starts when nothing is said.
    PlatformDefault { range: TextRange },
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlatformVariable {
    pub name: String,
    pub value: Value,
    pub range: TextRange,
    pub value_range: TextRange,
}

/// Reads a file of one of the platforms' kinds; other kinds give nothing.
pub fn parse(text: &str, kind: FileKind) -> Parsed<Platform> {
    match kind {
        FileKind::Fly | FileKind::Railway if !text.trim_start().starts_with('{') => return from_toml(text),
        _ => {}
    }
    let Parsed { tree: documents, problems } = yaml::parse(text);
    let mut platform = Platform::default();
    if let Some(root) = documents.first() {
        match kind {
            FileKind::AppEngine => app_engine(root, text, &mut platform),
            FileKind::Zappa => zappa(root, &mut platform),
            FileKind::Serverless => serverless(root, &mut platform),
            FileKind::Render => render(root, text, &mut platform),
            FileKind::Railway => railway(root, text, &mut platform),
            FileKind::Heroku => heroku(root, &mut platform),
            _ => {}
        }
    }
    Parsed { tree: platform, problems }
}

fn variables(node: Option<&std::sync::Arc<Node>>) -> Vec<PlatformVariable> {
    let list = node.map(|node| Variable::list(node)).unwrap_or_default();
    list.into_iter()
        .filter_map(|variable| {
            let value = variable.value?;
            // `${env:X}`, `${{ secrets.X }}` and the like are filled in elsewhere.
            let text = value.value;
            let known = if text.contains("${") || text.contains("{{") {
                Value::external(text)
            } else {
                Value::Known(text)
            };
            Some(PlatformVariable {
                name: variable.name.value,
                value: known,
                range: variable.range,
                value_range: value.range,
            })
        })
        .collect()
}

fn command(node: Option<&std::sync::Arc<Node>>, text: &str) -> Option<Start> {
    node.and_then(|node| node.mapped(text)).map(Start::Command)
}

fn app_engine(root: &Node, text: &str, platform: &mut Platform) {
    let Some(runtime) =
        root.get("runtime").filter(|runtime| runtime.text().is_some_and(|name| name.starts_with("python")))
    else {
        return;
    };
    platform.env = variables(root.get("env_variables"));
    let start =
        command(root.get("entrypoint"), text).unwrap_or(Start::PlatformDefault { range: runtime.range });
    let name = root.get("service").and_then(|name| name.text()).unwrap_or("default").to_owned();
    platform.processes.push(PlatformProcess { name, start, env: Vec::new(), folder: None });
}

fn zappa(root: &Node, platform: &mut Platform) {
    for stage in root.entries().iter().take(200) {
        let Some(function) = stage.value.get("app_function") else { continue };
        let Some(spec) = function.text() else { continue };
        let mut env = variables(stage.value.get("environment_variables"));
        env.extend(variables(stage.value.get("aws_environment_variables")));
        let start =
            Start::Callable { platform: "zappa", spec: Spanned::new(spec.to_owned(), function.range) };
        platform.processes.push(PlatformProcess { name: stage.key.clone(), start, env, folder: None });
    }
}

fn serverless(root: &Node, platform: &mut Platform) {
    platform.env = variables(root.at(&["provider", "environment"]));
    let Some(app) = root.at(&["custom", "wsgi", "app"]) else { return };
    let Some(spec) = app.text() else { return };
    let functions = root.get("functions").map(|node| node.entries()).unwrap_or_default();
    let env = functions
        .iter()
        .take(200)
        .flat_map(|function| variables(function.value.get("environment")))
        .collect();
    let start =
        Start::Callable { platform: "serverless-wsgi", spec: Spanned::new(spec.to_owned(), app.range) };
    platform.processes.push(PlatformProcess { name: "wsgi".to_owned(), start, env, folder: None });
}

fn render(root: &Node, text: &str, platform: &mut Platform) {
    for service in root.get("services").map(|node| node.items()).unwrap_or_default().iter().take(200) {
        let start = command(service.get("startCommand"), text)
            .or_else(|| command(service.get("dockerCommand"), text));
        let Some(start) = start else { continue };
        let field = |key: &str| service.get(key).and_then(|node| node.text()).map(str::to_owned);
        let env = service.get("envVars").map(|list| list.items()).unwrap_or_default();
        let env = env
            .iter()
            .take(500)
            .filter_map(|item| {
                let name = item.get("key")?.text()?.to_owned();
                let (value, value_range) = match item.get("value") {
                    Some(value) => (Value::known(value.text().unwrap_or("")), value.range),
                    None => (
                        Value::external(item.entries().get(1).map_or("", |entry| entry.key.as_str())),
                        item.range,
                    ),
                };
                Some(PlatformVariable { name, value, range: item.range, value_range })
            })
            .collect();
        let name = field("name").or_else(|| field("type")).unwrap_or_default();
        platform.processes.push(PlatformProcess { name, start, env, folder: field("rootDir") });
    }
}

fn railway(root: &Node, text: &str, platform: &mut Platform) {
    let start = root.at(&["deploy", "startCommand"]).or_else(|| root.at(&["start", "cmd"]));
    if let Some(start) = command(start, text) {
        platform.processes.push(PlatformProcess {
            name: "web".to_owned(),
            start,
            env: Vec::new(),
            folder: None,
        });
    }
}

fn heroku(root: &Node, platform: &mut Platform) {
    for entry in root.get("env").map(|node| node.entries()).unwrap_or_default() {
        let range = TextRange::new(entry.key_range.start, entry.value.range.end.max(entry.key_range.start));
        let node = entry.value.get("value").unwrap_or(&entry.value);
        let value = match node.text() {
            Some(text) => Value::known(text),
            None => {
                Value::external(if entry.value.get("generator").is_some() { "generator" } else { "required" })
            }
        };
        platform.env.push(PlatformVariable {
            name: entry.key.clone(),
            value,
            range,
            value_range: node.range,
        });
    }
}

fn from_toml(text: &str) -> Parsed<Platform> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let problems = errors
        .iter()
        .take(100)
        .map(|error| {
            let span = error.span().unwrap_or(0..0);
            Problem::new(TextRange::new(span.start as u32, span.end as u32), error.message())
        })
        .collect();
    let root = root.get_ref();
    let mut platform = Platform::default();
    let table = |name: &str| root.get(name).and_then(|value| value.get_ref().as_table());
    for name in ["env", "variables"] {
        for (key, value) in table(name).into_iter().flatten() {
            let (start, value_range) = (key.span().start as u32, toml_range(value));
            let value = match value.get_ref() {
                DeValue::String(text) => Value::known(text.as_ref()),
                other => Value::known(text.get(value.span()).unwrap_or(other.type_str())),
            };
            let range = TextRange::new(start.min(value_range.end), value_range.end);
            platform.env.push(PlatformVariable {
                name: key.get_ref().to_string(),
                value,
                range,
                value_range,
            });
        }
    }
    let mut add = |name: &str, value: &TomlSpanned<DeValue<'_>>| {
        if let Some(command) = value.get_ref().as_str() {
            let start = Start::Command(Mapped::decoded(command, text, toml_range(value)));
            platform.processes.push(PlatformProcess {
                name: name.to_owned(),
                start,
                env: Vec::new(),
                folder: None,
            });
        }
    };
    for (key, value) in table("processes").into_iter().flatten() {
        add(key.get_ref(), value);
    }
    for (section, key) in [("experimental", "cmd"), ("deploy", "startCommand"), ("start", "cmd")] {
        if let Some(value) = table(section).and_then(|table| table.get(key)) {
            add("web", value);
        }
    }
    Parsed { tree: platform, problems }
}

fn toml_range<T>(value: &TomlSpanned<T>) -> TextRange {
    let span = value.span();
    TextRange::new(span.start as u32, span.end as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(platform: &[PlatformVariable]) -> Vec<(&str, &str, bool)> {
        platform.iter().map(|v| (v.name.as_str(), v.value.text(), v.value.as_known().is_some())).collect()
    }

    #[test]
    fn app_engine_and_its_near_miss() {
        let tree = parse(
            "runtime: python312\nentrypoint: gunicorn main:app\nenv_variables:\n  A: '1'\n",
            FileKind::AppEngine,
        )
        .tree;
        assert!(matches!(&tree.processes[0].start, Start::Command(line) if line.text == "gunicorn main:app"));
        assert_eq!(env(&tree.env), [("A", "1", true)]);
        let bare = parse("runtime: python312\n", FileKind::AppEngine).tree;
        assert!(matches!(bare.processes[0].start, Start::PlatformDefault { .. }));
        assert_eq!(parse("runtime: go122\n", FileKind::AppEngine).tree, Platform::default());
    }

    #[test]
    fn functions() {
        let zappa = parse(
            r#"{"prod": {"app_function": "shop.app", "environment_variables": {"K": "v"}}, "x": {}}"#,
            FileKind::Zappa,
        )
        .tree;
        assert_eq!(env(&zappa.processes[0].env), [("K", "v", true)]);
        let text = "provider:\n  environment:\n    K: ${env:K}\ncustom:\n  wsgi:\n    app: api/server.app\nfunctions: {api: {environment: {B: 2}}}\n";
        let serverless = parse(text, FileKind::Serverless).tree;
        assert_eq!(env(&serverless.env), [("K", "${env:K}", false)]);
        assert_eq!(env(&serverless.processes[0].env), [("B", "2", true)]);
    }

    #[test]
    fn toml_and_json_and_lists() {
        let text = "app = 'x'\n[env]\nFLASK_DEBUG = 1\nK = \"v\"\n[processes]\nweb = \"gunicorn app:app\"\n";
        let fly = parse(text, FileKind::Fly);
        assert_eq!(fly.problems, []);
        assert_eq!(env(&fly.tree.env), [("FLASK_DEBUG", "1", true), ("K", "v", true)]);
        let Start::Command(line) = &fly.tree.processes[0].start else { panic!() };
        let range = line.range(9, 16);
        assert_eq!(&text[range.start as usize..range.end as usize], "app:app");
        let render = "services:\n- type: web\n  startCommand: gunicorn app:app\n  envVars:\n  - {key: A, value: 1}\n  - {key: S, generateValue: true}\n";
        let render = parse(render, FileKind::Render).tree;
        assert_eq!(env(&render.processes[0].env), [("A", "1", true), ("S", "generateValue", false)]);
        let heroku = parse(
            r#"{"env": {"A": "1", "S": {"generator": "secret"}, "B": {"value": "2"}}}"#,
            FileKind::Heroku,
        )
        .tree;
        assert_eq!(env(&heroku.env), [("A", "1", true), ("S", "generator", false), ("B", "2", true)]);
        assert!(!parse("[env\nx", FileKind::Fly).problems.is_empty());
    }
}
