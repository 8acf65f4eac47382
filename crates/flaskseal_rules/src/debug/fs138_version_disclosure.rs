//! FS138: answers name the versions of what serves them.

use flaskseal_live::Live;
use std::collections::BTreeSet;

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::deploy::nginx::{Configuration, LevelKind};
use flaskseal_project::semantic::Fact;
use flaskseal_project::{Context, Project};

use super::QUIET;
use crate::answer::{Piece, answers, is_guarded, pieces};
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(138),
    name: "version-disclosure",
    summary: "Responses name exact versions of the software that serves them.",
    severity: Severity::Low,
    confidence: Confidence::Certain,
    controls: &[QUIET],
    layers: &[Layer::Source, Layer::Deploy, Layer::Live],
    cwe: &[497],
    owasp: Some("A01"),
    asvs: &["V13.4.6"],
    fix: FixAvailability::None,
    page: include_str!("fs138_version_disclosure.md"),
};

pub(crate) struct VersionDisclosure;

impl Rule for VersionDisclosure {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut seen: BTreeSet<Span> = BTreeSet::new();
        for answer in answers(cx).iter().filter(|answer| !is_guarded(cx, answer.function)) {
            answer.pieces(&mut |piece, at| {
                if let Piece::Path(path) = piece
                    && let Some(what) = version_of(path)
                    && seen.insert(at)
                {
                    out.fail(finding(cx, at, answer.scope, format!("{what} goes to the client")));
                }
            });
        }
        for event in cx.calls("header.set") {
            let [name, value] = event.positional.as_slice() else { continue };
            let Some(name @ ("Server" | "X-Powered-By" | "X-AspNet-Version" | "X-Generator")) = name.as_str()
            else {
                continue;
            };
            if seen.contains(&event.span) || !names_version(value, event.span) {
                continue;
            }
            seen.insert(event.span);
            out.fail(finding(cx, event.span, &event.scope, format!("the header `{name}` names a version")));
        }
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for configuration in nginx::configurations(project) {
            server_tokens(configuration, out);
        }
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
        for answer in &live.site.exchanges {
            for header in answer.headers.iter().filter(|header| names_software(&header.name)) {
                let known = (header.name.to_ascii_lowercase(), header.value.clone());
                let is_powered = !header.name.eq_ignore_ascii_case("server");
                if !(has_version(&header.value) || is_powered) || !seen.insert(known) {
                    continue;
                }
                let place = live.at(answer, header, "tells which known flaws to try");
                let message = format!("the header `{}` says what serves the site", header.name);
                out.fail(
                    Finding::new(META.id, META.severity, META.confidence, place, message)
                        .with_scope(header.name.to_ascii_lowercase())
                        .with_fix(Fix::advice("leave the version out: `server_tokens off;` in nginx")),
                );
            }
        }
        let start = live.start().filter(|_| seen.is_empty());
        out.support.extend(start.map(|start| (QUIET, live.answer(start, "no answer names a version"))));
    }
}

/// Headers in which servers and frameworks name themselves.
fn names_software(name: &str) -> bool {
    ["server", "x-powered-by", "x-aspnet-version", "x-generator"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// `Werkzeug/3.0.1` in a text.
fn has_version(text: &str) -> bool {
    text.split([' ', ',']).any(|word| {
        word.split_once('/').is_some_and(|(_, version)| version.starts_with(|c: char| c.is_ascii_digit()))
    })
}

/// nginx names its version in `Server` and on its error pages, unless it is told not to.
fn server_tokens(configuration: &Configuration, out: &mut Assessment) {
    let mut report = |at: Span, claim: &str, confidence: Confidence, scope: String| {
        let message = "nginx names its version in every response and on error pages";
        let fix = Fix::advice("say `server_tokens off;` in the `http` block");
        let place = nginx::evidence(at, claim);
        out.fail(
            Finding::new(META.id, META.severity, confidence, place, message).with_scope(scope).with_fix(fix),
        );
    };
    for (id, directive) in nginx::directives(configuration) {
        if directive.is("server_tokens") && (directive.has("on") || directive.has("build")) {
            report(directive.span, "the version is shown", META.confidence, nginx::scope(configuration, id));
        }
    }
    // The main file may say it, where it is not in the tree.
    let confidence = if configuration.is_whole { META.confidence } else { Confidence::Firm };
    let silent = configuration.all(LevelKind::Server).filter(|id| configuration.is_web(*id)).find(|id| {
        configuration.setting(*id, "server_tokens").is_none()
            && configuration.unresolved(*id).next().is_none()
    });
    if let Some(id) = silent
        && let Some(at) = configuration.place(id)
    {
        report(at, "nothing says `server_tokens off`", confidence, nginx::scope(configuration, id));
    }
}

fn finding(cx: &Context<'_>, at: Span, scope: &str, message: String) -> Finding {
    let place = cx.evidence(at, "tells which known flaws to try");
    Finding::new(META.id, META.severity, META.confidence, place, message)
        .with_scope(scope)
        .with_fix(Fix::advice("leave versions of libraries and of the system out of answers"))
}

/// The software whose version an access path gives. The application's own version is its own business.
fn version_of(path: &str) -> Option<String> {
    let what = match path {
        "sys.version" | "sys.version_info" | "platform.python_version()" => "Python's version",
        "platform.uname()"
        | "platform.platform()"
        | "platform.version()"
        | "platform.release()"
        | "os.uname()" => "the system's version",
        _ => {
            let library = path.strip_suffix(".__version__")?.split('.').next()?;
            return Some(format!("{library}'s version"));
        }
    };
    Some(what.to_owned())
}

/// `Werkzeug/3.0.1`, or a version that a library gives.
fn names_version(value: &Fact, span: Span) -> bool {
    let mut names = false;
    pieces(value, span, &mut |piece, _| match piece {
        Piece::Path(path) => names |= version_of(path).is_some(),
        Piece::Value(fact) => {
            let text = fact.as_str().unwrap_or_default();
            names |= has_version(text);
        }
        Piece::Env(_) => {}
    });
    names
}
