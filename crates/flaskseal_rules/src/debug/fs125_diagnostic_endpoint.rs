//! FS125: profilers, toolbars, dashboards and API explorers are on in production.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::Live;
use flaskseal_live::listed::{Find, explorer};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Event, Fact};

use super::NO_DIAGNOSTICS;
use crate::answer::start_calls;
use crate::{Rule, served};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(125),
    name: "diagnostic-endpoint",
    summary: "A profiler, debug toolbar, monitoring dashboard or API explorer is active in production.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[NO_DIAGNOSTICS],
    layers: &[Layer::Source, Layer::Deploy, Layer::Live],
    cwe: &[489, 749],
    owasp: Some("A05~"),
    asvs: &["V13.4.5", "V15.2.3"],
    fix: FixAvailability::None,
    page: include_str!("fs125_diagnostic_endpoint.md"),
};

pub(crate) struct DiagnosticEndpoint;

impl Rule for DiagnosticEndpoint {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut report = |event: &Event, severity, message: &str, label: &str| {
            out.fail(
                Finding::new(META.id, severity, META.confidence, cx.evidence(event.span, label), message)
                    .with_scope(&*event.scope)
                    .with_fix(Fix::advice(
                        "leave it out of production: set it up only where `app.debug` is true",
                    )),
            );
        };
        for event in start_calls(cx, "diagnostic.toolbar").filter(|event| gets_application(event)) {
            // The extension's own default is the application's debug flag.
            let switch = cx.setting("DEBUG_TB_ENABLED").or_else(|| cx.setting("DEBUG"));
            if switch.and_then(|setting| setting.value.by_default().truth()) == Some(true) {
                report(
                    event,
                    Severity::High,
                    "the debug toolbar is on",
                    "shows settings, queries and templates on every page",
                );
            }
        }
        for event in start_calls(cx, "diagnostic.profiler") {
            report(
                event,
                Severity::Medium,
                "a profiler runs on every request",
                "slows each request and writes about it",
            );
        }
        for event in start_calls(cx, "diagnostic.dashboard").filter(|event| gets_application(event)) {
            match dashboard(cx, event) {
                Some(Dashboard::Open) => {
                    report(
                        event,
                        Severity::Medium,
                        "a monitoring dashboard has no password",
                        "measures and shows every route",
                    );
                }
                Some(Dashboard::DefaultPassword) => {
                    report(
                        event,
                        Severity::High,
                        "a monitoring dashboard has its default password",
                        "admin / admin opens it",
                    );
                }
                None => {}
            }
        }
        for event in start_calls(cx, "diagnostic.graphql") {
            if event.keyword("graphiql").and_then(Fact::truth) == Some(true) {
                report(event, Severity::Low, "GraphiQL is on", "an explorer of the whole schema");
            }
        }
        for event in start_calls(cx, "diagnostic.docs") {
            let is_off = event.keyword("doc").is_some_and(|doc| doc.truth() == Some(false));
            if !is_off {
                report(event, Severity::Low, "the API's documentation is public", "lists every endpoint");
            }
        }
        for event in start_calls(cx, "diagnostic.metrics").filter(|event| gets_application(event)) {
            let is_off = event.keyword("path").is_some_and(|path| path.truth() == Some(false));
            if !is_off {
                report(
                    event,
                    Severity::Low,
                    "metrics are served beside the application",
                    "`/metrics` answers whoever asks",
                );
            }
        }
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        for (answer, listed) in
            served::listed(live).into_iter().filter(|(_, listed)| listed.find == Find::Tool)
        {
            // Descriptions of an interface may be meant for everybody; measurements of the process hardly are.
            let is_deep = matches!(listed.path, "/flask-profiler/" | "/dashboard/");
            let severity = if is_deep { Severity::Medium } else { Severity::Low };
            let place = live.answer(answer, "a tool for developers");
            let message = format!("`{}` shows {} to everybody", listed.path, listed.what);
            let finding = Finding::new(META.id, severity, Confidence::Certain, place, message);
            out.fail(
                finding
                    .with_scope(listed.path)
                    .with_fix(Fix::advice("switch it off in production, or put it behind a login")),
            );
        }
        let listed: Vec<&str> = served::listed(live).into_iter().map(|(_, listed)| listed.path).collect();
        let pages = live.ordinary().filter(|page| page.status == 200);
        for page in pages.filter(|page| !listed.contains(&page.url.path())) {
            let Some(what) = explorer(&page.body, &page.media_type()) else { continue };
            let place = live.answer(page, "a tool for developers");
            let message = format!("`{}` shows {what} to everybody", page.url.path());
            let finding = Finding::new(META.id, Severity::Low, Confidence::Certain, place, message);
            out.fail(
                finding
                    .with_scope(page.url.path())
                    .with_fix(Fix::advice("switch it off in production, or put it behind a login")),
            );
        }
    }
}

/// An extension that is made without an application does nothing until `init_app`.
fn gets_application(event: &Event) -> bool {
    event.argument(0, "app").is_some_and(|app| app.truth() != Some(false))
}

enum Dashboard {
    Open,
    DefaultPassword,
}

fn dashboard(cx: &Context<'_>, event: &Event) -> Option<Dashboard> {
    if event.path.starts_with("flask_profiler") {
        // `app.config["flask_profiler"]["basicAuth"]`, which must say that it is enabled.
        let settings = cx.setting("flask_profiler")?.value.by_default();
        let enabled = entry(&settings, "enabled")?.truth()?;
        let asks =
            entry(&settings, "basicAuth").and_then(|auth| entry(&auth, "enabled")).and_then(|on| on.truth());
        return (enabled && asks != Some(true)).then_some(Dashboard::Open);
    }
    // The monitoring dashboard takes its credentials from a file or the environment.
    let file = &cx.project.tree.file(event.span.file).text;
    let configured = file.contains("dashboard.config") || cx.variable("DASHBOARD_CONFIG").is_some();
    (!configured).then_some(Dashboard::DefaultPassword)
}

fn entry(fact: &Fact, key: &str) -> Option<Fact> {
    match &fact.kind {
        flaskseal_project::semantic::FactKind::Dict { entries, .. } => {
            entries.iter().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value.clone())
        }
        _ => None,
    }
}
