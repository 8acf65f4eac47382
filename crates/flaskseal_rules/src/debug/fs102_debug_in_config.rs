//! FS102: the configuration that production loads sets DEBUG.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::{Context, ServerKind};

use super::serving::{Serving, place_of};
use super::{DEBUG_OFF, ENTRY, ENV_FILE};
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
        let serving = Serving::of(cx);
        let Some(written) = debug.written.first() else {
            // Nothing in the program sets it: the environment decides, and FS103 looks there.
            // Two variables decide in Flask before 2.3; with neither set it is off.
            let is_unset = ["FLASK_DEBUG", "FLASK_ENV"].iter().all(|name| cx.variable(name).is_none());
            match (value.truth().or(is_unset.then_some(false)), serving) {
                (Some(false), Serving::Production(_)) => {
                    let claim = "`DEBUG` is off: neither the configuration nor the environment sets it";
                    out.support(DEBUG_OFF, Evidence::general(Layer::Source, claim));
                }
                (Some(false), serving) => out.gap(DEBUG_OFF, gap_of(&serving)),
                (Some(true), _) => {}
                (None, _) => out.gap(DEBUG_OFF, Gap::new("the value of `DEBUG` is not known", ENV_FILE)),
            }
            return;
        };
        // The argument of `app.run` overrides the setting.
        let overridden = match &serving {
            Serving::Development(Some(call)) => {
                call.argument(2, "debug").and_then(|debug| debug.by_default().truth())
            }
            _ => None,
        };
        match overridden.map_or_else(|| value.truth(), |_| Some(false)) {
            Some(true) => {
                let severity = match (&serving, cx.entry.server) {
                    (Serving::Development(_), ServerKind::Script) => Severity::Critical,
                    (Serving::Development(_), _) => Severity::Low,
                    (Serving::Production(_), _) => Severity::Medium,
                    (Serving::Unknown, _) => Severity::High,
                };
                // A default is no place; an environment variable's is in a deployment file, which is FS103's.
                let at = place_of(&value).unwrap_or(*written);
                let place = cx.evidence(at, "true in production");
                let trail = (*written != at).then(|| cx.evidence(*written, "loaded here"));
                out.fail(
                    Finding::new(
                        META.id,
                        severity,
                        META.confidence,
                        place,
                        "the production configuration sets `DEBUG`",
                    )
                    .with_trail(trail)
                    .with_fix(Fix::advice(
                        "set `DEBUG = False` in the configuration that production loads, or leave it out",
                    )),
                );
            }
            Some(false) => match serving {
                Serving::Production(_) => out.support(DEBUG_OFF, cx.evidence(*written, "`DEBUG` is off")),
                serving => out.gap(DEBUG_OFF, gap_of(&serving)),
            },
            None => out.gap(DEBUG_OFF, Gap::at(*written, "the value of `DEBUG` is not known", ENV_FILE)),
        }
    }
}

/// Why debug that no setting turns on is not proven to be off.
fn gap_of(serving: &Serving<'_>) -> Gap {
    match serving {
        Serving::Development(_) => Gap::new(
            "the development server decides on debug when it starts",
            "serve it with gunicorn, uWSGI or waitress",
        ),
        Serving::Production(_) | Serving::Unknown => Gap::new("no start command found", ENTRY),
    }
}
