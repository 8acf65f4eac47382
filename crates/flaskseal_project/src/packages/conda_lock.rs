//! What conda-lock writes: `conda-lock.yml`, version 1 of its format, and explicit lists such as `conda-linux-64.lock`
//! (conda.github.io/conda-lock/output).
//!
//! Packages of Conda's channels go by the channel's names, which are those of PyPI more often than not. What is written
//! in another language than Python is left out, as far as the file tells.

use std::str::FromStr as _;

use flaskseal_core::TextRange;
use flaskseal_deploy::yaml::{self, Node};
use flaskseal_deps::{
    Dependency, Group, Lock, LockTool, Locked, Problem, Source, Version, VersionSpecifiers, is_name,
    normalize,
};

/// `conda-lock.yml`, `prod.conda-lock.yml`, `conda-linux-64.lock`.
pub(super) fn is_lock(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.ends_with("conda-lock.yml") || lower.ends_with("conda-lock.yaml") || is_explicit(&lower)
}

fn is_explicit(lower: &str) -> bool {
    lower.starts_with("conda") && lower.ends_with(".lock")
}

/// Reads either form; `None` for text that is neither.
pub(super) fn read(name: &str, text: &str) -> Option<Lock> {
    if is_explicit(&name.to_ascii_lowercase()) {
        return explicit(text);
    }
    let parsed = yaml::parse(text);
    let root = parsed.tree.first()?;
    let packages = root.get("package")?;
    let mut lock = Lock::new(LockTool::Conda);
    lock.known_format =
        root.get("version").and_then(|version| version.text()).is_none_or(|version| version == "1");
    let problems = parsed.problems.iter().take(20);
    lock.problems =
        problems.map(|problem| Problem { range: problem.range, message: problem.message.clone() }).collect();
    // A lock lists every platform; production is Linux where it can be.
    let platforms: Vec<&str> =
        packages.items().iter().filter_map(|item| item.get("platform")?.text()).collect();
    let platform = ["linux-64", "linux-aarch64"].into_iter().find(|known| platforms.contains(known));
    let platform = platform.or(platforms.first().copied());
    for item in
        packages.items().iter().filter(|item| item.get("platform").and_then(|one| one.text()) == platform)
    {
        let Some(package) = package(item) else { continue };
        if package.name == "python" {
            let version = package.version.as_ref().map(Version::release);
            if let Some([major, minor, ..]) = version {
                lock.requires_python = VersionSpecifiers::from_str(&format!("=={major}.{minor}.*")).ok();
            }
        } else if is_python(item) {
            lock.packages.push(package);
        }
    }
    Some(lock)
}

fn package(item: &Node) -> Option<Locked> {
    let text = |key: &str| item.get(key).and_then(|value| value.text());
    let written = item.get("name")?;
    let name = written.text().filter(|name| is_name(name))?;
    let version = item.get("version");
    let end = version.map_or(written.range.end, |version| version.range.end);
    let group = match text("category") {
        None | Some("main") => Group::Main,
        Some(category) => Group::Dev(normalize(category)),
    };
    let wanted = item.get("dependencies").map(|list| list.entries()).unwrap_or_default();
    let depends = wanted.iter().filter(|entry| is_name(&entry.key) && entry.key != "python");
    let is_pip = text("manager") == Some("pip");
    let depends = depends.map(|entry| {
        let specifiers = entry.value.text().filter(|_| is_pip);
        let specifiers =
            specifiers.and_then(|text| VersionSpecifiers::from_str(text).ok()).unwrap_or_default();
        Dependency { specifiers, ..Dependency::new(&entry.key) }
    });
    Some(Locked {
        name: normalize(name),
        version: version.and_then(|version| Version::from_str(version.text()?).ok()),
        source: Source::Index(None),
        depends: depends.collect(),
        groups: vec![group],
        marker: None,
        hashes: item.get("hash").map_or(0, |hash| hash.entries().len()),
        range: TextRange::new(written.range.start, end.max(written.range.end)),
    })
}

/// Pip installs nothing else, and Conda's packages of Python code depend on Python.
fn is_python(item: &Node) -> bool {
    item.get("manager").and_then(|manager| manager.text()) == Some("pip")
        || item.at(&["dependencies", "python"]).is_some()
}

