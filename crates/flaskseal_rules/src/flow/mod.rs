//! Flows: request data that reaches an argument which some language reads.
//!
//! Each module of a language says, for every hole of a text, where it stands in that language and which characters
//! leave that place. A finding is a hole with request data whose alphabet meets them. The modules are functions of a
//! rope; what libraries do is data, and what weighs how much is the catalogue's.

use std::cell::Cell;
use std::sync::Arc;

use flaskseal_core::{Assessment, Confidence, Finding, Fix, RuleMeta, Severity, Span};
use flaskseal_project::Context;
use flaskseal_project::models::Models;
use flaskseal_project::models::{Port, Sink};
use flaskseal_project::semantic::{
    Alphabet, Context as When, Event, Fact, FactKind, Hole, Origin, OriginKind, Rope, Source, StepKind,
};

use crate::answer::runs;

pub(crate) mod answer;
pub(crate) mod example;
pub(crate) mod html;
pub(crate) mod input;
pub(crate) mod ldap;
pub(crate) mod line;
mod needs;
pub(crate) mod path;
pub(crate) mod process;
pub(crate) mod python;
pub(crate) mod shell;
pub(crate) mod sql;
pub(crate) mod template;
pub(crate) mod url;
pub(crate) mod xml;
pub(crate) mod xpath;

/// A value at an argument that some language reads; one for each value that it may have.
pub(crate) struct Flow<'p> {
    pub event: &'p Event,
    pub sink: &'static Sink,
    pub value: &'p Fact,
}

/// Everything that reaches an argument of one of these contexts when production serves requests.
pub(crate) fn flows<'p>(cx: &Context<'p>, contexts: &[&str]) -> Vec<Flow<'p>> {
    let mut flows = Vec::new();
    for (event, mut sinks) in cx.tainted_calls() {
        sinks.retain(|sink| contexts.contains(&&*sink.context));
        if sinks.is_empty() || event.context == When::MainOnly || !runs(&event.guard) {
            continue;
        }
        for sink in sinks {
            for value in values_at(event, &sink.port) {
                alternatives(value, &mut |value| flows.push(Flow { event, sink, value }));
            }
        }
    }
    flows
}

fn values_at<'p>(event: &'p Event, port: &Port) -> Vec<&'p Fact> {
    match port {
        Port::Argument { index, name } => {
            let by_index = index.and_then(|index| event.positional.get(index));
            let by_name = || name.as_ref().and_then(|name| event.keyword(name));
            by_index.or_else(by_name).or(event.further.as_deref()).into_iter().collect()
        }
        Port::Positional => event.positional.iter().chain(event.further.as_deref()).collect(),
        Port::Keywords => {
            event.keywords.iter().map(|(_, value)| value).chain(event.further.as_deref()).collect()
        }
        Port::Receiver => event.receiver.as_deref().into_iter().collect(),
    }
}

/// Calls `see` with every value that a fact may be when production runs with nothing set that the tree leaves open.
pub(crate) fn alternatives<'p>(fact: &'p Fact, see: &mut dyn FnMut(&'p Fact)) {
    match &fact.kind {
        FactKind::OneOf(several) => {
            for (one, guard) in several {
                if runs(guard) {
                    alternatives(one, see);
                }
            }
        }
        _ => see(fact),
    }
}

impl<'p> Flow<'p> {
    /// The value as text; `None` where it is something else, or an object of which only its maker knows the text.
    pub(crate) fn text(&self) -> Option<Rope> {
        text(self.value)
    }

