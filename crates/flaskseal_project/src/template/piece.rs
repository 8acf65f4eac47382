//! Pieces of text that a template prints: what is known of each, and whether it was escaped.

use std::sync::Arc;

use flaskseal_core::Span;
use flaskseal_models::Models;
use flaskseal_semantic::{Alphabet, Fact, FactKind, Hole, JOINED, Origin, OriginKind, Rope, Segment, Source};

/// A stretch of printed text of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// The text, where it is known.
    pub literal: Option<Arc<str>>,
    pub nature: Nature,
    /// Characters that can be in it, before it is escaped.
    pub alphabet: Alphabet,
    pub origin: Option<Arc<Origin>>,
    pub coding: Coding,
    /// What a name or a call is called, for messages.
    pub called: Option<Arc<str>>,
}

/// Who decides what a piece says; the later, the worse.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Nature {
    /// The program, or whoever runs it.
    Constant,
    /// Digits, truth values and what else no place minds.
    Number,
    /// A library that knows HTML: fields of forms, sanitizers, rendered macros.
    Generated,
    /// A URL of the application itself.
    Url,
    Unknown,
    /// An earlier request.
    Stored,
    /// The request that is served.
    Request,
}

/// What stands between a piece and the page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coding {
    /// Plain text, which autoescaping escapes.
    Plain,
    /// Said to be HTML, here.
    Marked(Option<Span>),
    /// Printed as it is, because autoescaping is off.
    Bare,
    Escaped,
    /// A JSON literal without `<`, `>`, `&` and `'`.
    Json,
    /// Such a literal, escaped for HTML.
    EscapedJson,
}

impl Piece {
    pub(super) fn literal(text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        Self {
            alphabet: Alphabet::of(&text),
            literal: Some(text),
            nature: Nature::Constant,
            origin: None,
            coding: Coding::Plain,
            called: None,
        }
    }

    pub(super) fn of(nature: Nature) -> Self {
        let alphabet = match nature {
            Nature::Number => NUMBER,
            Nature::Url => URL,
            _ => Alphabet::ALL,
        };
        Self { literal: None, nature, alphabet, origin: None, coding: Coding::Plain, called: None }
    }

    /// What a library made as HTML.
    pub(super) fn generated() -> Self {
        Self { coding: Coding::Marked(None), ..Self::of(Nature::Generated) }
    }

    /// What a hole of a text in Python becomes.
    fn of_hole(hole: &Hole) -> Self {
        let nature = match &hole.origin {
            _ if is_number(hole.alphabet) => Nature::Number,
            Some(origin) if origin.kind == OriginKind::Request => Nature::Request,
            Some(_) => Nature::Stored,
            None => match &hole.source {
                Source::Env(_) | Source::Root => Nature::Constant,
                Source::Path(path) => nature_of_path(path),
                Source::Unknown => Nature::Unknown,
            },
        };
        let alphabet = if nature == Nature::Url { URL } else { hole.alphabet };
        Self { alphabet, origin: hole.origin.clone(), ..Self::of(nature) }
    }

    /// Whether text of a client, or of nobody knows whom, is in it.
    pub fn is_open(&self) -> bool {
        self.nature >= Nature::Unknown
    }

    /// Whether it is printed without being escaped.
    pub fn is_raw(&self) -> bool {
        matches!(self.coding, Coding::Marked(_) | Coding::Bare)
    }
}

/// Characters of numbers and truth values.
const NUMBER: Alphabet = Alphabet::DIGITS;
/// Characters that are left when a URL is built with its parts encoded.
const URL: Alphabet = Alphabet::ascii_range(b'a', b'z')
    .union(Alphabet::ascii_range(b'A', b'Z'))
    .union(Alphabet::ascii_range(b'%', b'%'))
    .union(Alphabet::ascii_range(b'-', b'9'))
    .union(Alphabet::ascii_range(b'_', b'_'))
    .union(Alphabet::ascii_range(b'~', b'~'));

pub(super) fn encoded() -> Alphabet {
    URL
}

fn is_number(alphabet: Alphabet) -> bool {
    !alphabet.meets(Alphabet::ALL.without(Alphabet::of("0123456789-+._e")))
}

