//! gunicorn's settings beside the real one: each start is read from a Dockerfile, and printed by `gunicorn
//! --print-config` with the same words, files and variables.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that starts programs")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use flaskseal_core::Tree;
use flaskseal_oracle::Oracle;
use flaskseal_project::semantic::{Fact, FactKind};
use flaskseal_project::{BuildOptions, Project, Start};

struct Case {
    words: &'static str,
    variables: &'static [(&'static str, &'static str)],
    files: &'static [(&'static str, &'static str)],
}

const APP: &str = "from flask import Flask\napp = Flask(__name__)\n";

/// Settings that rules ask for.
const SETTINGS: [&str; 18] = [
    "bind",
    "workers",
    "worker_class",
    "threads",
    "timeout",
    "user",
    "group",
    "umask",
    "forwarded_allow_ips",
    "proxy_allow_ips",
    "proxy_protocol",
    "limit_request_line",
    "limit_request_fields",
    "certfile",
    "keyfile",
    "reload",
    "loglevel",
    "wsgi_app",
];

const CASES: &[Case] = &[
    Case { words: "app:app", variables: &[], files: &[] },
    Case { words: "-b 0.0.0.0:8000 -w 3 app:app", variables: &[], files: &[] },
    Case { words: "--bind=127.0.0.1:80 --bind unix:/run/a.sock app:app", variables: &[], files: &[] },
    Case { words: "-b :8000 -u 65534 -g 65534 -m 007 app:app", variables: &[], files: &[] },
    Case { words: "-w4 -k gthread --threads 8 -t 0 --reload app:app", variables: &[], files: &[] },
    Case {
        words: "--forwarded-allow-ips=* --proxy-allow-from 10.0.0.1 --proxy-protocol=v1 app:app",
        variables: &[],
        files: &[],
    },
    Case {
        words: "--limit-request-line 0 --limit-request-fields 5 --log-level debug app:app",
        variables: &[],
        files: &[],
    },
    Case { words: "app:app", variables: &[("PORT", "5000")], files: &[] },
    Case { words: "-b 127.0.0.1:1 app:app", variables: &[("PORT", "5000")], files: &[] },
    Case {
        words: "app:app",
        variables: &[("WEB_CONCURRENCY", "7"), ("FORWARDED_ALLOW_IPS", "*")],
        files: &[],
    },
    Case {
        words: "app:app",
        variables: &[("GUNICORN_CMD_ARGS", "--bind=0.0.0.0:8000 --workers 2 --reload")],
        files: &[],
    },
    Case {
        words: "-b 127.0.0.1:9000 app:app",
        variables: &[("GUNICORN_CMD_ARGS", "--bind=0.0.0.0:8000 --forwarded-allow-ips '*'")],
        files: &[],
    },
    Case {
        words: "app:app",
        variables: &[],
        files: &[(
            "gunicorn.conf.py",
            "import multiprocessing, os\nport = os.environ.get('APP_PORT', '5000')\nbind = f'0.0.0.0:{port}'\nworkers = 2 * 2 + 1\nforwarded_allow_ips = ','.join(['10.0.0.1', '10.0.0.2'])\ntimeout = 60\n",
        )],
    },
    Case {
        words: "-c etc/g.py -w 1 app:app",
        variables: &[("APP_PORT", "81")],
        files: &[
            (
                "etc/g.py",
                "import os\nbind = ['127.0.0.1:80', ':' + os.environ['APP_PORT']]\nworkers = 9\nreload = True\n",
            ),
            ("gunicorn.conf.py", "bind = 'unused:1'\ntimeout = 5\n"),
        ],
    },
    Case {
        words: "--config python:settings app:app",
        variables: &[],
        files: &[("settings.py", "bind = '0.0.0.0:443'\ncertfile = None\nworker_class = 'gthread'\n")],
    },
    Case { words: "-c file:g.py", variables: &[], files: &[("g.py", "wsgi_app = 'app:app'\nbind = ':1'\n")] },
    Case {
        words: "app:app",
        variables: &[("GUNICORN_CMD_ARGS", "-w 2"), ("WEB_CONCURRENCY", "3")],
        files: &[("gunicorn.conf.py", "workers = 4\nbind = '0.0.0.0:4'\n")],
    },
    Case {
        words: "app:app",
        variables: &[("PORT", "5000")],
        files: &[("gunicorn.conf.py", "bind = '127.0.0.1:' + __import__('os').environ['PORT']\n")],
    },
];

