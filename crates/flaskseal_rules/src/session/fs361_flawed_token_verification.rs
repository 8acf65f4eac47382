//! FS361: claims are believed that anybody may have written.

use std::collections::BTreeSet;

use flaskseal_core::{
    Assessment, Confidence, FileId, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Event, Fact, FactKind};
use flaskseal_python::ast::{self, AnyNodeRef, Expr};

use super::SOUND_CRYPTO;
use crate::Rule;
use crate::code::{enclosing, function_around, identifiers, last_name, nodes_near, span_of, within};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(361),
    name: "flawed-token-verification",
    summary: "A token or a signed request is accepted without a sound check of its signature.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[SOUND_CRYPTO],
    layers: &[Layer::Source],
    cwe: &[347, 345],
    owasp: Some("A02"),
    asvs: &["V9.1.1", "V9.1.2"],
    fix: FixAvailability::None,
    page: include_str!("fs361_flawed_token_verification.md"),
};

pub(crate) struct FlawedTokenVerification;

impl Rule for FlawedTokenVerification {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut seen = BTreeSet::new();
        let mut report = |severity, at: Span, scope: &str, message: &str, advice: &str| {
            if seen.insert(at) {
                out.fail(
                    Finding::new(
                        META.id,
                        severity,
                        META.confidence,
                        cx.evidence(at, "believed from here on"),
                        message,
                    )
                    .with_scope(scope)
                    .with_fix(Fix::advice(advice)),
                );
            }
        };
        for call in cx.calls("jwt.decode") {
            let Some((severity, message)) = flaw(call) else { continue };
            // Read for routing, then verified.
            if severity == Severity::Critical && (is_verified_too(cx, call) || is_for_expiry(cx, call)) {
                continue;
            }
            report(
                severity,
                call.span,
                &call.scope,
                message,
                "verify with a key and a fixed list of algorithms: `jwt.decode(token, key, algorithms=[\"HS256\"])`",
            );
        }
        for call in cx.calls("jwt.unverified") {
            if call.path.ends_with("get_unverified_claims") && !is_verified_too(cx, call) {
                report(
                    Severity::Critical,
                    call.span,
                    &call.scope,
                    "the claims of a token are read without a look at its signature",
                    "use `jwt.decode(token, key, algorithms=[\"HS256\"])`",
                );
            }
        }
        for call in cx.calls("jwt.encode") {
            let algorithm = call.argument(2, "algorithm").and_then(Fact::as_str);
            if algorithm.is_some_and(|name| name.eq_ignore_ascii_case("none")) {
                report(
                    Severity::High,
                    call.span,
                    &call.scope,
                    "a token is made without a signature",
                    "sign it: `jwt.encode(claims, key, algorithm=\"HS256\")`",
                );
            }
        }
        for (file, node) in nodes_near(cx, &["b64decode"]) {
            if let AnyNodeRef::ExprCall(call) = node
                && is_payload_by_hand(cx, file, call)
            {
                let span = span_of(file, call);
                let scope = function_around(cx, span)
                    .map(|function| function.name.id.to_string())
                    .unwrap_or_default();
                report(
                    Severity::High,
                    span,
                    &scope,
                    "a token's payload is decoded by hand, without a look at its signature",
                    "use a library that verifies: `jwt.decode(token, key, algorithms=[\"HS256\"])`",
                );
            }
        }
    }
}

/// What is wrong with a verification, worst first.
fn flaw(call: &Event) -> Option<(Severity, &'static str)> {
    let algorithms = call.argument(2, "algorithms");
    if option(call, "verify_signature") == Some(false) {
        return Some((Severity::Critical, "the token's signature is not verified"));
    }
    // PyJWT 2 ignores it and demands `algorithms`; before, it switched everything off.
    if call.keyword("verify").and_then(Fact::truth) == Some(false) && algorithms.is_none() && !call.open {
        return Some((Severity::Critical, "the token's signature is not verified"));
    }
    // The third argument was `verify` then.
    if call.path.starts_with("jwt.")
        && algorithms.is_some_and(|third| matches!(third.kind, FactKind::Bool(false)))
    {
        return Some((Severity::Critical, "the token's signature is not verified"));
    }
    if let Some(algorithms) = algorithms {
        let names = names(algorithms);
        if names.iter().any(|name| name.eq_ignore_ascii_case("none")) {
            return Some((Severity::Critical, "tokens without a signature are accepted"));
        }
        if from_token(algorithms) {
            return Some((Severity::High, "the token itself says how it is to be verified"));
        }
        let shared = names.iter().any(|name| name.starts_with("HS"));
        if shared
            && names
                .iter()
                .any(|name| name.starts_with("RS") || name.starts_with("ES") || name.starts_with("PS"))
        {
            return Some((
                Severity::High,
                "the public key can be used as the shared one: algorithms of both kinds are accepted",
            ));
        }
    }
    if option(call, "verify_exp") == Some(false) {
        return Some((Severity::Medium, "expired tokens are accepted"));
    }
    if option(call, "verify_aud") == Some(false) {
        return Some((Severity::Medium, "tokens that are meant for others are accepted"));
    }
    None
}

