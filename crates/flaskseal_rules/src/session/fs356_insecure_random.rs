//! FS356: `random` and `uuid1` make values that nobody may guess, and that can be guessed.

use std::collections::BTreeSet;

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::Event;
use flaskseal_python::ast::{self, AnyNodeRef, Expr};

use super::SOUND_CRYPTO;
use crate::Rule;
use crate::code::enclosing;
use crate::purpose::Purpose;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(356),
    name: "insecure-random",
    summary: "A guessable generator produces a value that nobody may guess.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[SOUND_CRYPTO],
    layers: &[Layer::Source],
    cwe: &[330, 338],
    owasp: Some("A02"),
    asvs: &["V11.5.1"],
    fix: FixAvailability::None,
    page: include_str!("fs356_insecure_random.md"),
};

pub(crate) struct InsecureRandom;

impl Rule for InsecureRandom {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut seen = BTreeSet::new();
        for call in cx.calls("random.weak") {
            if let Some(finding) = finding(cx, call)
                && seen.insert(call.span)
            {
                out.fail(finding);
            }
        }
    }
}

/// Words of secrets that open an account or a session by themselves.
static CAPABILITY: &[&str] = &["reset", "session", "sessionid", "sessions", "mysession", "sid"];

/// Words for values that may be guessed.
static HARMLESS: &[&str] = &[
    "backoff", "color", "colour", "delay", "demo", "dummy", "example", "fake", "fixture", "jitter", "mock",
    "quote", "quotes", "sample", "seed", "shuffle", "sleep", "slug", "timeout", "wait",
];

fn finding(cx: &Context<'_>, call: &Event) -> Option<Finding> {
    // One of some words is no secret.
    if let Some(AnyNodeRef::ExprCall(node)) = enclosing(cx, call.span).first()
        && let Some(Expr::List(ast::ExprList { elts, .. }) | Expr::Tuple(ast::ExprTuple { elts, .. })) =
            node.arguments.args.first()
        && elts.iter().any(
            |word| matches!(word, Expr::StringLiteral(word) if word.value.to_str().chars().nth(1).is_some()),
        )
    {
        return None;
    }
    let purpose = Purpose::of(cx, call.span);
    if purpose.becomes_any(HARMLESS) {
        return None;
    }
    let generator = call.path.replace("random.Random().", "random.");
    let (severity, confidence, message) = if purpose.is_secret() {
        let severity = if purpose.becomes_any(CAPABILITY) { Severity::High } else { Severity::Medium };
        (severity, Confidence::Firm, format!("`{generator}` makes a value that nobody may guess"))
    } else if is_joined(cx, call) {
        (
            Severity::Low,
            Confidence::Tentative,
            format!("`{generator}` makes text that looks like a key or a code"),
        )
    } else {
        return None;
    };
    let advice = match generator.rsplit('.').next() {
        Some("choice") => "use `secrets.choice`",
        Some("choices" | "sample") => "use `secrets.choice` for each character, or `secrets.token_urlsafe`",
        Some("randint" | "randrange") => "use `secrets.randbelow`",
        Some("uuid1") => "use `uuid.uuid4`, or `secrets.token_urlsafe`",
        _ => "use `secrets.token_urlsafe`, or `random.SystemRandom`",
    };
    let label = match generator.as_str() {
        "uuid.uuid1" => "made of the time and the machine's address",
        _ => "whoever sees some of its values can compute the others",
    };
    Some(
        Finding::new(META.id, severity, confidence, cx.evidence(call.span, label), message)
            .with_scope(&*call.scope)
            .with_fix(Fix::advice(advice)),
    )
}

/// `"".join(random.choice(letters) for _ in range(n))`: characters put together from an alphabet.
fn is_joined(cx: &Context<'_>, call: &Event) -> bool {
    let text = cx.text(call.span);
    let draws = ["ascii", "letters", "digits", "chars", "alphabet"].iter().any(|word| text.contains(word));
    draws && enclosing(cx, call.span).iter().any(|node| match node {
        AnyNodeRef::ExprCall(outer) => match &*outer.func {
            Expr::Attribute(method) => {
                method.attr.id.as_str() == "join"
                    && matches!(&*method.value, Expr::StringLiteral(glue) if glue.value.to_str().is_empty())
            }
            _ => false,
        },
        _ => false,
    })
}
