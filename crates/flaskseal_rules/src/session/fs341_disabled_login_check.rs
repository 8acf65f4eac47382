//! FS341: one switch, or one function that says yes to everybody, undoes every login check.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::FactKind;
use flaskseal_python::ast::{self, AnyNodeRef, Expr};

use super::AUTHENTICATION;
use super::coverage::support_by_coverage;
use crate::Rule;
use crate::access::{decorator_name, function_at, has_authentication, name_span};
use crate::code::{identifiers, last_name, nodes_near, span_of, within};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(341),
    name: "disabled-login-check",
    summary: "Authentication checks are switched off for the whole application.",
    severity: Severity::High,
    confidence: Confidence::Certain,
    controls: &[AUTHENTICATION],
    layers: &[Layer::Source],
    cwe: &[306, 287],
    owasp: Some("A07"),
    asvs: &["V8.2.1"],
    fix: FixAvailability::None,
    page: include_str!("fs341_disabled_login_check.md"),
};

pub(crate) struct DisabledLoginCheck;

impl Rule for DisabledLoginCheck {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if has_authentication(cx) {
            support_by_coverage(cx, AUTHENTICATION, out);
        } else if cx.app.is_some() && !cx.entry.guessed && cx.evaluation.incomplete.is_empty() {
            out.not_applicable(AUTHENTICATION, "nothing in the application logs anybody in");
        } else {
            support_by_coverage(cx, AUTHENTICATION, out);
        }
        disabled_by_setting(cx, out);
        unprotected_sessions(cx, out);
        loaders(cx, out);
        first_user(cx, out);
    }
}

fn disabled_by_setting(cx: &Context<'_>, out: &mut Assessment) {
    let Some(setting) = cx.setting("LOGIN_DISABLED") else { return };
    let value = setting.value.by_default();
    let Some(at) = value.at.or(setting.written.first().copied()) else { return };
    if value.truth() != Some(true) {
        return;
    }
    let trail = setting
        .written
        .iter()
        .filter(|written| **written != at)
        .map(|written| cx.evidence(*written, "set here"));
    let trail: Vec<_> = trail.collect();
    out.fail(
        Finding::new(
            META.id,
            Severity::High,
            Confidence::Certain,
            cx.evidence(at, "every `login_required` lets everybody in"),
            "`LOGIN_DISABLED` is on",
        )
        .with_trail(trail)
        .with_fix(Fix::advice("remove the setting; tests set it for themselves")),
    );
}

/// `login_manager.session_protection = None`.
fn unprotected_sessions(cx: &Context<'_>, out: &mut Assessment) {
    for (file, node) in nodes_near(cx, &["session_protection"]) {
        let AnyNodeRef::StmtAssign(assign) = node else { continue };
        let sets = assign.targets.iter().any(
            |target| matches!(target, Expr::Attribute(attribute) if attribute.attr.id.as_str() == "session_protection"),
        );
        if sets && matches!(&*assign.value, Expr::NoneLiteral(_)) {
            out.fail(
                Finding::new(
                    META.id,
                    Severity::Low,
                    Confidence::Certain,
                    cx.evidence(span_of(file, assign), "a stolen session cookie works from anywhere"),
                    "session protection is switched off",
                )
                .with_fix(Fix::advice("leave it at its default, `\"basic\"`, or set it to `\"strong\"`")),
            );
        }
    }
}

/// Functions that a login extension asks who somebody is, and that never look at what they are given.
fn loaders(cx: &Context<'_>, out: &mut Assessment) {
    for decorated in &cx.evaluation.decorated {
        let Some(loader) =
            decorated.decorators.iter().find_map(|(_, span)| loader(&decorator_name(cx, *span)))
        else {
            continue;
        };
        let Some(function) = function_at(cx, decorated.function) else { continue };
        let Some(parameter) = function
            .parameters
            .args
            .iter()
            .map(|parameter| parameter.parameter.name.id.as_str())
            .nth(loader.parameter)
        else {
            continue;
        };
        let is_used = function
            .body
            .iter()
            .any(|statement| identifiers(AnyNodeRef::from(statement)).contains(parameter));
        if is_used || !lets_somebody_in(function) {
            continue;
        }
        let place = cx
            .evidence(name_span(decorated.function.file, function), format!("never looks at `{parameter}`"));
        out.fail(
            Finding::new(META.id, Severity::High, Confidence::Firm, place, loader.message)
                .with_scope(&*decorated.qualified_name)
                .with_fix(Fix::advice(loader.advice)),
        );
    }
}

struct Loader {
    /// The parameter that it has to look at.
    parameter: usize,
    message: &'static str,
    advice: &'static str,
}

fn loader(decorator: &str) -> Option<Loader> {
    Some(match decorator.rsplit('.').next()? {
        "user_loader" => Loader {
            parameter: 0,
            message: "the user loader gives the same user to every session",
            advice: "load the user that the id names",
        },
        "verify_password" => Loader {
            parameter: 1,
            message: "the password check accepts every password",
            advice: "compare with the stored hash: `check_password_hash(user.password_hash, password)`",
        },
        "verify_token" => Loader {
            parameter: 0,
            message: "the token check accepts every token",
            advice: "verify the token and return the user that it names",
        },
        _ => return None,
    })
}

/// Whether a function returns something that counts as a user: not `None` and not `False`.
fn lets_somebody_in(function: &ast::StmtFunctionDef) -> bool {
    within(function.into()).into_iter().any(|node| match node {
        AnyNodeRef::StmtReturn(statement) => match statement.value.as_deref() {
            None | Some(Expr::NoneLiteral(_)) => false,
            Some(Expr::BooleanLiteral(value)) => value.value,
            // Somebody else decides.
            Some(Expr::Call(call)) => {
                !last_name(&call.func).is_some_and(|name| name.contains("anonym") || name.contains("Anonym"))
            }
            Some(_) => true,
        },
        _ => false,
    })
}

/// `login_user(User.query.first())`: whoever asks becomes the first user.
fn first_user(cx: &Context<'_>, out: &mut Assessment) {
    let mut seen: Vec<Span> = Vec::new();
    for call in cx.calls("login.user") {
        let Some(user) = call.argument(0, "user") else { continue };
        if !matches!(user.kind, FactKind::Path(_) | FactKind::Unknown) {
            continue;
        }
        let Some(AnyNodeRef::ExprCall(node)) = crate::code::enclosing(cx, call.span).first().copied() else {
            continue;
        };
        let Some(Expr::Call(query)) = node.arguments.args.first() else { continue };
        let Expr::Attribute(method) = &*query.func else { continue };
        let is_unfiltered = match &*method.value {
            Expr::Attribute(inner) => inner.attr.id.as_str() == "query",
            _ => false,
        };
        if method.attr.id.as_str() == "first" && is_unfiltered && !seen.contains(&call.span) {
            seen.push(call.span);
            out.fail(
                Finding::new(
                    META.id,
                    Severity::High,
                    Confidence::Firm,
                    cx.evidence(call.span, "without a word about who asks"),
                    "whoever asks is logged in as the first user",
                )
                .with_scope(&*call.scope)
                .with_fix(Fix::advice("log in the user whose password was checked")),
            );
        }
    }
}