#[test]
fn settings_are_those_of_gunicorn() {
    let oracle = Oracle::of_workspace();
    let (mut compared, mut unknown, mut wrong) = (0, Vec::new(), Vec::new());
    let bare = tempfile::tempdir().unwrap();
    fs::write(bare.path().join("app.py"), APP).unwrap();
    let mut defaults = BTreeMap::new();
    for case in CASES {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), case);
        let real = printed(&oracle.python, folder.path(), case.words, case.variables);
        let variables: Vec<_> =
            case.variables.iter().copied().filter(|(name, _)| *name != "GUNICORN_CMD_ARGS").collect();
        let default = defaults
            .entry(variables)
            .or_insert_with_key(|variables| printed(&oracle.python, bare.path(), "app:app", variables));

        let tree = Tree::from_texts(texts(case));
        let parsed = flaskseal_project::parse(&tree);
        let project = Project::build(&tree, &parsed, &BuildOptions::default());
        let [start] = project.apps[0].starts.as_slice() else { panic!("{}: not one start", case.words) };
        for name in SETTINGS {
            let expected = &real[name];
            match said(start, name) {
                // Whether the application is named by a word or by a setting.
                _ if name == "wsgi_app" && case.words.ends_with("app:app") => {}
                Said::Nothing if default[name] == *expected => compared += 1,
                Said::Value(value) if value == *expected => compared += 1,
                Said::Unknown => unknown.push(format!("{}: {name}", case.words)),
                said => wrong.push(format!("{}: {name}: {said:?}, not {expected}", case.words)),
            }
        }
    }
    println!("{} starts, {compared} settings agree, {} unknown: {unknown:?}", CASES.len(), unknown.len());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(unknown.len() * 20 < compared);
}

fn texts(case: &Case) -> Vec<(String, String)> {
    let variables: String =
        case.variables.iter().map(|(name, value)| format!("ENV {name}=\"{value}\"\n")).collect();
    let words: Vec<String> = case.words.split(' ').map(|word| format!("\"{word}\"")).collect();
    let dockerfile = format!(
        "FROM python:3.13\nWORKDIR /srv\nCOPY . .\n{variables}CMD [\"gunicorn\", {}]\n",
        words.join(", ")
    );
    let own = [("Dockerfile".to_owned(), dockerfile), ("app.py".to_owned(), APP.to_owned())];
    let files = case.files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    own.into_iter().chain(files).collect()
}

fn write(folder: &Path, case: &Case) {
    for (path, text) in texts(case) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// The settings that the real gunicorn prints.
fn printed(
    python: &Path,
    folder: &Path,
    words: &str,
    variables: &[(&str, &str)],
) -> BTreeMap<String, String> {
    let done = Command::new(python)
        .args(["-m", "gunicorn", "--print-config"])
        .args(words.split(' '))
        .current_dir(folder)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{words}: {text}{}", String::from_utf8_lossy(&done.stderr));
    text.lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

#[derive(Debug)]
enum Said {
    /// gunicorn's own default.
    Nothing,
    Unknown,
    /// As gunicorn prints it.
    Value(String),
}

/// What the model says of a setting: the command line counts, then gunicorn's file.
fn said(start: &Start, name: &str) -> Said {
    let option = match name {
        "proxy_allow_ips" => "proxy-allow-from".to_owned(),
        "loglevel" => "log-level".to_owned(),
        _ => name.replace('_', "-"),
    };
    let options = &start.entry.process.as_ref().unwrap().options;
    let told: Vec<_> = options.iter().filter(|known| known.name == option).collect();
    if let Some(last) = told.last() {
        if name == "bind" {
            let all: Option<Vec<&str>> =
                told.iter().map(|known| known.value.as_ref().and_then(|value| value.or_default())).collect();
            return all.map_or(Said::Unknown, |all| Said::Value(list(&all)));
        }
        return match &last.value {
            None => Said::Value("True".to_owned()),
            Some(value) => value.or_default().map_or(Said::Unknown, |text| Said::Value(normal(name, text))),
        };
    }
    let settings = &start.entry.server_settings;
    match settings.iter().find(|(known, _)| &**known == name) {
        None => Said::Nothing,
        Some((_, fact)) => of_fact(name, fact).map_or(Said::Unknown, Said::Value),
    }
}

fn of_fact(name: &str, fact: &Fact) -> Option<String> {
    let fact = fact.by_default();
    match &fact.kind {
        FactKind::Sequence { items, .. } => {
            let texts: Option<Vec<String>> =
                items.iter().map(|item| item.by_default().as_str().map(str::to_owned)).collect();
            texts.map(|texts| list(&texts.iter().map(String::as_str).collect::<Vec<_>>()))
        }
        FactKind::None => Some("None".to_owned()),
        FactKind::Bool(flag) => Some(if *flag { "True" } else { "False" }.to_owned()),
        _ => match (fact.as_str(), fact.as_int()) {
            (Some(text), _) if name == "bind" => Some(list(&[text])),
            (Some(text), _) => Some(normal(name, text)),
            (None, number) => number.map(|number| number.to_string()),
        },
    }
}

fn list(texts: &[&str]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| format!("'{text}'")).collect();
    format!("[{}]", quoted.join(", "))
}

/// gunicorn reads lists of addresses and numbers of other bases.
fn normal(name: &str, text: &str) -> String {
    match name {
        "forwarded_allow_ips" | "proxy_allow_ips" => {
            list(&text.split(',').map(str::trim).collect::<Vec<_>>())
        }
        "umask" => u32::from_str_radix(text, 8).map_or_else(|_| text.to_owned(), |mode| mode.to_string()),
        _ => text.to_owned(),
    }
}