/// A line for each archive: `https://conda.anaconda.org/conda-forge/noarch/flask-2.0.1-pyhd8ed1ab_0.tar.bz2#HASH`.
/// Builds of Python code begin with `py`.
fn explicit(text: &str) -> Option<Lock> {
    if !text.lines().any(|line| line.trim() == "@EXPLICIT") {
        return None;
    }
    let mut lock = Lock::new(LockTool::Conda);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let line = line.trim();
        let (url, hash) = line.split_once('#').unwrap_or((line, ""));
        let file = url.rsplit('/').next().unwrap_or_default();
        let Some(stem) = file.strip_suffix(".tar.bz2").or_else(|| file.strip_suffix(".conda")) else {
            continue;
        };
        let mut parts = stem.rsplitn(3, '-');
        let (Some(build), Some(version), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        if !build.starts_with("py") || !is_name(name) || name == "python" {
            continue;
        }
        let offset = start + (url.len() - file.len());
        lock.packages.push(Locked {
            name: normalize(name),
            version: Version::from_str(version).ok(),
            source: Source::Index(None),
            depends: Vec::new(),
            groups: vec![Group::Main],
            marker: None,
            hashes: usize::from(!hash.is_empty()),
            range: TextRange::new(offset as u32, (offset + stem.len()) as u32),
        });
    }
    Some(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, lock: &Lock) -> Vec<String> {
        let show = |one: &Locked| {
            let place = text[one.range.start as usize..one.range.end as usize].replace('\n', " ");
            let version = one.version.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{} {version} {:?} {} {place}", one.name, one.groups[0], one.hashes)
        };
        lock.packages.iter().map(show).collect()
    }

    #[test]
    fn the_unified_form() {
        let text = "version: 1\nmetadata: {}\npackage:\n- name: python\n  version: 3.11.4\n  manager: conda\n  platform: linux-64\n- name: openssl\n  version: 3.1.1\n  manager: conda\n  platform: linux-64\n  dependencies: {libgcc-ng: '>=12'}\n- name: Flask\n  version: 2.0.1\n  manager: conda\n  platform: linux-64\n  dependencies: {python: '>=3.6', werkzeug: '>=2.0,<3.0a0'}\n  hash: {md5: ab, sha256: cd}\n  category: main\n- name: flask\n  version: 2.0.2\n  manager: conda\n  platform: osx-64\n  dependencies: {python: '>=3.6'}\n- name: pytest\n  version: 8.0.0\n  manager: pip\n  platform: linux-64\n  category: dev\n";
        let lock = read("conda-lock.yml", text).unwrap();
        assert_eq!(
            shown(text, &lock),
            [
                "flask 2.0.1 Main 2 Flask   version: 2.0.1",
                "pytest 8.0.0 Dev(\"dev\") 0 pytest   version: 8.0.0"
            ]
        );
        assert_eq!(lock.packages[0].depends[0].name, "werkzeug");
        assert_eq!(lock.requires_python.unwrap().to_string(), "==3.11.*");
        assert!(read("conda-lock.yml", "a: 1").is_none() && read("conda-lock.yml", "- [").is_none());
    }

    #[test]
    fn the_explicit_form() {
        let text = "# platform: linux-64\n@EXPLICIT\nhttps://conda.anaconda.org/conda-forge/linux-64/python-3.11.4-hab00c5b_0_cpython.conda#ab\nhttps://conda.anaconda.org/conda-forge/noarch/flask-login-0.6.2-pyhd8ed1ab_0.tar.bz2#cd\nhttps://conda.anaconda.org/conda-forge/linux-64/openssl-3.1.1-hd590300_1.conda\n";
        let lock = read("conda-linux-64.lock", text).unwrap();
        assert_eq!(shown(text, &lock), ["flask-login 0.6.2 Main 1 flask-login-0.6.2-pyhd8ed1ab_0"]);
        assert!(read("conda-linux-64.lock", "flask==1\n").is_none());
        assert!(is_lock("conda-lock.yml") && !is_lock("uv.lock") && !is_lock("environment.yml"));
    }
}
