//! The oracle boots what boots, and says why something does not.
#![allow(clippy::disallowed_methods, reason = "a test that writes a project")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use flaskseal_oracle::{BootError, Oracle, OracleDump, OracleValue};

fn boot(app: &str, entry: &str, env: &[(&str, &str)]) -> Result<OracleDump, BootError> {
    let env: BTreeMap<_, _> =
        env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let oracle = Oracle { limit: Duration::from_secs(20), ..Oracle::of_workspace() };
    oracle.boot_files([("app.py", app)], entry, &env)
}

#[test]
fn every_server_starts_the_same_application() {
    let app = "import os\nfrom flask import Flask\n\ndef create_app(stage='x'):\n    app = Flask('app', root_path='/')\n    \
               app.config['STAGE'] = stage + os.environ.get('SUFFIX', '')\n    return app\n\napp = create_app()\n\
               if __name__ == '__main__':\n    create_app('main').run(debug=True)\n";
    for (entry, stage, debug) in [
        ("gunicorn app:app", "x!", false),
        ("gunicorn --env SUFFIX=? \"app:create_app('y')\"", "y?", false),
        ("app:app", "x!", false),
        ("flask --app app --debug run -p 80", "x!", true),
        ("python -m flask --app app run", "x!", false),
        ("waitress-serve --call app:create_app", "x!", false),
        ("python app.py", "main!", true),
        ("SUFFIX=. exec python -u -m app", "main.", true),
    ] {
        let dump = boot(app, entry, &[("SUFFIX", "!")]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(dump.config["STAGE"], OracleValue::Str(stage.into()), "{entry}");
        assert_eq!(dump.debug, OracleValue::Bool(debug), "{entry}");
        assert!(dump.routes.iter().any(|route| route.endpoint == "static"), "{entry}");
    }
}

#[test]
fn nothing_of_our_own_environment_reaches_the_application() {
    let app = "import os\nfrom flask import Flask\napp = Flask(__name__)\napp.config['NAMES'] = sorted(os.environ)\n";
    let dump = boot(app, "gunicorn app:app", &[("GIVEN", "1")]).unwrap();
    let names = ["GIVEN", "HOME", "LANG", "PATH", "PYTHONHASHSEED"].map(|name| OracleValue::Str(name.into()));
    assert_eq!(dump.config["NAMES"], OracleValue::List(names.to_vec()));
}

#[test]
fn a_project_stays_as_it_was() {
    let project = Path::new(env!("CARGO_TARGET_TMPDIR")).join("project");
    std::fs::create_dir_all(project.join("etc")).unwrap();
    std::fs::write(project.join("etc/app.cfg"), "PAGES = 3\n").unwrap();
    let app = "import os, pathlib\nfrom flask import Flask\nkey = pathlib.Path('key')\nif not key.exists():\n    \
               key.write_bytes(os.urandom(16))\napp = Flask(__name__)\napp.config.from_pyfile('etc/app.cfg')\n\
               app.secret_key = key.read_bytes()\n";
    std::fs::write(project.join("app.py"), app).unwrap();
    let dump = Oracle::of_workspace().boot(&project, "app:app", &BTreeMap::new()).unwrap();
    assert_eq!(dump.config["PAGES"], OracleValue::Int("3".into()));
    assert_eq!(dump.secret_key, OracleValue::Volatile(true), "a key of an earlier boot is not found again");
    assert!(!project.join("key").exists());
}

#[test]
fn what_does_not_boot_says_why() {
    let failed = boot("raise RuntimeError('no key')\n", "gunicorn app:app", &[]).unwrap_err();
    assert!(matches!(&failed, BootError::Failed { output, .. } if output.contains("no key")), "{failed}");
    let unknown = boot("", "sleep 1", &[]).unwrap_err();
    assert!(unknown.to_string().contains("no way to boot 'sleep'"), "{unknown}");
}

#[test]
fn what_never_comes_up_is_ended() {
    let oracle = Oracle { limit: Duration::from_secs(3), ..Oracle::of_workspace() };
    let files = [("app.py", "import time\nwhile True:\n    time.sleep(1)\n")];
    let error = oracle.boot_files(files, "gunicorn app:app", &BTreeMap::new()).unwrap_err();
    assert!(matches!(error, BootError::Timeout { .. }), "{error}");
}

#[test]
fn a_missing_python_is_named() {
    let oracle = Oracle::new("/nonexistent/python");
    let error = oracle.boot_files([("app.py", "")], "app:app", &BTreeMap::new()).unwrap_err();
    assert!(error.to_string().contains("cargo xtask test"), "{error}");
}
