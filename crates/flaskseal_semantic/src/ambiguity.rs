//! Regular expressions that take too long: how the time of a failing match grows with the text.
//!
//! A backtracking matcher tries every way in which a pattern can match a text before it gives up. Where a loop can
//! match one text in two ways, the number of ways doubles with every round; where several loops in a row can share
//! a text out between them, it grows with a power of the length. Both are properties of the pattern's automaton,
//! found in its product with itself (Weideman and others, "Analyzing Matching Time Behavior of Backtracking Regular
//! Expression Matchers by Using Ambiguity of NFA", 2016). What is reported is proved on ASCII characters, with a
//! text that shows it; what cannot be proved within bounds is not reported.

use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::pattern::{Mode, Node, Pattern, begins_at_start};

/// A family of texts that a pattern takes too long to refuse: prefix, any number of pumps, suffix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Blowup {
    pub growth: Growth,
    pub prefix: String,
    pub pump: String,
    pub suffix: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Growth {
    Exponential,
    /// With this power of the length; 3 at least, for less than that bothers nobody.
    Polynomial(usize),
}

impl Pattern {
    /// How the pattern can be made to run away; `None` where that is not proved.
    pub fn blowup(&self, mode: Mode) -> Option<Blowup> {
        let automaton = Automaton::of(&self.root, mode)?;
        automaton.exponential().or_else(|| automaton.polynomial())
    }
}

/// Bounds: larger automata are not judged.
const MAX_STATES: usize = 400;
const MAX_STEPS: usize = 400_000;
/// A loop with this many rounds at most behaves, for an attacker, as one without end.
const MANY_ROUNDS: usize = 64;
/// How often a pump is repeated to see that the text is refused.
const ROUNDS: usize = 5;
const LEAST_POWER: usize = 3;

type StateId = usize;
/// Two states that two ways have reached, and whether the ways have parted yet.
type Pair = (StateId, StateId, bool);

#[derive(Clone, Debug)]
enum State {
    /// One of these ASCII characters, as bits, then on.
    Take(u128, StateId),
    /// Without taking anything, on to any of these.
    Split(Vec<StateId>),
    Start(StateId),
    End {
        newline: bool,
        next: StateId,
    },
    Accept,
    /// An assertion inside a loop: nothing is proved beyond it.
    Blocked,
}

struct Automaton {
    states: Vec<State>,
    start: StateId,
    mode: Mode,
    /// From each state that takes a character: the next such states, and whether two ways lead there.
    moves: FxHashMap<StateId, Vec<(StateId, bool)>>,
}

impl Automaton {
    fn of(root: &Node, mode: Mode) -> Option<Self> {
        let mut states = vec![State::Accept];
        let mut start = add(&mut states, root, 0, false)?;
        if mode == Mode::Search && !begins_at_start(root) {
            // A search tries every position in turn: a loop in front.
            let split = states.len();
            states.push(State::Split(vec![start, split + 1]));
            states.push(State::Take(u128::MAX, split));
            start = split;
        }
        let mut automaton = Self { states, start, mode, moves: FxHashMap::default() };
        for (id, state) in automaton.states.iter().enumerate() {
            if let State::Take(_, next) = state {
                automaton.moves.insert(id, automaton.ways(*next)?);
            }
        }
        Some(automaton)
    }

