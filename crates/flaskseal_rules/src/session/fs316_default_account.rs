//! FS316: the application, or a service beside it, has an account whose password everybody knows.

use flaskseal_core::{
    Assessment, Confidence, FileId, Finding, Fix, FixAvailability, Layer, Redacted, RuleId, RuleMeta,
    Severity, Span,
};
use flaskseal_project::deploy::is_example;
use flaskseal_project::{Context, Role, role_of};
use flaskseal_python::ast::visitor::{Visitor, walk_expr, walk_stmt};
use flaskseal_python::ast::{self, Expr, Stmt};
use flaskseal_python::range_of;

use super::NO_CREDENTIALS;
use super::fs314_hardcoded_credential::hashed_literal;
use super::scan::{concerns, is_first_start, secret_span};
use crate::Rule;
use crate::by_file::ByFile;
use crate::credential::is_trivial;
use crate::vocabulary::mentions_any;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(316),
    name: "default-account",
    summary: "The application or a bundled service creates an account with a fixed password.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[NO_CREDENTIALS],
    layers: &[Layer::Source, Layer::Deploy],
    cwe: &[1392, 798],
    owasp: Some("A07"),
    asvs: &["V6.3.2"],
    fix: FixAvailability::None,
    page: include_str!("fs316_default_account.md"),
};

pub(crate) struct DefaultAccount;

impl Rule for DefaultAccount {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let accounts = cx.project.once(|| ByFile::<Vec<Account>>::new(cx.project));
        for file in &cx.evaluation.loaded {
            for account in accounts.of(*file, || accounts_in(cx, *file)).into_iter().flatten() {
                out.fail(finding(cx, account));
            }
        }
        services(cx, out);
    }
}

fn accounts_in(cx: &Context<'_>, file: FileId) -> Vec<Account> {
    let Some(Some(module)) = cx.project.parsed.modules.get(file.0 as usize) else { return Vec::new() };
    let path = cx.path(file);
    let says_password = || mentions_any(cx, file, &["hash", "insert into", "passw", "pw"]);
    if cx.project.role(file) != Role::Source || !says_password() {
        return Vec::new();
    }
    let is_seed = is_seed(path.rsplit('/').next().unwrap_or(path));
    let mut search = Search { file, functions: Vec::new(), is_seed, admins: Vec::new(), found: Vec::new() };
    search.visit_body(&module.syntax.body);
    search.found
}

/// Variables that set the password of a service's own account.
pub(super) fn is_service_password(name: &str) -> bool {
    matches!(
        name,
        "POSTGRES_PASSWORD"
            | "PGPASSWORD"
            | "MYSQL_ROOT_PASSWORD"
            | "MYSQL_PASSWORD"
            | "MARIADB_ROOT_PASSWORD"
            | "MARIADB_PASSWORD"
            | "RABBITMQ_DEFAULT_PASS"
            | "MONGO_INITDB_ROOT_PASSWORD"
            | "PGADMIN_DEFAULT_PASSWORD"
            | "MINIO_ROOT_PASSWORD"
            | "MINIO_SECRET_KEY"
            | "GF_SECURITY_ADMIN_PASSWORD"
            | "ELASTIC_PASSWORD"
            | "SA_PASSWORD"
            | "MSSQL_SA_PASSWORD"
            | "REDIS_PASSWORD"
            | "ME_CONFIG_BASICAUTH_PASSWORD"
    )
}

fn services(cx: &Context<'_>, out: &mut Assessment) {
    if !is_first_start(cx) {
        return;
    }
    for fact in &cx.project.deployment.env_facts {
        let file = cx.project.tree.file(fact.span.file);
        let is_deployed = !file.untracked && !is_example(&file.path) && role_of(&file.path) == Role::Source;
        let Some(value) = fact.value.as_known().filter(|_| is_deployed && is_service_password(&fact.name))
        else {
            continue;
        };
        if !value.is_empty() && is_trivial("", value) && concerns(cx, &file.path) {
            let span = secret_span(cx, fact, value);
            let place = cx.evidence(span, "everybody's first guess");
            let message = format!("`{}` sets a password that everybody knows", fact.name);
            out.fail(
                Finding::new(META.id, Severity::Low, META.confidence, place, message)
                    .with_redacted([span])
                    .with_fix(Fix::advice(
                        "give the service a password of its own, from outside the repository",
                    )),
            );
        }
    }
}

