//! FS364: a token that is found years later still works.

use std::collections::BTreeSet;

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Event, Fact, FactKind};
use flaskseal_python::ast::{AnyNodeRef, Expr};

use super::SOUND_CRYPTO;
use crate::Rule;
use crate::code::{enclosing, function_around, words};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(364),
    name: "token-without-expiry",
    summary: "Tokens never expire, or live too long.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[SOUND_CRYPTO],
    layers: &[Layer::Source],
    cwe: &[613],
    owasp: Some("A07"),
    asvs: &["V9.2.1"],
    fix: FixAvailability::None,
    page: include_str!("fs364_token_without_expiry.md"),
};

pub(crate) struct TokenWithoutExpiry;

impl Rule for TokenWithoutExpiry {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut seen = BTreeSet::new();
        let mut report = |call: &Event, message: &str, advice: &str| {
            if seen.insert(call.span) {
                let severity = if is_for_account(cx, call) { Severity::Medium } else { Severity::Low };
                out.fail(
                    Finding::new(
                        META.id,
                        severity,
                        META.confidence,
                        cx.evidence(call.span, "no time limit"),
                        message,
                    )
                    .with_scope(&*call.scope)
                    .with_fix(Fix::advice(advice)),
                );
            }
        };
        for call in cx.calls("jwt.encode") {
            if call.argument(0, "payload").or_else(|| call.keyword("claims")).is_some_and(never_expires) {
                report(
                    call,
                    "the token never expires",
                    "add an `exp` claim: `datetime.now(UTC) + timedelta(minutes=15)`",
                );
            }
        }
        for call in cx.calls("serializer.loads") {
            let is_limited =
                call.argument(1, "max_age").is_some_and(|age| !matches!(age.kind, FactKind::None));
            if !is_limited && !call.open && !passes_more(cx, call) {
                report(call, "the token is accepted at any age", "give `max_age`, in seconds");
            }
        }
        for call in cx.calls("serializer.new") {
            // It knows no time at all; that matters for what opens an account.
            if call.path.ends_with(".URLSafeSerializer") && is_for_account(cx, call) {
                report(
                    call,
                    "the token has no time in it and never expires",
                    "use `URLSafeTimedSerializer` and `loads(token, max_age=3600)`",
                );
            }
        }
        lifetimes(cx, out);
    }
}

/// `loads(token, **options)`: the limit may be among them.
fn passes_more(cx: &Context<'_>, call: &Event) -> bool {
    match enclosing(cx, call.span).first() {
        Some(AnyNodeRef::ExprCall(node)) => {
            node.arguments.keywords.iter().any(|keyword| keyword.arg.is_none())
                || node.arguments.args.iter().any(|argument| matches!(argument, Expr::Starred(_)))
        }
        _ => false,
    }
}

/// Flask-JWT-Extended's settings.
fn lifetimes(cx: &Context<'_>, out: &mut Assessment) {
    for (name, most) in [("JWT_ACCESS_TOKEN_EXPIRES", 86_400.0), ("JWT_REFRESH_TOKEN_EXPIRES", f64::INFINITY)]
    {
        let Some(setting) = cx.setting(name) else { continue };
        let value = setting.value.by_default();
        let Some(at) = value.at.or(setting.written.first().copied()) else { continue };
        let message = match &value.kind {
            FactKind::Bool(false) => format!("`{name}` is off: tokens never expire"),
            _ if seconds(&value).is_some_and(|seconds| seconds > most) => {
                format!("`{name}` is longer than a day")
            }
            _ => continue,
        };
        out.fail(
            Finding::new(
                META.id,
                META.severity,
                META.confidence,
                cx.evidence(at, "whoever finds a token can use it for long"),
                message,
            )
            .with_fix(Fix::advice("leave the default, 15 minutes, and use refresh tokens")),
        );
    }
}

/// A duration in seconds: a `timedelta`, or a number of them.
#[allow(clippy::cast_precision_loss, reason = "durations are far below 2^52 seconds")]
fn seconds(fact: &Fact) -> Option<f64> {
    match &fact.kind {
        FactKind::Int(seconds) => Some(*seconds as f64),
        FactKind::Float(seconds) => Some(*seconds),
        FactKind::Instance(class, attributes) if class.is("datetime.timedelta") => {
            attributes.iter().find(|(name, _)| &**name == "@seconds").and_then(|(_, value)| seconds(value))
        }
        _ => None,
    }
}

/// Claims that are all known, without `exp`.
fn never_expires(claims: &Fact) -> bool {
    match &claims.kind {
        FactKind::Dict { entries, open: false } => {
            !entries.iter().any(|(key, _)| key.as_str().is_none_or(|key| key == "exp"))
        }
        FactKind::OneOf(alternatives) => alternatives.iter().all(|(claims, _)| never_expires(claims)),
        _ => false,
    }
}

/// Whether the token resets a password or confirms an address, by the name of its function or its salt.
fn is_for_account(cx: &Context<'_>, call: &Event) -> bool {
    const WORDS: &[&str] = &[
        "activate",
        "activation",
        "confirm",
        "confirmation",
        "forgot",
        "invite",
        "recover",
        "recovery",
        "reset",
        "verification",
    ];
    let names = |text: &str| words(text).iter().any(|word| WORDS.contains(&word.as_str()));
    function_around(cx, call.span).is_some_and(|function| names(&function.name.id))
        || call
            .positional
            .iter()
            .chain(call.keywords.iter().map(|(_, fact)| fact))
            .filter_map(Fact::as_str)
            .any(names)
}
