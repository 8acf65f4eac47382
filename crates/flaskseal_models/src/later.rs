//! Rows about calls that run a function elsewhere or afterwards: tasks, threads, executors.

use rustc_hash::FxHashMap;
use serde::Deserialize;

use crate::sink::Port;

/// How a call names a function to run, and what it is run with.
#[derive(Debug)]
pub struct Later {
    /// The function; `self` where the call is a method of it, as a task's `delay` is.
    pub function: Port,
    /// A sequence of positional arguments. Without it, and without `each`, everything behind the function.
    pub args: Option<Port>,
    /// A mapping of keyword arguments.
    pub kwargs: Option<Port>,
    /// What is iterated; the function is run with each element.
    pub each: Option<Port>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LaterRow {
    /// A callable's access path; `*.name` is the method of any object that is not known better.
    path: String,
    function: String,
    args: Option<String>,
    kwargs: Option<String>,
    each: Option<String>,
    #[serde(default)]
    #[allow(dead_code, reason = "for the reader of the file")]
    doc: String,
}

/// The rows of all data files.
#[derive(Debug, Default)]
pub(crate) struct LaterRows {
    by_path: FxHashMap<String, Vec<Later>>,
    /// Rows of `*.name`, by the name.
    by_method: FxHashMap<String, Vec<Later>>,
}

impl LaterRows {
    /// Adds a row; the row's path and the port that is none, where one cannot be read.
    pub(crate) fn add(&mut self, row: LaterRow) -> Result<(), (String, String)> {
        let option = |port: Option<String>| match port {
            None => Ok(None),
            Some(port) => Port::read(&port).map(Some).ok_or(port),
        };
        let read = || -> Result<Later, String> {
            let function = Port::read(&row.function).ok_or(row.function)?;
            let (args, kwargs, each) = (option(row.args)?, option(row.kwargs)?, option(row.each)?);
            Ok(Later { function, args, kwargs, each })
        };
        match read() {
            Ok(later) => {
                let (rows, key) = match row.path.strip_prefix("*.") {
                    Some(name) => (&mut self.by_method, name.to_owned()),
                    None => (&mut self.by_path, row.path),
                };
                rows.entry(key).or_default().push(later);
                Ok(())
            }
            Err(port) => Err((row.path, port)),
        }
    }

    /// The rows for a call: those of its path, then those of a method of that name.
    pub(crate) fn of(&self, path: &str) -> impl Iterator<Item = &Later> {
        let of_method = path.rsplit_once('.').and_then(|(_, name)| self.by_method.get(name));
        self.by_path.get(path).into_iter().chain(of_method).flatten()
    }
}
