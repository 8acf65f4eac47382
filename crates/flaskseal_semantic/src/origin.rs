//! Where request data was read, and by which steps it came here.
//!
//! An origin travels with every value that is computed from what a client sent: with the holes of a rope, and with
//! values of other kinds. Two origins are equal when they are the same input; by which way it came does not count,
//! so that paths which meet stay few.

use std::sync::Arc;

use flaskseal_core::Span;

/// An input that somebody outside controls.
#[derive(Clone, Debug)]
pub struct Origin {
    pub kind: OriginKind,
    /// The input's access path: `flask.request.args["q"]`.
    pub input: Arc<str>,
    /// Where it was read.
    pub at: Span,
    /// What happened to it since; the newest step first.
    pub last: Option<Arc<Step>>,
    /// Calls on the way whose effect on it is not known. Each lowers the confidence of what follows from it.
    pub hops: u8,
    /// What the program does to the text, as far as somebody who sends it has to mind; the newest change first.
    pub changes: Option<Arc<Changes>>,
}

/// A change, and what came before it.
#[derive(Debug)]
pub struct Changes {
    pub last: Change,
    pub before: Option<Arc<Changes>>,
}

/// What the program does to a text on the way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// Reads it as written in this way.
    Decoded(Coding),
    /// Writes its special characters as entities of HTML.
    EscapedForHtml,
    /// Replaces one text by another, once over the whole.
    Replaced { from: Arc<str>, to: Arc<str> },
    /// Lets it through only between these: what follows is what stands between.
    Between { prefix: Arc<str>, suffix: Arc<str> },
}

pub use flaskseal_models::Coding;

/// How directly a client controls an input.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum OriginKind {
    /// It is part of the request that is being served.
    Request,
    /// An earlier request may have stored it: in a database, a session, a file.
    Stored,
}

/// One step of the way.
#[derive(Debug)]
pub struct Step {
    pub at: Span,
    pub what: StepKind,
    pub before: Option<Arc<Step>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StepKind {
    /// Passed to a function of the program, as this parameter.
    Passed { function: Arc<str>, parameter: Arc<str> },
    /// Through a call whose effect is not known.
    Through(Arc<str>),
}

/// Steps that are remembered; the oldest are what a reader needs, and longer ways are loops.
const MAX_STEPS: usize = 12;

impl Origin {
    pub fn request(input: impl Into<Arc<str>>, at: Span) -> Self {
        Self { kind: OriginKind::Request, input: input.into(), at, last: None, hops: 0, changes: None }
    }

    /// The origin as that of a value at an access path: an attribute of what a call made of request data may be
    /// something else altogether, and counts as one more call.
    pub(crate) fn at_path(self: &Arc<Self>, path: &str) -> Arc<Self> {
        let is_part = path.rsplit_once(')').is_some_and(|(_, rest)| rest.contains('.'));
        match self.hops {
            1.. if is_part => Arc::new(Self { hops: self.hops.saturating_add(1), ..(**self).clone() }),
            _ => self.clone(),
        }
    }

    /// The steps from the oldest to the newest.
    pub fn steps(&self) -> Vec<&Step> {
        let mut steps: Vec<&Step> =
            std::iter::successors(self.last.as_deref(), |step| step.before.as_deref()).collect();
        steps.reverse();
        steps
    }

    /// The changes from the newest to the oldest.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        std::iter::successors(self.changes.as_deref(), |changes| changes.before.as_deref())
            .map(|changes| &changes.last)
    }

    /// The same input after a change.
    pub(crate) fn changed(&self, change: Change) -> Self {
        if self.changes().count() >= MAX_STEPS || self.changes().next() == Some(&change) {
            return self.clone();
        }
        let changes = Changes { last: change, before: self.changes.clone() };
        Self { changes: Some(Arc::new(changes)), ..self.clone() }
    }

    /// The same input one step further.
    pub(crate) fn step(&self, at: Span, what: StepKind) -> Self {
        let count = std::iter::successors(self.last.as_deref(), |step| step.before.as_deref()).count();
        let is_repeated = self.last.as_ref().is_some_and(|last| last.at == at && last.what == what);
        let hops = self.hops.saturating_add(u8::from(matches!(what, StepKind::Through(_))));
        if is_repeated || count >= MAX_STEPS {
            return Self { hops, ..self.clone() };
        }
        Self { last: Some(Arc::new(Step { at, what, before: self.last.clone() })), hops, ..self.clone() }
    }
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.input == other.input
    }
}

impl Eq for Origin {}

/// The origin that says more about danger: a request's before a stored one, then the one with fewer unknown calls.
pub(crate) fn stronger(a: Option<Arc<Origin>>, b: Option<Arc<Origin>>) -> Option<Arc<Origin>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if (b.kind, b.hops) < (a.kind, a.hops) { b } else { a }),
        (a, b) => a.or(b),
    }
}
