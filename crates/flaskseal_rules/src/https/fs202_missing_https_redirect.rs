//! FS202: whoever asks over HTTP is not sent to HTTPS.

use flaskseal_core::{
    Applicability, Assessment, Confidence, Edit, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta,
    Severity, Span,
};
use flaskseal_live::{Exchange, Live, Plain, Purpose, Tls};
use flaskseal_project::deploy::web::{Answer, Listener, Program, Redirect, Route, Site};
use flaskseal_project::{Context, Project};

use super::{REDIRECT, app, front};
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(202),
    name: "missing-https-redirect",
    summary: "HTTP requests are answered with content, or nothing sends them to HTTPS.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[REDIRECT],
    layers: &[Layer::Deploy, Layer::Source, Layer::Host, Layer::Live],
    cwe: &[319, 523],
    owasp: Some("A02"),
    asvs: &["V12.2.1", "V4.1.2"],
    fix: FixAvailability::Unsafe,
    page: include_str!("fs202_missing_https_redirect.md"),
};

pub(crate) struct MissingHttpsRedirect;

impl Rule for MissingHttpsRedirect {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        sites(cx.project, Some(cx), out);
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        back_to_http(project, out);
        if project.apps.is_empty() {
            sites(project, None, out);
        }
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        if !matches!(live.site.tls, Tls::Spoken { .. }) {
            return;
        }
        match &live.site.plain {
            Plain::Refused => {
                out.support(REDIRECT, live.connection("nobody listens for plain HTTP"));
            }
            Plain::Answered => live.of(Purpose::Plain).for_each(|answer| answered(live, answer, out)),
            Plain::Unknown(reason) => {
                out.gap(REDIRECT, Gap::new(format!("plain HTTP was not seen: {reason}"), ""));
            }
            Plain::NotAsked(_) => {}
        }
    }
}

/// What the running site answers over plain HTTP.
fn answered(live: &Live<'_>, answer: &Exchange, out: &mut Assessment) {
    let mut report = |severity, claim: &str, message: String| {
        let place = match answer.header("location") {
            Some(header) if answer.is_redirect() => live.at(answer, header, claim),
            _ => live.answer(answer, claim),
        };
        let advice = "answer HTTP with `return 308 https://$host$request_uri;` and nothing else";
        let finding = Finding::new(META.id, severity, Confidence::Certain, place, message);
        out.fail(finding.with_fix(Fix::advice(advice)));
    };
    let Some(target) = answer.target() else {
        if answer.is_redirect() {
            return report(Severity::Medium, "leads nowhere", "HTTP is redirected to no address".to_owned());
        }
        if answer.status >= 400 {
            let claim = format!("plain HTTP is refused with {}", answer.status);
            return out.support(REDIRECT, live.answer(answer, claim));
        }
        let message = "the site answers over plain HTTP, while there is HTTPS".to_owned();
        return report(Severity::High, "content over plain HTTP", message);
    };
    let is_same_host = target.host_str() == answer.url.host_str();
    if target.scheme() != "https" {
        let claim = "another hop over plain HTTP";
        return report(Severity::Low, claim, "HTTP is not redirected to HTTPS at once".to_owned());
    }
    if !is_same_host {
        let message = format!(
            "HTTP is redirected to another host before HTTPS: browsers learn no HSTS for {}",
            answer.url.host_str().unwrap_or("the first")
        );
        return report(Severity::Low, "another host", message);
    }
    if matches!(answer.status, 302 | 303 | 307) {
        let message = format!("the redirect to HTTPS is temporary ({})", answer.status);
        report(Severity::Low, "asked for again each time", message);
    }
    if let Some(header) = answer.header("location") {
        out.support(REDIRECT, live.at(answer, header, "HTTP is redirected to HTTPS on the same host"));
    }
}