    /// A finding in the making, at this call.
    pub(crate) fn found(&self, breach: Breach<'_>) -> Found<'p> {
        let mut confidence = Confidence::Firm;
        // The method of an object that is not known may be anything: a look-up, a count.
        let is_vague = breach.origin.steps().iter().any(|step| match &step.what {
            StepKind::Through(path) => path.starts_with("*."),
            StepKind::Passed { .. } => false,
        });
        if breach.origin.hops >= 2 || is_vague {
            confidence = Confidence::Tentative;
        }
        let severity = match breach.origin.kind {
            OriginKind::Request => breach.severity,
            OriginKind::Stored => breach.severity.lowered(),
        };
        Found {
            event: self.event,
            value_at: self.value.at,
            severity,
            confidence,
            place: breach.place.into(),
            passes: breach.passes,
            payload: breach.payload,
            origin: breach.origin,
            note: None,
            advice: String::new(),
        }
    }
}

/// The text of a fact that is text, or data of a request of which the type is not known.
pub(crate) fn text(fact: &Fact) -> Option<Rope> {
    written(fact).map(without_last_break)
}

/// The text without the line break that `$` in a pattern lets through at its end, where nothing of a client's follows:
/// there it leads nowhere.
fn without_last_break(rope: Rope) -> Rope {
    let last = rope.holes().filter(|hole| hole.origin.is_some()).count();
    let seen = Cell::new(0);
    rope.map_holes(|hole| {
        seen.set(seen.get() + usize::from(hole.origin.is_some()));
        let line_break = Alphabet::of("\n");
        match hole.checks.newline_last && hole.origin.is_some() && seen.get() == last {
            true => Hole {
                alphabet: hole.alphabet.without(line_break),
                first: hole.first.without(line_break),
                ..hole.clone()
            },
            false => hole.clone(),
        }
    })
}

fn written(fact: &Fact) -> Option<Rope> {
    match &fact.kind {
        FactKind::Str(_) | FactKind::EncodedText(_) => Some(fact.to_rope()),
        FactKind::Unknown if fact.taint.is_some() => Some(fact.to_rope()),
        FactKind::Path(path) if fact.taint.is_some() && Models::bundled().is_plain(path) => {
            Some(fact.to_rope())
        }
        FactKind::Instance(class, attributes)
            if class.is("pathlib.Path") || class.is("markupsafe.Markup") =>
        {
            let inner = attributes.iter().find(|(name, _)| matches!(&**name, "@path" | "@str"));
            inner.and_then(|(_, inner)| written(inner))
        }
        _ => None,
    }
}

/// A hole whose text can leave its place in a language.
pub(crate) struct Breach<'r> {
    pub origin: Arc<Origin>,
    /// Completes "reaches ...": "inside a quoted string".
    pub place: &'r str,
    /// The characters that leave it and get through, for people.
    pub passes: String,
    /// A text that leaves it, for the example.
    pub payload: String,
    pub severity: Severity,
}

impl<'r> Breach<'r> {
    /// `None` where the hole holds no request data or none of the characters that leave its place. Of the payloads,
    /// the first that gets through is shown.
    pub(crate) fn of(
        hole: &Hole,
        place: &'r str,
        breaks: Alphabet,
        payloads: &[&str],
        severity: Severity,
    ) -> Option<Self> {
        let origin = named_origin(hole)?;
        if is_number(hole.alphabet) {
            return None;
        }
        let passing = hole.alphabet.intersection(breaks);
        if passing == Alphabet::NONE {
            return None;
        }
        let passes = if hole.alphabet == Alphabet::ALL {
            match listed(breaks) {
                Some(listed) => format!("{listed} gets through"),
                None => "nothing on the way checks it".to_owned(),
            }
        } else {
            listed(passing)
                .map_or_else(|| "text gets through".to_owned(), |listed| format!("{listed} gets through"))
        };
        let fits = |payload: &&&str| admits(hole, payload);
        let payload = match payloads.iter().find(fits) {
            Some(payload) => (*payload).to_owned(),
            None => shortest(hole, passing),
        };
        Some(Self { origin, place, passes, payload, severity })
    }
}

