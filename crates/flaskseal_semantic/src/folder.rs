//! What the program learns by looking into folders of its own: names of files, and modules to import.

use crate::call::Arguments;
use crate::heap::List;
use crate::machine::Machine;
use crate::rope::Rope;
use crate::value::Value;

/// More names than this are no list of modules.
const MAX_NAMES: usize = 4_096;

pub(crate) fn call_path(machine: &mut Machine<'_>, path: &str, arguments: &Arguments) -> Option<Value> {
    let first = arguments.positional.first();
    Some(match path {
        "os.listdir" => list(machine, &first?.clone(), false),
        "glob.glob" | "glob.iglob" => list(machine, &first?.clone(), true),
        "pkgutil.iter_modules" | "pkgutil.walk_packages" => {
            let paths = arguments.get(0, "path")?.clone();
            let prefix = arguments.get(1, "prefix").map_or(Some(""), Value::as_str)?.to_owned();
            let elements = machine.elements(&paths);
            let folder = elements.known.first()?.clone();
            let walks = path.ends_with("walk_packages");
            module_infos(machine, &folder, &prefix, walks)
        }
        "werkzeug.utils.find_modules" => {
            let package = first?.as_str()?.to_owned();
            let folder = package.replace('.', "/");
            let walks =
                arguments.get(2, "recursive").is_some_and(|value| machine.truth(value).known() == Some(true));
            let found = machine.program.roots.clone().into_iter().find_map(|root| {
                let folder = if root.is_empty() { folder.clone() } else { format!("{root}/{folder}") };
                let found = modules(machine, &folder, walks);
                (!found.is_empty()).then_some(found)
            });
            let names = found.unwrap_or_default().into_iter();
            let names = names.map(|(name, _)| Value::str(format!("{package}.{name}"))).collect();
            machine.list(names)
        }
        _ => return None,
    })
}

/// The names in a folder of the tree, or the paths that a simple pattern (`folder/*.py`) matches.
fn list(machine: &mut Machine<'_>, path: &Value, is_pattern: bool) -> Value {
    let rope = machine.text_of(path);
    let unknown = |machine: &mut Machine<'_>| {
        machine.list_of(List { rest: Some(Value::unknown_text()), ..List::default() })
    };
    let Some(relative) = machine.relative_path(&rope) else { return unknown(machine) };
    let (folder, pattern) = match (is_pattern, relative.rsplit_once('/')) {
        (false, _) => (relative.as_str(), "*"),
        (true, Some((folder, pattern))) => (folder, pattern),
        (true, None) => ("", relative.as_str()),
    };
    let Some((head, tail)) =
        pattern.split_once('*').filter(|(_, tail)| !tail.contains('*') && !folder.contains('*'))
    else {
        return unknown(machine);
    };
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let tree = machine.program.tree;
    let mut names: Vec<&str> = tree
        .paths
        .iter()
        .filter_map(|known| known.path.strip_prefix(prefix.as_str()))
        .map(|rest| rest.split('/').next().unwrap_or(rest))
        .filter(|name| {
            name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail)
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() || names.len() > MAX_NAMES {
        return unknown(machine);
    }
    let written = if is_pattern { crate::paths::parent(&rope) } else { Rope::literal("") };
    let items = names.into_iter().map(|name| match is_pattern {
        true => Rope::concat([written.clone(), Rope::literal(format!("/{name}"))]).into(),
        false => Value::str(name),
    });
    let items = items.collect();
    machine.list(items)
}

/// `ModuleInfo(module_finder, name, ispkg)` of every module in a folder.
fn module_infos(machine: &mut Machine<'_>, folder: &Value, prefix: &str, walks: bool) -> Value {
    let rope = machine.text_of(folder);
    let Some(folder) = machine.relative_path(&rope) else {
        return machine.list_of(List { rest: Some(Value::UNKNOWN), ..List::default() });
    };
    let mut infos = Vec::new();
    for (name, is_package) in modules(machine, &folder, walks) {
        let name = Value::str(format!("{prefix}{name}"));
        let finder = Value::path("importlib.machinery.FileFinder()");
        let is_package = Value::bool(is_package);
        let parts = Value::tuple([finder.clone(), name.clone(), is_package.clone()]);
        infos.push(machine.library_instance(
            "pkgutil.ModuleInfo",
            &[("@tuple", parts), ("module_finder", finder), ("name", name), ("ispkg", is_package)],
        ));
    }
    machine.list(infos)
}

/// The modules and packages in a folder, in the order of their names; with those inside packages, where it walks.
fn modules(machine: &Machine<'_>, folder: &str, walks: bool) -> Vec<(String, bool)> {
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let mut found: Vec<(String, bool)> = machine
        .program
        .tree
        .files
        .iter()
        .filter_map(|file| {
            let rest = file.path.strip_prefix(prefix.as_str())?.strip_suffix(".py")?;
            let (rest, is_package) = match rest.strip_suffix("/__init__") {
                Some(package) => (package, true),
                None => (rest, false),
            };
            let is_near = walks || !rest.contains('/');
            (is_near && rest != "__init__" && !rest.is_empty()).then(|| (rest.replace('/', "."), is_package))
        })
        .take(MAX_NAMES)
        .collect();
    found.sort();
    found
}
