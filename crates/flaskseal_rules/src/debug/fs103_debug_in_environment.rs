//! FS103: a variable or an option of the start command turns debug on.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Context;
use flaskseal_project::deploy::{Mechanism, Server};
use flaskseal_project::semantic::VariableValue;

use super::DEBUG_OFF;
use super::serving::{Serving, is_truthy_debug};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(103),
    name: "debug-in-environment",
    summary: "The production environment or command line turns debug on.",
    severity: Severity::High,
    confidence: Confidence::Certain,
    controls: &[DEBUG_OFF],
    layers: &[Layer::Deploy],
    cwe: &[489],
    owasp: Some("A05~"),
    asvs: &["V13.4.2"],
    fix: FixAvailability::None,
    page: include_str!("fs103_debug_in_environment.md"),
};

pub(crate) struct DebugInEnvironment;

impl Rule for DebugInEnvironment {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let serving = Serving::of(cx);
        match switched_on(cx, &serving) {
            Some((span, what)) => out.fail(finding(cx, &serving, span, &what)),
            None => dotenv_files(cx, &serving, out),
        }
    }
}

/// What turns debug on, with its place: the first of those that Flask looks at.
fn switched_on(cx: &Context<'_>, serving: &Serving<'_>) -> Option<(Option<Span>, String)> {
    let development = matches!(serving, Serving::Development(_));
    let text = |name: &str| match cx.variable(name) {
        Some(VariableValue::Known(text) | VariableValue::Fallback(text)) => Some(&**text),
        _ => None,
    };
    let place = |name: &str| cx.entry.environment.get(name).and_then(|variable| variable.span);
    if let Some(process) = &cx.entry.process
        && let Server::FlaskRun { debug, debugger, .. } = process.server
    {
        if debug == Some(true) {
            return Some((Some(process.source), "`flask` is started with `--debug`".to_owned()));
        }
        if debugger == Some(true) {
            return Some((Some(process.source), "`flask run` is started with `--debugger`".to_owned()));
        }
        for name in ["FLASK_RUN_DEBUG", "FLASK_RUN_DEBUGGER"] {
            let is_on =
                |text: &str| matches!(text.to_lowercase().as_str(), "1" | "true" | "t" | "yes" | "y" | "on");
            if text(name).is_some_and(is_on) {
                return Some((place(name), format!("`{name}` turns debug on")));
            }
        }
    }
    if let Some(value) = text("FLASK_DEBUG").filter(|value| !value.is_empty()) {
        if !is_truthy_debug(value) {
            return None;
        }
        let odd = matches!(
            value.trim().to_lowercase().as_str(),
            "off" | "n" | "none" | "disabled" | "false" | "no" | "0"
        );
        let note = if odd { ", because Flask reads every text but `0`, `false` and `no` as on" } else { "" };
        return Some((place("FLASK_DEBUG"), format!("`FLASK_DEBUG` turns debug on{note}")));
    }
    let is_old = cx.project.flask_version().is_some_and(|version| version < (2, 3));
    let is_development = text("FLASK_ENV").is_some_and(|value| value == "development");
    (is_old && is_development && (development || cx.app.is_some())).then(|| {
        (place("FLASK_ENV"), "`FLASK_ENV=development` turns debug on in Flask before 2.3".to_owned())
    })
}

fn finding(cx: &Context<'_>, serving: &Serving<'_>, span: Option<Span>, what: &str) -> Finding {
    // `app.run(debug=False)` has the last word in its process; under a WSGI server the configuration has.
    let is_off = |value: Option<bool>| value == Some(false);
    let overridden = match serving {
        Serving::Development(Some(call)) => {
            is_off(call.argument(2, "debug").and_then(|debug| debug.by_default().truth()))
        }
        Serving::Development(None) => false,
        Serving::Production(_) | Serving::Unknown => {
            cx.setting("DEBUG").is_some_and(|debug| is_off(debug.value.by_default().truth()))
        }
    };
    let severity = match serving {
        _ if overridden => Severity::Low,
        Serving::Development(_) => Severity::Critical,
        Serving::Production(_) => Severity::Medium,
        Serving::Unknown => Severity::High,
    };
    let label = match (severity, serving) {
        (Severity::Low, _) => "the code overrides it",
        (_, Serving::Development(_)) => "an error page of this server runs Python for whoever sees it",
        _ => "errors propagate, templates reload, and extensions relax their protection",
    };
    let place = match span {
        Some(span) => cx.evidence(span, label),
        None => Evidence::general(Layer::Deploy, label),
    };
    let trail = cx
        .entry
        .span
        .filter(|start| Some(*start) != span)
        .map(|start| cx.evidence(start, "what runs with it"));
    Finding::new(META.id, severity, META.confidence, place, what)
        .with_trail(trail)
        .with_fix(Fix::advice("set `FLASK_DEBUG=0` there, or remove it"))
}

/// `.env` and `.flaskenv`: the `flask` command and `app.run` load them where python-dotenv is installed.
fn dotenv_files(cx: &Context<'_>, serving: &Serving<'_>, out: &mut Assessment) {
    let tree = cx.project.tree;
    for fact in &cx.project.deployment.env_facts {
        let file = tree.file(fact.span.file);
        if fact.mechanism != Mechanism::DotenvFile
            || fact.name != "FLASK_DEBUG"
            || !matches!(file.name(), ".env" | ".flaskenv")
            || !fact.value.or_default().is_some_and(is_truthy_debug)
        {
            continue;
        }
        let loads = is_loaded(cx, serving, &file.path);
        if file.untracked && !loads {
            continue;
        }
        let severity = if loads { Severity::Critical } else { Severity::Low };
        let label = if loads {
            "the start command loads this file"
        } else {
            "nothing in production is seen to load this file"
        };
        out.fail(
            Finding::new(
                META.id,
                severity,
                META.confidence,
                cx.evidence(fact.span, label),
                format!("`{}` turns debug on", file.name()),
            )
            .with_fix(Fix::advice(
                "keep the file out of production, in `.dockerignore`, or set `FLASK_DEBUG=0` there",
            )),
        );
    }
}

/// Whether production loads a `.env` file by itself.
fn is_loaded(cx: &Context<'_>, serving: &Serving<'_>, path: &str) -> bool {
    let Some(process) = &cx.entry.process else { return false };
    if !matches!(serving, Serving::Development(_)) || !cx.project.installs("python-dotenv") {
        return false;
    }
    match &process.image {
        Some(image) => image.dotenv_files.iter().any(|copied| copied.path == path),
        None => {
            path.rsplit_once('/').map_or("", |(folder, _)| folder)
                == process.folder.as_deref().unwrap_or_default()
        }
    }
}
