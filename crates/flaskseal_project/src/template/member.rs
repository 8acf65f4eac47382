//! Values in templates, and what attributes and items of them are.

use std::sync::Arc;

use flaskseal_core::Span;
use flaskseal_jinja::Node;
use flaskseal_models::{Gives, Models};
use flaskseal_semantic::{Alphabet, Fact, FactKind, Hole, Origin, Source};

use super::piece::{self, Nature, Piece, worse};

#[derive(Clone)]
pub(super) enum Value<'t> {
    Pieces(Vec<Piece>),
    Fact(Fact),
    /// A macro, and the template that defines it.
    Macro(usize, &'t Node),
    /// An imported template.
    Module(usize),
}

impl Value<'_> {
    pub(super) fn unknown(called: &str) -> Self {
        Self::Pieces(vec![Piece { called: Some(called.into()), ..Piece::of(Nature::Unknown) }])
    }

    pub(super) fn number() -> Self {
        Self::Pieces(vec![Piece::of(Nature::Number)])
    }

    pub(super) fn generated() -> Self {
        Self::Pieces(vec![Piece::generated()])
    }
}

/// One element of what a loop goes through.
pub(super) fn element<'t>(items: &Value<'t>) -> Value<'t> {
    match items {
        Value::Fact(fact) => match &fact.kind {
            FactKind::Sequence { items, .. } => {
                let worst = items.iter().find(|item| item.origin().is_some()).or(items.first());
                worst.map_or_else(|| Value::Pieces(Vec::new()), |item| Value::Fact(item.clone()))
            }
            _ => part_of(items, ""),
        },
        _ => part_of(items, ""),
    }
}

/// A part of a value of which nothing is known but where it comes from.
pub(super) fn part_of<'t>(value: &Value<'t>, called: &str) -> Value<'t> {
    let part = |pieces: &[Piece]| {
        let worst = pieces.iter().max_by_key(|piece| piece.nature);
        let Some(worst) = worst else { return Value::unknown(called) };
        let called = if called.is_empty() { worst.called.clone() } else { Some(called.into()) };
        match worst.nature {
            Nature::Constant | Nature::Number | Nature::Generated | Nature::Url => {
                Value::Pieces(vec![Piece { literal: None, ..worst.clone() }])
            }
            nature => {
                Value::Pieces(vec![Piece { origin: worst.origin.clone(), called, ..Piece::of(nature) }])
            }
        }
    };
    match value {
        Value::Pieces(pieces) => part(pieces),
        Value::Fact(fact) => match &fact.kind {
            FactKind::Path(path) => match Models::bundled().input(path) {
                Some(_) => {
                    let origin = fact.taint.clone();
                    let nature = origin.as_deref().map_or(Nature::Unknown, piece::nature_of);
                    Value::Pieces(vec![Piece { origin, called: Some(called.into()), ..Piece::of(nature) }])
                }
                None => {
                    Value::Fact(Fact { kind: FactKind::Path(format!("{path}[*]").into()), ..fact.clone() })
                }
            },
            FactKind::Dict { entries, .. } => {
                let worst = entries.iter().map(|(_, value)| piece::of_fact(value)).reduce(worse);
                part(&worst.unwrap_or_default())
            }
            _ => part(&piece::of_fact(fact)),
        },
        Value::Macro(..) | Value::Module(_) => Value::generated(),
    }
}

/// An attribute or an item of a value of Python.
pub(super) fn member_of(fact: &Fact, name: &str, at: Span) -> Fact {
    let tainted = |kind| Fact { kind, at: fact.at, taint: asked_for(fact) };
    match &fact.kind {
        FactKind::OneOf(several) => {
            let mut members = several.iter().map(|(fact, _)| member_of(fact, name, at));
            let first = members.next().unwrap_or(Fact::UNKNOWN);
            members.fold(first, |worst, next| if next.origin().is_some() { next } else { worst })
        }
        FactKind::Dict { entries, open } => {
            match entries.iter().find(|(key, _)| key.as_str() == Some(name)) {
                Some((_, value)) => value.clone(),
                None if *open => tainted(FactKind::Unknown),
                None => Fact::new(FactKind::Absent),
            }
        }
        FactKind::Instance(_, attributes) => match attributes.iter().find(|(known, _)| **known == *name) {
            Some((_, value)) => value.clone(),
            None => Fact { taint: asked_for(fact), ..Fact::UNKNOWN },
        },
        FactKind::Path(path) => member_of_path(fact, path, name, at),
        _ => tainted(FactKind::Unknown),
    }
}

fn member_of_path(fact: &Fact, path: &str, name: &str, at: Span) -> Fact {
    let models = Models::bundled();
    let input = |path: String| {
        let origin = Arc::new(Origin::request(path.as_str(), at));
        let hole = Hole { origin: Some(origin), ..Hole::new(Source::Path(path.into()), Alphabet::ALL) };
        Fact { at: Some(at), ..Fact::new(FactKind::Str(hole.into())) }
    };
    if matches!(models.input(path), Some(Gives::Texts | Gives::Structure)) {
        return input(format!("{path}[\"{name}\"]"));
    }
    // `|attr` and dots reach what the request object itself says, and that is no text of the client.
    let member = format!("{path}.{name}");
    match models.input(&member) {
        Some(Gives::Text | Gives::Bytes) if !is_fixed(&member) => input(member),
        Some(Gives::Text) => Fact::new(FactKind::Path(member.into())),
        Some(Gives::Texts | Gives::Structure | Gives::Files) => {
            let taint = Some(Arc::new(Origin::request(member.as_str(), at)));
            Fact { at: Some(at), taint, ..Fact::new(FactKind::Path(member.into())) }
        }
        // Databases number their rows.
        _ if models.is_store(path) && is_row_key(name) => Fact::new(FactKind::SomeInt),
        _ => Fact { kind: FactKind::Path(member.into()), at: fact.at, taint: asked_for(fact) },
    }
}

/// Whether an attribute is the number of a row, which the database chooses.
pub(super) fn is_row_key(name: &str) -> bool {
    matches!(name, "id" | "pk" | "uuid") || name.ends_with("_id")
}

/// The origin that an attribute has. An object that a call gave for request data was mostly looked up by it, and what
/// it holds is its own.
fn asked_for(fact: &Fact) -> Option<Arc<Origin>> {
    fact.origin().filter(|origin| origin.hops == 0)
}

/// What the router matched is as fixed as its rules, mostly: a template does not know which of them.
fn is_fixed(path: &str) -> bool {
    matches!(
        path,
        "flask.request.path"
            | "flask.request.url_root"
            | "flask.request.host"
            | "flask.request.host_url"
            | "flask.request.root_url"
            | "flask.request.script_root"
            | "flask.request.mimetype"
    )
}

/// Names of WTForms' forms and fields, which render themselves.
pub(super) fn is_form_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(name.as_str(), "form" | "field" | "subfield" | "csrf_token" | "hidden_tag")
        || name.ends_with("_form")
        || name.ends_with("_field")
}

/// What libraries make as HTML under names that everybody gives them.
pub(super) fn is_made_name(dotted: &str) -> bool {
    ["pagination.links", "pagination.info", "moment.include_moment"].iter().any(|made| dotted.ends_with(made))
}
