//! FS106: the development server is what production starts.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity,
    Span, TextRange,
};
use flaskseal_live::Live;
use flaskseal_project::semantic::{Context as When, Event, Fact};
use flaskseal_project::{Context, Project, ServerKind};

use super::serving::{Serving, is_everywhere};
use super::{ENTRY, PRODUCTION_SERVER};
use crate::{HostView, Rule};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(106),
    name: "dev-server-in-production",
    summary: "The Werkzeug development server is the production process.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[PRODUCTION_SERVER],
    layers: &[Layer::Deploy, Layer::Source, Layer::Host, Layer::Live],
    cwe: &[1188],
    owasp: Some("A05~"),
    asvs: &["V15.2.3"],
    fix: FixAvailability::None,
    page: include_str!("fs106_dev_server_in_production.md"),
};

pub(crate) struct DevServerInProduction;

const WSGI: &str = "start it with a WSGI server: `gunicorn --bind 0.0.0.0:8000 MODULE:app`";

impl Rule for DevServerInProduction {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        match Serving::of(cx) {
            Serving::Development(call) => out.fail(process(cx, call)),
            serving => {
                let blocking = unguarded_run(cx);
                match (serving, blocking) {
                    (_, Some(call)) => out.fail(blocks_import(cx, call)),
                    (Serving::Production(evidence), None) => out.support(PRODUCTION_SERVER, evidence),
                    (_, None) if cx.entry.guessed => {
                        out.gap(PRODUCTION_SERVER, Gap::new("no start command found", ENTRY));
                        if let Some(at) = upstream_of_the_development_server(cx) {
                            out.fail(upstream(cx, at));
                        }
                    }
                    (_, None) => {
                        let reason =
                            format!("what `{}` serves the application with is not seen", cx.entry.display);
                        let gap = Gap { span: cx.entry.span, ..Gap::new(reason, ENTRY) };
                        out.gap(PRODUCTION_SERVER, gap);
                    }
                }
            }
        }
    }

    fn check_host(&self, host: &HostView<'_>, _: &Project<'_>, out: &mut Assessment) {
        for process in host.facts.app_servers() {
            let place =
                Evidence::general(Layer::Host, format!("process {} is `{}`", process.id, process.program));
            if process.is_development {
                let message = "the development server runs on the host".to_owned();
                out.fail(
                    Finding::new(META.id, META.severity, Confidence::Certain, place, message)
                        .with_fix(Fix::advice("start it with a WSGI server: `gunicorn MODULE:app`")),
                );
            } else {
                out.support(PRODUCTION_SERVER, place);
            }
        }
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        let named = live.ordinary().find_map(|answer| {
            let mut headers = answer.named("server");
            headers.find(|header| header.value.starts_with("Werkzeug/")).map(|header| (answer, header))
        });
        let Some((answer, header)) = named else { return };
        let place = live.at(answer, header, "made for one developer: slow, without limits, not hardened");
        let message = "the development server answers on the running site";
        let finding = Finding::new(META.id, Severity::High, Confidence::Certain, place, message);
        out.fail(finding.with_fix(Fix::advice(WSGI)));
    }
}

/// The start command is the development server.
fn process(cx: &Context<'_>, call: Option<&Event>) -> Finding {
    let host = match call {
        Some(call) => call.argument(0, "host").and_then(Fact::as_str).map(str::to_owned),
        None => cx.entry.process.as_ref().and_then(|process| {
            let option = process.options.iter().rev().find(|option| option.name == "host")?;
            option.value.as_ref()?.or_default().map(str::to_owned)
        }),
    };
    let everywhere = host.as_deref().is_some_and(is_everywhere);
    let exposed = everywhere && !has_proxy(cx);
    let severity = if exposed { Severity::High } else { Severity::Medium };
    let mut message = format!("`{}` serves production with the development server", cx.entry.display);
    if exposed {
        message.push_str(", reachable without a proxy");
    }
    let label = "made for one developer: slow, without limits, not hardened";
    let place = match (cx.entry.span, call) {
        (Some(span), _) => cx.evidence(span, label),
        (None, Some(call)) => cx.evidence(call.span, label),
        (None, None) => Evidence::general(Layer::Deploy, label),
    };
    let trail = call.filter(|_| cx.entry.span.is_some()).map(|call| cx.evidence(call.span, "started here"));
    Finding::new(META.id, severity, META.confidence, place, message)
        .with_trail(trail)
        .with_fix(Fix::advice(WSGI))
}

/// `app.run()` outside `if __name__ == "__main__":` in a module that the server imports.
fn unguarded_run<'p>(cx: &Context<'p>) -> Option<&'p Event> {
    // `flask run` ignores the call.
    let imports = matches!(cx.entry.server, ServerKind::Wsgi | ServerKind::Unknown);
    let mut calls = cx.calls("app.run").chain(cx.calls("server.development"));
    calls.find(|call| imports && call.context == When::Start && call.guard.holds_by_default())
}

fn blocks_import(cx: &Context<'_>, call: &Event) -> Finding {
    let place = cx.evidence(call.span, "runs whenever the module is imported");
    let message = "the development server starts on import, outside `if __name__ == \"__main__\":`";
    Finding::new(META.id, Severity::Medium, META.confidence, place, message)
        .with_scope(&*call.scope)
        .with_fix(Fix::advice(
            "move the call under `if __name__ == \"__main__\":`, and serve production with a WSGI server",
        ))
}

/// nginx passes requests to port 5000, and nothing in the tree is a WSGI server.
fn upstream_of_the_development_server(cx: &Context<'_>) -> Option<Span> {
    let servers = [
        "gunicorn",
        "uwsgi",
        "waitress",
        "gevent",
        "eventlet",
        "hypercorn",
        "uvicorn",
        "granian",
        "cheroot",
        "bjoern",
    ];
    if servers.iter().any(|name| cx.project.installs(name)) {
        return None;
    }
    cx.project.tree.ids().find_map(|id| {
        let file = cx.project.tree.file(id);
        if !file.path.ends_with(".conf") && !file.path.contains("nginx") {
            return None;
        }
        let (at, line) = ["proxy_pass http://127.0.0.1:5000", "proxy_pass http://localhost:5000"]
            .iter()
            .find_map(|text| file.text.find(text).map(|at| (at, text)))?;
        let start = u32::try_from(at).ok()?;
        let end = u32::try_from(at + line.len()).ok()?;
        Some(Span { file: id, range: TextRange::new(start, end) })
    })
}

fn upstream(cx: &Context<'_>, at: Span) -> Finding {
    let place = cx.evidence(at, "port 5000 is the development server's default");
    let message = "nginx passes requests to port 5000, and nothing in the tree is a WSGI server";
    Finding::new(META.id, Severity::Low, Confidence::Tentative, place, message)
        .with_fix(Fix::advice("serve the application with gunicorn, uWSGI or waitress"))
}

/// Whether something in the tree stands between the network and the process: a reverse proxy, or a platform's router.
fn has_proxy(cx: &Context<'_>) -> bool {
    let by = cx.entry.found_by.as_str();
    let platform =
        by.ends_with("Procfile") || matches!(by, "fly.toml" | "railway.toml" | "app.yaml" | "render.yaml");
    platform
        || cx.project.tree.files.iter().any(|file| {
            let name = file.name();
            (name == "Caddyfile" || name.starts_with("traefik"))
                || file.text.contains("proxy_pass ")
                || file.text.contains("uwsgi_pass ")
                || file.text.contains("ProxyPass ")
                || file.text.contains("traefik.enable=true")
        })
}
