//! FS351: passwords that whoever reads the database can use.

use std::collections::BTreeSet;

use flaskseal_core::{
    Assessment, Confidence, FileId, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Event, Fact, FactKind};
use flaskseal_python::ast::{self, AnyNodeRef, Expr};

use super::SOUND_CRYPTO;
use crate::Rule;
use crate::code::{enclosing, function_around, identifiers, last_name, nodes_near, span_of, within, words};
use crate::purpose::{NAMES_OF_PASSWORDS, Purpose, names_password};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(351),
    name: "unsafe-password-storage",
    summary: "Passwords are stored or compared in plain text or with a fast or weak hash.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[SOUND_CRYPTO],
    layers: &[Layer::Source],
    cwe: &[256, 916, 759],
    owasp: Some("A02"),
    asvs: &["V11.4.2"],
    fix: FixAvailability::None,
    page: include_str!("fs351_unsafe_password_storage.md"),
};

pub(crate) struct UnsafePasswordStorage;

impl Rule for UnsafePasswordStorage {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut seen = BTreeSet::new();
        let mut report = |finding: Option<Finding>| {
            if let Some(finding) = finding
                && finding.primary.span.is_none_or(|span| seen.insert(span))
            {
                out.fail(finding);
            }
        };
        for call in ["hash.weak", "hash.fast", "hash.new"].into_iter().flat_map(|role| cx.calls(role)) {
            report(fast_hash(cx, call));
        }
        for call in cx.calls("password.weak-hash") {
            let name = call
                .path
                .trim_start_matches("passlib.hash.")
                .split('.')
                .next()
                .unwrap_or_default()
                .to_owned();
            report(Some(finding(
                cx,
                call.span,
                &call.scope,
                Severity::High,
                format!("`{name}` is no hash for passwords"),
            )));
        }
        for call in cx.calls("password.hash") {
            report(weak_method(cx, call));
        }
        for call in ["kdf.pbkdf2", "kdf.scrypt", "bcrypt.gensalt"].into_iter().flat_map(|role| cx.calls(role))
        {
            report(weak_cost(cx, call));
        }
        for (file, node) in nodes_near(cx, NAMES_OF_PASSWORDS) {
            match node {
                AnyNodeRef::ExprCompare(compare) => report(plain_comparison(cx, file, compare)),
                AnyNodeRef::ExprCall(call) => {
                    report(plain_query(cx, file, call).or_else(|| plain_model(cx, file, call)));
                }
                _ => {}
            }
        }
    }
}

const ADVICE: &str = "store `generate_password_hash(password)` and check with `check_password_hash`, both of werkzeug.security";

fn finding(cx: &Context<'_>, at: Span, scope: &str, severity: Severity, message: String) -> Finding {
    Finding::new(
        META.id,
        severity,
        META.confidence,
        cx.evidence(at, "whoever reads the database can find the passwords"),
        message,
    )
    .with_scope(scope)
    .with_fix(Fix::advice(ADVICE))
}

/// `hashlib.sha256(password.encode())`, salted or not.
fn fast_hash(cx: &Context<'_>, call: &Event) -> Option<Finding> {
    let purpose = Purpose::of(cx, call.span);
    let from_password = call.positional.iter().any(mentions_password);
    if !purpose.is_made_of_password() && !from_password {
        return None;
    }
    // Asks a service whether a password leaked; shortens it for bcrypt; derives a key.
    let elsewhere = [
        "pwned", "hibp", "breach", "breached", "leaked", "hashpw", "bcrypt", "argon2", "pbkdf2", "scrypt",
        "cache", "fernet", "strength", "hsts",
    ];
    if purpose.becomes_any(&elsewhere)
        || purpose.becomes.iter().any(|name| name.contains("generate_password_hash"))
    {
        return None;
    }
    if function_around(cx, call.span).is_some_and(|function| {
        words(&function.name.id).iter().any(|word| elsewhere.contains(&word.as_str()))
    }) {
        return None;
    }
    let name = match &*call.path {
        "hashlib.new" => call.argument(0, "name").and_then(Fact::as_str).unwrap_or("a fast hash").to_owned(),
        path => path.rsplit('.').find(|part| *part != "new").unwrap_or(path).to_owned(),
    };
    Some(finding(
        cx,
        call.span,
        &call.scope,
        Severity::High,
        format!("a password is hashed with {name}, which is made to be fast"),
    ))
}

