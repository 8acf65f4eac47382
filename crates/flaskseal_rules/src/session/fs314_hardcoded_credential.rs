//! FS314: a password stands in the code.

use flaskseal_core::{
    Assessment, Confidence, FileId, Finding, Fix, FixAvailability, Layer, Redacted, RuleId, RuleMeta,
    Severity, Span,
};
use flaskseal_project::semantic::Fact;
use flaskseal_project::{Context, Role};
use flaskseal_python::ast::visitor::{Visitor, walk_expr, walk_stmt};
use flaskseal_python::ast::{self, Expr, Stmt};
use flaskseal_python::range_of;

use super::NO_CREDENTIALS;
use super::fs316_default_account::is_account_variable;
use crate::Rule;
use crate::by_file::ByFile;
use crate::credential::{Promise, host, is_reference, is_trivial, promise, userinfo};
use crate::vocabulary::mentions_any;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(314),
    name: "hardcoded-credential",
    summary: "A password or credential is a literal used for authentication or connection.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[NO_CREDENTIALS],
    layers: &[Layer::Source],
    cwe: &[798, 259],
    owasp: Some("A07"),
    asvs: &["V13.3.1", "V13.2.3"],
    fix: FixAvailability::None,
    page: include_str!("fs314_hardcoded_credential.md"),
};

pub(crate) struct HardcodedCredential;

impl Rule for HardcodedCredential {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        for (call, secret) in connections(cx) {
            if let Some(at) = secret.at
                && let Some(password) = secret.as_str().filter(|text| is_password("", text))
                && is_source(cx, at.file)
            {
                let literal = Literal { at, text: password.to_owned(), used: Use::Connection, name: call };
                out.fail(finding(cx, &literal));
            }
        }
        let literals = cx.project.once(|| ByFile::<Vec<Literal>>::new(cx.project));
        for file in &cx.evaluation.loaded {
            for literal in literals.of(*file, || literals_in(cx, *file)).into_iter().flatten() {
                if !out.findings.iter().any(|known| known.primary.span == Some(literal.at)) {
                    out.fail(finding(cx, literal));
                }
            }
        }
    }
}

fn literals_in(cx: &Context<'_>, file: FileId) -> Vec<Literal> {
    let Some(Some(module)) = cx.project.parsed.modules.get(file.0 as usize) else { return Vec::new() };
    let says_credential = || mentions_any(cx, file, &["://", "aws_secret", "httpauth", "pass", "pw"]);
    if !is_source(cx, file) || !says_credential() {
        return Vec::new();
    }
    let text = cx.project.tree.file(file).text.to_ascii_lowercase();
    let checks_passwords = text.contains("password") || text.contains("httpauth");
    let mut search = Search { file, checks_passwords, found: Vec::new() };
    search.visit_body(&module.syntax.body);
    search.found
}

fn is_source(cx: &Context<'_>, file: FileId) -> bool {
    cx.project.role(file) == Role::Source && !cx.project.tree.file(file).untracked
}

/// The passwords that calls of libraries are given.
fn connections<'p>(cx: &Context<'p>) -> Vec<(String, &'p Fact)> {
    let mut found = Vec::new();
    for call in cx.calls("credential.connect") {
        let secret = ["password", "passwd", "pwd"].iter().find_map(|name| call.keyword(name));
        found.extend(secret.map(|secret| (call.path.to_string(), secret)));
    }
    for call in cx.calls("credential.login") {
        found.extend(call.argument(1, "password").map(|secret| (call.path.to_string(), secret)));
    }
    found
}

/// What a literal is used for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Given to a library that connects or logs in.
    Connection,
    /// Compared with what somebody sends.
    Comparison,
    /// The password of a URL.
    Url,
    /// Assigned to a setting or variable of that name.
    Assignment,
    /// What runs where an environment variable is not set.
    Fallback,
    /// The default of a parameter.
    Parameter,
    /// Users and their passwords.
    Users,
}

struct Literal {
    at: Span,
    text: String,
    used: Use,
    /// What it is assigned to, compared with or given to.
    name: String,
}

fn finding(cx: &Context<'_>, literal: &Literal) -> Finding {
    let Literal { at, text, used, name } = literal;
    let is_setting = name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    let (severity, message) = match used {
        Use::Connection => (Severity::High, format!("the password for `{name}` is a literal")),
        Use::Comparison => (Severity::High, format!("`{name}` is compared with a literal password")),
        Use::Url => {
            let is_local = matches!(host(text), "localhost" | "127.0.0.1" | "[" | "0.0.0.0" | "");
            let severity = if is_local { Severity::Low } else { Severity::High };
            (severity, "a URL in the code has a password".to_owned())
        }
        Use::Assignment if is_setting => (Severity::High, format!("`{name}` is a literal in the code")),
        Use::Assignment => (Severity::Medium, format!("`{name}` is a literal in the code")),
        Use::Fallback => (Severity::Medium, format!("`{name}` falls back to a literal password")),
        Use::Parameter => (Severity::Low, format!("the default of `{name}` is a literal password")),
        Use::Users => (Severity::High, format!("`{name}` lists users with their passwords")),
    };
    let shown = userinfo(text).map_or(text.as_str(), |(_, password)| password);
    let place = cx.evidence(*at, format!("the password: {}", Redacted::new(shown)));
    Finding::new(META.id, severity, META.confidence, place, message)
        .with_redacted([cx.inside_quotes(*at)])
        .with_fix(Fix::advice("read it from the environment, and change it: whoever has the code knows it"))
}