struct Account {
    at: Span,
    text: String,
    is_admin: bool,
    /// Made by a command or a script that somebody runs by hand.
    by_hand: bool,
    confidence: Confidence,
}

fn finding(cx: &Context<'_>, account: &Account) -> Finding {
    let severity = if account.is_admin && !account.by_hand { Severity::High } else { Severity::Medium };
    let who = if account.is_admin { "an administrator" } else { "an account" };
    let place = cx.evidence(account.at, format!("the password: {}", Redacted::new(&account.text)));
    Finding::new(
        META.id,
        severity,
        account.confidence,
        place,
        format!("{who} is created with a password that stands in the code"),
    )
    .with_redacted([cx.inside_quotes(account.at)])
    .with_fix(Fix::advice(
        "ask for the password, or read it from the environment, and refuse to create the account without one",
    ))
}

fn is_seed(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["seed", "fixture", "sample", "demo", "populate", "fake"].iter().any(|word| name.contains(word))
        || name == "manage.py"
}

struct Search {
    file: FileId,
    /// Whether each enclosing function is run by hand.
    functions: Vec<bool>,
    is_seed: bool,
    /// Variables that hold an administrator.
    admins: Vec<String>,
    found: Vec<Account>,
}

impl Search {
    fn add(&mut self, literal: &ast::ExprStringLiteral, is_admin: bool) {
        let text = literal.value.to_str();
        // A hostile file must not make this grow without bound.
        if text.len() < 2
            || self.found.len() >= 100
            || ["pbkdf2:", "scrypt:", "$2"].iter().any(|mark| text.starts_with(mark))
        {
            return;
        }
        let at = Span { file: self.file, range: range_of(literal) };
        let by_hand = self.is_seed || self.functions.iter().any(|by_hand| *by_hand);
        if !self.found.iter().any(|known| known.at == at) {
            self.found.push(Account {
                at,
                text: text.to_owned(),
                is_admin,
                by_hand,
                confidence: META.confidence,
            });
        }
    }

    /// `User(username="admin", password="admin")`, `create_user(…)`.
    fn construction(&mut self, call: &ast::ExprCall) {
        if !makes_account(&call.func) {
            return;
        }
        let password = call.arguments.keywords.iter().find_map(|keyword| {
            let name = keyword.arg.as_ref()?.as_str();
            is_password_attribute(name).then(|| literal_of(&keyword.value)).flatten()
        });
        if let Some(literal) = password {
            self.add(literal, is_admin(call));
        }
    }
}

impl Visitor<'_> for Search {
    fn visit_stmt(&mut self, statement: &Stmt) {
        match statement {
            Stmt::FunctionDef(node) => {
                let is_command = node.decorator_list.iter().any(|decorator| {
                    let callee = match &decorator.expression {
                        Expr::Call(call) => &call.func,
                        other => other,
                    };
                    matches!(last_name(callee), Some("command" | "cli" | "option" | "fixture"))
                });
                self.functions.push(is_command || is_seed(node.name.as_str()));
                walk_stmt(self, statement);
                self.functions.pop();
                return;
            }
            Stmt::Assign(node) => {
                if let (Expr::Call(call), [Expr::Name(target)]) = (&*node.value, &*node.targets)
                    && makes_account(&call.func)
                    && (is_admin(call) || target.id.to_lowercase().contains("admin"))
                {
                    self.admins.push(target.id.to_string());
                }
                for target in &node.targets {
                    // `user.username = "admin"`, `user.is_admin = True`.
                    if let Expr::Attribute(attribute) = target
                        && let Expr::Name(owner) = &*attribute.value
                        && marks_admin(attribute.attr.as_str(), &node.value)
                    {
                        self.admins.push(owner.id.to_string());
                    }
                    if let Expr::Attribute(attribute) = target
                        && is_password_attribute(attribute.attr.as_str())
                        && let Expr::Name(owner) = &*attribute.value
                        && owner.id.as_str() != "self"
                        && let Some(literal) = literal_of(&node.value)
                        && is_account_variable(owner.id.as_str())
                    {
                        let is_admin = self.admins.iter().any(|known| known == owner.id.as_str());
                        self.add(literal, is_admin);
                    }
                }
            }
            _ => {}
        }
        walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &Expr) {
        match expression {
            Expr::Call(call) => {
                self.construction(call);
                // `admin.set_password("…")`.
                if let Expr::Attribute(method) = &*call.func
                    && matches!(method.attr.as_str(), "set_password" | "hash_password" | "update_password")
                    && let Expr::Name(owner) = &*method.value
                    && is_account_variable(owner.id.as_str())
                    && let Some(Expr::StringLiteral(literal)) = call.arguments.args.first()
                {
                    let is_admin = self.admins.iter().any(|known| known == owner.id.as_str());
                    self.add(literal, is_admin);
                }
            }
            Expr::StringLiteral(literal) if inserts_account(literal.value.to_str()) => {
                let is_admin = literal.value.to_str().to_ascii_lowercase().contains("admin");
                self.add(literal, is_admin);
                if let Some(last) = self.found.last_mut() {
                    last.confidence = Confidence::Tentative;
                }
            }
            _ => {}
        }
        walk_expr(self, expression);
    }
}

