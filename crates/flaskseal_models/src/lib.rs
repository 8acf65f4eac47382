//! What libraries do, as data: one TOML file per distribution in `data/`, one row per fact.
//!
//! `alias` rows give the definition behind a public spelling. `role` rows give a callable a meaning that rules ask
//! for (`hash.weak`, `cookie.set`); rules never name a library, and models never name a rule. `input` rows name what
//! a client controls, `store` rows what keeps data: what a query gives is not what was asked with; `transfer` rows say
//! which characters a function leaves, `later` rows which calls run a function that they are given. `sink` rows name
//! arguments that some language reads.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserialize;

use later::{LaterRow, LaterRows};
use sink::{SinkRow, Sinks};

mod later;
mod sink;
mod template;
mod transfer;

pub use later::Later;
pub use sink::{Port, Sink};
pub use template::Made;
pub use transfer::{Coding, Passes, Transfer};

static MODELS: OnceLock<Models> = OnceLock::new();

static DATA: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/data.rs"));

/// The facts of all data files, ready to be asked.
#[derive(Debug, Default)]
pub struct Models {
    aliases: FxHashMap<String, String>,
    roles: FxHashMap<String, Vec<Arc<str>>>,
    /// Roles of `*.name`, by the name.
    method_roles: FxHashMap<String, Vec<Arc<str>>>,
    /// What functions get that a callable decorates, by its path.
    given: FxHashMap<String, Arc<str>>,
    /// Import names to the distribution that provides them.
    modules: FxHashMap<String, String>,
    /// Settings by distribution.
    settings: FxHashMap<String, Vec<Setting>>,
    inputs: FxHashMap<String, Gives>,
    stores: FxHashSet<String>,
    /// The names of `*.name`.
    store_methods: FxHashSet<String>,
    /// Modules whose functions give text, numbers and containers of them.
    plain: FxHashSet<String>,
    /// Callables that never return, with the exception that they raise.
    raises: FxHashMap<String, Arc<str>>,
    transfers: FxHashMap<String, Transfer>,
    later: LaterRows,
    sinks: Sinks,
    filters: FxHashMap<String, Made>,
    globals: FxHashMap<String, Made>,
}

