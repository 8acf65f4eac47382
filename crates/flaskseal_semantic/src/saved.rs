//! Files that hold what a client sent: an upload that is saved, and opened again under the same path.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use flaskseal_python::Name;

use crate::call::Arguments;
use crate::machine::Machine;
use crate::origin::Origin;
use crate::rope::{Rope, Segment, Source};
use crate::value::Value;

/// Contexts that read the file whose path they are given.
const READ_FILES: [&str; 3] = ["archive.", "deserialize.", "xml."];

/// `request.files["f"].save(path)`: the file holds the upload from here on.
pub(crate) fn note_save(
    machine: &mut Machine<'_>,
    path: &str,
    taint: Option<&Arc<Origin>>,
    arguments: &Arguments,
) {
    let Some(receiver) = path.strip_suffix(".save") else { return };
    let (Some(taint), Some(to)) = (taint, arguments.get(0, "dst")) else { return };
    // What other libraries save was written anew by them.
    if !machine.program.models.is_upload(receiver) {
        return;
    }
    if let Some(name) = name_of(machine, to) {
        let content = Value::path(format!("{receiver}.stream")).tainted(Some(taint.clone()));
        machine.heap.set_attribute(machine.saved, name, content);
    }
}

/// What is in the file at a path, where a client sent it.
pub(crate) fn content(machine: &Machine<'_>, path: &Value) -> Option<Value> {
    if machine.heap.get(machine.saved).attributes.is_empty() {
        return None;
    }
    machine.heap.attribute(machine.saved, &name_of(machine, path)?).cloned()
}

/// Arguments of a call whose callee reads files: the files' content in the place of their paths.
pub(crate) fn read<'v>(
    machine: &Machine<'_>,
    path: &str,
    arguments: &'v [Value],
) -> Vec<std::borrow::Cow<'v, Value>> {
    use std::borrow::Cow;
    let is_any = !machine.heap.get(machine.saved).attributes.is_empty();
    let reads = || {
        let sinks = machine.program.models.sinks(path);
        sinks.iter().any(|sink| READ_FILES.iter().any(|context| sink.context.starts_with(context)))
    };
    let reads = is_any && reads();
    let given = |value: &'v Value| match reads.then(|| content(machine, value)).flatten() {
        Some(content) => Cow::Owned(content.at(value.at)),
        None => Cow::Borrowed(value),
    };
    arguments.iter().map(given).collect()
}

/// A name for the text of a path, the same for the same text; `None` where it cannot be told from others.
fn name_of(machine: &Machine<'_>, path: &Value) -> Option<Name> {
    let is_text = path.as_rope().is_some()
        || path.as_object().is_some_and(|id| machine.heap.attribute(id, "@path").is_some());
    let rope: Rope = is_text.then(|| machine.text_of(path))?;
    let mut hasher = DefaultHasher::new();
    for segment in rope.segments() {
        match segment {
            Segment::Literal(text) => text.hash(&mut hasher),
            Segment::Hole(hole) => match &hole.identity {
                Some(identity) => identity.hash(&mut hasher),
                None => match &hole.source {
                    Source::Root => "root".hash(&mut hasher),
                    Source::Env(name) | Source::Path(name) => name.hash(&mut hasher),
                    Source::Unknown => return None,
                },
            },
        }
    }
    Some(Name::new(format!("{:x}", hasher.finish())))
}