/// Whether a literal under this name is a password, and no field name, placeholder or message.
fn is_password(name: &str, text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let same_as_name = !name.is_empty() && {
        let reduce = |text: &str| text.to_ascii_lowercase().replace(['_', '-', ' '], "");
        reduce(name).contains(&reduce(text))
    };
    text.len() >= 3
        && !text.chars().any(char::is_whitespace)
        && !is_reference(text)
        && !same_as_name
        && !text.contains("://")
        && !lower.starts_with("your")
        && !lower.contains("xxx")
        // What stands in for a password in a log.
        && !text.starts_with(['[', '<', '*', '(', '{', '.', '-'])
        && !["redacted", "masked", "hidden", "filtered"].iter().any(|word| lower.contains(word))
        && !lower.contains("example")
        && !(name.is_empty() && matches!(lower.as_str(), "password" | "passwd"))
        // A hash is no password.
        && !["$2a$", "$2b$", "$2y$", "pbkdf2:", "scrypt:", "$argon2", "$6$", "$5$", "sha256$"].iter().any(|mark| text.starts_with(mark))
}

/// Names whose literal is a credential: passwords, and cloud keys that have no form of their own.
fn is_credential_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    promise(name) == Some(Promise::Password)
        || lower.ends_with("aws_secret_access_key")
        || lower.ends_with("aws_secret_key")
}

struct Search {
    file: FileId,
    /// The file speaks of passwords; otherwise a dictionary of users may say anything of them.
    checks_passwords: bool,
    found: Vec<Literal>,
}

impl Search {
    fn add(&mut self, literal: &ast::ExprStringLiteral, used: Use, name: &str) {
        // A hostile file must not make this grow without bound.
        if self.found.len() < 100 {
            let at = Span { file: self.file, range: range_of(literal) };
            self.found.push(Literal {
                at,
                text: literal.value.to_str().to_owned(),
                used,
                name: name.to_owned(),
            });
        }
    }

    fn assigned(&mut self, target: &Expr, value: &Expr) {
        let Some(name) = name_of(target) else { return };
        // The password of an account that the code makes is FS316's.
        if matches!(target, Expr::Attribute(node) if matches!(&*node.value, Expr::Name(owner) if is_account_variable(&owner.id)))
        {
            return;
        }
        match value {
            Expr::StringLiteral(literal)
                if is_credential_name(name) && is_password(name, literal.value.to_str()) =>
            {
                self.add(literal, Use::Assignment, name);
            }
            Expr::Dict(dict)
                if matches!(
                    name.to_ascii_lowercase().as_str(),
                    "users" | "credentials" | "logins" | "user_passwords" | "passwords"
                ) =>
            {
                self.users(name, dict);
            }
            _ => {}
        }
    }

    /// `users = {"admin": "hunter2"}`, or with a call that hashes the literal.
    fn users(&mut self, name: &str, dict: &ast::ExprDict) {
        let Some(item) = dict.items.first().filter(|item| matches!(item.key, Some(Expr::StringLiteral(_))))
        else {
            return;
        };
        let literal = match &item.value {
            Expr::StringLiteral(literal) => Some(literal),
            Expr::Call(call) => hashed_literal(call),
            _ => None,
        };
        if let Some(literal) =
            literal.filter(|literal| self.checks_passwords && is_password("", literal.value.to_str()))
        {
            self.add(literal, Use::Users, name);
        }
    }
}

