//! What was seen, and what could not be seen.

use crate::{Layer, Span};

/// A claim and where it comes from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Evidence {
    /// A short clause in plain words: "`SESSION_COOKIE_SECURE` is set to True".
    pub claim: String,
    pub layer: Layer,
    /// The place in the tree, where there is one. Evidence without a place is a default or a conclusion, and its
    /// claim says of what.
    pub span: Option<Span>,
}

impl Evidence {
    pub fn at(layer: Layer, span: Span, claim: impl Into<String>) -> Self {
        Self { claim: claim.into(), layer, span: Some(span) }
    }

    pub fn general(layer: Layer, claim: impl Into<String>) -> Self {
        Self { claim: claim.into(), layer, span: None }
    }
}

/// Evidence that could not be had: why, and how to supply it. A gap is never a pass.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Gap {
    /// A short clause: "no start command found".
    pub reason: String,
    /// What the user can do about it: "name it with `--entry MODULE:CALLABLE`". Empty when nothing helps.
    pub remedy: String,
    pub span: Option<Span>,
}

impl Gap {
    pub fn new(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { reason: reason.into(), remedy: remedy.into(), span: None }
    }

    pub fn at(span: Span, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { span: Some(span), ..Self::new(reason, remedy) }
    }
}