fn sites(project: &Project<'_>, cx: Option<&Context<'_>>, out: &mut Assessment) {
    let by_app = cx.and_then(app::forces_https);
    if project.deployment.web.is_empty() {
        return match (cx, by_app) {
            (Some(cx), Some(call)) => {
                out.support(REDIRECT, cx.evidence(call.span, "Talisman sends visitors to HTTPS"));
            }
            _ => out.gap(REDIRECT, front::no_web_server()),
        };
    }
    let Some((tls, listener)) = front::with_tls(project).next() else {
        return out
            .gap(REDIRECT, Gap::new("nothing speaks TLS, so that there is nothing to send visitors to", ""));
    };
    let mut is_answered = false;
    let served: Vec<&Site> = front::with_tls(project).map(|(site, _)| site).collect();
    for site in project.deployment.web.production().filter(|site| site.has_plain()) {
        if served.iter().any(|with_tls| are_together(project, with_tls, site)) {
            is_answered = true;
            plain(project, site, cx, by_app.map(|call| call.span), out);
        } else if let Some(listener) = published(project, site) {
            let reason = "this web server answers over plain HTTP, and a container publishes such a port";
            out.gap(REDIRECT, Gap::at(listener.span, reason, "say which web server visitors reach"));
        }
    }
    if is_answered || tls.tls.is_managed.is_some() {
        if let Some(at) = tls.tls.is_managed.filter(|_| !is_answered) {
            // Traefik answers at the entry points that it is told, and nowhere else.
            let claim = match tls.program {
                Program::Traefik if tls.open.is_some() => {
                    let reason =
                        "whether Traefik redirects HTTP stands in its own settings, which are not here";
                    return out.gap(REDIRECT, Gap::at(at, reason, "keep them in the checked folder"));
                }
                Program::Traefik => "nothing listens without TLS".to_owned(),
                program => format!("{} redirects HTTP by itself", program.name()),
            };
            out.support(REDIRECT, nginx::evidence(at, claim));
        }
        return;
    }
    let mut others = project.deployment.web.production().filter(|site| are_together(project, tls, site));
    if let Some(other) = others.find(|site| site.listeners.is_empty()) {
        let reason = "what fills this file in decides where this server listens";
        return out.gap(REDIRECT, Gap::at(other.span, reason, "check what it is filled in to"));
    }
    let names: Vec<&str> = tls.names.iter().map(|(name, _)| name.as_str()).collect();
    let names = if names.is_empty() { "_".to_owned() } else { names.join(" ") };
    let advice =
        format!("add a server: `listen 80; server_name {names}; return 308 https://$host$request_uri;`");
    let fix = Fix {
        advice,
        applicability: Applicability::Unsafe,
        edits: new_server(tls, &names).into_iter().collect(),
    };
    let message = "nothing listens on port 80 and sends visitors to HTTPS";
    let primary = nginx::evidence(listener.span, "only who asks for HTTPS gets here");
    let finding = Finding::new(META.id, META.severity, META.confidence, primary, message)
        .with_scope(names)
        .with_fix(fix);
    out.fail(finding);
}

/// Whether two sites answer on one machine: they belong to one instance, or their files lie side by side. What another
/// container or an alternative configuration serves is reached some other way.
fn are_together(project: &Project<'_>, a: &Site, b: &Site) -> bool {
    let folder = |site: &Site| {
        let path = &*project.tree.file(site.span.file).path;
        path.rsplit_once('/').map_or("", |(folder, _)| folder)
    };
    a.program == b.program && (a.instance == b.instance || folder(a) == folder(b))
}

/// The listener of a site with content whose port some container publishes.
fn published<'p>(project: &Project<'_>, site: &'p Site) -> Option<&'p Listener> {
    front::content(site).next()?;
    let ports = project.deployment.host.containers.iter().filter(|container| !container.dev);
    let ports: Vec<(u16, u16)> =
        ports.flat_map(|container| &container.ports).filter_map(|port| port.container).collect();
    site.listeners.iter().find(|listener| {
        !listener.is_local() && ports.iter().any(|(first, last)| (*first..=*last).contains(&listener.port))
    })
}

/// A server for port 80, in front of the one that speaks TLS.
fn new_server(tls: &Site, names: &str) -> Option<Edit> {
    (tls.program == Program::Nginx).then(|| Edit {
        span: Span::new(tls.span.file, tls.span.range.start, tls.span.range.start),
        replacement: format!(
            "server {{\n    listen 80;\n    listen [::]:80;\n    server_name {names};\n    return 308 https://$host$request_uri;\n}}\n\n"
        ),
    })
}

