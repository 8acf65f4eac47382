//! FS444: a regular expression that the client can make run away.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Alphabet, Event, Fact, FactKind, Growth, Hole, Mode, Pattern};

use super::NO_INJECTION;
use crate::Rule;
use crate::flow::{Breach, Flow, flows, report};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(444),
    name: "regex-denial-of-service",
    summary: "The client can make a regular expression run away.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[1333],
    owasp: None,
    asvs: &["V1.3.12", "V1.2.9"],
    fix: FixAvailability::None,
    page: include_str!("fs444_regex_denial_of_service.md"),
};

pub(crate) struct RegexDenialOfService;

impl Rule for RegexDenialOfService {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        for flow in flows(cx, &["regex.pattern", "regex.subject"]) {
            let Some(rope) = flow.text() else { continue };
            if &*flow.sink.context == "regex.pattern" {
                let loops = Alphabet::of("*+{(");
                for hole in rope.holes() {
                    let payloads = ["(a+)+$", "(a*)*b"];
                    let breach =
                        Breach::of(hole, "as a regular expression", loops, &payloads, Severity::Medium);
                    found.extend(breach.map(|breach| {
                        flow.found(breach)
                            .advise("escape it, `re.escape(value)`, or match with a fixed pattern")
                    }));
                }
                continue;
            }
            if let Some(hole) = rope.as_hole()
                && let Some(breach) = runaway(&flow, hole)
            {
                found.push(flow.found(breach).advise(
                    "let no loop of the pattern match one text in two ways, bound the text's length before, or use \
                     possessive loops (Python 3.11)",
                ));
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}

/// The pattern of a call runs away on a text that the hole can be.
fn runaway(flow: &Flow<'_>, hole: &Hole) -> Option<Breach<'static>> {
    let pattern = pattern_of(flow.event)?;
    let blowup = pattern.blowup(mode_of(&flow.event.path))?;
    let (place, severity, rounds) = match blowup.growth {
        Growth::Exponential => ("as the text of a pattern that takes exponential time", Severity::Medium, 30),
        Growth::Polynomial(_) => {
            ("as the text of a pattern that takes the cube of its length or more", Severity::Low, 1000)
        }
    };
    let text = format!("{}{}{}", blowup.prefix, blowup.pump, blowup.suffix);
    if text.chars().any(|character| !hole.alphabet.contains(character)) {
        return None;
    }
    let payload = format!("{}{}{}", blowup.prefix, blowup.pump.repeat(rounds), blowup.suffix);
    let breach = Breach::of(hole, place, Alphabet::of(&blowup.pump), &[&payload], severity)?;
    Some(Breach { passes: format!("`{}`, often enough, gets through", blowup.pump.escape_debug()), ..breach })
}

/// The constant pattern of a call of `re`, or of the compiled pattern whose method it is.
fn pattern_of(event: &Event) -> Option<Pattern> {
    if let Some(Fact { kind: FactKind::Instance(_, attributes), .. }) = event.receiver.as_deref() {
        let hidden = |name: &str| attributes.iter().find(|(known, _)| &**known == name).map(|(_, fact)| fact);
        return Pattern::of_python(hidden("@pattern")?.as_str()?, hidden("@flags")?.as_int()?);
    }
    let position = match event.path.rsplit('.').next()? {
        "split" => 3,
        "sub" | "subn" => 4,
        _ => 2,
    };
    let pattern = event.positional.first().or_else(|| event.keyword("pattern"))?;
    let flags = event.positional.get(position).or_else(|| event.keyword("flags"));
    Pattern::of_python(pattern.as_str()?, flags.map_or(Some(0), Fact::as_int)?)
}

fn mode_of(path: &str) -> Mode {
    match path.rsplit('.').next() {
        Some("match") => Mode::Match,
        Some("fullmatch") => Mode::FullMatch,
        _ => Mode::Search,
    }
}
