//! What templates have from libraries: filters, and names.

use serde::Deserialize;

/// What a filter makes of text, or a name gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Made {
    /// Digits, or other text that no client chooses and no place minds.
    Number,
    /// The text, or a part or a rearrangement of it, as far as it was escaped before.
    Same,
    /// Escaped, unless it was.
    Escaped,
    /// Escaped, whatever it was.
    Forced,
    /// As it is: it is said to be HTML.
    Safe,
    /// Text again, even if it was HTML.
    Plain,
    /// A JSON literal that HTML cannot end.
    Json,
    /// Percent-encoded.
    Url,
    /// HTML that a library makes, with what it is given escaped.
    Markup,
    /// An attribute of what is given.
    Member,
    /// What the operator chose.
    Constant,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) gives: Made,
}