/// A site that is reached over plain HTTP, while there is TLS somewhere.
fn plain(
    project: &Project<'_>,
    site: &Site,
    cx: Option<&Context<'_>>,
    by_app: Option<Span>,
    out: &mut Assessment,
) {
    let scope = site.names.first().map(|(name, _)| name.clone()).unwrap_or_default();
    let report = |severity, at: Span, claim: &str, message: &str, advice: &str, out: &mut Assessment| {
        let finding = Finding::new(META.id, severity, META.confidence, nginx::evidence(at, claim), message)
            .with_scope(scope.clone())
            .with_fix(Fix::advice(advice));
        out.fail(finding);
    };
    if let Some(redirect) = site.redirect() {
        return redirected(site, redirect, &report, out);
    }
    let routes: Vec<&Route> = front::content(site).collect();
    let Some(first) = routes.first() else {
        for route in &site.routes {
            if let Answer::Redirect(redirect) = &route.answer {
                redirected(site, redirect, &report, out);
            }
        }
        if site.routes.iter().all(|route| !matches!(route.answer, Answer::Redirect(_)))
            && let Some(listener) = site.listeners.first()
        {
            out.support(REDIRECT, nginx::evidence(listener.span, "nothing is served over plain HTTP here"));
        }
        return;
    };
    if let (Some(cx), Some(at)) = (cx, by_app)
        && routes.iter().all(|route| matches!(route.answer, Answer::Proxy(_)))
    {
        return out.support(REDIRECT, cx.evidence(at, "Talisman sends visitors to HTTPS"));
    }
    let listener = site.listeners.iter().find(|listener| !listener.tls && !Listener::is_local(listener));
    let Some(listener) = listener else { return };
    if let Some(at) = front::outer_proxy(project) {
        let reason = "another proxy in front of this one may send visitors to HTTPS, and its configuration is not here";
        return out.gap(REDIRECT, Gap::at(at, reason, ""));
    }
    let message = format!(
        "port {} serves `{}` over plain HTTP, while there is HTTPS",
        listener.port,
        first.path.shown()
    );
    report(
        Severity::High,
        first.span,
        "answers with content",
        &message,
        "answer with `return 308 https://$host$request_uri;` on port 80",
        out,
    );
}

/// Writes down a finding: severity, place, claim, message and advice.
type Report<'r> = dyn Fn(Severity, Span, &str, &str, &str, &mut Assessment) + 'r;

fn redirected(site: &Site, redirect: &Redirect, report: &Report<'_>, out: &mut Assessment) {
    if !redirect.is_to_https() {
        if redirect.target.starts_with('/') || redirect.target.starts_with("$scheme") {
            report(
                META.severity,
                redirect.span,
                "stays on plain HTTP",
                "the redirect does not lead to HTTPS",
                "redirect to `https://$host$request_uri`",
                out,
            );
        }
        return;
    }
    let host = redirect.target.get(8..).unwrap_or("").split(['/', '$', '?', '%', '{']).next().unwrap_or("");
    let is_raw = redirect.target.get(8..).unwrap_or("").starts_with("$http_host");
    let names: Vec<&str> = site.names.iter().map(|(name, _)| name.as_str()).collect();
    let has_names = names.iter().any(|name| name.contains('.'));
    if is_raw && !has_names {
        report(
            Severity::Low,
            redirect.span,
            "holds whatever the client sent as `Host`",
            "the redirect leads to any host that the client names",
            "give the server a `server_name`, and redirect to `https://$host$request_uri`",
            out,
        );
    } else if matches!(redirect.status, 302 | 303 | 307) {
        report(
            Severity::Low,
            redirect.span,
            "a temporary redirect",
            "browsers do not remember the redirect to HTTPS, and ask over HTTP again",
            "use status 301 or 308",
            out,
        );
    } else if !host.is_empty() && has_names && !names.iter().any(|name| covers(name, host)) {
        report(
            Severity::Low,
            redirect.span,
            "another host",
            "the first redirect leads to another host, so that HSTS is never set for the one that was asked",
            "redirect to HTTPS on the same host first",
            out,
        );
    } else {
        out.support(REDIRECT, nginx::evidence(redirect.span, "sends visitors to HTTPS"));
    }
}

fn covers(name: &str, host: &str) -> bool {
    name == host
        || name.strip_prefix('.').is_some_and(|domain| host == domain || host.ends_with(name))
        || name.strip_prefix('*').is_some_and(|rest| host.ends_with(rest))
        || name.starts_with('~')
}

/// Redirects that name plain HTTP, wherever they stand.
fn back_to_http(project: &Project<'_>, out: &mut Assessment) {
    for configuration in nginx::configurations(project) {
        for (id, directive) in nginx::directives(configuration) {
            let target = match directive.name.text.as_str() {
                "return" if directive.arguments.len() > 1 => directive.argument(1),
                "return" => directive.argument(0),
                "rewrite" => directive.argument(1),
                _ => None,
            };
            let is_body = directive.is("return")
                && directive.arguments.len() > 1
                && !directive.argument(0).is_some_and(|status| status.starts_with('3'));
            let Some(rest) = target.and_then(|target| target.strip_prefix("http://")).filter(|_| !is_body)
            else {
                continue;
            };
            let host = rest.split(['/', ':', '?']).next().unwrap_or("");
            if nginx::is_private_address(host) || host.starts_with("127.") {
                continue;
            }
            let message = "the redirect leads to plain HTTP";
            let primary = nginx::evidence(directive.span, "names `http://`");
            let finding = Finding::new(META.id, Severity::Low, META.confidence, primary, message)
                .with_scope(nginx::scope(configuration, id))
                .with_fix(Fix::advice("name `https://`"));
            out.fail(finding);
        }
    }
}
