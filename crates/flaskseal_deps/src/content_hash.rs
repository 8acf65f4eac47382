//! The digest of its manifest that a lock file carries: whether the manifest has changed since.
//!
//! Poetry, PDM and Pipenv hash those parts of the manifest that bear on the resolution, as Python's `json.dumps` writes
//! them with sorted keys. What counts as such a part has changed over their releases, and a lock does not always say
//! which one wrote it: it is fresh where any of them would call it so.
//!
//! Sources: `poetry/packages/locker.py` (`_get_content_hash`), `pdm/project/project_file.py` (`content_hash`),
//! `plette/pipfiles.py` (`get_hash`). A test compares with hashes that the tools computed.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::{Lock, LockTool, normalize};

/// Whether the lock was made from a manifest of this text. `None` where the lock carries no digest, or the manifest has
/// something in it for which the digest is not known here.
pub fn is_made_from(lock: &Lock, manifest: &str) -> Option<bool> {
    let (written, _) = lock.content_hash.as_ref()?;
    let manifest: Value = toml::from_str(manifest).ok()?;
    let (written, style, contents) = match lock.tool {
        LockTool::Poetry => (written.as_str(), Style::Blanks, poetry(&manifest)),
        LockTool::Pdm => (written.strip_prefix("sha256:")?, Style::Blanks, pdm(&manifest)?),
        LockTool::Pipenv => (written.as_str(), Style::Tight, pipenv(&manifest)),
        _ => return None,
    };
    let known: Option<Vec<String>> = contents.iter().map(|content| digest(content, style)).collect();
    Some(known?.iter().any(|known| known.eq_ignore_ascii_case(written)))
}

/// What stands between the parts of an object and of a list.
#[derive(Clone, Copy)]
enum Style {
    /// Python's default.
    Blanks,
    Tight,
}

/// With dependency groups since 2.3, with the standard's table since 2.0, and without both before.
fn poetry(manifest: &Value) -> Vec<Value> {
    let own = &manifest["tool"]["poetry"];
    let project = picked(&manifest["project"], &["requires-python", "dependencies", "optional-dependencies"]);
    let groups = manifest["dependency-groups"].as_object().cloned().unwrap_or_default();
    let variant = |project: &Map<String, Value>, groups: &Map<String, Value>| {
        let is_legacy = project.is_empty() && groups.is_empty();
        let mut relevant = picked(own, &["dependencies", "source", "extras", "dev-dependencies", "group"]);
        if is_legacy {
            for key in ["dependencies", "source", "extras", "dev-dependencies"] {
                relevant.entry(key).or_insert(Value::Null);
            }
            return Value::Object(relevant);
        }
        let mut all = Map::new();
        if !project.is_empty() {
            all.insert("project".to_owned(), project.clone().into());
        }
        if !groups.is_empty() {
            all.insert("dependency-groups".to_owned(), groups.clone().into());
        }
        all.insert("tool".to_owned(), json!({ "poetry": relevant }));
        Value::Object(all)
    };
    let none = Map::new();
    vec![variant(&project, &groups), variant(&project, &none), variant(&none, &none)]
}

