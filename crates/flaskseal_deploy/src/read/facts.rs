//! The variables that files set, wherever they stand.

use flaskseal_core::{FileId, Span, TextRange};

use super::Reader;
use super::service::supervisor_value;
use crate::dockerfile::Dockerfile;
use crate::kubernetes::{EnvSource, Manifests};
use crate::model::{EnvFact, Mechanism};
use crate::shell::{Statement, StatementKind};
use crate::value::{Dialect, Value};
use crate::variable::Variable;
use crate::{command, shell, value};

impl Reader<'_> {
    pub(super) fn fact(
        &mut self,
        name: String,
        value: Value,
        span: Span,
        value_range: TextRange,
        mechanism: Mechanism,
    ) {
        let value_span = Span { file: span.file, range: value_range };
        self.out.env_facts.push(EnvFact { name, value, span, value_span, mechanism });
    }

    pub(super) fn variable_facts(
        &mut self,
        file: FileId,
        variables: &[Variable],
        mechanism: Mechanism,
        dialect: Option<Dialect>,
    ) {
        for variable in variables {
            let Some(text) = &variable.value else { continue };
            let value = match dialect {
                Some(dialect) => value::evaluate(&value::parts(&text.value, dialect), &|_| None),
                None => supervisor_value(&text.value),
            };
            self.fact(
                variable.name.value.clone(),
                value,
                Span { file, range: variable.range },
                text.range,
                mechanism,
            );
        }
    }

    pub(super) fn dockerfile_facts(&mut self, file: FileId, dockerfile: &Dockerfile) {
        let stages = dockerfile.stages.iter().flat_map(|stage| &stage.instructions);
        for instruction in dockerfile.global.iter().chain(stages) {
            let mechanism = match instruction.keyword.value.as_str() {
                "ENV" => Mechanism::DockerfileEnv,
                "ARG" => Mechanism::DockerfileArg,
                _ => continue,
            };
            for pair in instruction.pairs() {
                let (name, Some(text)) = pair.value else { continue };
                let value = value::evaluate(&value::parts(&text, Dialect::Dockerfile), &|_| None);
                self.fact(name, value, Span { file, range: pair.range }, pair.range, mechanism);
            }
        }
    }

    pub(super) fn kubernetes_facts(&mut self, file: FileId, manifests: &Manifests) {
        for object in &manifests.objects {
            let mechanism = if object.kind.value == "Secret" {
                Mechanism::KubernetesSecret
            } else {
                Mechanism::KubernetesConfigMap
            };
            for datum in &object.data {
                if let Some(text) = &datum.value {
                    let range = TextRange::new(datum.name.range.start.min(text.range.end), text.range.end);
                    self.fact(
                        datum.name.value.clone(),
                        Value::known(text.value.as_str()),
                        Span { file, range },
                        text.range,
                        mechanism,
                    );
                }
            }
            for entry in object.containers.iter().flat_map(|container| &container.env) {
                if let EnvSource::Text(text) = &entry.source {
                    let span = Span { file, range: entry.range };
                    self.fact(
                        entry.name.value.clone(),
                        Value::known(text.value.as_str()),
                        span,
                        text.range,
                        Mechanism::KubernetesEnv,
                    );
                }
            }
        }
    }

    /// The assignments of the entry scripts that something starts.
    pub(super) fn script_facts(&mut self) {
        for file in self.follower.followed.clone() {
            let script = shell::parse(&self.tree.file(file).text);
            let mut pending: Vec<&Statement> = script.tree.statements.iter().collect();
            while let Some(statement) = pending.pop() {
                match &statement.kind {
                    StatementKind::Simple(simple) => {
                        for assignment in &simple.assignments {
                            let value = value::evaluate(&assignment.value.parts, &|_| None);
                            let span = Span { file, range: assignment.range };
                            self.fact(
                                assignment.name.clone(),
                                value,
                                span,
                                assignment.value.range,
                                Mechanism::ShellAssignment,
                            );
                        }
                        if simple.words.first().and_then(|word| word.literal()) == Some("export") {
                            for word in shell::words(simple, file, &|_| None, &[]).iter().skip(1) {
                                if let Some((name, value)) = command::assignment(word) {
                                    self.fact(
                                        name,
                                        value,
                                        word.span,
                                        word.span.range,
                                        Mechanism::ShellAssignment,
                                    );
                                }
                            }
                        }
                    }
                    StatementKind::If { branches, otherwise } => {
                        pending.extend(branches.iter().flat_map(|branch| &branch.body));
                        pending.extend(otherwise);
                    }
                    StatementKind::Case { arms, .. } => pending.extend(arms.iter().flat_map(|arm| &arm.body)),
                    StatementKind::Loop { body }
                    | StatementKind::Function { body, .. }
                    | StatementKind::Group(body) => pending.extend(body),
                }
            }
        }
    }
}
