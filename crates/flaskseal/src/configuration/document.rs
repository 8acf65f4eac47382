//! Reading TOML with places: every complaint names file, line and column, and what was probably meant.

use std::ops::Range;

use flaskseal_core::LineIndex;
use flaskseal_judge::Date;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::suggest::did_you_mean;

/// Something in a configuration file that cannot be used.
#[derive(thiserror::Error, PartialEq, Eq, Debug)]
#[error("{place}: {message}")]
pub struct ConfigurationError {
    /// `pyproject.toml:12:3`.
    pub place: String,
    pub message: String,
}

/// A file's text and the name to print for it.
pub(super) struct Document<'t> {
    pub(super) name: &'t str,
    pub(super) text: &'t str,
    lines: LineIndex,
}

impl<'t> Document<'t> {
    pub(super) fn new(name: &'t str, text: &'t str) -> Self {
        Self { name, text, lines: LineIndex::new(text) }
    }

    pub(super) fn parse(&self) -> Result<Spanned<DeTable<'t>>, ConfigurationError> {
        DeTable::parse(self.text).map_err(|error| {
            self.error(error.span().unwrap_or_default(), error.message().replace('\n', ", "))
        })
    }

    pub(super) fn error(&self, span: Range<usize>, message: impl Into<String>) -> ConfigurationError {
        let place = self.lines.place(self.text, span.start as u32);
        ConfigurationError {
            place: format!("{}:{}:{}", self.name, place.line, place.column),
            message: message.into(),
        }
    }

    /// `pyproject.toml:12`.
    fn line(&self, span: Range<usize>) -> String {
        format!("{}:{}", self.name, self.lines.line(span.start as u32))
    }
}

/// A table whose keys are asked for one by one; what nobody asked for is unknown.
pub(super) struct Table<'d> {
    document: &'d Document<'d>,
    entries: &'d DeTable<'d>,
    /// "in `[tool.flaskseal]`", or empty at the top of a file.
    within: String,
    known: Vec<&'static str>,
}

impl<'d> Table<'d> {
    pub(super) fn new(document: &'d Document<'d>, table: &'d DeTable<'d>, within: impl Into<String>) -> Self {
        Self { document, entries: table, within: within.into(), known: Vec::new() }
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<Value<'d>> {
        self.known.push(key);
        let (_, spanned) = self.entries.iter().find(|(name, _)| name.get_ref().as_ref() == key)?;
        Some(Value { document: self.document, key, spanned })
    }

    /// Complains about the first key that nobody asked for, in the order of the file.
    pub(super) fn finish(self) -> Result<(), ConfigurationError> {
        let unknown = self
            .entries
            .keys()
            .filter(|name| !self.known.contains(&name.get_ref().as_ref()))
            .min_by_key(|name| name.span().start);
        match unknown {
            None => Ok(()),
            Some(name) => {
                let near = did_you_mean(name.get_ref(), self.known.iter().copied());
                let message = format!("unknown key `{}`{}{near}", name.get_ref(), self.within);
                Err(self.document.error(name.span(), message))
            }
        }
    }
}

/// A value and the key that it belongs to.
#[derive(Clone, Copy)]
pub(super) struct Value<'d> {
    document: &'d Document<'d>,
    key: &'static str,
    spanned: &'d Spanned<DeValue<'d>>,
}

type Result<T, E = ConfigurationError> = std::result::Result<T, E>;

impl<'d> Value<'d> {
    /// `pyproject.toml:12`.
    pub(super) fn line(&self) -> String {
        self.document.line(self.spanned.span())
    }

    pub(super) fn error(&self, message: impl Into<String>) -> ConfigurationError {
        self.document.error(self.spanned.span(), message)
    }

    fn wrong_type(&self, wanted: &str) -> ConfigurationError {
        let found = match self.spanned.get_ref() {
            DeValue::Array(_) => "an array".to_owned(),
            DeValue::Integer(_) => "an integer".to_owned(),
            other => format!("a {}", other.type_str()),
        };
        self.error(format!("`{}` must be {wanted}, not {found}", self.key))
    }

    pub(super) fn string(&self) -> Result<&'d str> {
        self.spanned.get_ref().as_str().ok_or_else(|| self.wrong_type("a string"))
    }

    pub(super) fn boolean(&self) -> Result<bool> {
        self.spanned.get_ref().as_bool().ok_or_else(|| self.wrong_type("true or false"))
    }

    /// A whole number of at least one.
    pub(super) fn count(&self) -> Result<u32> {
        let integer = self.spanned.get_ref().as_integer().ok_or_else(|| self.wrong_type("a whole number"))?;
        u32::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .filter(|&count| count > 0)
            .ok_or_else(|| self.error(format!("`{}` must be between 1 and {}", self.key, u32::MAX)))
    }

    /// A day, as a string or as TOML's own date.
    pub(super) fn date(&self) -> Result<Date> {
        let text = match self.spanned.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(date) => date.to_string(),
            _ => return Err(self.wrong_type("a date")),
        };
        text.parse().map_err(|_| self.error(format!("`{}` must be a date written YYYY-MM-DD", self.key)))
    }

    /// A table.
    pub(super) fn table(&self, within: impl Into<String>) -> Result<Table<'d>> {
        let table = self.spanned.get_ref().as_table().ok_or_else(|| self.wrong_type("a table"))?;
        Ok(Table::new(self.document, table, within))
    }

    /// The elements of an array.
    pub(super) fn elements(&self) -> Result<Vec<Self>> {
        let array = self.spanned.get_ref().as_array().ok_or_else(|| self.wrong_type("an array"))?;
        Ok(array.iter().map(|spanned| Self { spanned, ..*self }).collect())
    }

    /// The strings of an array, or a single string, each made into something; a refused one is complained about at
    /// its own place.
    pub(super) fn each<T>(&self, make: impl Fn(&'d str) -> Result<T, String>) -> Result<Vec<T>> {
        let elements = match self.spanned.get_ref() {
            DeValue::String(_) => vec![*self],
            DeValue::Array(_) => self.elements()?,
            _ => return Err(self.wrong_type("an array of strings")),
        };
        let wanted = "an array of strings";
        elements
            .into_iter()
            .map(|element| {
                let text = element.spanned.get_ref().as_str().ok_or_else(|| element.wrong_type(wanted))?;
                make(text).map_err(|message| element.error(message))
            })
            .collect()
    }
}
