//! What functions did that were called on their own: neither by the start-up nor by a view.
//!
//! Of several guesses at what production runs, most load the same modules. What a function does in the same
//! environment does not depend on which of them loaded it, so that it is called for the first alone. On a tree with
//! two such guesses this saves a third of the time.

use std::sync::Arc;

use flaskseal_core::{FileId, Span};
use rustc_hash::FxHashMap;

use crate::evaluate::{Evaluation, FunctionResult};
use crate::event::{Decorated, Event};

/// What earlier starts found, by the file that it is in.
#[derive(Default)]
pub struct Called {
    functions: FxHashMap<Span, FunctionResult>,
    events: FxHashMap<FileId, Vec<Arc<Event>>>,
    decorated: FxHashMap<FileId, Vec<Decorated>>,
}

impl Called {
    /// Adds what a start found, for later ones with the same folders for imports and the same environment.
    pub fn add(&mut self, evaluation: &Evaluation) {
        for function in evaluation.functions.iter().filter(|function| !function.is_view) {
            self.functions.entry(function.span).or_insert_with(|| function.clone());
        }
        for event in evaluation.events.get(evaluation.alone.clone()).unwrap_or_default() {
            self.events.entry(event.span.file).or_default().push(event.clone());
        }
        for decorated in &evaluation.decorated {
            self.decorated.entry(decorated.function.file).or_default().push(decorated.clone());
        }
    }

    pub(crate) fn function(&self, span: Span) -> Option<&FunctionResult> {
        self.functions.get(&span)
    }

    pub(crate) fn events(&self, file: FileId) -> &[Arc<Event>] {
        self.events.get(&file).map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn decorated(&self, file: FileId) -> &[Decorated] {
        self.decorated.get(&file).map(Vec::as_slice).unwrap_or_default()
    }
}
