//! Rows about what functions make of text: which characters can still be in it.

use serde::Deserialize;

use crate::sink::Port;

/// What a function makes of an argument.
#[derive(Debug)]
pub struct Transfer {
    pub from: Port,
    pub gives: Passes,
    /// Characters that the result can have, whatever the argument has; as in brackets of a regular expression.
    pub keeps: Option<String>,
    /// Characters that are not in the result.
    pub drops: String,
    /// Characters that may be in the result though they are not in the argument; the first begins every escape.
    pub adds: String,
    /// What stands at both ends of the result.
    pub wraps: String,
    /// The result is not made character by character.
    pub whole: bool,
    /// An argument that names further characters to keep; without it, those of `adds` are.
    pub safe: Option<Port>,
    /// An argument that leaves quotes as they are, where it is false.
    pub quotes: Option<Port>,
    /// How the text is written that it reads.
    pub reads: Option<Coding>,
    /// It writes special characters as entities of HTML.
    pub escapes_html: bool,
}

/// A way to write one text in the characters of another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coding {
    Base64,
    /// Base64 with `-` and `_`.
    Base64Url,
    Hex,
    /// `%2f`
    Percent,
}

/// What of an argument passes into a result.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Passes {
    #[default]
    Text,
    Bytes,
    /// Any value whose parts come from the argument: what JSON says.
    Structure,
    /// Nothing that a client could choose: a hash, a number.
    Nothing,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransferRow {
    /// A callable's access path.
    path: String,
    /// The argument: `arg[0|s]`.
    from: String,
    #[serde(default)]
    gives: Passes,
    keeps: Option<String>,
    #[serde(default)]
    drops: String,
    #[serde(default)]
    adds: String,
    #[serde(default)]
    wraps: String,
    #[serde(default)]
    whole: bool,
    safe: Option<String>,
    quotes: Option<String>,
    reads: Option<Coding>,
    #[serde(default)]
    escapes_html: bool,
    #[serde(default)]
    #[allow(dead_code, reason = "for the reader of the file")]
    doc: String,
}

impl TransferRow {
    /// The row's path and meaning; the path and the port that is none, otherwise.
    pub(crate) fn read(self) -> Result<(String, Transfer), (String, String)> {
        let Some(from) = Port::read(&self.from) else { return Err((self.path, self.from)) };
        let option = |port: Option<String>| match port {
            None => Ok(None),
            Some(port) => Port::read(&port).map(Some).ok_or(port),
        };
        let (safe, quotes) = match (option(self.safe), option(self.quotes)) {
            (Ok(safe), Ok(quotes)) => (safe, quotes),
            (Err(port), _) | (_, Err(port)) => return Err((self.path, port)),
        };
        let transfer = Transfer {
            from,
            gives: self.gives,
            keeps: self.keeps,
            drops: self.drops,
            adds: self.adds,
            wraps: self.wraps,
            whole: self.whole,
            safe,
            quotes,
            reads: self.reads,
            escapes_html: self.escapes_html,
        };
        Ok((self.path, transfer))
    }
}