    /// The states that take a character next, counting ways that go no edge twice.
    fn ways(&self, from: StateId) -> Option<Vec<(StateId, bool)>> {
        let mut found: Vec<(StateId, bool)> = Vec::new();
        let mut steps = 0;
        // A stack of edges to try, each with the length of the way at which it begins.
        let mut way: Vec<(StateId, StateId)> = Vec::new();
        let mut stack: Vec<(usize, StateId, StateId)> = vec![(0, usize::MAX, from)];
        while let Some((length, before, state)) = stack.pop() {
            steps += 1;
            if steps > 4_000 {
                return None;
            }
            way.truncate(length);
            if way.contains(&(before, state)) {
                continue;
            }
            way.push((before, state));
            match &self.states[state] {
                State::Take(..) => match found.iter_mut().find(|(known, _)| *known == state) {
                    Some(known) => known.1 = true,
                    None => found.push((state, false)),
                },
                State::Split(next) => {
                    stack.extend(next.iter().rev().map(|next| (length + 1, state, *next)));
                }
                // The beginning lies behind, the end ahead: neither can be in the middle of a text.
                State::Start(_) | State::End { .. } | State::Accept | State::Blocked => {}
            }
        }
        Some(found)
    }

    fn class(&self, state: StateId) -> u128 {
        match self.states[state] {
            State::Take(class, _) => class,
            _ => 0,
        }
    }

    fn moves(&self, state: StateId) -> &[(StateId, bool)] {
        self.moves.get(&state).map_or(&[], Vec::as_slice)
    }

    /// A loop that matches one text in two ways.
    fn exponential(&self) -> Option<Blowup> {
        let mut pivots: Vec<StateId> = self.moves.keys().copied().collect();
        pivots.sort_unstable();
        let mut steps = 0;
        for pivot in pivots {
            let Some(pump) = self.two_ways_round(pivot, &mut steps) else { continue };
            let Some(prefix) = self.word_to(pivot) else { continue };
            if let Some(suffix) = self.refusing(&format!("{prefix}{}", pump.repeat(ROUNDS))) {
                return Some(Blowup { growth: Growth::Exponential, prefix, pump, suffix });
            }
        }
        None
    }

    /// A text on which two different ways lead from a state back to it.
    fn two_ways_round(&self, pivot: StateId, steps: &mut usize) -> Option<String> {
        let start = (pivot, pivot, false);
        let mut before: FxHashMap<Pair, (Pair, char)> = FxHashMap::default();
        let mut queue = VecDeque::from([start]);
        while let Some(current @ (a, b, parted)) = queue.pop_front() {
            let Some(character) = pick(self.class(a) & self.class(b)) else { continue };
            for (next_a, twice_a) in self.moves(a) {
                for (next_b, twice_b) in self.moves(b) {
                    *steps += 1;
                    if *steps > MAX_STEPS {
                        return None;
                    }
                    let parts = parted || next_a != next_b || (a == b && (*twice_a || *twice_b));
                    let next = (*next_a, *next_b, parts);
                    if next == (pivot, pivot, true) {
                        let mut word = word_back(&before, start, current);
                        word.push(character);
                        return Some(word);
                    }
                    if next != start && !before.contains_key(&next) {
                        before.insert(next, (current, character));
                        queue.push_back(next);
                    }
                }
            }
        }
        None
    }

    /// Loops in a row that can share a text out between them.
    fn polynomial(&self) -> Option<Blowup> {
        let mut steps = 0;
        let mut loops: Vec<StateId> =
            self.moves.keys().copied().filter(|state| self.word_between(*state, *state).is_some()).collect();
        loops.sort_unstable();
        if loops.len() > 32 {
            return None;
        }
        // From each state of a loop to each of another: a text that both take, and that leads over.
        let mut shared: Vec<(StateId, StateId, String)> = Vec::new();
        for a in &loops {
            for b in &loops {
                if a != b
                    && self.word_between(*a, *b).is_some()
                    && self.word_between(*b, *a).is_none()
                    && let Some(word) = self.shared_word(*a, *b, &mut steps)
                {
                    shared.push((*a, *b, word));
                }
            }
        }
        let mut chain: Vec<usize> = Vec::new();
        let chain = self.longest_chain(&shared, &mut chain, &mut steps);
        let power = chain.len() + 1;
        if power < LEAST_POWER {
            return None;
        }
        let prefix = self.word_to(shared[*chain.first()?].0)?;
        let mut text = prefix.clone();
        for pair in chain.windows(2) {
            text.push_str(&shared[pair[0]].2.repeat(ROUNDS));
            text.push_str(&self.word_between_or_same(shared[pair[0]].1, shared[pair[1]].0)?);
        }
        let last = &shared[*chain.last()?];
        text.push_str(&last.2.repeat(ROUNDS));
        let suffix = self.refusing(&text)?;
        Some(Blowup { growth: Growth::Polynomial(power), prefix, pump: last.2.clone(), suffix })
    }