/// An entry of `options={...}`.
fn option(call: &Event, name: &str) -> Option<bool> {
    let FactKind::Dict { entries, .. } = &call.argument(3, "options")?.kind else { return None };
    entries.iter().find(|(key, _)| key.as_str() == Some(name)).and_then(|(_, value)| value.truth())
}

fn names(algorithms: &Fact) -> Vec<&str> {
    match &algorithms.kind {
        FactKind::Sequence { items, .. } => items.iter().filter_map(Fact::as_str).collect(),
        FactKind::Str(rope) => rope.as_literal().into_iter().collect(),
        _ => Vec::new(),
    }
}

fn from_token(fact: &Fact) -> bool {
    match &fact.kind {
        FactKind::Path(path) => path.contains("get_unverified_header"),
        FactKind::Sequence { items, .. } => items.iter().any(from_token),
        FactKind::Str(rope) => rope.holes().any(
            |hole| matches!(&hole.source, flaskseal_project::semantic::Source::Path(path) if path.contains("get_unverified_header")),
        ),
        FactKind::OneOf(alternatives) => alternatives.iter().any(|(fact, _)| from_token(fact)),
        _ => false,
    }
}

/// Whether the same function verifies a token as well.
fn is_verified_too(cx: &Context<'_>, call: &Event) -> bool {
    let Some(function) = function_around(cx, call.span) else { return false };
    within(function.into()).into_iter().any(|node| match node {
        AnyNodeRef::ExprCall(other) => {
            let span = span_of(call.span.file, other);
            span != call.span
                && last_name(&other.func) == Some("decode")
                && other.arguments.find_argument_value("algorithms", 2).is_some()
                && !cx.text(span).contains("verify_signature\": False")
        }
        _ => false,
    })
}

/// Whether nothing but the expiry is read from the claims: to renew a token of one's own in time.
fn is_for_expiry(cx: &Context<'_>, call: &Event) -> bool {
    let nodes = enclosing(cx, call.span);
    let reads_expiry = |node: AnyNodeRef<'_>| {
        matches!(node, AnyNodeRef::ExprSubscript(subscript)
        if matches!(&*subscript.slice, Expr::StringLiteral(key) if key.value.to_str() == "exp"))
    };
    if nodes.get(1).copied().is_some_and(reads_expiry) {
        return true;
    }
    let Some(AnyNodeRef::StmtAssign(assign)) = nodes.get(1) else { return false };
    let (Some(Expr::Name(claims)), Some(function)) = (assign.targets.first(), function_around(cx, call.span))
    else {
        return false;
    };
    let uses: Vec<bool> = within(function.into())
        .into_iter()
        .filter_map(|node| match node {
            AnyNodeRef::ExprName(name) if name.id == claims.id && name.ctx.is_load() => {
                Some(enclosing(cx, span_of(call.span.file, name)).get(1).copied().is_some_and(reads_expiry))
            }
            _ => None,
        })
        .collect();
    !uses.is_empty() && uses.into_iter().all(|is_expiry| is_expiry)
}

/// `base64.urlsafe_b64decode(token.split(".")[1] + "==")`.
fn is_payload_by_hand(cx: &Context<'_>, file: FileId, call: &ast::ExprCall) -> bool {
    if !last_name(&call.func).is_some_and(|name| matches!(name, "b64decode" | "urlsafe_b64decode")) {
        return false;
    }
    let takes_second_part = |node: AnyNodeRef<'_>| match node {
        AnyNodeRef::ExprSubscript(subscript) => {
            let is_second = matches!(&*subscript.slice, Expr::NumberLiteral(number)
                if matches!(&number.value, ast::Number::Int(value) if value.as_i64() == Some(1)));
            let splits = matches!(&*subscript.value, Expr::Call(split)
                if last_name(&split.func) == Some("split")
                    && matches!(split.arguments.args.first(), Some(Expr::StringLiteral(dot)) if dot.value.to_str() == "."));
            is_second && splits
        }
        _ => false,
    };
    let by_hand =
        call.arguments.args.iter().any(|argument| within(argument.into()).into_iter().any(takes_second_part));
    by_hand
        && function_around(cx, span_of(file, call)).is_none_or(|function| {
            !identifiers(function.into()).iter().any(|name| {
                let name = name.to_ascii_lowercase();
                name.contains("hmac")
                    || name.contains("verify")
                    || name.contains("compare_digest")
                    || name.contains("signature")
            })
        })
}
