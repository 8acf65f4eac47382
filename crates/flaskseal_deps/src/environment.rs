//! An installed environment: the heads of its `METADATA` files, one behind the other, each below a comment line that
//! names its folder. Core metadata is that of packaging.python.org, "Core metadata specifications".

use std::str::FromStr as _;

use flaskseal_core::TextRange;
use pep440_rs::Version;

use crate::lock::{Dependency, Lock, LockTool, Locked, Source};
use crate::{Group, Requirement, normalize};

/// Reads what is installed. A package is `Main`; whoever wants to know for whom follows `depends`.
pub fn read_environment(text: &str) -> Lock {
    let mut lock = Lock::new(LockTool::Installed);
    let mut open: Option<Locked> = None;
    let mut start = 0_u32;
    for line in text.split_inclusive('\n') {
        let range = TextRange::new(start, start + line.trim_end().len() as u32);
        start += line.len() as u32;
        if line.starts_with("# ") {
            lock.packages.extend(open.take().filter(is_named));
            open = Some(Locked {
                name: String::new(),
                version: None,
                source: Source::Index(None),
                depends: Vec::new(),
                groups: vec![Group::Main],
                marker: None,
                hashes: 0,
                range: TextRange::default(),
            });
            continue;
        }
        let (Some(package), Some((key, value))) = (&mut open, line.split_once(':')) else { continue };
        let value = value.trim();
        match key {
            "Name" if package.name.is_empty() => {
                package.name = normalize(value);
                package.range = range;
            }
            "Version" if package.version.is_none() => {
                package.version = Version::from_str(value).ok();
                package.range = range;
            }
            "Requires-Dist" => package.depends.extend(wanted(value)),
            // PEP 610: it does not come from an index.
            "Direct-Url" if value.starts_with("file:") => package.source = Source::Path(value.to_owned()),
            "Direct-Url" => package.source = Source::Url(value.to_owned()),
            _ => {}
        }
    }
    lock.packages.extend(open.filter(is_named));
    lock.packages.sort_by(|a, b| a.name.cmp(&b.name));
    lock
}

fn is_named(package: &Locked) -> bool {
    crate::is_name(&package.name)
}

/// What a package wants; with an extra only where its marker says so.
fn wanted(value: &str) -> Option<Dependency> {
    let (requirement, marker) = value.split_once(';').unwrap_or((value, ""));
    let requirement = Requirement::parse(requirement, 0).ok()?;
    Some(Dependency {
        specifiers: requirement.specifiers,
        extras: requirement.extras,
        // Whether the marker holds shows in what is installed; of an extra nobody knows.
        only_with: if marker.contains("extra") { vec![String::new()] } else { Vec::new() },
        ..Dependency::new(&requirement.name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_metadata() {
        let text = "# flask.dist-info\nMetadata-Version: 2.1\nName: Flask\nVersion: 2.0.1\nRequires-Dist: Werkzeug (>=2.0)\nRequires-Dist: asgiref ; extra == 'async'\n\n# broken\nVersion: 1\n# own.dist-info\nName: Own\nVersion: ?\nDirect-Url: file:///srv/own\n";
        let lock = read_environment(text);
        let shown: Vec<String> = lock
            .packages
            .iter()
            .map(|one| {
                format!("{} {:?} {:?}", one.name, one.version.as_ref().map(ToString::to_string), one.source)
            })
            .collect();
        assert_eq!(shown, ["flask Some(\"2.0.1\") Index(None)", "own None Path(\"file:///srv/own\")"]);
        let [wanted, optional] = &lock.packages[0].depends[..] else { panic!("two") };
        assert_eq!((wanted.name.as_str(), wanted.specifiers.to_string().as_str()), ("werkzeug", ">=2.0"));
        assert!(!optional.only_with.is_empty());
        let place = lock.packages[0].range;
        assert_eq!(&text[place.start as usize..place.end as usize], "Version: 2.0.1");
    }
}
