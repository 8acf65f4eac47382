//! FS104: a switch is text from the environment, and every text but the empty one is true.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::semantic::{Context as When, Event, Fact, FactKind, Source};
use flaskseal_project::{Context, ServerKind};

use super::DEBUG_OFF;
use super::syntax::{VariableUse, variable_uses};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(104),
    name: "boolean-from-string",
    summary: "A security switch is read from the environment without converting the text to a boolean.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[DEBUG_OFF],
    layers: &[Layer::Source],
    cwe: &[704, 1188],
    owasp: Some("A05~"),
    asvs: &[],
    fix: FixAvailability::None,
    page: include_str!("fs104_boolean_from_string.md"),
};

pub(crate) struct BooleanFromString;

/// The value of a switch that is not safe.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unsafe {
    On,
    Off,
}

/// Boolean settings, the side that is not safe, and what a default on that side is worth.
#[rustfmt::skip]
static SWITCHES: &[(&str, Unsafe, Severity)] = &[
    ("DEBUG", Unsafe::On, Severity::High),
    ("DEBUG_TB_ENABLED", Unsafe::On, Severity::High),
    ("LOGIN_DISABLED", Unsafe::On, Severity::High),
    ("PROPAGATE_EXCEPTIONS", Unsafe::On, Severity::Medium),
    ("REMEMBER_COOKIE_HTTPONLY", Unsafe::Off, Severity::Medium),
    ("REMEMBER_COOKIE_SECURE", Unsafe::Off, Severity::Medium),
    ("SESSION_COOKIE_HTTPONLY", Unsafe::Off, Severity::Medium),
    ("SESSION_COOKIE_SECURE", Unsafe::Off, Severity::Medium),
    ("TESTING", Unsafe::On, Severity::High),
    ("WTF_CSRF_CHECK_DEFAULT", Unsafe::Off, Severity::High),
    ("WTF_CSRF_ENABLED", Unsafe::Off, Severity::High),
];

impl Rule for BooleanFromString {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        for (name, bad, severity) in SWITCHES {
            let Some(setting) = cx.setting(name) else { continue };
            if setting.written.is_empty() {
                continue;
            }
            let Some(reading) = Reading::of(cx, &setting.value) else { continue };
            let Some(severity) = reading.severity(&setting.value, *bad, *severity) else { continue };
            let written = setting.written.first().copied();
            // The mistake is in the code, wherever the text comes from.
            let (Some(at), trail) = (match reading.place {
                Some(place) if cx.evidence(place, "").layer == Layer::Source => (Some(place), written),
                place => (written, place),
            }) else {
                continue;
            };
            let trail =
                trail.filter(|other| *other != at).map(|other| cx.evidence(other, "part of the same value"));
            out.fail(finding(cx, at, severity, &format!("`{name}`"), *bad).with_trail(trail));
        }
        for call in cx.all_calls("app.run") {
            let Some(debug) = call.argument(2, "debug") else { continue };
            let Some(reading) = Reading::of(cx, debug) else { continue };
            let Some(mut severity) = reading.severity(debug, Unsafe::On, Severity::High) else { continue };
            if is_apart(cx, call) {
                severity = Severity::Low;
            }
            let at = reading.place.filter(|at| at.file == call.span.file).unwrap_or(call.span);
            out.fail(finding(cx, at, severity, "`debug`", Unsafe::On).with_scope(&*call.scope));
        }
    }
}

/// Production is known, and does not come here.
fn is_apart(cx: &Context<'_>, call: &Event) -> bool {
    let is_imported = matches!(cx.entry.server, ServerKind::Wsgi | ServerKind::FlaskRun);
    call.context == When::MainOnly && !cx.entry.guessed || call.context == When::Request && is_imported
}

/// Text from the environment in the place of a truth value.
struct Reading {
    place: Option<Span>,
    /// `bool(text)`: the truth of the text, made explicit and no better.
    through_bool: bool,
}

impl Reading {
    fn of(cx: &Context<'_>, value: &Fact) -> Option<Self> {
        let alternatives = value.alternatives();
        if let Some((text, variable)) =
            alternatives.iter().find_map(|(fact, _)| Some((fact, variable_of(fact)?)))
        {
            // The expression that reads it; where only the default has a place, the one around that.
            let places: Vec<Span> = [text.at, value.at]
                .into_iter()
                .chain(alternatives.iter().map(|(fact, _)| fact.at))
                .flatten()
                .collect();
            let is_around = |read: &VariableUse| {
                places.iter().any(|at| read.span.file == at.file && read.span.range.encloses(at.range))
            };
            let read = variable_uses(cx, variable).into_iter().find(is_around).map(|read| read.span);
            return Some(Self { place: read.or(places.first().copied()), through_bool: false });
        }
        // The deployment sets the variable, or the text is what `from_prefixed_env` left of it.
        let is_deployed = |fact: &Fact| {
            fact.as_str().is_some() && fact.at.is_some_and(|at| cx.evidence(at, "").layer == Layer::Deploy)
        };
        if let Some((text, _)) = alternatives.iter().find(|(fact, _)| is_deployed(fact)) {
            return Some(Self { place: text.at, through_bool: false });
        }
        let places: Vec<Span> =
            std::iter::once(value.at).chain(alternatives.iter().map(|(fact, _)| fact.at)).flatten().collect();
        let conversion = cx.all_calls("text.truth").find(|call| {
            let is_text = call.positional.first().is_some_and(|argument| {
                argument
                    .alternatives()
                    .iter()
                    .any(|(fact, _)| variable_of(fact).is_some() || is_deployed(fact))
            });
            let made_here = |at: &Span| at.file == call.span.file && call.span.range.encloses(at.range);
            is_text && places.iter().any(made_here)
        })?;
        Some(Self { place: Some(conversion.span), through_bool: true })
    }

    /// `None` where the text does no harm: a default that is off, for a switch that is safe when it is off.
    fn severity(&self, value: &Fact, bad: Unsafe, worst: Severity) -> Option<Severity> {
        match (bad, value.by_default().truth()) {
            (Unsafe::On, Some(false)) => self.through_bool.then_some(worst),
            (Unsafe::On, Some(true) | None) | (Unsafe::Off, Some(false)) => Some(worst),
            (Unsafe::Off, Some(true) | None) => Some(Severity::Low),
        }
    }
}

/// The environment variable whose text this is, as it is.
fn variable_of(fact: &Fact) -> Option<&str> {
    let FactKind::Str(rope) = &fact.kind else { return None };
    match &rope.as_hole()?.source {
        Source::Env(name) => Some(name),
        _ => None,
    }
}

fn finding(cx: &Context<'_>, at: Span, severity: Severity, what: &str, bad: Unsafe) -> Finding {
    let label = match (bad, severity) {
        (Unsafe::On, _) => "the text `False` is true, too",
        (Unsafe::Off, Severity::Low) => "the text `False` leaves it on",
        (Unsafe::Off, _) => "off where the variable is missing",
    };
    let message = format!("{what} is text from the environment, not a boolean");
    Finding::new(META.id, severity, META.confidence, cx.evidence(at, label), message)
        .with_fix(Fix::advice("compare the text: `.lower() in {\"1\", \"true\", \"yes\", \"on\"}`"))
}
