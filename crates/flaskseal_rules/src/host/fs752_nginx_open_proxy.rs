//! FS752: clients choose the server that nginx asks.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::nginx::{
    Characters, Configuration, Directive, LevelId, LevelKind, Part, Pattern, Reach, listeners, parts, path,
};
use flaskseal_project::deploy::web::Path;

use super::PROXY_HYGIENE;
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(752),
    name: "nginx-open-proxy",
    summary: "The server that nginx passes requests to depends on what the client sends.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[PROXY_HYGIENE],
    layers: &[Layer::Deploy, Layer::Host],
    cwe: &[918, 441],
    owasp: Some("A10"),
    asvs: &["V1.3.6"],
    fix: FixAvailability::None,
    page: include_str!("fs752_nginx_open_proxy.md"),
};

pub(crate) struct NginxOpenProxy;

const PASSES: [&str; 6] =
    ["proxy_pass", "uwsgi_pass", "fastcgi_pass", "scgi_pass", "grpc_pass", "memcached_pass"];

impl Rule for NginxOpenProxy {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for configuration in nginx::configurations(project) {
            for (id, pass) in nginx::directives(configuration) {
                if PASSES.contains(&pass.name.text.as_str()) {
                    check(configuration, id, pass, out);
                }
            }
        }
    }
}

fn check(configuration: &Configuration, id: LevelId, pass: &Directive, out: &mut Assessment) {
    let target = Target::of(configuration, id, pass);
    let entry = match entry_of_internal(configuration, id) {
        Entry::Open => None,
        Entry::Through(at) => Some(at),
        Entry::Closed => return,
    };
    let (reach, severity, message) = if let Some((name, reach)) = target.host {
        let is_bounded = is_only_a_label(reach.characters) && target.behind.contains('.');
        // `img7.cdn.example`: numbers within a name choose among servers of one kind.
        if is_bounded && is_number(reach.characters) {
            return;
        }
        let severity = if is_bounded { Severity::Medium } else { META.severity };
        let what = if is_bounded { "a part of the name of the server" } else { "the server" };
        (reach, severity, format!("the client chooses {what} that is asked, with `${name}`"))
    } else if let Some((name, reach)) = target.scheme {
        (reach, Severity::Medium, format!("the client chooses the protocol, with `${name}`"))
    } else if target.is_variable {
        return resolver(configuration, id, pass, out);
    } else {
        return;
    };
    let claim = match reach.origin.as_str() {
        "uri" => "a part of the path that the client asks for".to_owned(),
        origin => format!("the client sends `${origin}`"),
    };
    let trail = entry.into_iter().map(|at| nginx::evidence(at, "sends clients to the internal location"));
    let by =
        reach.by.filter(|by| *by != pass.span).map(|at| nginx::evidence(at, "the value comes from here"));
    let finding =
        Finding::new(META.id, severity, META.confidence, nginx::evidence(pass.span, claim), message)
            .with_trail(by.into_iter().chain(trail))
            .with_scope(nginx::scope(configuration, id))
            .with_fix(Fix::advice(
                "name the server, or let a `map` with fixed values and a safe default choose it",
            ));
    out.fail(finding);
}

/// What of the target's address a client decides.
#[derive(Default)]
struct Target {
    scheme: Option<(String, Reach)>,
    host: Option<(String, Reach)>,
    /// The text of the host behind the variable.
    behind: String,
    /// A variable stands in the host, whoever decides it.
    is_variable: bool,
}

impl Target {
    fn of(configuration: &Configuration, id: LevelId, pass: &Directive) -> Self {
        let text = pass.argument(0).unwrap_or("");
        let mut found = Self::default();
        // `uwsgi_pass` and its kin take an address without a scheme.
        let has_scheme = text.contains("://");
        let mut in_host = !has_scheme;
        for part in parts(text) {
            match part {
                Part::Text(text) => {
                    let rest = match text.split_once("://") {
                        Some((_, rest)) if !in_host => {
                            in_host = true;
                            rest
                        }
                        _ => text.as_str(),
                    };
                    if rest.starts_with("unix:") {
                        return found;
                    }
                    if in_host {
                        let end = rest.find(['/', '?', '#']);
                        found.behind.push_str(rest.get(..end.unwrap_or(rest.len())).unwrap_or(""));
                        if end.is_some() {
                            return found;
                        }
                    }
                }
                Part::Variable(name) => {
                    let mut reaches = configuration.reaches(id, pass, &name);
                    reaches.retain(|reach| !(reach.is_selected && host_is_bounded(configuration, id)));
                    if !in_host {
                        found.scheme = reaches.into_iter().next().map(|reach| (name, reach));
                        continue;
                    }
                    // What begins with a slash is the path already.
                    let only_slash = |reach: &Reach| reach.first.without(b'/').is_empty();
                    if !reaches.is_empty() && reaches.iter().all(only_slash) {
                        return found;
                    }
                    found.is_variable = true;
                    if let Some(reach) = reaches.into_iter().find(|reach| !only_slash(reach)) {
                        found.behind.clear();
                        found.host = Some((name, reach));
                    }
                }
            }
        }
        found
    }
}

