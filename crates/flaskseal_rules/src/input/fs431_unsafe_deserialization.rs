//! FS431: data of a client's is read by a format that can run code.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Alphabet, Fact, Origin, StepKind};

use super::NO_INJECTION;
use crate::Rule;
use crate::flow::{Breach, Flow, flows, report};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(431),
    name: "unsafe-deserialization",
    summary: "Data of a client is read by a format that can run code.",
    severity: Severity::Critical,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[502],
    owasp: Some("A08"),
    asvs: &["V1.5.2"],
    fix: FixAvailability::None,
    page: include_str!("fs431_unsafe_deserialization.md"),
};

pub(crate) struct UnsafeDeserialization;

impl Rule for UnsafeDeserialization {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        let contexts = [
            "deserialize.logging",
            "deserialize.numpy",
            "deserialize.pickle",
            "deserialize.torch",
            "deserialize.yaml",
            "deserialize.yaml-full",
            "deserialize.yaml-unsafe",
        ];
        for flow in flows(cx, &contexts) {
            let Some(severity) = severity(&flow) else { continue };
            let is_yaml = flow.sink.context.starts_with("deserialize.yaml");
            // A tag of YAML begins with this; the other formats need no particular character.
            let breaks = if is_yaml { Alphabet::of("!") } else { Alphabet::ALL };
            let payloads: &[&str] = match &*flow.sink.context {
                _ if is_yaml => &["!!python/object/apply:os.system [id]"],
                "deserialize.pickle" => &[PICKLE],
                _ => &["x"],
            };
            let rope = flow.value.to_rope();
            for hole in rope.holes() {
                if hole.origin.as_deref().is_some_and(is_signed) {
                    continue;
                }
                let breach = Breach::of(hole, "and is deserialised", breaks, payloads, severity);
                found.extend(breach.map(|breach| {
                    flow.found(breach).advise(if is_yaml {
                        "read it with `yaml.safe_load`"
                    } else {
                        "read a format that holds only data: `json.loads`"
                    })
                }));
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}

/// `os.system("id")` in the oldest protocol, which is plain text.
const PICKLE: &str = "cos\nsystem\n(S'id'\ntR.";

/// `None` where the call reads only data.
fn severity(flow: &Flow<'_>) -> Option<Severity> {
    let event = flow.event;
    match &*flow.sink.context {
        "deserialize.yaml-full" => Some(Severity::Low),
        "deserialize.yaml" => {
            let Some(loader) = event.argument(1, "Loader") else { return Some(Severity::High) };
            let name = loader_name(loader);
            match name.trim_start_matches('C') {
                "SafeLoader" | "BaseLoader" => None,
                "FullLoader" => Some(Severity::Low),
                "Loader" | "UnsafeLoader" => Some(Severity::Critical),
                // A loader of the program's own derives from one of these; which, nobody here knows.
                _ => Some(Severity::Medium),
            }
        }
        "deserialize.numpy" => {
            (event.argument(2, "allow_pickle")?.truth() != Some(false)).then_some(Severity::Critical)
        }
        // The default has been safe since 2.6.
        "deserialize.torch" => match event.keyword("weights_only") {
            Some(only) if only.truth() == Some(true) => None,
            Some(_) => Some(Severity::Critical),
            None => Some(Severity::Medium),
        },
        _ => Some(Severity::Critical),
    }
}

fn loader_name(loader: &Fact) -> String {
    match &loader.kind {
        flaskseal_project::semantic::FactKind::Class(class) => {
            let safe = class.ancestors.iter().chain([&class.name]).find(|name| name.ends_with("SafeLoader"));
            let name = safe.unwrap_or(&class.name);
            name.rsplit('.').next().unwrap_or_default().to_owned()
        }
        _ => loader.as_path().and_then(|path| path.rsplit('.').next()).unwrap_or_default().to_owned(),
    }
}

/// Whether somebody who has the key wrote it.
fn is_signed(origin: &Origin) -> bool {
    let verifies = |path: &str| {
        let name = path.rsplit('.').next().unwrap_or(path);
        path.starts_with("itsdangerous.") && matches!(name, "loads" | "unsign")
            || path.starts_with("cryptography.fernet.") && name == "decrypt"
            || path.starts_with("jwt.") && name == "decode"
    };
    origin.steps().iter().any(|step| matches!(&step.what, StepKind::Through(path) if verifies(path)))
}
