//! FS754: nginx serves the folder that the application runs in, or shows what lies in a folder.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::nginx::{Configuration, LevelId, LevelKind, PASSES, access, listeners, path};
use flaskseal_project::deploy::web::{Listener, Path};

use super::PROXY_HYGIENE;
use super::placed::{self, Placed};
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(754),
    name: "app-in-nginx-root",
    summary: "The web server can send the application's own files, or lists what lies in a folder.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[PROXY_HYGIENE],
    layers: &[Layer::Deploy, Layer::Host],
    cwe: &[552, 538, 548],
    owasp: Some("A01"),
    asvs: &["V13.4.1", "V13.4.3", "V13.4.7"],
    fix: FixAvailability::None,
    page: include_str!("fs754_app_in_nginx_root.md"),
};

pub(crate) struct AppInNginxRoot;

impl Rule for AppInNginxRoot {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for configuration in nginx::configurations(project) {
            let placed = placed::beside(project, configuration);
            for id in configuration.all(LevelKind::Location).chain(configuration.all(LevelKind::Server)) {
                if configuration.is_web(id) {
                    files(project, configuration, &placed, id, out);
                }
            }
            for (id, directive) in nginx::directives(configuration) {
                match directive.name.text.as_str() {
                    "autoindex" if directive.has("on") => listing(configuration, id, directive.span, out),
                    "stub_status" => status(configuration, id, directive.span, out),
                    _ => {}
                }
            }
        }
    }
}

/// Folders of the machine that no site wants to show.
const SYSTEM: [&str; 10] =
    ["/", "/etc", "/etc/nginx", "/root", "/home", "/var", "/var/log", "/proc", "/sys", "/usr"];

fn files(
    project: &Project<'_>,
    configuration: &Configuration,
    placed: &[Placed],
    id: LevelId,
    out: &mut Assessment,
) {
    let level = configuration.level(id);
    let has = |name: &str| configuration.own(id, name).next().is_some();
    if has("return")
        || PASSES.iter().any(|(name, _)| has(name))
        || has("internal")
        || is_denied(configuration, id)
    {
        return;
    }
    let prefix = match level.head.as_ref().filter(|_| level.kind == LevelKind::Location).map(path) {
        Some(Path::Prefix(path) | Path::Exact(path)) => path,
        // Files of one extension, or what a `try_files` has looked for already.
        Some(Path::Pattern(_) | Path::Named(_)) => return,
        Some(Path::All) | None => {
            let is_covered = configuration
                .blocks(id, LevelKind::Location)
                .filter_map(|location| configuration.level(location).head.as_ref())
                .any(|head| path(head) == Path::Prefix("/".to_owned()));
            if is_covered {
                return;
            }
            String::new()
        }
    };
    let alias = configuration.own(id, "alias").next();
    let (directive, folder) = match alias.or_else(|| configuration.setting(id, "root")) {
        Some(directive) if directive.is("alias") => {
            (directive, directive.argument(0).unwrap_or("").to_owned())
        }
        Some(directive) => (directive, format!("{}/{prefix}", directive.argument(0).unwrap_or(""))),
        None => return,
    };
    let Some(folder) = clean(&folder) else { return };
    let (severity, message, trail) = if SYSTEM.contains(&folder.as_str()) || is_home(&folder) {
        (META.severity, format!("`{folder}` of the machine can be read from outside"), None)
    } else if let Some((code, span, has_secrets)) = code_below(project, &folder) {
        let (severity, what) = of_code(has_secrets);
        let trail = span.map(|at| nginx::evidence(at, "the application runs here"));
        (severity, format!("{what} in `{code}` can be read from outside"), trail)
    } else if let Some((code, span, has_secrets)) = placed::code_below(project, placed, &folder) {
        let (severity, what) = of_code(has_secrets);
        let trail = nginx::evidence(span, "puts it there");
        (severity, format!("{what} can be read from outside, such as `{code}`"), Some(trail))
    } else {
        return;
    };
    let primary = nginx::evidence(directive.span, "files are sent from here");
    let finding = Finding::new(META.id, severity, META.confidence, primary, message)
        .with_trail(trail)
        .with_scope(nginx::scope(configuration, id))
        .with_fix(Fix::advice("send files from a folder that holds nothing else: `root /srv/shop/static`"));
    out.fail(finding);
}

fn of_code(has_secrets: bool) -> (Severity, &'static str) {
    if has_secrets {
        (Severity::Critical, "the application and its `.env` file")
    } else {
        (META.severity, "the application")
    }
}

/// `/home/shop`, with what a user keeps there: keys, histories.
fn is_home(folder: &str) -> bool {
    folder.strip_prefix("/home/").is_some_and(|user| !user.contains('/'))
}

/// An absolute path without doubled slashes; None where a variable decides.
fn clean(folder: &str) -> Option<String> {
    if !folder.starts_with('/') || folder.contains(['$', '{']) {
        return None;
    }
    let parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    (!parts.contains(&"..")).then(|| format!("/{}", parts.join("/")))
}

/// The folder that an application runs in, where it lies in this one or is it; and whether secrets lie there too.
fn code_below(project: &Project<'_>, folder: &str) -> Option<(String, Option<Span>, bool)> {
    project.deployment.production().find_map(|process| {
        // What runs in an image is not where nginx looks, unless both are in it.
        if process.image.is_some() {
            return None;
        }
        let code = clean(process.working_dir.as_deref()?)?;
        let is_below = code == folder || code.starts_with(&format!("{}/", folder.trim_end_matches('/')));
        let inside = process.folder.as_deref().unwrap_or("");
        let env = if inside.is_empty() { ".env".to_owned() } else { format!("{inside}/.env") };
        (is_below && code != "/").then(|| (code, Some(process.source), project.tree.exists(&env)))
    })
}

fn is_denied(configuration: &Configuration, id: LevelId) -> bool {
    access(configuration, id)
        .is_some_and(|(_, rules)| rules.iter().any(|rule| rule.is("deny") && rule.has("all")))
        || configuration.setting(id, "auth_basic").is_some_and(|auth| !auth.has("off"))
        || configuration.setting(id, "auth_request").is_some_and(|auth| !auth.has("off"))
}

fn listing(configuration: &Configuration, id: LevelId, at: Span, out: &mut Assessment) {
    let is_download = configuration.chain(id).any(|level| {
        let head = configuration.level(level).head.as_ref();
        head.is_some_and(|head| head.arguments.iter().any(|word| word.text.contains("download")))
    });
    if is_download || is_denied(configuration, id) {
        return;
    }
    let primary = nginx::evidence(at, "every folder without an index shows its files");
    let message = "nginx lists what lies in its folders";
    let finding = Finding::new(META.id, Severity::Medium, Confidence::Certain, primary, message)
        .with_scope(nginx::scope(configuration, id))
        .with_fix(Fix::advice("take `autoindex on` out, or keep it to a location for downloads"));
    out.fail(finding);
}

fn status(configuration: &Configuration, id: LevelId, at: Span, out: &mut Assessment) {
    let is_local = configuration
        .enclosing(id, LevelKind::Server)
        .is_some_and(|server| listeners(configuration, server).iter().all(Listener::is_local));
    if is_local || is_denied(configuration, id) {
        return;
    }
    let primary = nginx::evidence(at, "anybody may ask");
    let message = "nginx tells everybody about its connections and requests";
    let finding = Finding::new(META.id, Severity::Low, Confidence::Certain, primary, message)
        .with_scope(nginx::scope(configuration, id))
        .with_fix(Fix::advice("add `allow 127.0.0.1; deny all;`"));
    out.fail(finding);
}