fn last_name(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Attribute(node) => Some(node.attr.as_str()),
        _ => None,
    }
}

/// The model of an account, or a function that makes one.
fn makes_account(callee: &Expr) -> bool {
    let Some(name) = last_name(callee) else { return false };
    let lower = name.to_ascii_lowercase();
    if matches!(
        lower.as_str(),
        "create_user" | "create_superuser" | "create_admin" | "add_user" | "register_user"
    ) {
        return true;
    }
    let is_class = name.starts_with(|c: char| c.is_ascii_uppercase());
    let is_other =
        ["form", "schema", "exception", "error", "mixin", "field", "request", "response", "test", "factory"]
            .iter()
            .any(|word| lower.contains(word));
    is_class
        && !is_other
        && (lower.ends_with("user")
            || lower.ends_with("users")
            || lower.ends_with("admin")
            || lower.ends_with("account")
            || lower.ends_with("member"))
}

fn is_password_attribute(name: &str) -> bool {
    matches!(
        name,
        "password"
            | "password_hash"
            | "passwd"
            | "pwd"
            | "hashed_password"
            | "pw_hash"
            | "_password"
            | "pass_hash"
            | "hash"
    )
}

pub(super) fn is_account_variable(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ["user", "admin", "account", "member", "root"].iter().any(|word| lower.contains(word)) || lower == "u"
}

/// The literal itself, or the one that a call hashes.
fn literal_of(value: &Expr) -> Option<&ast::ExprStringLiteral> {
    match value {
        Expr::StringLiteral(literal) => Some(literal),
        Expr::Call(call) => hashed_literal(call),
        _ => None,
    }
}

/// An administrator by a flag, a role or a name.
fn is_admin(call: &ast::ExprCall) -> bool {
    last_name(&call.func)
        .is_some_and(|name| name.to_ascii_lowercase().contains("admin") || name == "create_superuser")
        || call
            .arguments
            .keywords
            .iter()
            .any(|keyword| marks_admin(keyword.arg.as_ref().map_or("", |name| name.as_str()), &keyword.value))
}

/// `is_admin=True`, `role="admin"`, `username="admin"`, `email="admin@…"`.
fn marks_admin(name: &str, value: &Expr) -> bool {
    let name = name.to_ascii_lowercase();
    match value {
        Expr::BooleanLiteral(flag) => {
            flag.value && ["admin", "superuser", "staff"].iter().any(|word| name.contains(word))
        }
        Expr::StringLiteral(text) => {
            let text = text.value.to_str().to_ascii_lowercase();
            !name.contains("pass")
                && (matches!(text.as_str(), "root" | "superuser") || text.starts_with("admin"))
        }
        _ => false,
    }
}

/// `INSERT INTO users (name, password) VALUES ('admin', 'admin')`: quoted values beside a column for the password.
fn inserts_account(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let Some((columns, values)) = lower.split_once("values") else { return false };
    let table = columns.split_once("insert into").map(|(_, table)| table.trim_start());
    text.len() < 5000
        && table.is_some_and(|table| {
            table.split(['(', ' ']).next().is_some_and(|name| {
                name.contains("user") || name.contains("admin") || name.contains("account")
            })
        })
        && columns.contains("pass")
        && values.matches('\'').count() >= 4
        && !values.contains(['{', '?', '%'])
}
