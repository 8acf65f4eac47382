//! Which stages of a Dockerfile end up in the image, and which images they begin with.

use flaskseal_core::TextRange;

use crate::dockerfile::{Dockerfile, Stage};
use crate::value::{self, Dialect, Value};

/// The image that a stage begins with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BaseImage {
    /// Arguments replaced by their defaults: `python:3.12-slim`. `None` where an argument has no default.
    pub name: Option<String>,
    /// As written.
    pub range: TextRange,
}

/// More stages than this are not followed.
const MAX_STAGES: usize = 64;

/// The last stage, and the stages that it is built from: the last first, each once.
pub fn final_stages(file: &Dockerfile) -> Vec<&Stage> {
    let mut found: Vec<&Stage> = Vec::new();
    let mut next = file.stages.last();
    while let Some(stage) = next {
        if found.len() >= MAX_STAGES {
            break;
        }
        found.push(stage);
        next = earlier(file, stage, &stage.base.value);
    }
    found
}

/// Stages that the final stages copy files from, so that what they install may be in the image.
pub fn copied_stages(file: &Dockerfile) -> Vec<&Stage> {
    let mut found: Vec<&Stage> = Vec::new();
    let mut queue = final_stages(file);
    let mut at = 0;
    while let Some(stage) = queue.get(at).copied() {
        at += 1;
        for instruction in &stage.instructions {
            let Some(from) = instruction.flag("from") else { continue };
            let Some(other) = earlier(file, stage, from) else { continue };
            if found.len() < MAX_STAGES && !queue.iter().any(|known| std::ptr::eq(*known, other)) {
                found.push(other);
                queue.push(other);
            }
        }
    }
    found
}

/// The image that the final stages begin with; `None` for a file without stages.
pub fn base_image(file: &Dockerfile) -> Option<BaseImage> {
    let first = final_stages(file).pop()?;
    let lookup = |name: &str| {
        let mut pairs = file.global.iter().flat_map(crate::dockerfile::Instruction::pairs);
        let pair = pairs.rfind(|pair| pair.value.0 == name)?;
        pair.value.1.map(Value::known)
    };
    let value = value::evaluate(&value::parts(&first.base.value, Dialect::Dockerfile), &lookup);
    Some(BaseImage { name: value.or_default().map(str::to_owned), range: first.base.range })
}

/// The stage before `stage` that goes by a name or a number.
fn earlier<'f>(file: &'f Dockerfile, stage: &Stage, name: &str) -> Option<&'f Stage> {
    let at = file.stages.iter().position(|known| std::ptr::eq(known, stage))?;
    let before = file.stages.get(..at)?;
    let by_name = before.iter().rev().find(|known| known.name.as_deref() == Some(&name.to_ascii_lowercase()));
    by_name.or_else(|| name.parse::<usize>().ok().and_then(|number| before.get(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_and_arguments() {
        let file = crate::dockerfile::parse(
            "ARG PY=3.12\nFROM node:20 AS web\nFROM python:${PY}-slim AS base\nFROM base AS build\nRUN pip install x\nFROM base\nCOPY --from=build /venv /venv\nCOPY --from=nginx:latest /a /b\n",
        )
        .tree;
        let names = |stages: Vec<&Stage>| -> Vec<Option<String>> {
            stages.iter().map(|stage| stage.name.clone()).collect()
        };
        assert_eq!(names(final_stages(&file)), [None, Some("base".to_owned())]);
        assert_eq!(names(copied_stages(&file)), [Some("build".to_owned())]);
        assert_eq!(base_image(&file).and_then(|base| base.name).as_deref(), Some("python:3.12-slim"));
        let open = crate::dockerfile::parse("ARG PY\nFROM python:$PY\n").tree;
        assert_eq!(base_image(&open).map(|base| base.name), Some(None));
        // A stage that names itself is an image of that name.
        let own = crate::dockerfile::parse("FROM a AS a\n").tree;
        assert_eq!(final_stages(&own).len(), 1);
    }
}
