//! FS782: the application connects as an administrator of its database.

use std::collections::BTreeSet;

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::deploy::{Mechanism, is_dev, is_example};
use flaskseal_project::{Context, Project, Role, role_of};

use super::PROXY_HYGIENE;
use crate::Rule;
use crate::credential::userinfo;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(782),
    name: "database-superuser",
    summary: "The application connects as an administrator of its database.",
    severity: Severity::Low,
    confidence: Confidence::Firm,
    controls: &[PROXY_HYGIENE],
    layers: &[Layer::Source, Layer::Deploy],
    cwe: &[250, 269],
    owasp: Some("A05~"),
    asvs: &["V13.2.2"],
    fix: FixAvailability::None,
    page: include_str!("fs782_database_superuser.md"),
};

pub(crate) struct DatabaseSuperuser;

impl Rule for DatabaseSuperuser {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    /// The address that the application ends up with.
    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let Some(setting) = cx.setting("SQLALCHEMY_DATABASE_URI") else { return };
        let mut seen = BTreeSet::new();
        for (fact, guard) in setting.value.alternatives() {
            let (Some(url), Some(at)) = (fact.as_str(), fact.at) else { continue };
            // A deployment file that says it is asked by itself.
            let is_code = cx.path(at.file).ends_with(".py");
            if let Some(user) = superuser(url).filter(|_| is_code && guard.holds_by_default())
                && seen.insert(at)
            {
                let message =
                    format!("the application connects to its database as `{user}`, who may do everything");
                out.fail(
                    Finding::new(
                        META.id,
                        Severity::Medium,
                        META.confidence,
                        cx.evidence(at, "an administrator of the database"),
                        message,
                    )
                    .with_redacted(password(cx, at))
                    .with_fix(advice()),
                );
            }
        }
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for fact in &project.deployment.env_facts {
            let file = project.tree.file(fact.span.file);
            if is_dev(&file.path)
                || is_example(&file.path)
                || role_of(&file.path) != Role::Source
                || fact.mechanism == Mechanism::DotenvFile
            {
                continue;
            }
            let Some(url) = fact.value.or_default() else { continue };
            let Some(user) = superuser(url) else { continue };
            let message =
                format!("`{}` has the application connect as `{user}`, who may do everything", fact.name);
            let secret = userinfo(url).and_then(|(_, password)| {
                let at =
                    file.slice(fact.value_span.range).rfind(password).filter(|_| !password.is_empty())?;
                let start = fact.value_span.range.start + at as u32;
                Some(flaskseal_core::Span::new(fact.span.file, start, start + password.len() as u32))
            });
            out.fail(
                Finding::new(
                    META.id,
                    Severity::Low,
                    META.confidence,
                    super::deployed::evidence(fact.span, "an administrator of the database"),
                    message,
                )
                .with_redacted(secret)
                .with_fix(advice()),
            );
        }
    }
}

fn advice() -> Fix {
    Fix::advice(
        "make a role that may use the tables of the application and nothing else; keep the administrator for migrations",
    )
}

fn password(cx: &Context<'_>, at: flaskseal_core::Span) -> Option<flaskseal_core::Span> {
    let text = cx.text(at);
    let (_, password) = userinfo(text)?;
    let from = text.rfind(password).filter(|_| !password.is_empty())?;
    let start = at.range.start + from as u32;
    Some(flaskseal_core::Span::new(at.file, start, start + password.len() as u32))
}

/// The administrator that a database's address names.
fn superuser(url: &str) -> Option<&str> {
    let (scheme, _) = url.split_once("://")?;
    let kind = scheme.split('+').next().unwrap_or(scheme).to_ascii_lowercase();
    let (user, _) = userinfo(url)?;
    let is_admin = match kind.as_str() {
        "postgres" | "postgresql" => matches!(user, "postgres" | "root"),
        "mysql" | "mariadb" => matches!(user, "root" | "admin"),
        "mssql" => user.eq_ignore_ascii_case("sa"),
        "oracle" => user.eq_ignore_ascii_case("system") || user.eq_ignore_ascii_case("sys"),
        "mongodb" => matches!(user, "root" | "admin"),
        _ => false,
    };
    is_admin.then_some(user)
}
