//! FS404: request data reaches a shell, or chooses the program that runs.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Event, Fact};

use super::NO_INJECTION;
use crate::Rule;
use crate::flow::{Breach, Flow, flows, process, report, shell};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(404),
    name: "command-injection",
    summary: "Request data reaches a shell or chooses the program that runs.",
    severity: Severity::Critical,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION],
    layers: &[Layer::Source],
    cwe: &[78],
    owasp: Some("A03"),
    asvs: &["V1.2.5"],
    fix: FixAvailability::None,
    page: include_str!("fs404_command_injection.md"),
};

pub(crate) struct CommandInjection;

impl Rule for CommandInjection {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        let contexts =
            ["shell", "process", "process.args", "process.exec", "process.spawn", "process.program"];
        for flow in flows(cx, &contexts) {
            for breach in breaches(&flow) {
                let advice = if breach.place == "as the program to run" {
                    "choose the program from a constant list: `PROGRAMS[name]`"
                } else {
                    "run the program without a shell, its arguments in a list: `subprocess.run([\"ping\", \"--\", host])`"
                };
                found.push(flow.found(breach).advise(advice));
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}

fn breaches(flow: &Flow<'_>) -> Vec<Breach<'static>> {
    match &*flow.sink.context {
        "shell" => command(flow.value),
        "process" if runs_shell(flow.event) => match process::elements(flow.value) {
            // The first element is the script, the others are its parameters.
            Some(elements) => elements.first().into_iter().flatten().flat_map(shell::breaches).collect(),
            None => command(flow.value),
        },
        "process" => match process::elements(flow.value) {
            Some(elements) => process::commands(&elements),
            None => flow.text().as_ref().and_then(process::program).into_iter().collect(),
        },
        "process.program" => flow.text().as_ref().and_then(process::program).into_iter().collect(),
        context => process::commands(&process::arguments(flow.event, context)),
    }
}

fn command(value: &Fact) -> Vec<Breach<'static>> {
    match process::elements(value) {
        Some(elements) => process::commands(&elements),
        None => crate::flow::text(value).as_ref().map(shell::breaches).unwrap_or_default(),
    }
}

fn runs_shell(event: &Event) -> bool {
    event.keyword("shell").is_some_and(|shell| shell.truth() != Some(false))
}