/// The origin of a hole, with the access path of the very part that is in it: `json["name"]`, not `json`.
pub(crate) fn named_origin(hole: &Hole) -> Option<Arc<Origin>> {
    let origin = hole.origin.clone()?;
    match &hole.source {
        Source::Path(path) if path.len() > origin.input.len() && path.starts_with(&*origin.input) => {
            Some(Arc::new(Origin { input: path.clone(), ..(*origin).clone() }))
        }
        _ => Some(origin),
    }
}

/// Whether text of these characters can only be a number: `nan` and `1e-3` are numbers, too.
fn is_number(alphabet: Alphabet) -> bool {
    alphabet.without(Alphabet::of("0123456789+-.einfa")) == Alphabet::NONE
}

/// Characters that no number holds. Space around it changes nothing, and digits of other scripts, which `\d` lets
/// through, mean nothing.
pub(crate) fn not_a_number() -> Alphabet {
    Alphabet::ascii_range(0, 127).without(Alphabet::of("0123456789.").union(Alphabet::WHITE_SPACE))
}

/// Whether nothing that is known of a hole excludes a text.
pub(crate) fn admits(hole: &Hole, text: &str) -> bool {
    text.chars().all(|character| hole.alphabet.contains(character))
        && text.chars().next().is_none_or(|first| hole.first.contains(first))
        && hole.absent.as_ref().is_none_or(|absent| absent.iter().all(|absent| !text.contains(&**absent)))
}

/// A few characters for people; `None` where there are too many to name.
fn listed(alphabet: Alphabet) -> Option<String> {
    let characters: Vec<char> =
        (0..128_u8).map(char::from).filter(|character| alphabet.contains(*character)).collect();
    if characters.is_empty() || characters.len() > 6 {
        return None;
    }
    let name = |character: &char| match character {
        '\n' => "a line break".to_owned(),
        '\r' => "a carriage return".to_owned(),
        '\t' => "a tab".to_owned(),
        ' ' => "a space".to_owned(),
        '\0' => "NUL".to_owned(),
        '`' => "a backtick".to_owned(),
        other => format!("`{other}`"),
    };
    Some(characters.iter().map(name).collect::<Vec<_>>().join(" "))
}

/// A text with one of some characters that the hole can hold: the character itself, or behind one that may stand first.
fn shortest(hole: &Hole, wanted: Alphabet) -> String {
    let printable = || (33..127_u8).chain(0..33).map(char::from);
    let wanted = || printable().filter(|one| wanted.contains(*one)).map(String::from);
    let first = || printable().filter(|one| hole.first.contains(*one));
    let behind = || first().flat_map(|first| wanted().map(move |one| format!("{first}{one}")));
    wanted().chain(behind()).find(|text| admits(hole, text)).or_else(|| wanted().next()).unwrap_or_default()
}

/// What a finding about a flow says.
pub(crate) struct Found<'p> {
    pub event: &'p Event,
    /// Where the value was made.
    pub value_at: Option<Span>,
    pub severity: Severity,
    pub confidence: Confidence,
    pub place: Arc<str>,
    pub passes: String,
    pub payload: String,
    pub origin: Arc<Origin>,
    /// What else a reader has to know, a clause: "`//host` passes the test".
    pub note: Option<String>,
    pub advice: String,
}

