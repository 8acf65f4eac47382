//! Programs that start another one: `exec`, `env`, `poetry run`, `uv run`, `dotenv run`.

use super::{Launch, base_name, covering};
use crate::model::{EnvVar, Mechanism};
use crate::shell::Argument;
use crate::value::Value;

/// Takes one launcher off. `None`: nothing is left; `Some(None)`: the first word is no launcher.
#[allow(clippy::option_option, reason = "the caller must tell `nothing left` from `no launcher`")]
pub(super) fn launcher<'a>(arguments: &'a [Argument], launch: &mut Launch) -> Option<Option<&'a [Argument]>> {
    let (first, rest) = arguments.split_first()?;
    let behind = match base_name(first.text()) {
        "exec" => skip_options(rest, &["-a"]),
        "command" | "nohup" | "setsid" | "ddtrace-run" | "with-contenv" | "builtin" | "authbind"
        | "catchsegv" | "start-nginx" | "start-nginx-solo" | "start-pgbouncer" | "start-stunnel"
        | "scout-apm-run" => skip_options(rest, &[]),
        "time" | "nice" => skip_options(rest, &["-n", "--adjustment"]),
        "stdbuf" => skip_options(rest, &["-i", "-o", "-e"]),
        "ionice" => skip_options(rest, &["-c", "-n", "-p"]),
        "timeout" => skip_options(rest, &["-s", "-k", "--signal", "--kill-after"]).get(1..)?,
        "dumb-init" => skip_options(rest, &["-r", "--rewrite"]),
        "tini" | "tini-static" | "catatonit" | "docker-init" => skip_options(rest, &["-p", "-e"]),
        "su-exec" | "gosu" | "s6-setuidgid" => {
            launch.user = rest.first().cloned();
            rest.get(1..)?
        }
        "chpst" | "setuser" => {
            launch.user =
                rest.iter().position(|word| word.text() == "-u").and_then(|at| rest.get(at + 1)).cloned();
            skip_options(rest, &["-u", "-U", "-e", "-n", "-l"])
        }
        "sudo" | "runuser" | "doas" => {
            launch.user = rest
                .iter()
                .position(|word| matches!(word.text(), "-u" | "--user"))
                .and_then(|at| rest.get(at + 1))
                .cloned();
            skip_options(rest, &["-u", "-g", "--user", "--group"])
        }
        "env" => return Some(Some(env_launcher(rest, launch))),
        "poetry" | "pipenv" | "pdm" | "rye" | "pixi" | "hatch" => {
            after_run(rest, &["-C", "--directory", "-P", "--project", "-p", "-e", "--env"])?
        }
        "conda" | "mamba" | "micromamba" => after_run(rest, &["-n", "--name", "-p", "--prefix", "--cwd"])?,
        "uv" => return Some(Some(uv_run(rest, launch)?)),
        "dotenv" => dotenv_run(rest, launch)?,
        "doppler"
        | "infisical"
        | "op"
        | "chamber"
        | "vault-env"
        | "aws-vault"
        | "wait-for-it"
        | "wait-for-it.sh"
        | "wait-for"
        | "wait-for.sh"
        | "wait_for"
        | "wait-for-postgres.sh"
        | "watchmedo"
        | "xvfb-run"
        | "s6-softlimit" => {
            let dashes = rest.iter().position(|word| word.text() == "--")?;
            rest.get(dashes + 1..)?
        }
        "dockerize" => skip_options(
            rest,
            &["-wait", "-timeout", "-template", "-stdout", "-stderr", "-wait-retry-interval"],
        ),
        "opentelemetry-instrument" => skip_options(rest, OPENTELEMETRY),
        "newrelic-admin" if rest.first().is_some_and(|word| word.text() == "run-program") => rest.get(1..)?,
        _ => return Some(None),
    };
    Some(Some(behind))
}

const OPENTELEMETRY: &[&str] = &[
    "--traces_exporter",
    "--metrics_exporter",
    "--logs_exporter",
    "--service_name",
    "--exporter_otlp_endpoint",
    "--exporter_otlp_traces_endpoint",
    "--exporter_otlp_metrics_endpoint",
    "--id_generator",
    "--propagators",
];

