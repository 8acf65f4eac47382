//! Decorated functions by their place and by that of their decorators.

use flaskseal_core::Span;
use flaskseal_semantic::Decorated;
use rustc_hash::FxHashMap;

/// Each by its index.
#[derive(Debug, Default)]
pub(crate) struct DecoratorIndex {
    by_function: FxHashMap<Span, usize>,
    by_decorator: FxHashMap<Span, usize>,
}

impl DecoratorIndex {
    pub(crate) fn of(decorated: &[Decorated]) -> Self {
        let mut index = Self::default();
        for (number, known) in decorated.iter().enumerate() {
            index.by_function.entry(known.function).or_insert(number);
            for (_, span) in &known.decorators {
                index.by_decorator.entry(*span).or_insert(number);
            }
        }
        index
    }

    pub(crate) fn of_function(&self, function: Span) -> Option<usize> {
        self.by_function.get(&function).copied()
    }

    pub(crate) fn of_decorator(&self, decorator: Span) -> Option<usize> {
        self.by_decorator.get(&decorator).copied()
    }
}