    fn longest_chain(
        &self,
        shared: &[(StateId, StateId, String)],
        chain: &mut Vec<usize>,
        steps: &mut usize,
    ) -> Vec<usize> {
        let mut longest = chain.clone();
        for (index, (from, _, _)) in shared.iter().enumerate() {
            *steps += 1;
            if *steps > MAX_STEPS || chain.len() > 8 {
                break;
            }
            let follows =
                chain.last().is_none_or(|last| self.word_between_or_same(shared[*last].1, *from).is_some());
            if follows && !chain.contains(&index) {
                chain.push(index);
                let candidate = self.longest_chain(shared, chain, steps);
                if candidate.len() > longest.len() {
                    longest = candidate;
                }
                chain.pop();
            }
        }
        longest
    }

    /// A text that leads from the first state to itself and to the second, and from the second to itself.
    fn shared_word(&self, first: StateId, second: StateId, steps: &mut usize) -> Option<String> {
        let start = (first, first, second);
        let goal = (first, second, second);
        let mut before: FxHashMap<_, ((StateId, StateId, StateId), char)> = FxHashMap::default();
        let mut queue = VecDeque::from([start]);
        while let Some(current @ (a, b, c)) = queue.pop_front() {
            let Some(character) = pick(self.class(a) & self.class(b) & self.class(c)) else { continue };
            for (next_a, _) in self.moves(a) {
                for (next_b, _) in self.moves(b) {
                    for (next_c, _) in self.moves(c) {
                        *steps += 1;
                        if *steps > MAX_STEPS {
                            return None;
                        }
                        let next = (*next_a, *next_b, *next_c);
                        if next == goal {
                            let mut word = word_back(&before, start, current);
                            word.push(character);
                            return Some(word);
                        }
                        if next != start && !before.contains_key(&next) {
                            before.insert(next, (current, character));
                            queue.push_back(next);
                        }
                    }
                }
            }
        }
        None
    }

    /// The shortest text from the beginning to a state.
    fn word_to(&self, goal: StateId) -> Option<String> {
        let mut firsts = self.closure(&[self.start], true, Place::Middle);
        firsts.sort_unstable();
        firsts
            .into_iter()
            .filter_map(
                |first| if first == goal { Some(String::new()) } else { self.word_between(first, goal) },
            )
            .min_by_key(String::len)
    }

    fn word_between_or_same(&self, from: StateId, to: StateId) -> Option<String> {
        if from == to { Some(String::new()) } else { self.word_between(from, to) }
    }

    /// The shortest text that leads from one state to another, one character at least.
    fn word_between(&self, from: StateId, to: StateId) -> Option<String> {
        let mut before: FxHashMap<StateId, (StateId, char)> = FxHashMap::default();
        let mut queue = VecDeque::from([from]);
        while let Some(current) = queue.pop_front() {
            let Some(character) = pick(self.class(current)) else { continue };
            for (next, _) in self.moves(current) {
                if *next == to {
                    let mut word = word_back(&before, from, current);
                    word.push(character);
                    return Some(word);
                }
                if *next != from && !before.contains_key(next) {
                    before.insert(*next, (current, character));
                    queue.push_back(*next);
                }
            }
        }
        None
    }

    /// What to put behind a text so that the whole is refused.
    fn refusing(&self, text: &str) -> Option<String> {
        const SUFFIXES: [&str; 10] = ["!", "\0", "\n!", " ", "-", "<", "0", "a", "@", ""];
        SUFFIXES.into_iter().find(|suffix| !self.accepts(&format!("{text}{suffix}"))).map(str::to_owned)
    }