/// What an input is, for the evaluator.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gives {
    Text,
    Bytes,
    /// A mapping from names to texts, with Werkzeug's methods.
    Texts,
    /// A mapping from names to uploaded files.
    Files,
    /// An uploaded file.
    File,
    /// JSON and other values of which neither type nor parts are known.
    Structure,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Normalised distribution name; `python` for the standard library.
    library: String,
    /// Top-level import names.
    modules: Vec<String>,
    /// Where the documentation of the rows begins.
    #[allow(dead_code, reason = "for the reader of the file; checked to be there")]
    docs: String,
    #[serde(default)]
    alias: Vec<Alias>,
    #[serde(default)]
    role: Vec<Role>,
    #[serde(default)]
    setting: Vec<SettingRow>,
    #[serde(default)]
    input: Vec<Input>,
    #[serde(default)]
    store: Vec<Store>,
    #[serde(default)]
    plain: Vec<Plain>,
    #[serde(default)]
    raise: Vec<Raise>,
    #[serde(default)]
    transfer: Vec<transfer::TransferRow>,
    #[serde(default)]
    later: Vec<LaterRow>,
    #[serde(default)]
    sink: Vec<SinkRow>,
    #[serde(default)]
    filter: Vec<template::Row>,
    #[serde(default)]
    global: Vec<template::Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    /// An access path; `[*]` stands for any key.
    path: String,
    gives: Gives,
    #[serde(default)]
    #[allow(dead_code, reason = "for the reader of the file")]
    doc: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raise {
    /// A callable that never returns.
    path: String,
    /// The exception that it raises instead.
    class: String,
    #[serde(default)]
    #[allow(dead_code, reason = "for the reader of the file")]
    doc: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    /// An access path, with everything below it.
    path: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Store {
    /// An access path, with everything below it; `*.name` is the method of any object that is not known better.
    path: String,
    #[serde(default)]
    #[allow(dead_code, reason = "for the reader of the file")]
    doc: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingRow {
    name: String,
    /// Absent for a setting whose default is `None`.
    default: Option<toml::Value>,
    /// The default of a duration.
    seconds: Option<f64>,
    /// `[major, minor]` of the first version that has it.
    since: Option<(u32, u32)>,
    /// `[major, minor]` of the first version that no longer has it.
    until: Option<(u32, u32)>,
}

/// A setting of a library, with the value that it has when nobody sets it.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    pub name: String,
    pub default: SettingDefault,
    since: Option<(u32, u32)>,
    until: Option<(u32, u32)>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SettingDefault {
    None,
    Bool(bool),
    Int(i64),
    Text(String),
    /// A duration.
    Seconds(f64),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alias {
    /// A public spelling.
    path: String,
    /// The name that rules and rows use.
    to: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Role {
    /// A callable's access path; `*.name` is the method of any object that is not known better.
    path: String,
    /// A meaning, from the closed list in `kinds.toml`.
    is: String,
    /// The access path of what a function gets that the callable decorates.
    gives: Option<String>,
    /// Where the documentation says so, relative to `docs`.
    #[serde(default)]
    #[allow(dead_code, reason = "for the reader of the file")]
    doc: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kinds {
    role: Vec<String>,
    context: Vec<String>,
}

/// A data file that says something it must not.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("{file}: {source}")]
    Syntax { file: String, source: Box<toml::de::Error> },
    #[error("{file}: `{path}` has the unknown role `{role}`; the list is in kinds.toml")]
    UnknownRole { file: String, path: String, role: String },
    #[error("{file}: `{path}` has the unknown context `{context}`; the list is in kinds.toml")]
    UnknownContext { file: String, path: String, context: String },
    #[error(
        "{file}: `{path}` has the port `{port}`, which is none: `arg[0|name]`, `kw[name]`, `arg[*]`, `kw[*]`, `self`"
    )]
    UnknownPort { file: String, path: String, port: String },
    #[error("models were added after the first question to them")]
    TooLate,
}

impl From<SettingRow> for Setting {
    fn from(row: SettingRow) -> Self {
        let default = match (row.default, row.seconds) {
            (_, Some(seconds)) => SettingDefault::Seconds(seconds),
            (Some(toml::Value::Boolean(value)), None) => SettingDefault::Bool(value),
            (Some(toml::Value::Integer(value)), None) => SettingDefault::Int(value),
            (Some(toml::Value::String(text)), None) => SettingDefault::Text(text),
            _ => SettingDefault::None,
        };
        Self { name: row.name, default, since: row.since, until: row.until }
    }
}

impl Models {
    /// The facts that are compiled in, and those that were added.
    pub fn bundled() -> &'static Self {
        MODELS.get_or_init(|| Models::load(DATA).expect("a test loads the bundled data"))
    }

    /// Adds files of the user's, each with its name: once, before anybody asks. A row of theirs counts beside what is
    /// compiled in; one that says what a call gives replaces it.
    pub fn add(files: &[(String, String)]) -> Result<(), ModelError> {
        let own = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let all: Vec<(&str, &str)> = DATA.iter().copied().chain(own).collect();
        MODELS.set(Self::load(&all)?).map_err(|_| ModelError::TooLate)
    }

    fn load(data: &[(&str, &str)]) -> Result<Self, ModelError> {
        let syntax = |file: &str| {
            let file = file.to_owned();
            move |source| ModelError::Syntax { file, source: Box::new(source) }
        };
        let mut models = Self::default();
        let mut kinds = Kinds { role: Vec::new(), context: Vec::new() };
        for (name, text) in data.iter().filter(|(name, _)| *name == "kinds.toml") {
            kinds = toml::from_str::<Kinds>(text).map_err(syntax(name))?;
        }
        for (name, text) in data.iter().filter(|(name, _)| *name != "kinds.toml") {
            let file: File = toml::from_str(text).map_err(syntax(name))?;
            for module in file.modules {
                models.modules.insert(module, file.library.clone());
            }
            let settings: Vec<Setting> = file.setting.into_iter().map(Setting::from).collect();
            models.settings.insert(file.library, settings);
            models.inputs.extend(file.input.into_iter().map(|row| (row.path, row.gives)));
            let unknown_port =
                |(path, port)| ModelError::UnknownPort { file: (*name).to_owned(), path, port };
            for row in file.transfer {
                let (path, transfer) = row.read().map_err(unknown_port)?;
                models.transfers.insert(path, transfer);
            }
            for row in file.later {
                models.later.add(row).map_err(unknown_port)?;
            }
            models.raises.extend(file.raise.into_iter().map(|row| (row.path, row.class.into())));
            models.filters.extend(file.filter.into_iter().map(|row| (row.name, row.gives)));
            models.globals.extend(file.global.into_iter().map(|row| (row.name, row.gives)));
            for Store { path, .. } in file.store {
                match path.strip_prefix("*.") {
                    Some(name) => models.store_methods.insert(name.to_owned()),
                    None => models.stores.insert(path),
                };
            }
            models.plain.extend(file.plain.into_iter().map(|row| row.path));
            for alias in file.alias {
                models.aliases.insert(alias.path, alias.to);
            }
            for Role { path, is, gives, .. } in file.role {
                if !kinds.role.contains(&is) {
                    return Err(ModelError::UnknownRole { file: (*name).to_owned(), path, role: is });
                }
                models.given.extend(gives.map(|gives| (path.clone(), gives.into())));
                let (map, key) = match path.strip_prefix("*.") {
                    Some(name) => (&mut models.method_roles, name.to_owned()),
                    None => (&mut models.roles, path),
                };
                map.entry(key).or_default().push(is.into());
            }
            for row in file.sink {
                let file = (*name).to_owned();
                if !kinds.context.contains(&row.context) {
                    return Err(ModelError::UnknownContext { file, path: row.path, context: row.context });
                }
                if models.sinks.add(&row).is_none() {
                    return Err(ModelError::UnknownPort { file, path: row.path, port: row.port });
                }
            }
        }
        Ok(models)
    }

    /// The name of a definition, given any spelling of it.
    pub fn canonical<'p>(&self, path: &'p str) -> Arc<str> {
        let mut path = Cow::Borrowed(path);
        // An alias may name a prefix: `flask.globals.request.args` is `flask.request.args`.
        for _ in 0..4 {
            let mut end = path.len();
            let replaced = loop {
                if let Some(to) = self.aliases.get(&path[..end]) {
                    break Some(format!("{to}{}", &path[end..]));
                }
                match path[..end].rfind('.') {
                    Some(dot) => end = dot,
                    None => break None,
                }
            };
            match replaced {
                Some(replaced) => path = Cow::Owned::<'p, str>(replaced),
                None => break,
            }
        }
        path.into()
    }

    /// Whether any rule may ask about calls of this path.
    pub fn is_watched(&self, path: &str) -> bool {
        self.roles(path).next().is_some() || self.sinks.any(path)
    }

    /// The arguments of a call that some language reads: rows for the path itself, or for that method of any object
    /// where nothing more is known.
    pub fn sinks(&self, path: &str) -> Vec<&Sink> {
        self.sinks.of(path)
    }

    /// The roles of calls of this path; one may come twice.
    pub fn roles(&self, path: &str) -> impl Iterator<Item = &Arc<str>> {
        let own = self.roles.get(path);
        let of_method = method(path).and_then(|name| self.method_roles.get(name));
        own.into_iter().chain(of_method).flatten()
    }

    /// Whether calls of this path have the role.
    pub fn has_role(&self, path: &str, role: &str) -> bool {
        self.roles(path).any(|known| **known == *role)
    }

    /// The access path of what a function gets that a callable decorates.
    pub fn gives(&self, path: &str) -> Option<&Arc<str>> {
        self.given.get(path)
    }

    /// Whether a path is an uploaded file, or the form field that holds one.
    pub fn is_upload(&self, path: &str) -> bool {
        let is_item = || path.rfind('[').is_some_and(|end| self.input(&path[..end]) == Some(Gives::Files));
        self.input(path) == Some(Gives::File) || is_item()
    }

    /// What a filter of Jinja makes of text; `None` where the program defines it, or nobody.
    pub fn filter(&self, name: &str) -> Option<Made> {
        self.filters.get(name).copied()
    }

    /// What a name gives that templates have without being given it.
    pub fn template_global(&self, name: &str) -> Option<Made> {
        self.globals.get(name).copied()
    }

    /// What the input at a path is; `None` where it is no input.
    pub fn input(&self, path: &str) -> Option<Gives> {
        if !path.contains('[') {
            return self.inputs.get(path).copied();
        }
        self.inputs.get(&without_keys(path)).copied()
    }

    /// What a call of this path makes of its argument, where a row says it.
    pub fn transfer(&self, path: &str) -> Option<&Transfer> {
        self.transfers.get(path)
    }

    /// How a call of this path runs a function that it is given, elsewhere or afterwards.
    pub fn later(&self, path: &str) -> impl Iterator<Item = &Later> {
        self.later.of(path)
    }

    /// The exception that a call of this path always ends with; `None` where it returns.
    pub fn raises(&self, path: &str) -> Option<&Arc<str>> {
        self.raises.get(path)
    }

    /// Whether what a call of this path gives comes out of a store, not out of its arguments.
    pub fn is_store(&self, path: &str) -> bool {
        let mut prefix = path;
        loop {
            if self.stores.contains(prefix) {
                return true;
            }
            match prefix.rfind('.') {
                Some(dot) => prefix = &prefix[..dot],
                None => break,
            }
        }
        method(path).is_some_and(|name| self.store_methods.contains(name))
    }

    /// Whether a library's value is text, a number or a container of them, not an object with a meaning of its own: a
    /// part of an input, what a function gives of which a `transfer` row speaks, or anything of a `plain` module.
    pub fn is_plain(&self, path: &str) -> bool {
        let mut prefix = path;
        loop {
            match self.input(prefix) {
                // What was uploaded is a file, not a name.
                Some(Gives::Files | Gives::File) => return false,
                Some(_) => return true,
                None => {}
            }
            let transfer = prefix.strip_suffix("()").and_then(|called| self.transfer(called));
            if transfer.is_some_and(|row| row.gives != Passes::Nothing) || self.plain.contains(prefix) {
                return true;
            }
            match prefix.rfind(['.', '[', '(']) {
                Some(cut) => prefix = &prefix[..cut],
                None => return false,
            }
        }
    }

    /// The settings of a distribution at a version; at the newest, where the version is not known.
    pub fn settings(
        &self,
        distribution: &str,
        version: Option<(u32, u32)>,
    ) -> impl Iterator<Item = &Setting> {
        let version = version.unwrap_or((u32::MAX, 0));
        let all = self.settings.get(distribution).map(Vec::as_slice).unwrap_or_default();
        all.iter().filter(move |setting| {
            setting.since.is_none_or(|since| version >= since)
                && setting.until.is_none_or(|until| version < until)
        })
    }

    /// The distribution that provides a top-level import name.
    pub fn distribution(&self, module: &str) -> Option<&str> {
        self.modules.get(module).map(String::as_str)
    }
}