impl Visitor<'_> for Search {
    fn visit_stmt(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Assign(node) => {
                for target in &node.targets {
                    self.assigned(target, &node.value);
                }
            }
            Stmt::AnnAssign(node) => {
                if let Some(value) = &node.value {
                    self.assigned(&node.target, value);
                }
            }
            Stmt::FunctionDef(node) => {
                for parameter in node.parameters.iter_non_variadic_params() {
                    let name = parameter.parameter.name.as_str();
                    if let Some(Expr::StringLiteral(literal)) = parameter.default.as_deref()
                        && is_credential_name(name)
                        && is_password(name, literal.value.to_str())
                    {
                        self.add(literal, Use::Parameter, name);
                    }
                }
            }
            // A string by itself is documentation.
            Stmt::Expr(node) if node.value.is_string_literal_expr() => return,
            _ => {}
        }
        walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &Expr) {
        match expression {
            Expr::Compare(node) if matches!(*node.ops, [ast::CmpOp::Eq | ast::CmpOp::NotEq]) => {
                let right = node.comparators.first();
                let pair = match (&*node.left, right) {
                    (Expr::StringLiteral(literal), Some(other))
                    | (other, Some(Expr::StringLiteral(literal))) => Some((literal, other)),
                    _ => None,
                };
                if let Some((literal, other)) = pair
                    && let Some(name) = name_of(other)
                    && is_credential_name(name)
                    && is_password("", literal.value.to_str())
                {
                    self.add(literal, Use::Comparison, name);
                }
            }
            Expr::Call(call) => {
                if let Some((name, literal)) = fallback(call)
                    && is_credential_name(name)
                    && is_password(name, literal.value.to_str())
                {
                    self.add(literal, Use::Fallback, name);
                }
            }
            // `app.config["MAIL_PASSWORD"]` in a dictionary, `dict(MAIL_PASSWORD="…")`, `update(…)`.
            Expr::Dict(dict) => {
                for item in &dict.items {
                    if let (Some(Expr::StringLiteral(key)), Expr::StringLiteral(value)) =
                        (&item.key, &item.value)
                        && is_upper(key.value.to_str())
                        && is_credential_name(key.value.to_str())
                        && is_password(key.value.to_str(), value.value.to_str())
                    {
                        self.add(value, Use::Assignment, key.value.to_str());
                    }
                }
            }
            Expr::StringLiteral(literal) => {
                let text = literal.value.to_str();
                if text.len() < 500
                    && !text.chars().any(char::is_whitespace)
                    && let Some((user, password)) = userinfo(text)
                    && !matches!(host(text), "example.com" | "example.org" | "host" | "hostname")
                    && !(is_trivial(user, password)
                        && matches!(user, "user" | "username")
                        && !host(text).contains('.'))
                {
                    self.add(literal, Use::Url, "");
                }
            }
            _ => {}
        }
        walk_expr(self, expression);
    }

    fn visit_keyword(&mut self, keyword: &ast::Keyword) {
        if let (Some(name), Expr::StringLiteral(literal)) = (&keyword.arg, &keyword.value)
            && is_upper(name.as_str())
            && is_credential_name(name.as_str())
            && is_password(name.as_str(), literal.value.to_str())
        {
            self.add(literal, Use::Assignment, name.as_str());
        }
        ast::visitor::walk_keyword(self, keyword);
    }
}

fn is_upper(name: &str) -> bool {
    name.bytes().any(|byte| byte.is_ascii_uppercase()) && !name.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// The last name of an expression: `password` of `form.password`, `form.password.data`, `request.form["password"]` and
/// `request.form.get("password")`.
fn name_of(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Attribute(node) if matches!(node.attr.as_str(), "data" | "value") => name_of(&node.value),
        Expr::Attribute(node) => Some(node.attr.as_str()),
        Expr::Subscript(node) => match &*node.slice {
            Expr::StringLiteral(key) => Some(key.value.to_str()),
            _ => None,
        },
        Expr::Call(call) => match (&*call.func, call.arguments.args.first()) {
            (Expr::Attribute(function), Some(Expr::StringLiteral(key)))
                if function.attr.as_str() == "get" =>
            {
                Some(key.value.to_str())
            }
            _ => None,
        },
        _ => None,
    }
}

/// `os.environ.get("DB_PASSWORD", "…")`: the variable and its default.
fn fallback(call: &ast::ExprCall) -> Option<(&str, &ast::ExprStringLiteral)> {
    let (callee, reads_environment) = match &*call.func {
        Expr::Name(name) => (name.id.as_str(), matches!(name.id.as_str(), "getenv" | "config")),
        Expr::Attribute(node) => {
            let owner = name_of(&node.value).unwrap_or_default();
            (node.attr.as_str(), matches!(owner, "environ" | "os" | "env" | "config"))
        }
        _ => return None,
    };
    let Some(Expr::StringLiteral(name)) = call.arguments.args.first() else { return None };
    let default = call
        .arguments
        .args
        .get(1)
        .or_else(|| call.arguments.find_keyword("default").map(|keyword| &keyword.value));
    match default {
        Some(Expr::StringLiteral(literal))
            if reads_environment && matches!(callee, "get" | "getenv" | "config" | "str") =>
        {
            Some((name.value.to_str(), literal))
        }
        _ => None,
    }
}

/// The literal that a call hashes: `generate_password_hash("…")`.
pub(super) fn hashed_literal(call: &ast::ExprCall) -> Option<&ast::ExprStringLiteral> {
    let callee = name_of(&call.func)?.to_ascii_lowercase();
    let hashes =
        callee.contains("hash") || callee.contains("encrypt") || callee == "encode" || callee == "decode";
    match call.arguments.args.first() {
        _ if !hashes => None,
        Some(Expr::StringLiteral(literal)) => Some(literal),
        Some(Expr::Call(inner)) => hashed_literal(inner),
        _ => match &*call.func {
            Expr::Attribute(node) => match &*node.value {
                Expr::StringLiteral(literal) => Some(literal),
                Expr::Call(inner) => hashed_literal(inner),
                _ => None,
            },
            _ => None,
        },
    }
}