fn is_number(characters: Characters) -> bool {
    (b'0'..=b'9').fold(characters, Characters::without).is_empty()
}

/// Nothing that ends a name, so that what stands behind it stays the end of the name.
fn is_only_a_label(characters: Characters) -> bool {
    b"/?#@:\\".iter().all(|&byte| !characters.contains(byte))
}

/// nginx gets to this server only with one of its names: they are whole names, and another server takes the rest.
fn host_is_bounded(configuration: &Configuration, id: LevelId) -> bool {
    let Some(server) = configuration.enclosing(id, LevelKind::Server) else { return false };
    let mut names = configuration.own(server, "server_name").flat_map(|names| &names.arguments).peekable();
    let is_whole = |name: &str| {
        name.contains('.') && !name.starts_with('~') && !name.ends_with('*') && !name.contains('$')
    };
    if names.peek().is_none() || !names.all(|name| is_whole(&name.text)) {
        return false;
    }
    listeners(configuration, server).iter().all(|own| {
        let mut sharing = configuration.all(LevelKind::Server).flat_map(|other| {
            let same = |listener: &_| same_address(own, listener);
            listeners(configuration, other).into_iter().filter(same).map(move |found| (other, found))
        });
        let all: Vec<_> = sharing.by_ref().collect();
        let default = all.iter().find(|(_, listener)| listener.is_default).or(all.first());
        default.is_some_and(|(other, _)| *other != server)
    })
}

fn same_address(
    a: &flaskseal_project::deploy::web::Listener,
    b: &flaskseal_project::deploy::web::Listener,
) -> bool {
    a.port == b.port && a.address == b.address
}

/// Who gets to a location.
enum Entry {
    Open,
    /// It is internal, and something sends clients there with what they ask for.
    Through(Span),
    /// Only the application sends requests there (`X-Accel-Redirect`), or nothing at all.
    Closed,
}

fn entry_of_internal(configuration: &Configuration, id: LevelId) -> Entry {
    let internal = configuration.chain(id).find(|level| {
        configuration.level(*level).kind == LevelKind::Location
            && configuration.own(*level, "internal").next().is_some()
    });
    let Some(location) = internal else { return Entry::Open };
    let Some(head) = &configuration.level(location).head else { return Entry::Open };
    let prefix = match path(head) {
        Path::Prefix(path) | Path::Exact(path) => path,
        Path::Pattern(pattern) => Pattern::new(&pattern, false).prefix(),
        Path::All | Path::Named(_) => return Entry::Closed,
    };
    let server = configuration.enclosing(location, LevelKind::Server);
    for (level, directive) in nginx::directives(configuration) {
        if configuration.enclosing(level, LevelKind::Server) != server {
            continue;
        }
        let target = match directive.name.text.as_str() {
            "rewrite" if !directive.has("redirect") && !directive.has("permanent") => directive.argument(1),
            "try_files" | "error_page" => directive.arguments.last().map(|word| word.text.as_str()),
            _ => None,
        };
        let Some(target) = target.filter(|target| target.starts_with('/')) else { continue };
        let Some(Part::Text(fixed)) = parts(target).into_iter().next() else { continue };
        if fixed.starts_with(&prefix) && !configuration.reaches_of(level, directive, target).is_empty() {
            return Entry::Through(directive.span);
        }
    }
    Entry::Closed
}

/// A name that nginx looks up again and again, at servers that belong to somebody else.
fn resolver(configuration: &Configuration, id: LevelId, pass: &Directive, out: &mut Assessment) {
    let Some(resolver) = configuration.setting(id, "resolver") else { return };
    let is_public = |text: &str| {
        let host = text.rsplit_once(':').map_or(text, |(host, _)| host);
        host.parse::<std::net::Ipv4Addr>().is_ok() && !nginx::is_private_address(host)
    };
    let Some(foreign) = resolver.arguments.iter().find(|word| is_public(&word.text)) else { return };
    let message = format!("`{}` answers where the upstream is", foreign.text);
    let primary = nginx::evidence(resolver.span, "a public server for names, over plain UDP");
    let finding = Finding::new(META.id, Severity::Low, META.confidence, primary, message)
        .with_trail([nginx::evidence(pass.span, "the variable makes nginx look the name up")])
        .with_scope(nginx::scope(configuration, id))
        .with_fix(Fix::advice("use a resolver of your own network, or name the upstream without a variable"));
    out.fail(finding);
}
