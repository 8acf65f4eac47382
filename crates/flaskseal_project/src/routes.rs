//! Which routes a function answers, found without a look at all of them.

use flaskseal_core::{FileId, Span};
use flaskseal_semantic::{FactKind, Route};
use rustc_hash::FxHashMap;

/// Routes by where they and their views are written; each by its index.
#[derive(Debug, Default)]
pub(crate) struct RouteIndex {
    /// By the places of their registration, sorted.
    places: Vec<(Span, usize)>,
    by_view: FxHashMap<Span, Vec<usize>>,
    /// By the file of their view class.
    classes: FxHashMap<FileId, Vec<(Span, usize)>>,
}

impl RouteIndex {
    pub(crate) fn of(routes: &[Route]) -> Self {
        let mut index = Self::default();
        for (number, route) in routes.iter().enumerate() {
            index.places.extend(route.span.map(|span| (span, number)));
            for (view, _) in route.view.alternatives() {
                match &view.kind {
                    FactKind::Function(view) => index.by_view.entry(view.span).or_default().push(number),
                    FactKind::Instance(_, attributes) => {
                        for (name, value) in attributes {
                            if let FactKind::Class(class) = &value.kind
                                && &**name == "@class"
                                && let Some(span) = class.span
                            {
                                index.classes.entry(span.file).or_default().push((span, number));
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        index.places.sort_unstable();
        index
    }

    /// The routes that a function answers, given the line of its `def`, which ends its decorators.
    pub(crate) fn of_function(&self, function: Span, headline: impl FnOnce() -> Span) -> Vec<usize> {
        let start = (function.file, function.range.start);
        let from = self.places.partition_point(|(place, _)| (place.file, place.range.start) < start);
        let inside = self.places[from..]
            .iter()
            .take_while(|(place, _)| place.file == function.file && place.range.start < function.range.end);
        let mut decorated: Vec<(Span, usize)> = inside.copied().collect();
        if !decorated.is_empty() {
            let end = headline().range.start;
            decorated.retain(|(place, _)| place.range.end <= end);
        }
        let decorated = decorated.into_iter().map(|(_, number)| number);
        let viewed = self.by_view.get(&function).into_iter().flatten().copied();
        let classes = self.classes.get(&function.file).into_iter().flatten();
        let exposed =
            classes.filter(|(class, _)| class.range.encloses(function.range)).map(|(_, number)| *number);
        let mut found: Vec<usize> = decorated.chain(viewed).chain(exposed).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}