/// A value that is known to be a password of a request: `flask.request.form["password"]`.
fn mentions_password(fact: &Fact) -> bool {
    let path_names = |path: &str| {
        path.contains("flask.request") && names_password(path.rsplit(['[', '(']).next().unwrap_or(path))
    };
    match &fact.kind {
        FactKind::Path(path) => path_names(path),
        FactKind::Str(rope) | FactKind::EncodedText(rope) => rope.holes().any(
            |hole| matches!(&hole.source, flaskseal_project::semantic::Source::Path(path) if path_names(path)),
        ),
        FactKind::OneOf(alternatives) => alternatives.iter().any(|(fact, _)| mentions_password(fact)),
        _ => false,
    }
}

/// `generate_password_hash(password, method="sha256")`.
fn weak_method(cx: &Context<'_>, call: &Event) -> Option<Finding> {
    if !call.path.starts_with("werkzeug.") {
        return None;
    }
    let method = call.argument(1, "method")?.as_str()?.to_owned();
    let mut parts = method.split(':');
    let (kind, hash, rounds) = (parts.next()?, parts.next(), parts.next());
    let (severity, message) = match kind {
        "plain" => (Severity::High, "passwords are stored in plain text".to_owned()),
        "pbkdf2" => {
            let rounds: i64 = rounds?.parse().ok()?;
            let severity = pbkdf2_severity(rounds, hash.unwrap_or("sha256"))?;
            (severity, format!("{rounds} rounds of PBKDF2 are too few"))
        }
        "scrypt" => return None,
        _ => (Severity::High, format!("passwords are hashed with {kind}, which is made to be fast")),
    };
    Some(finding(cx, call.span, &call.scope, severity, message))
}

fn pbkdf2_severity(rounds: i64, hash: &str) -> Option<Severity> {
    match rounds {
        ..100_000 => Some(Severity::Medium),
        100_000..600_000 if hash.contains("256") => Some(Severity::Low),
        _ => None,
    }
}

/// A key derivation that costs an attacker too little, or whose salt is the same for everybody.
fn weak_cost(cx: &Context<'_>, call: &Event) -> Option<Finding> {
    // Keys for encryption are derived from something else, and FS354's.
    let purpose = Purpose::of(cx, call.span);
    let is_bcrypt = call.path.ends_with("gensalt");
    if !is_bcrypt && !purpose.is_made_of_password() {
        return None;
    }
    let int = |index, name| call.argument(index, name).and_then(Fact::as_int);
    let report = |severity, message: String| Some(finding(cx, call.span, &call.scope, severity, message));
    if is_bcrypt {
        let rounds = int(0, "rounds")?;
        return if rounds < 10 {
            report(Severity::Medium, format!("bcrypt with a cost of {rounds} is too fast"))
        } else {
            None
        };
    }
    if cx.is(call, "kdf.scrypt") {
        let n = int(usize::MAX, "n")?;
        return if n < 1 << 14 {
            report(Severity::Medium, format!("scrypt with n={n} is too fast"))
        } else {
            None
        };
    }
    let rounds = int(3, "iterations").or_else(|| call.keyword("count").and_then(Fact::as_int));
    if let Some(rounds) = rounds {
        let hash = call.argument(0, "hash_name").or_else(|| call.argument(0, "algorithm"));
        let hash = match hash.map(|fact| &fact.kind) {
            Some(FactKind::Path(path)) => path.to_ascii_lowercase(),
            Some(FactKind::Str(rope)) => rope.as_literal().unwrap_or_default().to_ascii_lowercase(),
            _ => String::new(),
        };
        if let Some(severity) = pbkdf2_severity(rounds, &hash) {
            return report(severity, format!("{rounds} rounds of PBKDF2 are too few"));
        }
    }
    let salt = call.argument(2, "salt").filter(|_| call.path.starts_with("hashlib."))?;
    if matches!(&salt.kind, FactKind::Bytes(_)) || salt.as_str().is_some() {
        return report(Severity::Medium, "every password is hashed with the same salt".to_owned());
    }
    None
}

/// `user.password == form.password.data`: what is stored is the password itself.
fn plain_comparison(cx: &Context<'_>, file: FileId, compare: &ast::ExprCompare) -> Option<Finding> {
    let ([ast::CmpOp::Eq | ast::CmpOp::NotEq], [right]) = (&*compare.ops, &*compare.comparators) else {
        return None;
    };
    let span = span_of(file, compare);
    let sides = [(&*compare.left, right), (right, &*compare.left)];
    let is_plain = sides.into_iter().any(|(stored, given)| {
        is_stored_password(stored) && !is_constant_name(given) && is_plain_password(cx, file, given)
    });
    is_plain.then(|| {
        let scope =
            function_around(cx, span).map(|function| function.name.id.to_string()).unwrap_or_default();
        finding(
            cx,
            span,
            &scope,
            Severity::High,
            "a password is compared with the stored one, which is plain text".to_owned(),
        )
    })
}

