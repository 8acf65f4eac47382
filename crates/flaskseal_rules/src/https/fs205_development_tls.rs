//! FS205: TLS is the development server's, or rests on a throw-away certificate.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::Live;
use flaskseal_project::semantic::{Context as When, Event, Fact, FactKind, VariableValue};
use flaskseal_project::{Context, ServerKind};
use flaskseal_tls::Fact as Place;

use super::{TLS, app};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(205),
    name: "development-tls",
    summary: "TLS is provided by the development server, or by a certificate that is made anew at every start.",
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    controls: &[TLS],
    layers: &[Layer::Source, Layer::Deploy, Layer::Live],
    cwe: &[295, 1188],
    owasp: Some("A07"),
    asvs: &["V12.2.2"],
    fix: FixAvailability::None,
    page: include_str!("fs205_development_tls.md"),
};

pub(crate) struct DevelopmentTls;

/// What starts a server with an `ssl_context`, by role and position.
const SERVERS: [(&str, usize); 2] = [("app.run", usize::MAX), ("server.development", 14)];

impl Rule for DevelopmentTls {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        let Some(facts) = live.offer() else { return };
        for (index, chain) in facts.chains.iter().enumerate() {
            // `generate_adhoc_ssl_pair` of Werkzeug 0.10 to 3.1 names it so, for `adhoc` and for files that it writes.
            if chain.own().is_some_and(|own| own.subject.contains("Dummy Certificate")) {
                let place = live.tls(Place::Certificate(index, 0), "Werkzeug made it");
                let message = "the running site shows a certificate that Werkzeug made for development";
                fail(out, Severity::High, place, message, &facts.host);
            }
        }
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let calls: Vec<(&Event, Tls)> = SERVERS
            .iter()
            .flat_map(|(role, position)| cx.all_calls(role).map(move |call| (call, *position)))
            .filter_map(|(call, position)| Some((call, Tls::of(call.argument(position, "ssl_context")?)?)))
            .collect();
        for (call, tls) in &calls {
            // A function is seen alone, and again where the start-up calls it: that tells more.
            if calls.iter().any(|(other, _)| other.span == call.span && other.context < call.context) {
                continue;
            }
            let runs = call.context == When::Start && cx.entry.server != ServerKind::FlaskRun
                || call.context == When::Request && cx.entry.server == ServerKind::Script;
            let severity = match (runs, tls) {
                (true, Tls::Throwaway) => Severity::High,
                (true, Tls::Files) => Severity::Medium,
                (false, _) => Severity::Low,
            };
            let (message, claim) = match tls {
                Tls::Throwaway => {
                    ("the certificate is made anew at every start, and signed by nobody", "`adhoc`")
                }
                Tls::Files => {
                    ("the development server speaks TLS itself", "the development server's own TLS")
                }
            };
            fail(out, severity, cx.evidence(call.span, claim), message, &call.scope);
        }
        for call in cx.calls("server.tls-throwaway") {
            let place = cx.evidence(call.span, "makes a certificate that nobody has signed");
            let message = "the certificate is made by the application itself, and signed by nobody";
            fail(out, Severity::Medium, place, message, &call.scope);
        }
        if cx.entry.server == ServerKind::FlaskRun {
            let by_option = app::option(cx, &["cert"])
                .filter(|option| option.value.as_ref().and_then(|value| value.as_known()) == Some("adhoc"))
                .map(|option| option.span);
            let by_variable = cx.entry.environment.get("FLASK_RUN_CERT").and_then(|variable| {
                matches!(&variable.setting, VariableValue::Known(text) if &**text == "adhoc")
                    .then_some(variable.span)?
            });
            if let Some(span) = by_option.or(by_variable) {
                let place = cx.evidence(span, "`adhoc`");
                fail(out, Severity::High, place, "`flask run` makes a certificate anew at every start", "");
            }
        }
    }
}

fn fail(out: &mut Assessment, severity: Severity, place: Evidence, message: &str, scope: &str) {
    let finding = Finding::new(META.id, severity, META.confidence, place, message)
        .with_scope(scope)
        .with_fix(Fix::advice("let a web server in front end TLS, with a certificate that is renewed"));
    out.fail(finding);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tls {
    Throwaway,
    Files,
}

impl Tls {
    fn of(value: &Fact) -> Option<Self> {
        let value = value.by_default();
        match &value.kind {
            FactKind::Str(_) => (value.as_str() == Some("adhoc")).then_some(Self::Throwaway),
            FactKind::Path(path) if path.contains("adhoc") => Some(Self::Throwaway),
            FactKind::Sequence { .. } | FactKind::Path(_) | FactKind::Instance(..) => Some(Self::Files),
            _ => None,
        }
    }
}