/// `None` for a workspace, whose members are hashed as well.
fn pdm(manifest: &Value) -> Option<Vec<Value>> {
    let (project, settings) = (&manifest["project"], &manifest["tool"]["pdm"]);
    if !settings["workspace"].is_null() {
        return None;
    }
    let own = &settings["dev-dependencies"];
    // Groups under one name are one group; the standard's are older than the tool's.
    let groups = |with_standard: bool| {
        let standard = manifest["dependency-groups"].as_object().filter(|_| with_standard);
        let mut groups: Map<String, Value> = Map::new();
        for (name, wanted) in standard.into_iter().flatten().chain(own.as_object().into_iter().flatten()) {
            let known = groups.entry(normalize(name)).or_insert_with(|| json!([]));
            if let (Value::Array(known), Value::Array(wanted)) = (known, wanted) {
                known.extend(wanted.iter().cloned());
            }
        }
        Value::Object(groups)
    };
    let resolution = or(&settings["resolution"], json!({}));
    let overrides = or(&resolution["overrides"], json!({}));
    let mut contents = Vec::new();
    for groups in [groups(true), groups(false), or(own, json!({}))] {
        for (key, value) in [("resolution", &resolution), ("overrides", &overrides)] {
            contents.push(json!({
                "sources": or(&settings["source"], json!([])),
                "dependencies": or(&project["dependencies"], json!([])),
                "dev-dependencies": groups,
                "optional-dependencies": or(&project["optional-dependencies"], json!({})),
                "requires-python": or(&project["requires-python"], json!("")),
                key: value,
            }));
        }
    }
    Some(contents)
}

/// With further categories of packages, and without them, as before 2022.
fn pipenv(manifest: &Value) -> Vec<Value> {
    const SECTIONS: [&str; 9] = [
        "source",
        "packages",
        "dev-packages",
        "requires",
        "scripts",
        "pipfile",
        "pipenv",
        "default",
        "develop",
    ];
    let index = json!([{ "name": "pypi", "url": "https://pypi.org/simple", "verify_ssl": true }]);
    let basic = json!({
        "_meta": {
            "sources": or(&manifest["source"], index),
            "requires": or(&manifest["requires"], json!({})),
        },
        "default": or(&manifest["packages"], json!({})),
        "develop": or(&manifest["dev-packages"], json!({})),
    });
    let mut whole = basic.clone();
    for (name, packages) in manifest.as_object().into_iter().flatten() {
        if !SECTIONS.contains(&name.as_str()) {
            whole[name] = packages.clone();
        }
    }
    vec![whole, basic]
}

fn or(value: &Value, default: Value) -> Value {
    if value.is_null() { default } else { value.clone() }
}

/// Those of the keys that are there.
fn picked(table: &Value, keys: &[&str]) -> Map<String, Value> {
    keys.iter().filter_map(|key| Some(((*key).to_owned(), table.get(*key)?.clone()))).collect()
}

fn digest(value: &Value, style: Style) -> Option<String> {
    let mut text = String::new();
    write(value, style, &mut text)?;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(hex, "{byte:02x}");
    }
    Some(hex)
}

/// The key under which the parser of TOML hands over a date.
const DATE: &str = "$__toml_private_datetime";

/// As `json.dumps(value, sort_keys=True)`. `None` for numbers and dates, which Python writes in its own way.
fn write(value: &Value, style: Style, out: &mut String) -> Option<()> {
    let (comma, colon) = match style {
        Style::Blanks => (", ", ": "),
        Style::Tight => (",", ":"),
    };
    match value {
        Value::Null => out.push_str("null"),
        Value::String(text) => quote(text, out),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(value) if value.is_f64() => return None,
        Value::Number(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { comma });
                write(item, style, out)?;
            }
            out.push(']');
        }
        Value::Object(entries) if entries.contains_key(DATE) => return None,
        Value::Object(entries) => {
            out.push('{');
            let mut sorted: Vec<(&String, &Value)> = entries.iter().collect();
            sorted.sort_by_key(|(key, _)| *key);
            for (index, (key, value)) in sorted.into_iter().enumerate() {
                out.push_str(if index == 0 { "" } else { comma });
                quote(key, out);
                out.push_str(colon);
                write(value, style, out)?;
            }
            out.push('}');
        }
    }
    Some(())
}

/// A text in quotes, with everything beyond ASCII escaped.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    for unit in text.encode_utf16() {
        match char::from_u32(u32::from(unit)) {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some('\u{8}') => out.push_str("\\b"),
            Some('\u{c}') => out.push_str("\\f"),
            Some(c @ ' '..='~') => out.push(c),
            _ => {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out.push('"');
}
