//! Functions that something else runs with request data: tasks of a queue, threads, executors.
//!
//! Where the data goes matters, not when: the function is called on the spot, and neither its result nor what it
//! raises comes back. A function of a library is called as well: `asyncio.to_thread(os.system, command)`.

use flaskseal_models::{Later, Port};
use flaskseal_python::Name;

use crate::call::Arguments;
use crate::heap::Shape;
use crate::machine::Machine;
use crate::value::{Key, Kind, Value};

/// Runs what a call hands over together with request data.
pub(crate) fn run(machine: &mut Machine<'_>, path: &str, receiver: Option<&Value>, arguments: &Arguments) {
    if !machine.serving || machine.program.models.later(path).next().is_none() {
        return;
    }
    let values = arguments.positional.iter().chain(arguments.keywords.iter().map(|(_, value)| value));
    if !values.chain(&arguments.further).any(|value| machine.taint_of(value).is_some()) {
        return;
    }
    let models = machine.program.models;
    for row in models.later(path) {
        let function = match row.function {
            Port::Receiver => receiver,
            _ => arguments.at(&row.function),
        };
        let Some(function) = function.cloned() else { continue };
        let Some(takes_task) = is_function(machine, &function) else { continue };
        let Some(mut given) = given(machine, row, arguments) else { continue };
        if takes_task {
            given.positional.insert(0, Value::UNKNOWN);
        }
        let (guard, exits) = (machine.guard.clone(), machine.exits.len());
        // What it raises ends it alone.
        let _ = machine.call(&function, given);
        machine.exits.truncate(exits);
        machine.guard = guard;
        return;
    }
}

/// Whether a value is a function, and if so, whether it takes its task as first argument, as Celery's bound tasks do: a
/// function of the program, outside of a class, whose first parameter is `self`.
fn is_function(machine: &Machine<'_>, value: &Value) -> Option<bool> {
    let id = match &value.kind {
        Kind::Object(id) => *id,
        Kind::Bound(_) => return Some(false),
        // What calls and look-ups of libraries give is hardly a function.
        Kind::Path(path) if value.taint.is_none() && !path.ends_with([')', ']']) => return Some(false),
        _ => return None,
    };
    match &machine.heap.get(id).shape {
        Shape::Function(function) => {
            let first = match function.code {
                crate::heap::Code::Def(node) => node.parameters.iter().next(),
                crate::heap::Code::Lambda(_) => None,
            };
            Some(function.class.is_none() && first.is_some_and(|first| first.name() == "self"))
        }
        Shape::Instance { .. } => machine.heap.attribute(id, "@partial").map(|_| false),
        _ => None,
    }
}

/// The arguments that the function will get; `None` where the call gives none that the row speaks of.
fn given(machine: &mut Machine<'_>, row: &Later, arguments: &Arguments) -> Option<Arguments> {
    let mut given = Arguments::none(arguments.span);
    if let Some(each) = &row.each {
        let elements = machine.elements(arguments.at(each)?);
        let one = elements.known.into_iter().chain(elements.rest).reduce(Value::either)?;
        given.positional.push(one);
        return Some(given);
    }
    if row.args.is_none() && row.kwargs.is_none() {
        let behind = match &row.function {
            Port::Argument { index, .. } => index.map_or(0, |index| index + 1),
            _ => 0,
        };
        given.positional = arguments.positional.iter().skip(behind).cloned().collect();
        let function = |name: &Name| matches!(&row.function, Port::Argument { name: Some(known), .. } if **known == **name);
        given.keywords = arguments.keywords.iter().filter(|(name, _)| !function(name)).cloned().collect();
        (given.open, given.further) = (arguments.open, arguments.further.clone());
        return Some(given);
    }
    if let Some(args) = row.args.as_ref().and_then(|args| arguments.at(args)) {
        let elements = machine.elements(args);
        given.positional = elements.known;
        if let Some(rest) = elements.rest {
            (given.open, given.further) = (true, Some(rest));
        }
    }
    if let Some(kwargs) = row.kwargs.as_ref().and_then(|kwargs| arguments.at(kwargs)) {
        match kwargs.as_object().and_then(|id| machine.heap.dict(id)) {
            Some(dict) => {
                let named = dict.entries.iter().filter_map(|(key, value)| match key {
                    Key::Str(name) => Some((Name::new(&**name), value.clone())),
                    _ => None,
                });
                given.keywords = named.collect();
                if let Some(rest) = &dict.rest {
                    (given.open, given.further) = (true, Some(rest.clone()));
                }
            }
            None => (given.open, given.further) = (true, Some(kwargs.clone())),
        }
    }
    Some(given)
}
