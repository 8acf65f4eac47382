//! FS116: where the selector variable or the configuration file is missing, development settings run.

use std::collections::BTreeMap;

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity,
    Span,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{App, Fact, FactKind, SettingFact, Source};

use super::syntax::optional_star_imports;
use super::{ENTRY, PRODUCTION_CONFIG};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(116),
    name: "insecure-config-fallback",
    summary: "When the selector variable or the configuration file is missing, the application starts with development settings.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[PRODUCTION_CONFIG],
    layers: &[Layer::Source, Layer::Deploy],
    cwe: &[1188, 636],
    owasp: Some("A05~"),
    asvs: &["V13.4.2"],
    fix: FixAvailability::None,
    page: include_str!("fs116_insecure_config_fallback.md"),
};

pub(crate) struct InsecureConfigFallback;

/// Settings whose value can be insecure by itself.
static JUDGED: &[&str] = &[
    "DEBUG",
    "SECRET_KEY",
    "SESSION_COOKIE_HTTPONLY",
    "SESSION_COOKIE_SECURE",
    "TESTING",
    "WTF_CSRF_ENABLED",
];

impl Rule for InsecureConfigFallback {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let Some(app) = cx.app else {
            out.gap(
                PRODUCTION_CONFIG,
                Gap::new("the application's configuration could not be followed", ENTRY),
            );
            return;
        };
        let before = out.findings.len();
        out.findings.extend(
            selectors(app).into_iter().map(|(variable, fallbacks)| selector(cx, &variable, &fallbacks)),
        );
        if out.findings.len() == before {
            out.findings.extend(optional_sources(cx, app));
        }
        if out.findings.len() == before {
            conclude(cx, app, out);
        }
    }
}

/// A setting that is insecure where the selector is not set, and secure where it is.
struct Fallback<'p> {
    setting: &'p SettingFact,
    value: &'p Fact,
}

/// The variables that choose between secure and insecure settings, with what runs without them.
fn selectors(app: &App) -> BTreeMap<String, Vec<Fallback<'_>>> {
    let mut found: BTreeMap<String, Vec<Fallback<'_>>> = BTreeMap::new();
    for setting in JUDGED.iter().filter_map(|name| app.setting(name)) {
        let alternatives = setting.value.alternatives();
        let is_choice = alternatives.iter().any(|(value, _)| !is_insecure(&setting.name, value));
        let fallback = alternatives.iter().find(|(value, guard)| {
            !guard.is_always() && guard.holds_by_default() && is_insecure(&setting.name, value)
        });
        let (Some((value, guard)), true) = (fallback, is_choice) else { continue };
        // A variable for the one setting, such as FLASK_DEBUG or SECRET_KEY, selects nothing.
        let is_own = |variable: &str| {
            variable.ends_with(&*setting.name)
                || alternatives.iter().any(|(value, _)| is_text_of(value, variable))
        };
        let Some((variable, _)) = guard.conditions().next() else { continue };
        if !guard.conditions().any(|(variable, _)| is_own(variable)) {
            found.entry(variable.to_owned()).or_default().push(Fallback { setting, value });
        }
    }
    found.retain(|_, fallbacks| {
        fallbacks.len() > 1
            || fallbacks.iter().any(|fallback| matches!(&*fallback.setting.name, "DEBUG" | "SECRET_KEY"))
    });
    found
}

fn is_insecure(name: &str, value: &Fact) -> bool {
    match name {
        "SECRET_KEY" => match &value.kind {
            FactKind::Str(rope) => rope.as_literal().is_some_and(|text| !text.is_empty()),
            FactKind::Bytes(bytes) => !bytes.is_empty(),
            _ => false,
        },
        "DEBUG" | "TESTING" => value.truth() == Some(true),
        _ => value.truth() == Some(false),
    }
}

fn is_text_of(value: &Fact, variable: &str) -> bool {
    matches!(&value.kind, FactKind::Str(rope) if rope.holes().any(|hole| matches!(&hole.source, Source::Env(name) if **name == *variable)))
}

