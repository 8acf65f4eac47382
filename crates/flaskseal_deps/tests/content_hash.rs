//! Digests of manifests beside those that Poetry, PDM and Pipenv compute. `oracle/hash_manifests.py` wrote theirs into
//! the files.
#![allow(clippy::disallowed_methods, reason = "a test that reads its own files")]

use std::path::Path;

use flaskseal_deps::{
    Lock, is_made_from, read_pdm_lock, read_pipfile_lock, read_poetry_lock, read_pyproject, read_uv_lock,
};

fn lock(tool: &str, hash: &str) -> Lock {
    match tool {
        "poetry" => {
            read_poetry_lock(&format!("[metadata]\nlock-version = \"2.1\"\ncontent-hash = \"{hash}\"\n"))
        }
        "pdm" => read_pdm_lock(&format!("[metadata]\nlock_version = \"4.5\"\ncontent_hash = \"{hash}\"\n")),
        _ => read_pipfile_lock(&format!("{{\"_meta\": {{\"hash\": {{\"sha256\": \"{hash}\"}}}}}}")),
    }
}

#[test]
fn digests_are_those_of_the_tools() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/content_hash");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let hash = text.lines().next().unwrap().strip_prefix("# hash: ").unwrap();
        let tool = name.split('-').next().unwrap();
        let lock = lock(tool, hash);
        assert_eq!(is_made_from(&lock, &text), Some(true), "{name}");
        let added = match tool {
            "pipenv" => text.replace("[packages]\n", "[packages]\nnew = \"1\"\n"),
            "poetry" => {
                text.replace("[tool.poetry.dependencies]\n", "[tool.poetry.dependencies]\nnew = \"1\"\n")
            }
            _ => text.replace("dependencies = [\"flask", "dependencies = [\"new\", \"flask"),
        };
        let added = if added == text { text.replace("[\"flask", "[\"new\", \"flask") } else { added };
        if added != text {
            assert_eq!(is_made_from(&lock, &added), Some(false), "{name}");
        }
        // What nobody resolves by changes nothing.
        let described = format!("{text}\n[tool.other]\nx = 1\n");
        if tool != "pipenv" {
            assert_eq!(is_made_from(&lock, &described), Some(true), "{name}");
        }
        seen += 1;
    }
    assert!(seen >= 9);
}

#[test]
fn what_cannot_be_compared_says_nothing() {
    let poetry = lock("poetry", "ab");
    assert_eq!(is_made_from(&poetry, "= no TOML"), None);
    assert_eq!(
        is_made_from(
            &poetry,
            "[tool.poetry.dependencies]\nflask = { version = \"1\", since = 2024-01-01 }\n"
        ),
        None,
        "how Python writes a date is not known here"
    );
    assert_eq!(
        is_made_from(&poetry, "[tool.poetry.dependencies]\nflask = 1.5\n"),
        None,
        "a number that is written in two ways"
    );
    assert_eq!(is_made_from(&poetry, ""), Some(false));
    assert_eq!(is_made_from(&lock("pdm", "md5:ab"), ""), None);
    assert_eq!(is_made_from(&lock("pdm", "sha256:ab"), "[tool.pdm.workspace]\nmembers = []\n"), None);
    assert_eq!(is_made_from(&read_poetry_lock(""), ""), None, "no digest");
    assert_eq!(is_made_from(&read_uv_lock("version = 1\n"), ""), None);
}

#[test]
fn the_locks_that_the_tools_wrote_are_fresh() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/locks");
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    for (lock, manifest) in [
        (read_poetry_lock(&text("poetry/poetry.lock")), "poetry/pyproject.toml"),
        (read_pdm_lock(&text("pdm/pdm.lock")), "pdm/pyproject.toml"),
        (read_pipfile_lock(&text("pipenv/Pipfile.lock")), "pipenv/Pipfile"),
    ] {
        assert_eq!(is_made_from(&lock, &text(manifest)), Some(true), "{manifest}");
        let (hash, range) = lock.content_hash.unwrap();
        assert!(hash.len() >= 64 && range.end > range.start);
    }
    let uv = read_uv_lock(&text("uv/uv.lock")).made_from.expect("uv repeats what was asked for");
    let manifest = read_pyproject(&text("uv/pyproject.toml"));
    for known in &uv {
        let declared =
            manifest.requirements.iter().find(|one| one.name == known.name).expect("it is declared");
        assert_eq!(declared.specifiers.len(), known.specifiers.len(), "{}", known.name);
    }
    assert_eq!(uv.len(), 6, "the extra is left out");
}