/// `PASSWORD_MASK`, `settings.NO_PASSWORD`: a constant is nobody's password.
fn is_constant_name(expression: &Expr) -> bool {
    let name = match expression {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.id.as_str(),
        _ => return false,
    };
    name.len() > 1 && !name.chars().any(char::is_lowercase)
}

/// An attribute or a column of a record: `user.password`, `row["password"]`.
fn is_stored_password(expression: &Expr) -> bool {
    let owner = match expression {
        Expr::Attribute(attribute) if names_plain_password(&attribute.attr.id) => &attribute.value,
        Expr::Subscript(subscript) => match &*subscript.slice {
            Expr::StringLiteral(key) if names_plain_password(key.value.to_str()) => &subscript.value,
            _ => return false,
        },
        _ => return false,
    };
    let outside = [
        "form",
        "forms",
        "request",
        "req",
        "args",
        "json",
        "values",
        "config",
        "environ",
        "env",
        "settings",
        "data",
        "payload",
        "body",
        "self",
        "auth",
        "authorization",
        "app",
        "credentials",
        "params",
        "get_json",
        "conf",
        "options",
        "session",
    ];
    !identifiers((&**owner).into()).iter().any(|name| {
        outside.contains(&name.to_ascii_lowercase().as_str())
            || words(name).iter().any(|word| matches!(word.as_str(), "form" | "config" | "settings"))
    })
}

/// Something that is a password as its owner typed it, as far as its name and its origin say.
fn is_plain_password(cx: &Context<'_>, file: FileId, expression: &Expr) -> bool {
    match expression {
        Expr::Name(name) => {
            names_plain_password(&name.id) && !is_hashed_before(cx, file, expression, &name.id)
        }
        Expr::Attribute(attribute) if attribute.attr.id.as_str() == "data" => {
            last_name(&attribute.value).is_some_and(names_plain_password)
        }
        Expr::Attribute(attribute) => names_plain_password(&attribute.attr.id) && is_from_request(expression),
        Expr::Subscript(_) => {
            last_name(expression).is_some_and(names_plain_password) && is_from_request(expression)
        }
        Expr::Call(call) => {
            let is_get = matches!(&*call.func, Expr::Attribute(method) if method.attr.id.as_str() == "get");
            is_get
                && is_from_request(expression)
                && matches!(call.arguments.args.first(), Some(Expr::StringLiteral(key)) if names_plain_password(key.value.to_str()))
        }
        _ => false,
    }
}

fn is_from_request(expression: &Expr) -> bool {
    let names = identifiers(expression.into());
    const WORDS: &[&str] =
        &["auth", "body", "content", "data", "form", "json", "params", "payload", "req", "request"];
    names.iter().flat_map(|name| words(name)).any(|word| WORDS.contains(&word.as_str()))
}

/// `password`, but not `password_hash` or `confirm_password`.
fn names_plain_password(name: &str) -> bool {
    const OTHER: &[&str] = &[
        "again",
        "algorithm",
        "check",
        "checker",
        "confirm",
        "confirmation",
        "confirmed",
        "crypt",
        "digest",
        "encrypted",
        "enc",
        "error",
        "expires",
        "field",
        "file",
        "hash",
        "hashed",
        "hasher",
        "id",
        "length",
        "old",
        "repeat",
        "reset",
        "retype",
        "salt",
        "token",
        "url",
        "valid",
        "verify",
    ];
    names_password(name) && !words(name).iter().any(|word| OTHER.contains(&word.as_str()))
}

/// Whether the function hashes the variable before it uses it.
fn is_hashed_before(cx: &Context<'_>, file: FileId, at: &Expr, name: &str) -> bool {
    let Some(function) = function_around(cx, span_of(file, at)) else { return true };
    within(function.into()).into_iter().any(|node| match node {
        AnyNodeRef::StmtAssign(assign) => {
            let is_it = assign
                .targets
                .iter()
                .any(|target| matches!(target, Expr::Name(target) if target.id.as_str() == name));
            is_it && (hashes((&*assign.value).into()) || !is_taken(&assign.value))
        }
        _ => false,
    })
}

/// A value that is taken as it comes: from a request, a parameter, a literal, without a call that may hash it.
fn is_taken(value: &Expr) -> bool {
    match value {
        Expr::Call(call) => match &*call.func {
            Expr::Attribute(method) => matches!(
                method.attr.id.as_str(),
                "get" | "strip" | "getlist" | "pop" | "get_json" | "decode" | "encode"
            ),
            Expr::Name(name) => matches!(name.id.as_str(), "str" | "input" | "escape"),
            _ => false,
        },
        _ => true,
    }
}

