//! What checks who is asking: decorators, hooks and the code of views.

use flaskseal_core::{FileId, Span};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Fact, FactKind, Route};
use flaskseal_python::ast::{self, AnyNodeRef, Expr};

use crate::code::{enclosing, identifiers, nodes, within, words};

/// The dotted name of a decorator, without its arguments: `auth.login_required`.
pub(crate) fn decorator_name(cx: &Context<'_>, span: Span) -> String {
    let text = cx.text(span);
    let end = text.find(['(', '[', '\n']).unwrap_or(text.len());
    text.get(..end).unwrap_or(text).trim().to_owned()
}

/// Whether a decorator lets only some callers through: by its name, or by its code where the program has it.
pub(crate) fn is_access_check(cx: &Context<'_>, decorator: &Fact, span: Span) -> bool {
    names_check(&decorator_name(cx, span)) || function_of(cx, decorator).is_some_and(checks_caller)
}

/// Whether a function's own code looks at who is asking.
pub(crate) fn checks_caller(function: &ast::StmtFunctionDef) -> bool {
    let mentioned: Vec<String> =
        function.body.iter().flat_map(|statement| identifiers(AnyNodeRef::from(statement))).collect();
    let mentions = |names: &[&str]| mentioned.iter().any(|name| names.contains(&name.as_str()));
    let refuses = mentions(&["abort", "redirect", "Unauthorized", "Forbidden", "PermissionDenied", "unauthorized", "HTTPException"])
        || within(function.into()).into_iter().any(|node| {
            matches!(node, AnyNodeRef::ExprNumberLiteral(number)
                if matches!(&number.value, ast::Number::Int(value) if matches!(value.as_i64(), Some(401 | 403))))
        });
    mentions(&[
        "is_authenticated",
        "verify_jwt_in_request",
        "get_jwt_identity",
        "get_jwt",
        "login_required",
        "compare_digest",
        "check_auth",
    ]) || mentioned.iter().any(|name| names_check(name))
        || refuses
            && (mentions(&["current_user", "authorization", "check_password_hash"])
                || looks_at_session(function))
}

/// Whether a condition reads the session, `g` or the headers of the request.
fn looks_at_session(function: &ast::StmtFunctionDef) -> bool {
    let is_read = |expression: &Expr| {
        within(expression.into()).into_iter().any(|node| match node {
            AnyNodeRef::ExprName(name) => matches!(name.id.as_str(), "session" | "g"),
            AnyNodeRef::ExprAttribute(attribute) => attribute.attr.id.as_str() == "headers",
            _ => false,
        })
    };
    within(function.into()).into_iter().any(|node| match node {
        AnyNodeRef::StmtIf(statement) => is_read(&statement.test),
        AnyNodeRef::ExprIf(choice) => is_read(&choice.test),
        _ => false,
    })
}

/// The program's function that a fact is.
pub(crate) fn function_of<'p>(cx: &Context<'p>, fact: &Fact) -> Option<&'p ast::StmtFunctionDef> {
    let FactKind::Function(function) = &fact.kind else { return None };
    function_at(cx, function.span)
}

/// The function that is defined at a place.
pub(crate) fn function_at<'p>(cx: &Context<'p>, span: Span) -> Option<&'p ast::StmtFunctionDef> {
    enclosing(cx, span).into_iter().find_map(|node| match node {
        AnyNodeRef::StmtFunctionDef(function) => Some(function),
        _ => None,
    })
}

/// Whether the program has anything to do with users who log in.
pub(crate) fn has_authentication(cx: &Context<'_>) -> bool {
    const WORDS: &[&str] = &[
        "apikey",
        "auth",
        "authenticate",
        "authenticated",
        "authentication",
        "authorization",
        "jwt",
        "login",
        "logout",
        "password",
        "passwd",
        "pwd",
        "signin",
        "token",
        "tokens",
    ];
    nodes(cx).any(|(_, node)| {
        let name = match node {
            AnyNodeRef::ExprName(name) => name.id.as_str(),
            AnyNodeRef::ExprAttribute(attribute) => attribute.attr.id.as_str(),
            AnyNodeRef::StmtFunctionDef(function) => function.name.id.as_str(),
            _ => return false,
        };
        name == "current_user" || words(name).iter().any(|word| WORDS.contains(&word.as_str()))
    })
}

/// The function that was written for a route, below all its decorators.
pub(crate) fn view_span(cx: &Context<'_>, route: &Route) -> Option<Span> {
    match (route.span.and_then(|span| cx.decorated_at(span)), &route.view.kind) {
        (Some(decorated), _) => Some(decorated.function),
        (None, FactKind::Function(view)) => Some(view.span),
        _ => None,
    }
}

/// Whether a decorator of a function is a check.
pub(crate) fn checks_on(cx: &Context<'_>, function: Span) -> bool {
    cx.decorated(function)
        .iter()
        .flat_map(|decorated| &decorated.decorators)
        .any(|(fact, span)| is_access_check(cx, fact, *span))
}

/// Where a function's name stands.
pub(crate) fn name_span(file: FileId, function: &ast::StmtFunctionDef) -> Span {
    crate::code::span_of(file, &function.name)
}

/// The value that a class body gives to a name.
pub(crate) fn class_attribute<'p>(class: &'p ast::StmtClassDef, name: &str) -> Option<&'p Expr> {
    class.body.iter().find_map(|statement| match statement {
        ast::Stmt::Assign(assign) => {
            let is_it = assign
                .targets
                .iter()
                .any(|target| matches!(target, Expr::Name(target) if target.id.as_str() == name));
            is_it.then_some(&*assign.value)
        }
        ast::Stmt::AnnAssign(assign) => match &*assign.target {
            Expr::Name(target) if target.id.as_str() == name => assign.value.as_deref(),
            _ => None,
        },
        _ => None,
    })
}

fn names_check(name: &str) -> bool {
    const WHO: &[&str] = &[
        "access",
        "admin",
        "admins",
        "apikey",
        "auth",
        "authenticated",
        "authentication",
        "authorization",
        "authorized",
        "fresh",
        "jwt",
        "key",
        "logged",
        "login",
        "member",
        "mfa",
        "oauth",
        "owner",
        "permission",
        "permissions",
        "privilege",
        "role",
        "roles",
        "scope",
        "scopes",
        "session",
        "signin",
        "staff",
        "superuser",
        "token",
        "user",
    ];
    let words = words(name.rsplit('.').next().unwrap_or(name));
    let has = |set: &[&str]| words.iter().any(|word| set.contains(&word.as_str()));
    has(&["required", "require", "requires", "needed", "only"]) && has(WHO)
        || has(&["authenticated", "authorize", "authorized", "requireauth"]) && !has(&["is", "not"])
        || has(&["accepted"]) && has(&["roles"])
        || matches!(name, "protected" | "restricted")
        || name.ends_with("auth.required")
        || name.ends_with("admin.require")
}
