//! FS232: clients can forge what the application believes of them.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_live::{Live, Purpose};
use flaskseal_project::deploy::Server;
use flaskseal_project::semantic::{Event, VariableValue};
use flaskseal_project::{Context, Project};
use url::Url;

use super::{KNOWN_PROXY, app, front};
use crate::served;
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(232),
    name: "excessive-forwarded-trust",
    summary: "The application believes forwarded headers that clients can forge.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[KNOWN_PROXY],
    layers: &[Layer::Source, Layer::Deploy, Layer::Live],
    cwe: &[348, 290],
    owasp: Some("A07"),
    asvs: &["V4.1.3", "V15.3.4"],
    fix: FixAvailability::Unsafe,
    page: include_str!("fs232_excessive_forwarded_trust.md"),
};

pub(crate) struct ExcessiveForwardedTrust;

impl Rule for ExcessiveForwardedTrust {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        for call in app::proxy_fixes(cx) {
            proxy_fix(cx, call, out);
        }
        gunicorn(cx, out);
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for configuration in nginx::configurations(project) {
            for (id, directive) in nginx::directives(configuration) {
                let value = |index: usize| directive.argument(index).unwrap_or("");
                let is_for =
                    directive.is("proxy_set_header") && value(0).eq_ignore_ascii_case("X-Forwarded-For");
                let (message, advice) = if directive.is("set_real_ip_from") && is_everybody(value(0)) {
                    ("whoever asks may name the client's address", "name the addresses of the proxy in front")
                } else if is_for && value(1) == "$http_x_forwarded_for" {
                    (
                        "nginx passes on the `X-Forwarded-For` of the client, without its own address behind it",
                        "set `X-Forwarded-For $proxy_add_x_forwarded_for`",
                    )
                } else {
                    continue;
                };
                let primary = nginx::evidence(directive.span, "clients decide it");
                let finding = Finding::new(META.id, META.severity, META.confidence, primary, message)
                    .with_scope(nginx::scope(configuration, id))
                    .with_fix(Fix::advice(advice));
                out.fail(finding);
            }
        }
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        let is_below = |url: &Url, folder: &str| url.path().starts_with(folder);
        let host = served::reflected(live, (Purpose::ForwardedHost, "x-forwarded-host"), &served::is_of_host);
        let prefix = served::reflected(live, (Purpose::ForwardedHost, "x-forwarded-prefix"), &is_below);
        let (headers, parameters) = match (&host, &prefix) {
            (Some(_), Some(_)) => ("`X-Forwarded-Host` and `X-Forwarded-Prefix`", "`x_host` and `x_prefix`"),
            (None, Some(_)) => ("`X-Forwarded-Prefix`", "`x_prefix`"),
            _ => ("`X-Forwarded-Host`", "`x_host`"),
        };
        if let Some(place) = host.or(prefix) {
            let message = format!(
                "the running site believes {headers} of any client: its links and redirects lead there"
            );
            let advice = format!(
                "let the proxy overwrite what clients send, or leave {parameters} of `ProxyFix` at 0"
            );
            let finding = Finding::new(META.id, META.severity, Confidence::Certain, place, message);
            out.fail(finding.with_fix(Fix::advice(advice)));
        }
        for answer in live.of(Purpose::ForwardedProto).filter(|answer| answer.status < 300) {
            let place = live.answer(answer, "content over plain HTTP, where there is a redirect otherwise");
            let message = "a client switches the redirect to HTTPS off with `X-Forwarded-Proto: https`";
            let finding = Finding::new(META.id, Severity::Low, Confidence::Certain, place, message);
            let advice = Fix::advice(
                "let the proxy overwrite the header: `proxy_set_header X-Forwarded-Proto $scheme`",
            );
            out.fail(finding.with_scope("x-forwarded-proto").with_fix(advice));
        }
    }
}

fn is_everybody(network: &str) -> bool {
    matches!(network, "0.0.0.0/0" | "::/0" | "all")
}

