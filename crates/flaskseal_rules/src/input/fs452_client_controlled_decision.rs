//! FS452: the client says what it may do.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Context;

use std::collections::BTreeMap;

use flaskseal_python::ast::{self, AnyNodeRef, Expr};

use super::NO_INJECTION;
use crate::Rule;
use crate::access::{checks_on, function_at};
use crate::code::{last_name, span_of, within, words};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(452),
    name: "client-controlled-decision",
    summary: "A decision about what somebody may do rests on data that the client sets at will.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[807, 565, 290],
    owasp: Some("A04"),
    asvs: &["V8.3.1"],
    fix: FixAvailability::None,
    page: include_str!("fs452_client_controlled_decision.md"),
};

pub(crate) struct ClientControlledDecision;

impl Rule for ClientControlledDecision {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        for function in &cx.evaluation.functions {
            let text = cx.text(function.span);
            if !text.contains("request.") {
                continue;
            }
            let Some(node) = function_at(cx, function.span) else { continue };
            let code: Vec<AnyNodeRef<'_>> =
                node.body.iter().flat_map(|statement| within(AnyNodeRef::from(statement))).collect();
            let held = held(&code);
            let is_only_check = !checks_on(cx, function.span);
            let mut seen: Vec<Span> = Vec::new();
            for node in &code {
                let (test, is_lookup) = match node {
                    AnyNodeRef::StmtIf(statement) => (&*statement.test, false),
                    AnyNodeRef::ExprIf(choice) => (&*choice.test, false),
                    AnyNodeRef::ExprCall(call) => match lookup(call) {
                        Some(argument) => (argument, true),
                        None => continue,
                    },
                    _ => continue,
                };
                let Some(claim) = claim_in(test, &held, is_lookup) else { continue };
                let at = span_of(function.span.file, test);
                if seen.iter().any(|known| known.range.encloses(at.range)) {
                    continue;
                }
                seen.push(at);
                let severity = if is_lookup && is_only_check { Severity::High } else { META.severity };
                let message = if is_lookup {
                    format!("who the visitor is comes from {claim}, which the visitor sets")
                } else {
                    format!("what the visitor may do depends on {claim}, which the visitor sets")
                };
                out.fail(
                    Finding::new(
                        META.id,
                        severity,
                        META.confidence,
                        cx.evidence(at, "nothing signs it"),
                        message,
                    )
                    .with_scope(&*function.qualified_name)
                    .with_fix(Fix::advice("ask the session or the database who the visitor is")),
                );
            }
        }
    }
}

/// The names that hold a claim of the client, with what it is.
fn held<'p>(code: &[AnyNodeRef<'p>]) -> BTreeMap<&'p str, String> {
    let mut names = BTreeMap::new();
    for node in code {
        if let AnyNodeRef::StmtAssign(assign) = node
            && let [Expr::Name(name)] = assign.targets.as_slice()
        {
            match claim(&assign.value) {
                Some(claim) => names.insert(name.id.as_str(), claim),
                None => names.remove(name.id.as_str()),
            };
        }
    }
    names
}

/// A claim about the visitor in a test: compared with a constant, or true by itself.
fn claim_in(test: &Expr, held: &BTreeMap<&str, String>, is_lookup: bool) -> Option<String> {
    let of = |expression: &Expr| match expression {
        Expr::Name(name) => held.get(name.id.as_str()).cloned(),
        other => claim(other),
    };
    match test {
        Expr::BoolOp(node) => node.values.iter().find_map(|value| claim_in(value, held, is_lookup)),
        Expr::UnaryOp(node) => claim_in(&node.operand, held, is_lookup),
        Expr::Compare(compare) => {
            let right = compare.comparators.first()?;
            let is_constant = |side: &Expr| {
                side.is_string_literal_expr()
                    || side.is_number_literal_expr()
                    || side.is_boolean_literal_expr()
                    || side.is_tuple_expr()
                    || side.is_list_expr()
            };
            // `is None` asks whether it is there; a value of the program's own is another matter.
            if compare.ops.iter().any(|op| matches!(op, ast::CmpOp::Is | ast::CmpOp::IsNot)) {
                return None;
            }
            let claim = if is_constant(right) {
                of(&compare.left)
            } else if is_constant(&compare.left) {
                of(right)
            } else {
                None
            };
            claim.filter(|claim| {
                is_lookup || claim.contains("cookie") || claim.contains("header") || is_privilege(claim)
            })
        }
        Expr::Call(call) if last_name(&call.func) == Some("int") => call.arguments.args.first().and_then(of),
        other if is_lookup => of(other),
        _ => None,
    }
}

/// Whether a field of a form or of the address speaks of rights.
fn is_privilege(claim: &str) -> bool {
    words(claim).iter().any(|word| {
        matches!(word.as_str(), "admin" | "role" | "roles" | "privilege" | "isadmin" | "superuser")
    })
}

/// What a value says of the visitor, where the client sets it: `request.cookies.get("admin")`.
fn claim(value: &Expr) -> Option<String> {
    let (source, key) = match value {
        Expr::Subscript(subscript) => (&*subscript.value, &*subscript.slice),
        Expr::Call(call) => match &*call.func {
            Expr::Attribute(callee) if callee.attr.id.as_str() == "get" => {
                (&*callee.value, call.arguments.args.first()?)
            }
            _ => return None,
        },
        _ => return None,
    };
    let Expr::Attribute(source) = source else { return None };
    if last_name(&source.value) != Some("request") {
        return None;
    }
    let Expr::StringLiteral(key) = key else { return None };
    let key = key.value.to_str();
    let says_who = words(key).iter().any(|word| {
        matches!(
            word.as_str(),
            "admin"
                | "isadmin"
                | "role"
                | "roles"
                | "privilege"
                | "level"
                | "superuser"
                | "staff"
                | "authenticated"
                | "loggedin"
        )
    });
    let names_user =
        words(key).iter().any(|word| matches!(word.as_str(), "user" | "username" | "userid" | "uid"));
    match source.attr.id.as_str() {
        "cookies" if says_who || names_user => Some(format!("the cookie `{key}`")),
        "headers" if says_who => Some(format!("the header `{key}`")),
        "args" | "form" | "values" if says_who => Some(format!("the field `{key}`")),
        _ => None,
    }
}

/// What a user is looked up by: the argument of `User.query.get(...)` and its kin.
fn lookup(call: &ast::ExprCall) -> Option<&Expr> {
    let Expr::Attribute(callee) = &*call.func else { return None };
    let is_users = within(AnyNodeRef::from(&*callee.value)).into_iter().any(|node| match node {
        AnyNodeRef::ExprName(name) => matches!(name.id.as_str(), "User" | "Users" | "Account" | "Member"),
        _ => false,
    });
    let first = call
        .arguments
        .args
        .first()
        .or_else(|| call.arguments.keywords.first().map(|keyword| &keyword.value))?;
    let is_cookie = within(AnyNodeRef::from(first)).into_iter().any(|node| matches!(node, AnyNodeRef::ExprAttribute(attribute) if attribute.attr.id.as_str() == "cookies"));
    let asks = matches!(callee.attr.id.as_str(), "get" | "get_or_404" | "filter_by" | "get_by_id" | "find");
    (is_users && asks && (is_cookie || first.is_name_expr())).then_some(first)
}