/// Over options, `valued` of which take the next word, and over one `--`.
fn skip_options<'a>(arguments: &'a [Argument], valued: &[&str]) -> &'a [Argument] {
    let mut rest = arguments;
    while let Some((first, behind)) = rest.split_first() {
        let word = first.text();
        if word == "--" {
            return behind;
        }
        if !word.starts_with('-') || word == "-" {
            return rest;
        }
        rest = if valued.contains(&word) { behind.get(1..).unwrap_or(&[]) } else { behind };
    }
    rest
}

fn after_run<'a>(arguments: &'a [Argument], valued: &[&str]) -> Option<&'a [Argument]> {
    let rest = skip_options(arguments, valued);
    let (first, behind) = rest.split_first()?;
    if !matches!(first.text(), "run" | "x") {
        return None;
    }
    Some(skip_options(behind, valued))
}

fn env_launcher<'a>(arguments: &'a [Argument], launch: &mut Launch) -> &'a [Argument] {
    let mut rest = arguments;
    while let Some((first, behind)) = rest.split_first() {
        let word = first.text();
        if matches!(word, "-u" | "--unset" | "-C" | "--chdir") {
            rest = behind.get(1..).unwrap_or(&[]);
        } else if word.starts_with('-') {
            rest = behind;
        } else if let Some((name, value)) = assignment(first) {
            let mechanism = Mechanism::ShellAssignment;
            launch.env.push(EnvVar { name, value, span: first.span, mechanism, via: None });
            rest = behind;
        } else {
            break;
        }
    }
    rest
}

/// `NAME=value` in one word.
pub(crate) fn assignment(word: &Argument) -> Option<(String, Value)> {
    let (name, value) = split_value(&word.value, '=')?;
    let valid = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with(|first: char| first.is_ascii_digit());
    valid.then_some((name, value))
}

/// Splits a value at a character of its literal front.
pub(super) fn split_value(value: &Value, at: char) -> Option<(String, Value)> {
    match value {
        Value::Known(text) => text.split_once(at).map(|(front, back)| (front.to_owned(), Value::known(back))),
        Value::External { written, default } => {
            let (front, back) = written.split_once(at)?;
            let default =
                default.as_deref().and_then(|text| text.split_once(at)).map(|(_, back)| back.to_owned());
            Some((front.to_owned(), Value::External { written: back.to_owned(), default }))
        }
    }
}

fn uv_run<'a>(arguments: &'a [Argument], launch: &mut Launch) -> Option<&'a [Argument]> {
    const VALUED: &[&str] = &[
        "--with",
        "--with-requirements",
        "--with-editable",
        "--extra",
        "--group",
        "--only-group",
        "--no-group",
        "--python",
        "-p",
        "--env-file",
        "--directory",
        "--project",
        "--package",
        "--index-url",
        "--index",
        "--config-file",
    ];
    let mut rest = skip_options(arguments, VALUED);
    let (first, behind) = rest.split_first()?;
    if first.text() != "run" {
        return None;
    }
    rest = behind;
    while let Some((first, behind)) = rest.split_first() {
        let word = first.text();
        match word {
            "--" => return Some(behind),
            // Left in front: the caller reads `-m module` as Python does.
            "-m" | "--module" => return Some(rest),
            "--env-file" => launch.env_files.extend(behind.first().cloned()),
            "--directory" => launch.directory = behind.first().cloned(),
            _ if !word.starts_with('-') => return Some(rest),
            _ => {}
        }
        rest = if VALUED.contains(&word) { behind.get(1..).unwrap_or(&[]) } else { behind };
    }
    None
}

fn dotenv_run<'a>(arguments: &'a [Argument], launch: &mut Launch) -> Option<&'a [Argument]> {
    let run = arguments.iter().position(|word| word.text() == "run")?;
    let (front, behind) = arguments.split_at_checked(run)?;
    let named =
        front.iter().position(|word| matches!(word.text(), "-f" | "--file")).and_then(|at| front.get(at + 1));
    let fallback = || Argument::new(Value::known(".env"), covering(arguments));
    launch.env_files.push(named.cloned().unwrap_or_else(fallback));
    Some(skip_options(behind.get(1..)?, &[]))
}
