//! Work on all cores: each job starts from the same state, and none sees what another does. What they note is put
//! together in the order of the jobs, so that the number of threads changes nothing.

use std::sync::Arc;

use flaskseal_core::Span;
use indexmap::IndexSet;
use rayon::prelude::*;
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::event::{Decorated, Event, Incomplete};
use crate::machine::Machine;

/// Jobs that a worker takes at once, at least: making a worker is not free.
const MIN_JOBS: usize = 16;

/// What a job noted.
struct Notes {
    events: Vec<Arc<Event>>,
    incomplete: IndexSet<Incomplete, FxBuildHasher>,
    decorated: Vec<Decorated>,
    calls_resolved: usize,
    calls_unresolved: usize,
}

/// Calls that jobs noted, by their places, each by its index. A function that many call is run for each of them, and
/// what it does in the very same way each time says nothing new. Calls with request data differ in its way.
#[derive(Default)]
struct Known(FxHashMap<Span, Vec<usize>>);

/// Calls at one place that another is compared with.
const MAX_COMPARED: usize = 8;

impl Known {
    /// Whether a call that is about to be the last of the events is none of those before.
    fn is_new(&mut self, events: &[Arc<Event>], event: &Arc<Event>) -> bool {
        if event.is_tainted {
            return true;
        }
        let same_place = self.0.entry(event.span).or_default();
        if same_place.iter().any(|index| events.get(*index) == Some(event)) {
            return false;
        }
        if same_place.len() < MAX_COMPARED {
            same_place.push(events.len());
        }
        true
    }
}

impl<'a> Machine<'a> {
    /// Runs every job from the state that the machine is in. A job has to leave that state as it was.
    pub(crate) fn run_all<J: Sync, T: Send>(
        &mut self,
        jobs: &[J],
        run: impl Fn(&mut Machine<'a>, &J) -> T + Sync,
    ) -> Vec<T> {
        self.heap.freeze();
        let before = self.take_notes();
        let shared = &*self;
        let done: Vec<(T, Notes)> = jobs
            .par_iter()
            .with_min_len(MIN_JOBS)
            .map_init(
                || shared.clone(),
                |worker, job| {
                    let result = run(worker, job);
                    (result, worker.take_notes())
                },
            )
            .collect();
        self.events = before.events;
        self.incomplete = before.incomplete;
        self.decorated = before.decorated;
        self.calls_resolved = before.calls_resolved;
        self.calls_unresolved = before.calls_unresolved;
        let mut known = Known::default();
        done.into_iter()
            .map(|(result, notes)| {
                self.add_notes(notes, &mut known);
                result
            })
            .collect()
    }

    fn take_notes(&mut self) -> Notes {
        Notes {
            events: std::mem::take(&mut self.events),
            incomplete: std::mem::take(&mut self.incomplete),
            decorated: std::mem::take(&mut self.decorated),
            calls_resolved: std::mem::take(&mut self.calls_resolved),
            calls_unresolved: std::mem::take(&mut self.calls_unresolved),
        }
    }

    fn add_notes(&mut self, notes: Notes, known: &mut Known) {
        for event in notes.events {
            if known.is_new(&self.events, &event) {
                self.events.push(event);
            }
        }
        self.incomplete.extend(notes.incomplete);
        for decorated in notes.decorated {
            if self.known_decorated.insert(decorated.function) {
                self.decorated.push(decorated);
            }
        }
        self.calls_resolved += notes.calls_resolved;
        self.calls_unresolved += notes.calls_unresolved;
    }
}
