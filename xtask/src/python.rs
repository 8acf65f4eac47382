//! The Python environments that tests run real Flask applications in.
//!
//! `target/venv` holds current versions: the lock file of `examples/shop-hardened` and `tests/requirements.txt`.
//! `target/venv-shop` holds the old versions that `examples/shop` pins.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::step::{command, root, run, succeeds};

/// One virtual environment below `target/` and the requirement files installed into it, in order.
struct Environment {
    folder: &'static str,
    requirements: &'static [&'static str],
}

const ENVIRONMENTS: &[Environment] = &[
    Environment {
        folder: "target/venv",
        requirements: &["examples/shop-hardened/requirements.lock", "tests/requirements.txt"],
    },
    Environment { folder: "target/venv-shop", requirements: &["examples/shop/requirements.lock"] },
];

/// The versions that both sets of pins install on, the preferred first.
const MINORS: &[u8] = &[11, 12, 13];

/// Creates the environments that are missing or whose requirements have changed.
pub(crate) fn ensure_environments() -> Result<()> {
    let mut python = None;
    for environment in ENVIRONMENTS {
        let stamp = stamp(environment)?;
        let stamp_file = root().join(environment.folder).join("requirements.stamp");
        if fs::read_to_string(&stamp_file).is_ok_and(|found| found == stamp) {
            continue;
        }
        let python = match &python {
            Some(name) => name,
            None => python.insert(find_python()?),
        };
        create(environment, python)?;
        fs::write(&stamp_file, stamp).with_context(|| format!("cannot write {}", stamp_file.display()))?;
    }
    Ok(())
}

fn create(environment: &Environment, python: &str) -> Result<()> {
    run(command(python).args(["-m", "venv", "--clear", environment.folder]))?;
    let pip = Path::new(environment.folder).join("bin").join("python");
    for file in environment.requirements {
        run(command(root().join(&pip)).args([
            "-m",
            "pip",
            "--disable-pip-version-check",
            "install",
            "--quiet",
            "--requirement",
            file,
        ]))?;
    }
    Ok(())
}

/// Everything that decides what an environment holds.
fn stamp(environment: &Environment) -> Result<String> {
    let read = |file: &&str| {
        let text = fs::read_to_string(root().join(file)).with_context(|| format!("cannot read {file}"))?;
        Ok(format!("# {file}\n{text}"))
    };
    environment.requirements.iter().map(read).collect()
}

/// The name of a Python that can create environments; installs it on Debian when this process may.
fn find_python() -> Result<String> {
    if let Some(python) = installed_python("import venv, ensurepip") {
        return Ok(python);
    }
    let debian = succeeds(command("apt-get").arg("--version"));
    let superuser = succeeds(command("sh").args(["-c", "test \"$(id -u)\" = 0"]));
    if debian && superuser {
        let package = installed_python("pass").map_or("python3".into(), |python| python);
        run(command("apt-get").args(["update", "--quiet"]))?;
        run(command("apt-get").args(["install", "--yes", "--quiet", "python3", &format!("{package}-venv")]))?;
    }
    match installed_python("import venv, ensurepip") {
        Some(python) => Ok(python),
        None => bail!(
            "the tests need Python 3.11, 3.12 or 3.13 with its venv module; on Debian: apt-get install python3 python3-venv"
        ),
    }
}

/// The first Python of a known version that runs `check`.
fn installed_python(check: &str) -> Option<String> {
    let named = MINORS.iter().map(|minor| (format!("python3.{minor}"), *minor));
    let plain = MINORS.iter().map(|minor| ("python3".to_owned(), *minor));
    plain.chain(named).find_map(|(name, minor)| {
        let program = format!("import sys; assert sys.version_info[:2] == (3, {minor}); {check}");
        succeeds(command(&name).args(["-c", &program])).then_some(name)
    })
}
