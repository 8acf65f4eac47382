//! TOML with ranges, asked for by key: what is missing or has another type is simply not there.

use flaskseal_core::TextRange;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::Problem;

/// Reads as much of a document as can be read, and says where it stops being TOML.
pub(crate) fn parse(text: &str) -> (Spanned<DeTable<'_>>, Vec<Problem>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let problems = errors.iter().take(20).map(|error| Problem {
        range: error.span().map_or(TextRange::default(), range_of),
        message: format!("is not TOML: {}", error.message().replace('\n', ", ")),
    });
    let problems = problems.collect();
    (table, problems)
}

pub(crate) fn range_of(span: std::ops::Range<usize>) -> TextRange {
    TextRange::new(span.start as u32, span.end as u32)
}

pub(crate) fn range<T>(value: &Spanned<T>) -> TextRange {
    range_of(value.span())
}

/// A key and its value. A value that the parser had to make up stands nowhere.
pub(crate) fn pair<K, V>(key: &Spanned<K>, value: &Spanned<V>) -> TextRange {
    range_of(key.span().start..value.span().end.max(key.span().end))
}

pub(crate) fn table<'a, 't>(parent: &'a DeTable<'t>, key: &str) -> Option<&'a DeTable<'t>> {
    parent.get(key)?.get_ref().as_table()
}

pub(crate) fn at<'a, 't>(parent: &'a DeTable<'t>, path: &[&str]) -> Option<&'a DeTable<'t>> {
    path.iter().try_fold(parent, |parent, key| table(parent, key))
}

pub(crate) fn text<'a>(parent: &'a DeTable<'_>, key: &str) -> Option<&'a str> {
    parent.get(key)?.get_ref().as_str()
}

pub(crate) fn flag(parent: &DeTable<'_>, key: &str) -> bool {
    parent.get(key).and_then(|value| value.get_ref().as_bool()).unwrap_or(false)
}

pub(crate) fn items<'a, 't>(parent: &'a DeTable<'t>, key: &str) -> &'a [Spanned<DeValue<'t>>] {
    parent.get(key).and_then(|value| value.get_ref().as_array()).map_or(&[], |array| array.as_ref())
}

/// The tables of an array of tables.
pub(crate) fn tables<'a, 't>(
    parent: &'a DeTable<'t>,
    key: &str,
) -> impl Iterator<Item = (&'a DeTable<'t>, TextRange)> + use<'a, 't> {
    items(parent, key).iter().filter_map(|item| Some((item.get_ref().as_table()?, range(item))))
}

/// The texts of an array.
pub(crate) fn texts<'a>(parent: &'a DeTable<'_>, key: &str) -> impl Iterator<Item = (&'a str, TextRange)> {
    items(parent, key).iter().filter_map(|item| Some((item.get_ref().as_str()?, range(item))))
}
