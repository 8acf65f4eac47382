//! `Pipfile.lock`, Pipenv's lock file.

use std::str::FromStr as _;

use flaskseal_core::TextRange;
use pep440_rs::Version;
use serde_json::Value;

use crate::lock::{Lock, LockTool, Locked, Source};
use crate::{Group, Marker, Problem, normalize};

pub fn read_pipfile_lock(source: &str) -> Lock {
    let mut lock = Lock::new(LockTool::Pipenv);
    let root: Value = match serde_json::from_str(source) {
        Ok(root) => root,
        Err(error) => {
            let range = TextRange::default();
            lock.problems.push(Problem { range, message: format!("is not JSON: {error}") });
            return lock;
        }
    };
    let meta = &root["_meta"];
    lock.content_hash = meta["hash"]["sha256"].as_str().map(|hash| {
        // The parser keeps no places. A digest that is written with escapes stands nowhere.
        let place = source.find(&format!("\"{hash}\"")).map(|quote| quote as u32 + 1);
        let range = place.map(|start| TextRange::new(start, start + hash.len() as u32));
        (hash.to_owned(), range.unwrap_or_default())
    });
    lock.known_format = meta["pipfile-spec"].as_u64().is_none_or(|version| version <= 6);
    for (section, group) in [("default", Group::Main), ("develop", Group::Dev("dev".to_owned()))] {
        let Some(packages) = root[section].as_object() else { continue };
        let mut from = source.find(&format!("\"{section}\"")).unwrap_or(0);
        for (name, package) in packages {
            // The parser keeps no places; keys are in the order of the file more often than not.
            let key = format!("\"{name}\"");
            let found = source.get(from..).and_then(|rest| rest.find(&key)).map(|at| at + from);
            let at = found.or_else(|| source.find(&key)).unwrap_or(0);
            if found.is_some() {
                from = at;
            }
            let version = package["version"].as_str().map(|version| version.trim_start_matches('='));
            let url = package["file"].as_str().map(|url| Source::Url(url.to_owned()));
            let path = package["path"].as_str().map(|path| Source::Path(path.to_owned()));
            let repository = package["git"].as_str().map(|url| Source::Repository {
                url: url.to_owned(),
                commit: package["ref"].as_str().map(str::to_owned),
            });
            lock.packages.push(Locked {
                name: normalize(name),
                version: version.and_then(|version| Version::from_str(version).ok()),
                source: repository.or(url).or(path).unwrap_or(Source::Index(None)),
                depends: Vec::new(),
                groups: vec![group.clone()],
                marker: package["markers"].as_str().and_then(Marker::parse),
                hashes: package["hashes"].as_array().map_or(0, Vec::len),
                range: TextRange::new(at as u32, (at + key.len()).min(source.len()) as u32),
            });
        }
    }
    lock
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sections() {
        let text = r#"{"_meta": {"hash": {"sha256": "ab"}, "pipfile-spec": 6}, "default": {"flask": {"version": "==2.0.1", "hashes": ["sha256:x"]}, "colorama": {"markers": "sys_platform == 'win32'", "version": "==0.4.6"}}, "develop": {"flask": {"version": "==2.0.1"}}}"#;
        let lock = read_pipfile_lock(text);
        let shown: Vec<_> =
            lock.packages.iter().map(|p| (p.name.as_str(), p.groups[0] == Group::Main)).collect();
        assert_eq!(shown, [("colorama", true), ("flask", true), ("flask", false)]);
        let place = lock.packages[1].range;
        assert_eq!(&text[place.start as usize..place.end as usize], "\"flask\"");
        assert_eq!(read_pipfile_lock("{").problems.len(), 1);
        assert!(read_pipfile_lock("[1]").packages.is_empty());
    }
}
