//! FS102: the configuration that production loads sets DEBUG.

use flaskseal_core::{Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::{Context, ServerKind};

use super::DEBUG_OFF;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(102),
    name: "debug-in-config",
    summary: "The configuration that production loads sets DEBUG.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[DEBUG_OFF],
    layers: &[Layer::Source, Layer::Deploy],
    cwe: &[489],
    owasp: Some("A05~"),
    asvs: &["V13.4.2"],
    fix: FixAvailability::None,
    page: include_str!("fs102_debug_in_config.md"),
};

pub(crate) struct DebugInConfig;

impl Rule for DebugInConfig {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let Some(debug) = cx.setting("DEBUG") else {
            out.gap(DEBUG_OFF, Gap::new("the application's configuration could not be followed", ""));
            return;
        };
        let value = debug.value.by_default();
        let Some(written) = debug.written.first() else {
            // Nothing in the program sets it: the environment decides, and FS103 looks there.
            let off = value.truth() == Some(false);
            if off && cx.is_deployed() && !cx.runs_development_server() {
                let claim = "`DEBUG` is off: neither the configuration nor the environment sets it";
                out.support(DEBUG_OFF, Evidence::general(Layer::Source, claim));
            } else if off {
                out.gap(DEBUG_OFF, Gap::new("no start command found", "name it with `--entry MODULE:CALLABLE`"));
            }
            return;
        };
        match value.truth() {
            Some(true) => {
                let severity = match cx.entry.server {
                    ServerKind::Script if cx.runs_development_server() => Severity::Critical,
                    ServerKind::FlaskRun => Severity::Low,
                    ServerKind::Wsgi => Severity::Medium,
                    ServerKind::Script | ServerKind::Unknown => Severity::High,
                };
                // A default is no place; an environment variable's is in a deployment file, which is FS103's.
                let at = value.at.unwrap_or(*written);
                let place = cx.evidence(at, "true in production");
                let trail = (*written != at).then(|| cx.evidence(*written, "loaded here"));
                out.fail(
                    Finding::new(META.id, severity, META.confidence, place, "the production configuration sets `DEBUG`")
                        .with_trail(trail)
                        .with_fix(Fix::advice("set `DEBUG = False` in the configuration that production loads, or leave it out")),
                );
            }
            Some(false) if cx.entry.guessed => {
                out.gap(DEBUG_OFF, Gap::new("no start command found", "name it with `--entry MODULE:CALLABLE`"));
            }
            Some(false) => out.support(DEBUG_OFF, cx.evidence(*written, "`DEBUG` is off")),
            None => out.gap(
                DEBUG_OFF,
                Gap::at(*written, "the value of `DEBUG` is not known", "give production's variables with `--env-file FILE`"),
            ),
        }
    }
}
