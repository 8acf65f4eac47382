//! FS346: a new password may be as short as its owner likes.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Event, Fact};
use flaskseal_python::ast::{self, AnyNodeRef, Expr};

use super::SOUND_CRYPTO;
use crate::Rule;
use crate::code::{enclosing, identifiers, last_name, nodes_near, span_of, words};
use crate::purpose::{NAMES_OF_PASSWORDS, names_password};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(346),
    name: "weak-password-policy",
    summary: "Registration or a password change accepts trivial passwords.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[SOUND_CRYPTO],
    layers: &[Layer::Source],
    cwe: &[521],
    owasp: Some("A07"),
    asvs: &["V6.2.1"],
    fix: FixAvailability::None,
    page: include_str!("fs346_weak_password_policy.md"),
};

pub(crate) struct WeakPasswordPolicy;

impl Rule for WeakPasswordPolicy {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut seen: Vec<Span> = Vec::new();
        for field in cx.calls("form.password") {
            if !seen.contains(&field.span) {
                seen.push(field.span);
                judge_field(cx, field, out);
            }
        }
        for (file, node) in nodes_near(cx, NAMES_OF_PASSWORDS) {
            if let AnyNodeRef::ExprCompare(compare) = node
                && let Some(minimum) = minimum(compare)
                && minimum < 8
            {
                report(cx, span_of(file, compare), Some(minimum), "", out);
            }
        }
        if let Some(setting) = cx.setting("SECURITY_PASSWORD_LENGTH_MIN")
            && let Some(minimum) = setting.value.by_default().as_int()
            && minimum < 8
            && let Some(at) = setting.value.by_default().at
        {
            report(cx, at, Some(minimum), "", out);
        }
    }
}

fn judge_field(cx: &Context<'_>, field: &Event, out: &mut Assessment) {
    let nodes = enclosing(cx, field.span);
    let Some(class) = nodes.iter().find_map(|node| match node {
        AnyNodeRef::StmtClassDef(class) => Some(*class),
        _ => None,
    }) else {
        return;
    };
    let Some(name) = field_name(&nodes) else { return };
    if !is_for_new_password(class, name) {
        return;
    }
    let lengths: Vec<&Event> = cx
        .calls("form.length")
        .filter(|length| length.span.file == field.span.file && field.span.range.encloses(length.span.range))
        .collect();
    let minimum = lengths.iter().filter_map(|length| length.argument(0, "min").and_then(Fact::as_int)).max();
    // Validators that are made elsewhere, or checked in a method of the form, may say more than is seen here.
    let mentioned: Vec<String> = match nodes.first() {
        Some(node) => identifiers(*node).into_iter().collect(),
        None => return,
    };
    let own_check = class.body.iter().any(|statement| {
        matches!(statement, ast::Stmt::FunctionDef(method) if method.name.id.as_str() == format!("validate_{name}"))
    });
    let known = [
        "PasswordField",
        "DataRequired",
        "InputRequired",
        "Length",
        "EqualTo",
        "Required",
        "Optional",
        "Email",
        "wtforms",
        "validators",
        "description",
        "render_kw",
        "label",
        "message",
        "min",
        "max",
        "fieldname",
        "required",
        "input_required",
        "data_required",
        "length",
        "equal_to",
        "_",
        "_l",
        "lazy_gettext",
        "gettext",
        "filters",
        "autocomplete",
        "id",
    ];
    let is_open = own_check || mentioned.iter().any(|name| !known.contains(&name.as_str()));
    match minimum {
        Some(minimum) if minimum >= 8 => {}
        Some(minimum) if minimum > 0 => {
            let at = lengths.first().map_or(field.span, |length| length.span);
            report(cx, at, Some(minimum), &field.scope, out);
        }
        _ if is_open
            || !lengths.is_empty() && lengths.iter().all(|length| length.argument(0, "min").is_some()) => {}
        _ => report(cx, field.span, None, &field.scope, out),
    }
}

fn report(cx: &Context<'_>, at: Span, minimum: Option<i64>, scope: &str, out: &mut Assessment) {
    let severity = if minimum.is_some_and(|minimum| minimum < 6) { Severity::Medium } else { Severity::Low };
    let message = match minimum {
        Some(minimum) => format!("a new password may have {minimum} characters"),
        None => "a new password may have any length".to_owned(),
    };
    out.fail(
        Finding::new(
            META.id,
            severity,
            META.confidence,
            cx.evidence(at, "8 are the least that counts as safe"),
            message,
        )
        .with_scope(scope)
        .with_fix(Fix::advice("ask for at least 8 characters, better 15: `Length(min=8, max=128)`")),
    );
}

/// The name that the class body gives to the field.
fn field_name<'p>(nodes: &[AnyNodeRef<'p>]) -> Option<&'p str> {
    nodes.iter().find_map(|node| match node {
        AnyNodeRef::StmtAssign(assign) => assign.targets.first().and_then(last_name),
        AnyNodeRef::StmtAnnAssign(assign) => last_name(&assign.target),
        _ => None,
    })
}

/// Whether a form sets a password, rather than asking for one that exists.
fn is_for_new_password(class: &ast::StmtClassDef, field: &str) -> bool {
    let field_words = words(field);
    let field_is = |candidates: &[&str]| field_words.iter().any(|word| candidates.contains(&word.as_str()));
    // The second time, or the old one, or a secret of another kind.
    if field_is(&[
        "confirm",
        "confirmation",
        "repeat",
        "repeated",
        "again",
        "2",
        "password2",
        "retype",
        "verify",
        "old",
        "current",
        "existing",
        "token",
        "secret",
        "key",
        "api",
    ]) || !names_password(field) && !field_is(&["password1"])
    {
        return false;
    }
    let class_words = words(&class.name.id);
    let class_is = |candidates: &[&str]| class_words.iter().any(|word| candidates.contains(&word.as_str()));
    if class_is(&[
        "login",
        "signin",
        "auth",
        "authenticate",
        "delete",
        "smtp",
        "mail",
        "server",
        "connection",
        "database",
    ]) {
        return false;
    }
    field_is(&["new"])
        || class_is(&[
            "register",
            "registration",
            "signup",
            "join",
            "reset",
            "change",
            "create",
            "new",
            "invite",
            "recover",
            "set",
        ])
        || class_words.windows(2).any(|pair| pair[0] == "sign" && pair[1] == "up")
        || class.body.iter().any(|statement| identifiers(statement.into()).contains("EqualTo"))
}

/// The least length that `len(password) < n` lets through, where that is what the comparison says.
fn minimum(compare: &ast::ExprCompare) -> Option<i64> {
    let [op] = &*compare.ops else { return None };
    let [right] = &*compare.comparators else { return None };
    let Expr::Call(call) = &*compare.left else { return None };
    let is_length = matches!(&*call.func, Expr::Name(name) if name.id.as_str() == "len");
    let [argument] = &*call.arguments.args else { return None };
    let is_password = last_name(argument).is_some_and(names_password)
        || matches!(argument, Expr::Attribute(attribute) if attribute.attr.id.as_str() == "data" && last_name(&attribute.value).is_some_and(names_password));
    let Expr::NumberLiteral(number) = right else { return None };
    let ast::Number::Int(number) = &number.value else { return None };
    let number = number.as_i64()?;
    if !is_length || !is_password {
        return None;
    }
    let minimum = match op {
        ast::CmpOp::Lt | ast::CmpOp::GtE => number,
        ast::CmpOp::LtE => number + 1,
        _ => return None,
    };
    // `len(password) < 1` asks whether there is one at all.
    (minimum > 1).then_some(minimum)
}
