//! What filters and functions do to pieces, those that the program defines among them.

use std::collections::BTreeMap;
use std::sync::Arc;

use flaskseal_core::{Span, Tree};
use flaskseal_models::{Made, Models};
use flaskseal_semantic::{Alphabet, Evaluation, Event, Fact, FactKind};

use super::piece::{self, Coding, Nature, Piece};
use crate::Start;

/// Filters and functions that the program gives to templates, by name: what they print, for an argument of which
/// nothing is known.
pub(super) type Filters = BTreeMap<Arc<str>, Vec<Piece>>;

/// Those of all starts.
pub(super) fn filters(tree: &Tree, starts: &[&Start]) -> Filters {
    let mut filters = Filters::new();
    for start in starts {
        decorated(tree, &start.evaluation, &mut filters);
        registered(&start.evaluation, &mut filters);
    }
    filters
}

/// `app.jinja_env.filters["name"] = function`, `app.add_template_filter(function, "name")` and their like.
fn registered(evaluation: &Evaluation, filters: &mut Filters) {
    let models = Models::bundled();
    let is_registration = |event: &Event| {
        ["template.filter", "template.global"].iter().any(|role| models.has_role(&event.path, role))
    };
    let add = |name: Option<&str>, function: &Fact, filters: &mut Filters| {
        let FactKind::Function(function) = &function.kind else { return };
        let own = function.qualified_name.rsplit('.').next().unwrap_or_default();
        let result = evaluation.functions.iter().find(|result| result.span == function.span);
        if let Some(pieces) = result.and_then(|result| printed(&result.returns)) {
            filters.entry(name.unwrap_or(own).into()).or_insert(pieces);
        }
    };
    for event in evaluation.events.iter().filter(|event| is_registration(event)) {
        if event.path.contains(".add_") {
            if let Some(function) = event.argument(0, "f") {
                add(event.argument(1, "name").and_then(Fact::as_str), function, filters);
            }
        } else if let [name, function] = event.positional.as_slice() {
            add(name.as_str(), function, filters);
        }
        for (name, function) in &event.keywords {
            add(Some(name), function, filters);
        }
        if let Some(FactKind::Dict { entries, .. }) = event.positional.first().map(|first| &first.kind) {
            for (name, function) in entries {
                add(name.as_str(), function, filters);
            }
        }
    }
}

/// What a function prints; `None` where that was not found out.
fn printed(returns: &Fact) -> Option<Vec<Piece>> {
    match &returns.kind {
        FactKind::Absent => None,
        _ => Some(piece::of_fact(returns)),
    }
}

fn decorated(tree: &Tree, evaluation: &Evaluation, filters: &mut Filters) {
    for decorated in &evaluation.decorated {
        for (_, span) in &decorated.decorators {
            let text = tree.file(span.file).slice(span.range);
            if !text.contains("template_filter") && !text.contains("template_global") {
                continue;
            }
            let given = text.split(['"', '\'']).nth(1).filter(|_| text.contains('('));
            let own = decorated.qualified_name.rsplit('.').next().unwrap_or_default();
            let name: Arc<str> = given.unwrap_or(own).into();
            if let Some(result) =
                evaluation.functions.iter().find(|function| function.span == decorated.function)
            {
                let Some(pieces) = printed(&result.returns) else { continue };
                filters.entry(name).or_insert(pieces);
            }
        }
    }
}

/// What a filter makes of pieces.
pub(super) fn apply(name: &str, filters: &Filters, pieces: Vec<Piece>, at: Option<Span>) -> Vec<Piece> {
    let each = |change: &dyn Fn(Piece) -> Piece| pieces.iter().cloned().map(change).collect::<Vec<_>>();
    match Models::bundled().filter(name) {
        Some(Made::Number | Made::Constant) => vec![Piece::of(Nature::Number)],
        Some(Made::Same | Made::Member) => each(&|piece| Piece {
            literal: None,
            alphabet: if piece.nature == Nature::Number { piece.alphabet } else { Alphabet::ALL },
            ..piece
        })
        .into_iter()
        .zip(&pieces)
        // A constant stays one, whatever is done to it.
        .map(|(changed, piece)| if piece.literal.is_some() { piece.clone() } else { changed })
        .collect(),
        Some(Made::Escaped) => each(&|piece| match piece.coding {
            Coding::Plain => Piece { coding: Coding::Escaped, ..piece },
            _ => piece,
        }),
        Some(Made::Forced) => each(&|piece| match piece.coding {
            Coding::Json => Piece { coding: Coding::EscapedJson, ..piece },
            _ => Piece { coding: Coding::Escaped, ..piece },
        }),
        Some(Made::Safe) => each(&|piece| match piece.coding {
            Coding::Plain => Piece { coding: Coding::Marked(at), ..piece },
            _ => piece,
        }),
        Some(Made::Plain) => each(&|piece| Piece { coding: Coding::Plain, alphabet: Alphabet::ALL, ..piece }),
        Some(Made::Json) => each(&|piece| Piece { coding: Coding::Json, ..piece }),
        Some(Made::Url) => each(&|piece| Piece {
            literal: None,
            alphabet: piece.alphabet.intersection(piece::encoded()).union(Alphabet::of("%")),
            coding: Coding::Plain,
            ..piece
        }),
        Some(Made::Markup) => vec![Piece::generated()],
        None => custom(name, filters, &pieces, at),
    }
}

/// A filter or a function of the program, or of a library that is not known.
pub(super) fn custom(name: &str, filters: &Filters, pieces: &[Piece], at: Option<Span>) -> Vec<Piece> {
    let worst = pieces.iter().max_by_key(|piece| piece.nature).cloned();
    let worst = worst.unwrap_or_else(|| Piece::of(Nature::Unknown));
    match filters.get(name) {
        // Where it prints what it was given, it is what it was given.
        Some(made) => made
            .iter()
            .cloned()
            .map(|piece| match piece.nature {
                Nature::Unknown if worst.nature > Nature::Unknown => Piece {
                    nature: worst.nature,
                    origin: worst.origin.clone(),
                    called: worst.called.clone(),
                    // It marks what it is given here.
                    coding: match piece.coding {
                        Coding::Marked(_) => Coding::Marked(at),
                        coding => coding,
                    },
                    ..piece
                },
                _ => piece,
            })
            .collect(),
        None => vec![Piece {
            literal: None,
            alphabet: Alphabet::ALL,
            coding: Coding::Plain,
            // Dates and sizes are constant enough only for those who wrote the filter.
            nature: worst.nature.max(Nature::Unknown),
            ..worst
        }],
    }
}
