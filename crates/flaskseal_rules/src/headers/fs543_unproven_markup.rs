//! FS543: Python says that something is HTML of which nobody knows what it is.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Alphabet, Context as When, Fact, FactKind, Segment, Source};

use super::ESCAPED_OUTPUT;
use crate::Rule;
use crate::answer::runs;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(543),
    name: "unproven-markup",
    summary: "Markup is built from a value that cannot be shown to be safe.",
    severity: Severity::Low,
    confidence: Confidence::Tentative,
    controls: &[ESCAPED_OUTPUT],
    layers: &[Layer::Source],
    cwe: &[79],
    owasp: Some("A03"),
    asvs: &["V1.2.1"],
    fix: FixAvailability::None,
    page: include_str!("fs543_unproven_markup.md"),
};

pub(crate) struct UnprovenMarkup;

impl Rule for UnprovenMarkup {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        for call in cx.calls("markup.new").filter(|call| call.context != When::MainOnly && runs(&call.guard))
        {
            let Some(value) = call.argument(0, "object") else { continue };
            // Request data is FS541's, stored data FS542's.
            if value.origin().is_some() || !value.alternatives().iter().any(|(value, _)| is_unproven(value)) {
                continue;
            }
            let place = cx.evidence(call.span, "nothing is escaped from here on");
            out.fail(
                Finding::new(
                    META.id,
                    META.severity,
                    META.confidence,
                    place,
                    "a value is marked as HTML, and nothing says what it is",
                )
                .with_scope(&*call.scope)
                .with_fix(Fix::advice("let Markup escape it: `Markup(\"<b>{}</b>\").format(value)`")),
            );
        }
    }
}

/// Whether signs of HTML may come out of something that is not known.
fn is_unproven(value: &Fact) -> bool {
    match &value.kind {
        FactKind::Str(rope) => rope.segments().iter().any(|segment| match segment {
            Segment::Literal(_) => false,
            Segment::Hole(hole) => {
                hole.alphabet.meets(Alphabet::of("<"))
                    && match &hole.source {
                        Source::Path(path) => !is_made(path),
                        Source::Unknown => true,
                        Source::Env(_) | Source::Root => false,
                    }
            }
        }),
        FactKind::Path(path) => !is_made(path),
        FactKind::Unknown => true,
        _ => false,
    }
}

/// Libraries whose result is HTML or JSON on purpose; what Markdown leaves is another rule's question.
fn is_made(path: &str) -> bool {
    const MADE: [&str; 13] = [
        "bleach.",
        "commonmark.",
        "flask.json",
        "flask.render_template",
        "flask_babel.",
        "gettext.",
        "json.",
        "markdown",
        "markupsafe.",
        "mistune.",
        "nh3.",
        "pygments.",
        "wtforms.",
    ];
    MADE.iter().any(|made| path.starts_with(made))
}