fn proxy_fix(cx: &Context<'_>, call: &Event, out: &mut Assessment) {
    let routes = front::http_routes(cx.project);
    if routes.is_empty() {
        return out.gap(KNOWN_PROXY, front::no_web_server());
    }
    let mut is_sound = true;
    // Another proxy in front of this one adds one value more.
    let proxies = if front::outer_proxy(cx.project).is_some() { 2 } else { 1 };
    for (index, (parameter, header, default)) in app::PARAMETERS.iter().enumerate() {
        // The application itself is the first argument.
        let Some(count) = app::trusted(call, index + 1, parameter, *default) else {
            is_sound = false;
            continue;
        };
        if count <= 0 {
            continue;
        }
        let unset = routes.iter().find(|(_, route, _)| {
            !route.forwarded.is_automatic && route.forwarded.get(header).is_none() && route.open.is_none()
        });
        if count > proxies {
            is_sound = false;
            let message = format!(
                "`{parameter}={count}` trusts {count} values of `{header}`, and {} {} in front",
                proxies,
                if proxies == 1 { "proxy stands" } else { "proxies stand" }
            );
            fail(cx, call, META.severity, message, None, out);
        } else if let Some((_, _, upstream)) = unset {
            // Without the scheme from the proxy links are wrong before they are dangerous: FS234 says so.
            if *parameter == "x_proto" {
                continue;
            }
            is_sound = false;
            let used = app::uses_of_client(cx).is_some();
            let is_host = matches!(*parameter, "x_host" | "x_prefix" | "x_port");
            let severity = if is_host && used { Severity::High } else { META.severity };
            let message = format!(
                "`{parameter}` trusts `{header}`, which the proxy does not set: the client's own arrives"
            );
            fail(cx, call, severity, message, Some(upstream.span), out);
        }
    }
    if is_sound {
        out.support(KNOWN_PROXY, cx.evidence(call.span, "`ProxyFix` trusts what the proxy in front sets"));
    }
}

fn fail(
    cx: &Context<'_>,
    call: &Event,
    severity: Severity,
    message: String,
    at: Option<Span>,
    out: &mut Assessment,
) {
    let primary = cx.evidence(call.span, "what clients send counts here");
    let finding = Finding::new(META.id, severity, META.confidence, primary, message)
        .with_trail(at.map(|at| nginx::evidence(at, "passes the client's headers on")))
        .with_scope(&*call.scope)
        .with_fix(Fix::advice("trust one value of each header that the proxy sets, and no other header"));
    out.fail(finding);
}

/// `--forwarded-allow-ips '*'`: every peer may say what scheme its client used.
fn gunicorn(cx: &Context<'_>, out: &mut Assessment) {
    let Some(process) = cx.entry.process.as_ref().filter(|process| process.server == Server::Gunicorn) else {
        return;
    };
    let is_all = |text: &str| text.split(',').any(|word| word.trim() == "*");
    let by_option = app::option(cx, &["forwarded-allow-ips"])
        .filter(|option| option.value.as_ref().and_then(|value| value.as_known()).is_some_and(is_all))
        .map(|option| option.span);
    let by_file = app::server_setting(cx, "forwarded_allow_ips")
        .filter(|fact| fact.as_str().is_some_and(is_all))
        .and_then(|fact| fact.at);
    let by_variable = cx.entry.environment.get("FORWARDED_ALLOW_IPS").and_then(|variable| {
        matches!(&variable.setting, VariableValue::Known(text) if is_all(text)).then_some(variable.span)?
    });
    let Some(at) = by_option.or(by_file).or(by_variable) else { return };
    let bind = app::option(cx, &["bind"])
        .and_then(|option| option.value.as_ref()?.as_known().map(str::to_owned))
        .or_else(|| app::server_setting(cx, "bind").and_then(|fact| fact.as_str().map(str::to_owned)));
    let is_reached = bind
        .as_deref()
        .is_some_and(|bind| ["0.0.0.0", "[::]", ":"].iter().any(|everywhere| bind.starts_with(everywhere)));
    // In a container only its own network reaches the port, unless it is published.
    let severity = if is_reached && process.image.is_none() { META.severity } else { Severity::Low };
    let message = "gunicorn believes every peer that names the scheme of its client";
    let finding = Finding::new(META.id, severity, META.confidence, cx.evidence(at, "`*`"), message)
        .with_fix(Fix::advice("name the addresses of the proxy"));
    out.fail(finding);
}