fn nature_of_path(path: &str) -> Nature {
    const MADE: [&str; 6] =
        ["bleach.clean", "nh3.clean", "flask_wtf.", "wtforms.", "lxml_html_clean.", "flask.render_template"];
    if path == JOINED {
        // What can do harm there can do it in the part before.
        Nature::Constant
    } else if path.starts_with("flask.url_for") {
        Nature::Url
    } else if path.starts_with("flask.current_app.config") || path.starts_with("flask.Flask().config") {
        Nature::Constant
    } else if MADE.iter().any(|made| path.starts_with(made)) && !path.contains(".data") {
        Nature::Generated
    } else {
        Nature::Unknown
    }
}

/// What a value of Python prints.
pub(super) fn of_fact(fact: &Fact) -> Vec<Piece> {
    let of_rope = |rope: &Rope, coding: Coding| -> Vec<Piece> {
        let piece = |segment: &Segment| match segment {
            Segment::Literal(text) => Piece { coding, ..Piece::literal(text.clone()) },
            Segment::Hole(hole) => Piece { coding, ..Piece::of_hole(hole) },
        };
        rope.segments().iter().map(piece).collect()
    };
    match &fact.kind {
        FactKind::OneOf(several) => {
            several.iter().map(|(fact, _)| of_fact(fact)).reduce(worse).unwrap_or_default()
        }
        FactKind::Instance(class, attributes) if class.is("markupsafe.Markup") => {
            match attributes.iter().find(|(name, _)| &**name == "@str") {
                Some((_, text)) => of_rope(&text.to_rope(), Coding::Marked(fact.at)),
                None => vec![Piece { coding: Coding::Marked(fact.at), ..Piece::of(Nature::Unknown) }],
            }
        }
        FactKind::Instance(class, _) if is_form(class) => vec![Piece::generated()],
        FactKind::Int(_)
        | FactKind::Float(_)
        | FactKind::Bool(_)
        | FactKind::SomeInt
        | FactKind::SomeFloat
        | FactKind::SomeBool => {
            vec![Piece::of(Nature::Number)]
        }
        FactKind::None => vec![Piece::literal("None")],
        FactKind::Class(_) | FactKind::Function(_) | FactKind::Absent => vec![Piece::of(Nature::Constant)],
        FactKind::Path(path) if nature_of_path(path) == Nature::Generated => vec![Piece::generated()],
        FactKind::Path(path) if Models::bundled().is_store(path) && fact.origin().is_none() => {
            let origin = fact
                .at
                .map(|at| Arc::new(Origin { kind: OriginKind::Stored, ..Origin::request(path.clone(), at) }));
            vec![Piece { origin, ..Piece::of(Nature::Stored) }]
        }
        FactKind::Dict { entries, open: false } if entries.is_empty() => vec![Piece::literal("{}")],
        FactKind::Sequence { .. } | FactKind::Dict { .. } => {
            let is_known = fact.is_known();
            let nature = if is_known { Nature::Constant } else { Nature::Unknown };
            vec![with_origin(Piece::of(nature), fact)]
        }
        _ => {
            let mut pieces = of_rope(&fact.to_rope(), Coding::Plain);
            if let [only] = pieces.as_mut_slice()
                && only.origin.is_none()
                && only.literal.is_none()
            {
                *only = with_origin(only.clone(), fact);
            }
            pieces
        }
    }
}

pub(super) fn is_form(class: &flaskseal_semantic::ClassFact) -> bool {
    let is_library = |name: &str| name.starts_with("wtforms.") || name.starts_with("flask_wtf.");
    is_library(&class.name) || class.ancestors.iter().any(|ancestor| is_library(ancestor))
}

fn with_origin(piece: Piece, fact: &Fact) -> Piece {
    match fact.origin() {
        Some(origin) if piece.nature != Nature::Number => {
            Piece { nature: nature_of(&origin), origin: Some(origin), ..piece }
        }
        _ => piece,
    }
}

pub(super) fn nature_of(origin: &Origin) -> Nature {
    match origin.kind {
        OriginKind::Request => Nature::Request,
        OriginKind::Stored => Nature::Stored,
    }
}

/// Of two values that may be printed, the one that can do more harm.
pub(super) fn worse(a: Vec<Piece>, b: Vec<Piece>) -> Vec<Piece> {
    let weight = |pieces: &[Piece]| {
        pieces.iter().map(|piece| (piece.nature, piece.is_raw())).max().unwrap_or((Nature::Constant, false))
    };
    if weight(&b) > weight(&a) { b } else { a }
}
