//! Work on all cores: each job starts from the same state, and none sees what another does. What they note is put
//! together in the order of the jobs, so that the number of threads changes nothing.

use indexmap::IndexSet;
use rayon::prelude::*;
use rustc_hash::FxBuildHasher;

use crate::event::{Decorated, Event, Incomplete};
use crate::machine::Machine;

/// Jobs that a worker takes at once, at least: making a worker is not free.
const MIN_JOBS: usize = 16;

/// What a job noted.
struct Notes {
    events: Vec<Event>,
    incomplete: IndexSet<Incomplete, FxBuildHasher>,
    decorated: Vec<Decorated>,
    calls_resolved: usize,
    calls_unresolved: usize,
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
        done.into_iter()
            .map(|(result, notes)| {
                self.add_notes(notes);
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

    fn add_notes(&mut self, notes: Notes) {
        self.events.extend(notes.events);
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