fn selector(cx: &Context<'_>, variable: &str, fallbacks: &[Fallback<'_>]) -> Finding {
    let weighty = fallbacks.iter().any(|fallback| &*fallback.setting.name != "TESTING");
    // A file of variables that the tree does not hold may set it.
    let is_unset = cx.is_deployed() && cx.entry.outside_env.is_none();
    let severity = if weighty && is_unset { Severity::High } else { Severity::Medium };
    let names: Vec<String> =
        fallbacks.iter().map(|fallback| format!("`{}`", fallback.setting.name)).collect();
    let first = &fallbacks[0];
    let label = if is_unset {
        "no deployment file sets the variable"
    } else {
        "chosen where the variable is missing"
    };
    let place = match first.setting.written.first().copied().or(first.value.at) {
        Some(span) => cx.evidence(span, label),
        None => Evidence::general(Layer::Source, label),
    };
    let trail: Vec<Evidence> = fallbacks
        .iter()
        .filter_map(|fallback| Some((fallback.value.at?, &fallback.setting.name)))
        .filter(|(at, _)| Some(*at) != place.span)
        .map(|(at, name)| cx.evidence(at, format!("`{name}` that runs then")))
        .collect();
    let secrets: Vec<Span> = fallbacks
        .iter()
        .filter(|fallback| &*fallback.setting.name == "SECRET_KEY")
        .filter_map(|fallback| fallback.value.at.map(|at| cx.inside_quotes(at)))
        .collect();
    let message = format!(
        "without `{variable}` the application starts with development settings: {}",
        names.join(", ")
    );
    Finding::new(META.id, severity, META.confidence, place, message)
        .with_trail(trail)
        .with_redacted(secrets)
        .with_fix(Fix::advice(
            "make the production configuration the default, or read the variable without one",
        ))
}

/// `from_pyfile("config.py", silent=True)` and optional imports over defaults that are insecure.
fn optional_sources(cx: &Context<'_>, app: &App) -> Vec<Finding> {
    let insecure = |name: &str| {
        app.setting(name).filter(|setting| !setting.written.is_empty() && is_insecure(name, &setting.value))
    };
    let Some(setting) = insecure("DEBUG").or_else(|| insecure("SECRET_KEY")) else { return Vec::new() };
    let mut sources: Vec<Span> = app
        .overlays
        .iter()
        .filter(|overlay| overlay.optional && !overlay.what.starts_with("environment variables"))
        .filter_map(|overlay| overlay.span)
        .collect();
    // What is written afterwards does not come from there.
    sources.retain(|source| {
        !setting.written.iter().any(|at| at.file == source.file && at.range.start > source.range.start)
    });
    // A module whose import may fail is the more telling place than the call that loads what came of it.
    let imports = optional_star_imports(cx);
    let Some(source) = imports.iter().chain(&sources).next() else { return Vec::new() };
    let name = &setting.name;
    let message = format!("where the file is missing, the application starts with the `{name}` of the code");
    let place = cx.evidence(*source, "skipped without a word");
    let value_at = setting.value.at;
    let finding = Finding::new(META.id, Severity::Medium, META.confidence, place, message)
        .with_trail(value_at.map(|at| cx.evidence(at, "what runs then")))
        .with_redacted(value_at.filter(|_| &**name == "SECRET_KEY").map(|at| cx.inside_quotes(at)))
        .with_fix(Fix::advice(
            "refuse to start without the file: leave `silent` out, or check what it must set",
        ));
    vec![finding]
}

/// Which configuration production loads, where nothing is wrong with it.
fn conclude(cx: &Context<'_>, app: &App, out: &mut Assessment) {
    if cx.entry.guessed {
        out.gap(PRODUCTION_CONFIG, Gap::new("no start command found", ENTRY));
        return;
    }
    if let Some(overlay) = app.overlays.iter().find(|overlay| !overlay.optional) {
        let reason = format!("settings come from {}", overlay.what);
        let gap = Gap {
            span: overlay.span,
            ..Gap::new(reason, "check where that file is, or name it with `--env-file FILE`")
        };
        out.gap(PRODUCTION_CONFIG, gap);
        return;
    }
    if app.open {
        out.gap(PRODUCTION_CONFIG, Gap::new("some settings are written under names that are not known", ""));
        return;
    }
    let written = app.settings.iter().find_map(|setting| setting.written.first());
    let claim = "one configuration, without an insecure fallback";
    out.support(
        PRODUCTION_CONFIG,
        match written.copied().or(app.span) {
            Some(span) => cx.evidence(span, claim),
            None => Evidence::general(Layer::Source, claim),
        },
    );
}
