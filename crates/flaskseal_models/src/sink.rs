//! Where text does harm: calls, the argument that counts, and the language that reads it.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::Deserialize;

/// A row: an argument of a call, and who reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sink {
    /// The row's path as it is written in the data file.
    pub path: Arc<str>,
    pub port: Port,
    /// A language, from the closed list in `kinds.toml`: `sql`, `shell`, `path.write`.
    pub context: Arc<str>,
}

/// Which part of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Port {
    /// `arg[0|sql]`: by position or keyword. `arg[0]` has no keyword, `kw[data]` no position.
    Argument { index: Option<usize>, name: Option<Arc<str>> },
    /// `arg[*]`: every positional argument.
    Positional,
    /// `kw[*]`: every keyword argument.
    Keywords,
    /// `self`: the object whose method is called.
    Receiver,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SinkRow {
    /// A callable's access path. `sqlite3.**.execute` is that method of whatever `sqlite3` gives, `*.execute` the
    /// method of any object that is not known better.
    pub path: String,
    pub port: String,
    pub context: String,
    /// Where the documentation says so, relative to `docs`.
    #[serde(default)]
    #[allow(dead_code, reason = "for the reader of the file")]
    pub doc: String,
}

/// The sinks of all data files, by the last name of their paths.
#[derive(Debug, Default)]
pub(crate) struct Sinks {
    by_name: FxHashMap<String, Vec<Sink>>,
}

impl Sinks {
    /// Adds a row; `None` where its port cannot be read.
    pub(crate) fn add(&mut self, row: &SinkRow) -> Option<()> {
        let port = Port::read(&row.port)?;
        let sink = Sink { path: row.path.as_str().into(), port, context: row.context.as_str().into() };
        self.by_name.entry(last_name(&row.path).to_owned()).or_default().push(sink);
        Some(())
    }

    /// Whether any row matches a call's path.
    pub(crate) fn any(&self, path: &str) -> bool {
        self.by_name.get(last_name(path)).is_some_and(|rows| {
            rows.iter().any(|sink| matches(&sink.path, path) || matches_any(&sink.path, path))
        })
    }

    /// The rows that a call's path matches; those for an unknown object only where no other does.
    pub(crate) fn of(&self, path: &str) -> Vec<&Sink> {
        let Some(rows) = self.by_name.get(last_name(path)) else { return Vec::new() };
        let known: Vec<&Sink> =
            rows.iter().filter(|sink| !is_of_any(&sink.path) && matches(&sink.path, path)).collect();
        if !known.is_empty() {
            return known;
        }
        rows.iter().filter(|sink| matches_any(&sink.path, path)).collect()
    }
}

impl Sink {
    /// Whether the row holds for any object with such a method, so that something else has to tell what it is.
    pub fn is_of_any(&self) -> bool {
        is_of_any(&self.path)
    }
}

impl Port {
    pub(crate) fn read(text: &str) -> Option<Self> {
        if text == "self" {
            return Some(Self::Receiver);
        }
        let (kind, inside) = text.strip_suffix(']')?.split_once('[')?;
        match (kind, inside) {
            ("arg", "*") => Some(Self::Positional),
            ("kw", "*") => Some(Self::Keywords),
            ("kw", name) => Some(Self::Argument { index: None, name: Some(name.into()) }),
            ("arg", _) => {
                let (index, name) = match inside.split_once('|') {
                    Some((index, name)) => (index, Some(name.into())),
                    None => (inside, None),
                };
                Some(Self::Argument { index: Some(index.parse().ok()?), name })
            }
            _ => None,
        }
    }
}

fn is_of_any(path: &str) -> bool {
    path.starts_with("*.")
}

/// `*.headers.set` is that method of the headers of anything.
fn matches_any(row: &str, path: &str) -> bool {
    row.strip_prefix('*').is_some_and(|method| path.ends_with(method))
}

fn matches(row: &str, path: &str) -> bool {
    match row.split_once(".**.") {
        Some((prefix, name)) => {
            let between = path.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(name));
            between.is_some_and(|between| between.starts_with(['.', '(', '[']) && between.ends_with('.'))
        }
        None => row == path,
    }
}

/// The last name of an access path; a dot inside a key is none: `a["b.c"].get`.
fn last_name(path: &str) -> &str {
    let name = path.rsplit('.').next().unwrap_or(path);
    name.strip_suffix("()").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sinks(paths: &[&str]) -> Sinks {
        let mut sinks = Sinks::default();
        for path in paths {
            let row = SinkRow {
                path: (*path).to_owned(),
                port: "arg[0|sql]".to_owned(),
                context: "sql".to_owned(),
                doc: String::new(),
            };
            sinks.add(&row).unwrap();
        }
        sinks
    }

    fn paths(sinks: &Sinks, path: &str) -> Vec<String> {
        sinks.of(path).iter().map(|sink| sink.path.to_string()).collect()
    }

    #[test]
    fn rows_match_exactly_below_or_anywhere() {
        let sinks =
            sinks(&["*.execute", "*.headers.add", "flask.**.headers.set", "os.system", "sqlite3.**.execute"]);
        assert!(sinks.any("a.b().execute") && !sinks.any("a.b().executes"));
        assert_eq!(paths(&sinks, "flask.make_response().headers.set"), ["flask.**.headers.set"]);
        assert!(paths(&sinks, "flask.make_response().set").is_empty());
        assert_eq!(paths(&sinks, "sqlite3.connect().cursor().execute"), ["sqlite3.**.execute"]);
        assert_eq!(paths(&sinks, "sqlite3x.connect().execute"), ["*.execute"]);
        assert_eq!(paths(&sinks, "*.execute"), ["*.execute"]);
        assert_eq!(paths(&sinks, "os.system"), ["os.system"]);
        assert!(paths(&sinks, "execute").is_empty());
        assert_eq!(paths(&sinks, "a().headers.add"), ["*.headers.add"]);
        assert!(paths(&sinks, "a().items.add").is_empty() && !sinks.any("a().items.add"));
        assert!(paths(&sinks, "os.systems").is_empty());
    }

    #[test]
    fn ports_are_read() {
        let argument = |index, name: Option<&str>| Port::Argument { index, name: name.map(Into::into) };
        assert_eq!(Port::read("arg[1|sql]"), Some(argument(Some(1), Some("sql"))));
        assert_eq!(Port::read("arg[0]"), Some(argument(Some(0), None)));
        assert_eq!(Port::read("kw[data]"), Some(argument(None, Some("data"))));
        assert_eq!(Port::read("arg[*]"), Some(Port::Positional));
        assert_eq!(Port::read("self"), Some(Port::Receiver));
        for wrong in ["", "arg", "arg[", "arg[x]", "return"] {
            assert_eq!(Port::read(wrong), None, "{wrong}");
        }
    }
}
