//! FS226: a dangerous feature of TLS is on.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_live::{Exchange, Live, Purpose, page};
use flaskseal_project::deploy::nginx::{Configuration, Directive, LevelId};
use flaskseal_project::{Context, Project};

use flaskseal_tls::Fact;

use super::SOUND_TLS;
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(226),
    name: "risky-tls-feature",
    summary: "A feature of TLS is on that lets requests be replayed or traffic be read.",
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    controls: &[SOUND_TLS],
    layers: &[Layer::Deploy, Layer::Host, Layer::Live],
    cwe: &[326, 294],
    owasp: Some("A02"),
    asvs: &["V12.1.2"],
    fix: FixAvailability::Safe,
    page: include_str!("fs226_risky_tls_feature.md"),
};

pub(crate) struct RiskyTlsFeature;

/// Keys for tickets are changed by themselves from here on, where servers share a cache.
const ROTATES: (u32, u32, u32) = (1, 23, 2);

impl Rule for RiskyTlsFeature {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        for page in live.of(Purpose::Compressed).filter(|page| page.is_https()) {
            if let Some(finding) = compressed(live, page) {
                out.fail(finding);
            }
        }
        let Some(facts) = live.offer() else { return };
        let mut fail = |fact, severity, confidence, message: String, advice: &str| {
            let finding = Finding::new(
                META.id,
                severity,
                confidence,
                live.tls(fact, "so the server answered"),
                message,
            );
            out.fail(finding.with_scope(facts.host.clone()).with_fix(Fix::advice(advice)));
        };
        if facts.compression == Some(true) {
            let message =
                "TLS compresses: whoever can send requests in a visitor's name reads its secrets".to_owned();
            fail(
                Fact::Compression,
                Severity::High,
                META.confidence,
                message,
                "turn the compression of TLS off",
            );
        }
        if facts.secure_renegotiation == Some(false) {
            let message =
                "renegotiation is not secured: another's request may be put before a visitor's".to_owned();
            fail(
                Fact::Renegotiation,
                META.severity,
                Confidence::Firm,
                message,
                "take a TLS library with RFC 5746, of 2010",
            );
        }
        if facts.early_data == Some(true) {
            // Whether the application answers 425 to what may not be sent twice, nobody can see from here.
            let message = "requests in early data can be sent again by whoever records them".to_owned();
            fail(
                Fact::EarlyData,
                META.severity,
                Confidence::Tentative,
                message,
                "turn early data off, or pass `Early-Data` on and answer 425",
            );
        }
        if let Some(bits) = facts.prime_bits.filter(|bits| *bits < 2048) {
            let message = format!("keys are exchanged with a prime of {bits} bits");
            fail(
                Fact::Prime,
                META.severity,
                META.confidence,
                message,
                "take a prime of 2048 bits (`ssl_dhparam`), or no DHE at all",
            );
        }
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for configuration in nginx::configurations(project) {
            for (id, directive) in nginx::directives(configuration) {
                match directive.name.text.as_str() {
                    "ssl_early_data" if directive.has("on") && !asks_for_early_data(configuration) => fail(
                        configuration,
                        id,
                        directive.span,
                        Severity::Medium,
                        "requests in early data can be sent again by whoever records them",
                        "take `ssl_early_data on` out, or pass `Early-Data $ssl_early_data` and answer 425",
                        out,
                    ),
                    "ssl_session_ticket_key" if is_in_tree(project, directive) => fail(
                        configuration,
                        id,
                        directive.span,
                        Severity::Medium,
                        "the key for session tickets lies in the tree: whoever has it reads recorded traffic",
                        "make the key on the server, change it every day, and keep it out of the tree",
                        out,
                    ),
                    "ssl_session_tickets"
                        if directive.has("on")
                            && configuration.version.is_some_and(|version| version < ROTATES) =>
                    {
                        fail(
                            configuration,
                            id,
                            directive.span,
                            Severity::Low,
                            "this nginx keeps one key for session tickets until it is started again",
                            "say `ssl_session_tickets off`",
                            out,
                        );
                    }
                    _ => {}
                }
            }
        }
    }
}

/// A page that is compressed although a token stands in it (BREACH): whoever can put a word of their own beside it
/// learns it from lengths.
fn compressed(live: &Live<'_>, page: &Exchange) -> Option<Finding> {
    let coding =
        page.header("content-encoding").filter(|header| !header.value.eq_ignore_ascii_case("identity"))?;
    let same = live.pages().find(|known| known.url == page.url)?;
    let text = same.page();
    let field = page::tags(&text).into_iter().find(|tag| {
        let named = |attribute: &str| tag.attribute(attribute).map(|name| name.literal.to_ascii_lowercase());
        let name = named("name").unwrap_or_default();
        matches!(&*tag.name, "input" | "meta") && ["csrf", "xsrf"].iter().any(|word| name.contains(word))
    })?;
    let message = format!("`{}` is compressed, and holds a token", page.url.path());
    let place = live.at(page, coding, "compressed for whoever asks for it");
    let token = live.evidence(same, page::shifted(field.range, same.body_at?), "the token");
    Some(
        Finding::new(META.id, Severity::Low, Confidence::Firm, place, message)
            .with_trail([token])
            .with_scope(page.url.path())
            .with_fix(Fix::advice(
                "compress files, and not pages with tokens; or mask the token anew in each page",
            )),
    )
}

fn fail(
    configuration: &Configuration,
    id: LevelId,
    at: Span,
    severity: Severity,
    message: &str,
    advice: &str,
    out: &mut Assessment,
) {
    let finding = Finding::new(META.id, severity, META.confidence, nginx::evidence(at, "is on"), message)
        .with_scope(nginx::scope(configuration, id))
        .with_fix(Fix::advice(advice));
    out.fail(finding);
}

/// Something looks at whether a request came as early data: an `if`, a `map`, a header for the application.
fn asks_for_early_data(configuration: &Configuration) -> bool {
    configuration.ids().any(|id| {
        let level = configuration.level(id);
        let head = level.head.iter().flat_map(|head| &head.arguments);
        let own = level.directives().flat_map(|directive| &directive.arguments);
        head.chain(own).any(|word| word.text.contains("ssl_early_data"))
    })
}

fn is_in_tree(project: &Project<'_>, directive: &Directive) -> bool {
    let Some(path) = directive.argument(0) else { return false };
    let name = path.rsplit('/').next().unwrap_or(path);
    let end = format!("/{name}");
    !name.is_empty()
        && project.tree.paths.iter().any(|known| *known.path == *name || known.path.ends_with(&end))
}
