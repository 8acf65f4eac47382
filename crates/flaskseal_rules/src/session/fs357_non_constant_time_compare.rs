//! FS357: `==` stops at the first difference, and tells by its time how far a guess is right.

use std::collections::BTreeSet;

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Fact, FactKind, Source};
use flaskseal_python::ast::{AnyNodeRef, CmpOp, Expr};

use super::SOUND_CRYPTO;
use crate::Rule;
use crate::code::{enclosing, identifiers, last_name, words};
use crate::purpose::names_password;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(357),
    name: "non-constant-time-compare",
    summary: "A secret is compared in a time that depends on the guess.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[SOUND_CRYPTO],
    layers: &[Layer::Source],
    cwe: &[208],
    owasp: None,
    asvs: &["V11.2.4"],
    fix: FixAvailability::None,
    page: include_str!("fs357_non_constant_time_compare.md"),
};

pub(crate) struct NonConstantTimeCompare;

impl Rule for NonConstantTimeCompare {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut seen = BTreeSet::new();
        for event in cx.calls("compare") {
            let (Some(left), Some(right)) = (event.positional.first(), event.positional.get(1)) else {
                continue;
            };
            let Some(AnyNodeRef::ExprCompare(compare)) = enclosing(cx, event.span).first().copied() else {
                continue;
            };
            let ([op], [second]) = (&*compare.ops, &*compare.comparators) else { continue };
            let sides = [(&*compare.left, left, second, right), (second, right, &*compare.left, left)];
            let is_secret = match op {
                CmpOp::Eq | CmpOp::NotEq => sides.iter().any(|(secret, secret_fact, given, given_fact)| {
                    is_secret(secret, secret_fact) && is_given(given, given_fact)
                }),
                // A key looked for in a list of keys.
                CmpOp::In | CmpOp::NotIn => {
                    is_given(&compare.left, left) && !names_id(&compare.left) && is_secret_list(second, right)
                }
                _ => false,
            };
            if !is_secret || !seen.insert(event.span) {
                continue;
            }
            let place = cx.evidence(event.span, "its time tells how much of a guess is right");
            out.fail(
                Finding::new(
                    META.id,
                    META.severity,
                    META.confidence,
                    place,
                    "a secret is compared with `==`",
                )
                .with_scope(&*event.scope)
                .with_fix(Fix::advice("use `hmac.compare_digest(a, b)`")),
            );
        }
    }
}

/// What the request brings.
fn is_given(expression: &Expr, fact: &Fact) -> bool {
    !matches!(
        expression,
        Expr::StringLiteral(_) | Expr::BytesLiteral(_) | Expr::NumberLiteral(_) | Expr::NoneLiteral(_)
    ) && is_from_request(fact)
}

fn is_from_request(fact: &Fact) -> bool {
    any_path(fact, &|path| path.contains("flask.request"))
}

fn any_path(fact: &Fact, test: &dyn Fn(&str) -> bool) -> bool {
    match &fact.kind {
        FactKind::Path(path) => test(path),
        FactKind::Str(rope) | FactKind::EncodedText(rope) => {
            rope.holes().any(|hole| matches!(&hole.source, Source::Path(path) if test(path)))
        }
        FactKind::OneOf(alternatives) => alternatives.iter().any(|(fact, _)| any_path(fact, test)),
        _ => false,
    }
}

/// What only the server knows: a computed signature, or something whose name says that it is secret.
fn is_secret(expression: &Expr, fact: &Fact) -> bool {
    // `User.token == token` is a condition for the database.
    if let Expr::Attribute(attribute) = expression
        && let Expr::Name(owner) = &*attribute.value
        && (owner.id.as_str() == "cls" || owner.id.starts_with(|c: char| c.is_ascii_uppercase()))
        && owner.id.contains(|c: char| c.is_ascii_lowercase())
    {
        return false;
    }
    if is_from_request(fact) && !any_path(fact, &is_digest)
        || matches!(
            expression,
            Expr::StringLiteral(_)
                | Expr::BytesLiteral(_)
                | Expr::NumberLiteral(_)
                | Expr::NoneLiteral(_)
                | Expr::BooleanLiteral(_)
        )
    {
        return false;
    }
    any_path(fact, &is_digest)
        || name_of(expression).is_some_and(|name| names_compared_secret(&name, expression))
}

/// The digest of a keyed or a secret text; a hash of a request's data alone says nothing that is secret.
fn is_digest(path: &str) -> bool {
    let is_hash = path.starts_with("hmac.") || path.starts_with("hashlib.");
    is_hash && (path.contains("digest"))
}

fn is_secret_list(expression: &Expr, fact: &Fact) -> bool {
    !is_from_request(fact)
        && name_of(expression).is_some_and(|name| {
            let words = words(&name);
            words.windows(2).any(|pair| {
                matches!(
                    (pair[0].as_str(), pair[1].as_str()),
                    ("api" | "access" | "secret" | "auth" | "valid", "keys" | "tokens")
                )
            })
        })
}

fn names_id(expression: &Expr) -> bool {
    name_of(expression).is_some_and(|name| words(&name).iter().any(|word| word == "id"))
}

/// The name, the key of `config["API_KEY"]` or of `os.environ.get("API_KEY")`.
fn name_of(expression: &Expr) -> Option<String> {
    if let Expr::Call(call) = expression {
        return match call.arguments.args.first() {
            Some(Expr::StringLiteral(key)) => Some(key.value.to_str().to_owned()),
            _ => None,
        };
    }
    last_name(expression).map(str::to_owned)
}

fn names_compared_secret(name: &str, expression: &Expr) -> bool {
    let words = words(name);
    let has = |candidates: &[&str]| words.iter().any(|word| candidates.contains(&word.as_str()));
    if has(&[
        "id",
        "type",
        "name",
        "public",
        "default",
        "form",
        "formid",
        "length",
        "placeholder",
        "len",
        "version",
        "header",
        "count",
        "url",
        "status",
    ]) {
        return false;
    }
    // A password of the configuration; one of a user's record is FS351's.
    let is_configured = identifiers(expression.into()).iter().any(|name| {
        matches!(name.as_str(), "config" | "environ" | "getenv" | "settings")
            || name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    });
    has(&["apikey", "digest", "hmac", "secret", "sig", "signature"])
        || has(&["token"])
        || words.windows(2).any(|pair| {
            matches!((pair[0].as_str(), pair[1].as_str()), ("api" | "access" | "auth" | "admin", "key"))
        })
        || names_password(name) && is_configured && !has(&["hash"])
}
