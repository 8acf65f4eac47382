//! `setup.cfg`: the lists of requirements of setuptools, a requirement a line.

use std::str::FromStr as _;

use flaskseal_core::TextRange;
use pep440_rs::VersionSpecifiers;

use crate::ini;
use crate::{Group, Include, Manifest, ManifestKind, Requirement, normalize};

pub fn read_setup_cfg(source: &str) -> Manifest {
    let mut manifest = Manifest::new(ManifestKind::SetupCfg);
    for ini::Line { section, key, value, range } in ini::lines(source) {
        match (section, key.as_str()) {
            ("metadata", "name") => manifest.project = Some(normalize(value)),
            ("options", "python_requires") => match VersionSpecifiers::from_str(value) {
                Ok(specifiers) => manifest.requires_python = Some((specifiers, range)),
                Err(_) => manifest.problem(range, "is no constraint on Python"),
            },
            ("options", "install_requires") => add(value, range, &Group::Main, &mut manifest),
            ("options.extras_require", extra) if !extra.is_empty() => {
                let group = Group::Extra(normalize(extra));
                add(value, range, &group, &mut manifest);
            }
            _ => {}
        }
    }
    manifest
}

fn add(value: &str, range: TextRange, group: &Group, manifest: &mut Manifest) {
    if let Some(path) = value.strip_prefix("file:") {
        for path in path.split(',') {
            manifest.includes.push(Include { path: path.trim().to_owned(), constraint: false, range });
        }
        return;
    }
    let value = value.split(" #").next().unwrap_or(value);
    match Requirement::parse(value, range.start) {
        Ok(requirement) => manifest.requirements.push(Requirement { group: group.clone(), ..requirement }),
        Err(error) => manifest.problem(range, error.message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_requirements() {
        let text = "[metadata]\nname = Shop_API\n[options]\npython_requires = >=3.9\ninstall_requires =\n    flask>=2\n    # not this\n    redis\n[options.extras_require]\nasync =\n    asgiref\n";
        let manifest = read_setup_cfg(text);
        let shown: Vec<_> =
            manifest.requirements.iter().map(|r| (r.name.as_str(), r.group.clone())).collect();
        assert_eq!(
            shown,
            [("flask", Group::Main), ("redis", Group::Main), ("asgiref", Group::Extra("async".to_owned()))]
        );
        let flask = manifest.requirements[0].range;
        assert_eq!(&text[flask.start as usize..flask.end as usize], "flask>=2");
    }
}