fn hashes(node: AnyNodeRef<'_>) -> bool {
    identifiers(node).iter().any(|name| is_hashing(name))
}

fn is_hashing(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["hash", "crypt", "argon", "digest", "pbkdf", "kdf", "md5", "sha1", "sha256", "sha512"]
        .iter()
        .any(|part| name.contains(part))
}

/// `filter_by(username=u, password=p)` and its SQL.
fn plain_query(cx: &Context<'_>, file: FileId, call: &ast::ExprCall) -> Option<Finding> {
    let Expr::Attribute(method) = &*call.func else { return None };
    let span = span_of(file, call);
    let is_plain = match method.attr.id.as_str() {
        "filter_by" | "find_one" | "get_or_none" => call.arguments.keywords.iter().any(|keyword| {
            keyword.arg.as_ref().is_some_and(|name| names_plain_password(&name.id))
                && is_plain_password(cx, file, &keyword.value)
        }),
        "execute" => {
            let statement = call.arguments.args.first()?;
            let text = statement_text(cx, file, statement).to_ascii_lowercase();
            let stores = text.contains("insert into") || text.contains("update ") && text.contains(" set ");
            let asks = text.contains("select") && text.contains("where");
            let column =
                words(&text).iter().any(|word| matches!(word.as_str(), "password" | "passwd" | "pwd"));
            (stores || asks)
                && column
                && within(call.into()).into_iter().any(|node| match node {
                    AnyNodeRef::ExprName(name) => {
                        let name = Expr::Name(name.clone());
                        is_plain_password(cx, file, &name)
                    }
                    AnyNodeRef::ExprSubscript(value) => {
                        is_plain_password(cx, file, &Expr::Subscript(value.clone()))
                    }
                    _ => false,
                })
                && !hashes(call.into())
        }
        _ => false,
    };
    let scope = || function_around(cx, span).map(|function| function.name.id.to_string()).unwrap_or_default();
    is_plain.then(|| {
        finding(cx, span, &scope(), Severity::High, "the database holds passwords in plain text".to_owned())
    })
}

/// The text of an SQL statement, where it stands in the call or in a variable of the function.
fn statement_text<'p>(cx: &Context<'p>, file: FileId, statement: &Expr) -> &'p str {
    let span = span_of(file, statement);
    let Expr::Name(name) = statement else { return cx.text(span) };
    let Some(function) = function_around(cx, span) else { return "" };
    let assigned = within(function.into()).into_iter().find_map(|node| match node {
        AnyNodeRef::StmtAssign(assign) => {
            let is_it = assign
                .targets
                .iter()
                .any(|target| matches!(target, Expr::Name(target) if target.id == name.id));
            is_it.then(|| span_of(file, &*assign.value))
        }
        _ => None,
    });
    assigned.map_or("", |span| cx.text(span))
}

/// `User(name=…, password=request.form["password"])`, where the class does nothing about it.
fn plain_model(cx: &Context<'_>, file: FileId, call: &ast::ExprCall) -> Option<Finding> {
    let name = last_name(&call.func)?;
    let keyword = call.arguments.keywords.iter().find(|keyword| {
        keyword.arg.as_ref().is_some_and(|name| names_plain_password(&name.id))
            && is_plain_password(cx, file, &keyword.value)
    })?;
    let head = format!("class {name}");
    let class = nodes_near(cx, &[&head]).find_map(|(_, node)| match node {
        AnyNodeRef::StmtClassDef(class) if class.name.id.as_str() == name => Some(class),
        _ => None,
    })?;
    let column = keyword.arg.as_ref().and_then(|name| crate::access::class_attribute(class, &name.id))?;
    let is_column = matches!(column, Expr::Call(call) if last_name(&call.func).is_some_and(|name| matches!(name, "Column" | "mapped_column" | "StringField" | "CharField" | "TextField")));
    if !is_column || class.body.iter().any(|statement| hashes(statement.into())) {
        return None;
    }
    // Somebody else may hash on the way: event listeners, custom column types.
    let column_type = last_name(&call.func)
        .is_some_and(|_| identifiers(column.into()).iter().any(|name| names_password(name)));
    if column_type {
        return None;
    }
    let span = span_of(file, call);
    let nodes = enclosing(cx, span);
    let scope = nodes.iter().find_map(|node| match node {
        AnyNodeRef::StmtFunctionDef(function) => Some(function.name.id.to_string()),
        _ => None,
    });
    Some(finding(
        cx,
        span,
        &scope.unwrap_or_default(),
        Severity::High,
        "a password is stored in plain text".to_owned(),
    ))
}