    /// Whether the pattern, in its mode, succeeds with a text.
    fn accepts(&self, text: &str) -> bool {
        let characters: Vec<char> = text.chars().collect();
        let place = |index: usize| match characters.get(index..) {
            Some([]) => Place::End,
            Some(['\n']) => Place::LastNewline,
            _ => Place::Middle,
        };
        let is_done = |states: &[StateId], place: Place| {
            states.iter().any(|state| matches!(self.states[*state], State::Accept | State::Blocked))
                && (self.mode != Mode::FullMatch || place == Place::End)
        };
        let mut states = self.closure(&[self.start], true, place(0));
        for (index, character) in characters.iter().enumerate() {
            if is_done(&states, place(index)) {
                return true;
            }
            let taken: Vec<StateId> = states
                .iter()
                .filter_map(|state| match self.states[*state] {
                    State::Take(class, next) if class & (1 << u32::from(*character)) != 0 => Some(next),
                    _ => None,
                })
                .collect();
            states = self.closure(&taken, false, place(index + 1));
        }
        is_done(&states, Place::End)
    }

    /// All states that are reached without taking a character, those of the set included.
    fn closure(&self, from: &[StateId], at_start: bool, place: Place) -> Vec<StateId> {
        let mut seen: FxHashSet<StateId> = FxHashSet::default();
        let mut reached = Vec::new();
        let mut stack = from.to_vec();
        while let Some(state) = stack.pop() {
            if !seen.insert(state) {
                continue;
            }
            reached.push(state);
            match &self.states[state] {
                State::Split(next) => stack.extend(next),
                State::Start(next) if at_start => stack.push(*next),
                State::End { newline, next }
                    if place == Place::End || (*newline && place == Place::LastNewline) =>
                {
                    stack.push(*next);
                }
                _ => {}
            }
        }
        reached
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Middle,
    LastNewline,
    End,
}

/// Adds the states of a node that go on at `next`, and gives the first of them.
fn add(states: &mut Vec<State>, node: &Node, next: StateId, in_loop: bool) -> Option<StateId> {
    if states.len() > MAX_STATES {
        return None;
    }
    let mut push = |state| {
        states.push(state);
        states.len() - 1
    };
    Some(match node {
        Node::Nothing => next,
        Node::Class(class) => push(State::Take(class.must.ascii_bits(), next)),
        Node::Start => push(State::Start(next)),
        Node::End { newline } => push(State::End { newline: *newline, next }),
        Node::Assertion if in_loop => push(State::Blocked),
        // Elsewhere it is taken to hold.
        Node::Assertion => next,
        // What such a group has matched is never tried again.
        Node::Group { atomic: true, .. } | Node::Repeat { possessive: true, .. } | Node::Reference(_) => {
            return None;
        }
        Node::Group { inner, .. } => add(states, inner, next, in_loop)?,
        Node::Sequence(parts) => {
            let mut first = next;
            for part in parts.iter().rev() {
                first = add(states, part, first, in_loop)?;
            }
            first
        }
        Node::Choice(parts) => {
            let branches: Option<Vec<StateId>> =
                parts.iter().map(|part| add(states, part, next, in_loop)).collect();
            states.push(State::Split(branches?));
            states.len() - 1
        }
        Node::Repeat { inner, least, most, .. } => {
            let mut first = next;
            match most.filter(|most| *most < MANY_ROUNDS.max(*least)) {
                None => {
                    let split = push(State::Split(Vec::new()));
                    let body = add(states, inner, split, true)?;
                    states[split] = State::Split(vec![body, next]);
                    first = split;
                }
                Some(most) => {
                    for _ in *least..most {
                        let body = add(states, inner, first, in_loop)?;
                        states.push(State::Split(vec![body, next]));
                        first = states.len() - 1;
                    }
                }
            }
            for _ in 0..*least {
                first = add(states, inner, first, in_loop)?;
            }
            first
        }
    })
}

/// A character of a set that can be read.
fn pick(class: u128) -> Option<char> {
    const READABLE: u128 = ((1 << b'z') | ((1 << b'z') - 1)) & !((1 << b'a') - 1);
    let best = [class & READABLE, class & !((1 << b' ') - 1), class].into_iter().find(|set| *set != 0)?;
    char::from_u32(best.trailing_zeros())
}

fn word_back<P: Copy + Eq + std::hash::Hash>(before: &FxHashMap<P, (P, char)>, start: P, end: P) -> String {
    let mut characters = Vec::new();
    let mut current = end;
    while current != start {
        let Some((previous, character)) = before.get(&current) else { break };
        characters.push(*character);
        current = *previous;
    }
    characters.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Flags;

    fn growth(pattern: &str, mode: Mode) -> Option<Growth> {
        let pattern = Pattern::parse(pattern, Flags::default()).expect(pattern);
        pattern.blowup(mode).map(|blowup| blowup.growth)
    }

    #[test]
    fn loops_that_match_in_two_ways_explode() {
        let exponential = [
            "(a+)+$",
            "^(a|a)*$",
            r"^(\w+\s?)*$",
            "(a*)*b",
            "^(a|b|ab)*c",
            r"^([a-zA-Z0-9])(([\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+[.]{1}(([a-z]{2,3})|([a-z]{2,3}[.]{1}[a-z]{2,3}))$",
            "^(([a-z])+.)+[A-Z]([a-z])+$",
            "(x+x+)+y",
        ];
        for pattern in exponential {
            assert_eq!(growth(pattern, Mode::Match), Some(Growth::Exponential), "{pattern}");
        }
    }

    #[test]
    fn what_cannot_fail_or_is_unambiguous_stays_silent() {
        let quiet = [
            "(a+)+",
            "(a+)*.*",
            r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$",
            r"^[\w.+-]+@[\w-]+\.[\w.-]+$",
            "^(ab+)+$",
            "^(?>a+)+$",
            "^(a++)+$",
            r"^\d{1,3}(\.\d{1,3}){3}$",
            "^(a|b)*$",
            r"^\s*(\w+)\s*=",
        ];
        for pattern in quiet {
            assert_eq!(growth(pattern, Mode::Match), None, "{pattern}");
        }
        assert_eq!(growth("(a+)+", Mode::FullMatch), Some(Growth::Exponential));
    }

    #[test]
    fn loops_in_a_row_grow_with_a_power() {
        assert_eq!(growth(r"^\s*\s*\s*x", Mode::Match), Some(Growth::Polynomial(3)));
        assert_eq!(growth(r"\s*\s*x", Mode::Search), Some(Growth::Polynomial(3)));
        assert_eq!(growth(r"\s+$", Mode::Search), None);
        assert_eq!(growth(r"^\d*-?\d*x", Mode::Match), None);
    }

    #[test]
    fn the_example_is_a_text_that_is_refused() {
        let pattern = Pattern::parse(r"^(\w+\s?)*$", Flags::default()).unwrap();
        let blowup = pattern.blowup(Mode::Match).unwrap();
        assert!(!blowup.pump.is_empty());
        let text = format!("{}{}{}", blowup.prefix, blowup.pump.repeat(9), blowup.suffix);
        assert!(!Automaton::of(&pattern.root, Mode::Match).unwrap().accepts(&text));
    }

    #[test]
    fn large_patterns_end() {
        for pattern in
            ["(".repeat(40) + "a*" + &")*".repeat(40), "(a{1,60}){1,60}".to_owned(), "a?".repeat(400)]
        {
            if let Some(pattern) = Pattern::parse(&pattern, Flags::default()) {
                let _ = pattern.blowup(Mode::Search);
            }
        }
    }
}