impl Found<'_> {
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }

    pub(crate) fn noting(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    pub(crate) fn weighing(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    pub(crate) fn review(mut self) -> Self {
        self.confidence = Confidence::Tentative;
        self
    }
}

/// Writes down one finding for each flaw: what reaches one place by several ways is one, with all ways in its trail.
pub(crate) fn report(
    cx: &Context<'_>,
    meta: &'static RuleMeta,
    mut found: Vec<Found<'_>>,
    out: &mut Assessment,
) {
    found.sort_by_key(|one| (one.event.span, std::cmp::Reverse((one.confidence, one.severity))));
    let mut rest = found.as_slice();
    while let Some(worst) = rest.first() {
        let count = rest.iter().take_while(|one| one.event.span == worst.event.span).count();
        let (same, later) = rest.split_at(count);
        out.fail(finding(cx, meta, worst, same));
        rest = later;
    }
}

fn finding(cx: &Context<'_>, meta: &'static RuleMeta, worst: &Found<'_>, same: &[Found<'_>]) -> Finding {
    let what = input::describe(&worst.origin);
    let callee = callee(cx, worst.event);
    let message = format!("{what} reaches {callee} {}", worst.place);
    let example = example::example(cx, &worst.origin, &[worst.event.span], &worst.payload);
    let mut claim = worst.passes.clone();
    if let Some(note) = &worst.note {
        claim = format!("{claim}; {note}");
    }
    if let Some(example) = &example {
        claim = format!("{claim}: {example}");
    }
    let mut finding = Finding::new(
        meta.id,
        worst.severity,
        worst.confidence,
        cx.evidence(worst.event.span, claim),
        message,
    )
    .with_trail(trail(cx, worst))
    .with_scope(&*worst.event.scope)
    .with_example(example)
    .with_fix(Fix::advice(worst.advice.clone()));
    // The other ways to the same place, by where they begin.
    let mut known = vec![worst.origin.at];
    for other in same {
        if known.len() < 4 && !known.contains(&other.origin.at) {
            known.push(other.origin.at);
            let claim = format!("so does {}, from here", input::describe(&other.origin));
            finding.trail.push(cx.evidence(other.origin.at, claim));
        }
    }
    finding
}

fn trail(cx: &Context<'_>, found: &Found<'_>) -> Vec<flaskseal_core::Evidence> {
    let origin = &found.origin;
    let mut trail = vec![cx.evidence(origin.at, format!("{} is read", input::describe(origin)))];
    for step in origin.steps() {
        let claim = match &step.what {
            StepKind::Passed { function, parameter } => format!("passed to `{function}` as `{parameter}`"),
            StepKind::Through(path) => {
                format!("goes through `{}`, whose effect is not known", path.trim_start_matches("*."))
            }
        };
        trail.push(cx.evidence(step.at, claim));
    }
    let sink = found.event.span;
    if let Some(at) = found.value_at {
        let is_inside = at.file == sink.file && sink.range.encloses(at.range);
        if !is_inside && at != origin.at {
            trail.push(cx.evidence(at, "the text is put together"));
        }
    }
    trail
}

/// The callee as its reader knows it: the library's name where that is short, else as it is written.
pub(crate) fn callee(cx: &Context<'_>, event: &Event) -> String {
    if &*event.path == "flask.view.return" {
        return "the response".to_owned();
    }
    if !event.path.starts_with('*') && !event.path.contains("()") && !event.path.starts_with("flask.request")
    {
        return format!("`{}`", event.path.trim_start_matches("builtins."));
    }
    let text = cx.text(event.span);
    let written = match event.path.ends_with("__setitem__") {
        true => text.split('[').next().unwrap_or_default(),
        false => function_text(text),
    };
    let written = written.trim();
    let is_plain = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    if written.is_empty() || written.len() > 40 || !written.chars().all(is_plain) {
        let name = event.path.rsplit('.').next().unwrap_or(&event.path);
        return format!("`{name}`");
    }
    format!("`{written}`")
}

/// What is called in the text of a call: everything before the parenthesis that its end closes.
fn function_text(call: &str) -> &str {
    let mut depth = 0_usize;
    for (index, character) in call.char_indices().rev() {
        match character {
            ')' => depth += 1,
            '(' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return call.get(..index).unwrap_or_default();
        }
    }
    ""
}

/// A rope from a text in which `@` stands for a hole.
#[cfg(test)]
pub(crate) fn with_holes(text: &str) -> Rope {
    let mut parts = Vec::new();
    for (index, literal) in text.split('@').enumerate() {
        if index > 0 {
            parts.push(Rope::hole(Source::Unknown));
        }
        parts.push(Rope::literal(literal));
    }
    Rope::concat(parts)
}