/// The last name of a path that has several.
fn method(path: &str) -> Option<&str> {
    path.rsplit_once('.').map(|(_, name)| name)
}

/// A path with every key replaced by `[*]`.
fn without_keys(path: &str) -> String {
    let mut result = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(open) = rest.find('[') {
        let (before, key) = rest.split_at(open);
        result.push_str(before);
        result.push_str("[*]");
        // A key that is text is quoted, and may hold a bracket.
        let end = match key.strip_prefix("[\"") {
            Some(text) => text.find("\"]").map(|end| end + 4),
            None => key.find(']').map(|end| end + 1),
        };
        match end {
            Some(end) => rest = &key[end..],
            None => return result,
        }
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_data_loads() {
        if let Err(error) = Models::load(DATA) {
            panic!("{error}");
        }
    }

    #[test]
    fn files_of_the_user_count_beside_the_bundled_ones() {
        let own = "library = 'shop'\nmodules = ['shopdb']\ndocs = ''\n\
                   sink = [{ path = 'shopdb.run', port = 'arg[0]', context = 'sql' }]";
        let all: Vec<(&str, &str)> = DATA.iter().copied().chain([("own.toml", own)]).collect();
        let models = Models::load(&all).unwrap();
        assert!(models.is_watched("shopdb.run") && models.is_watched("os.system"));
        let wrong = own.replace("'sql'", "'sequel'");
        let all: Vec<(&str, &str)> = DATA.iter().copied().chain([("own.toml", &*wrong)]).collect();
        assert!(Models::load(&all).unwrap_err().to_string().starts_with("own.toml: `shopdb.run`"));
    }

    #[test]
    fn inputs_are_found_under_any_key() {
        let models = Models::bundled();
        assert_eq!(models.input("flask.request.args"), Some(Gives::Texts));
        assert_eq!(models.input("flask.request.files[\"a]b\"].filename"), Some(Gives::Text));
        assert_eq!(models.input("flask.request.method"), None);
        assert!(models.is_plain("flask.request.json[\"a\"].get()") && models.is_plain("json.loads()[0]"));
        assert!(!models.is_plain("flask.request.files[\"a\"]") && !models.is_plain("flask.redirect()"));
        assert!(models.is_store("sqlite3.connect().cursor().execute().fetchone"));
    }

    #[test]
    fn aliases_are_followed_through_prefixes() {
        let models = Models::bundled();
        assert_eq!(&*models.canonical("flask.globals.request.args"), "flask.request.args");
        assert_eq!(&*models.canonical("flask.unknown_name"), "flask.unknown_name");
    }
}
