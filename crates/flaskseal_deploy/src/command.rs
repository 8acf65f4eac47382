//! Command lines: which server starts, with which options and which application. Launchers in front of the program
//! (`exec`, `env A=B`, `poetry run`, `tini --`) are taken off first.

use flaskseal_core::Span;

use crate::model::{CliOption, EnvVar, Mechanism, ProcessKind, Server, Target};
use crate::shell::Argument;
use crate::value::Value;

/// What a command line comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    Program(Box<Invocation>),
    /// `sh -c text argument...`; the first argument is `$0`.
    ShellText {
        text: Argument,
        arguments: Vec<Argument>,
        launch: Launch,
    },
    /// `sh entrypoint.sh argument...`, or a program that may be a script of the tree.
    ShellFile {
        path: Argument,
        arguments: Vec<Argument>,
        launch: Launch,
    },
}

/// What launchers change for the program behind them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Launch {
    pub env: Vec<EnvVar>,
    pub env_files: Vec<Argument>,
    pub directory: Option<Argument>,
    pub user: Option<Argument>,
}

/// A program with its command line taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invocation {
    pub kind: ProcessKind,
    pub server: Server,
    pub target: Target,
    /// By long name without dashes; None for a flag.
    pub options: Vec<CliOption>,
    /// What is neither an option nor the target.
    pub arguments: Vec<Argument>,
    pub launch: Launch,
    pub span: Span,
}

/// Launchers in front of one program; more are left alone.
const MAX_LAUNCHERS: usize = 16;

/// Recognises a command line. None when it is empty.
pub fn recognise(arguments: &[Argument]) -> Option<Command> {
    let mut launch = Launch::default();
    let mut rest = arguments;
    for _ in 0..MAX_LAUNCHERS {
        let behind = launcher(rest, &mut launch)?;
        let Some(behind) = behind else { break };
        rest = behind;
    }
    let (program, behind) = rest.split_first()?;
    let name = base_name(program.text());
    if is_shell(name) {
        return shell(behind, launch);
    }
    if is_python(name) {
        return python(program, behind, launch);
    }
    let span = covering(rest);
    if let Some(invocation) = server(name, behind, &launch, span) {
        return Some(Command::Program(Box::new(invocation)));
    }
    let path = program.text();
    if has_extension(path, &["sh", "bash"]) || (path.contains('/') && !has_extension(path, &["py"])) {
        return Some(Command::ShellFile { path: program.clone(), arguments: behind.to_vec(), launch });
    }
    if has_extension(path, &["py"]) {
        return Some(Command::Program(Box::new(script(program, behind, launch, span))));
    }
    let server = Server::Unknown { program: name.to_owned() };
    Some(Command::Program(Box::new(Invocation {
        kind: ProcessKind::Other,
        server,
        target: Target::Default,
        options: Vec::new(),
        arguments: behind.to_vec(),
        launch,
        span,
    })))
}

/// The last part of a path, without a Windows ending.
pub(crate) fn base_name(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".exe").unwrap_or(name)
}

pub(crate) fn has_extension(path: &str, wanted: &[&str]) -> bool {
    base_name(path).rsplit_once('.').is_some_and(|(_, extension)| wanted.contains(&extension))
}

/// The range over the arguments that stand in the same file as the first.
fn covering(arguments: &[Argument]) -> Span {
    let Some((first, rest)) = arguments.split_first() else {
        return Span::new(flaskseal_core::FileId(0), 0, 0);
    };
    rest.iter()
        .filter(|argument| argument.span.file == first.span.file)
        .fold(first.span, |whole, argument| joined(whole, argument.span))
}

fn joined(left: Span, right: Span) -> Span {
    if left.file != right.file {
        return left;
    }
    Span::new(left.file, left.range.start.min(right.range.start), left.range.end.max(right.range.end))
}

fn is_shell(name: &str) -> bool {
    matches!(name, "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh")
}

fn is_python(name: &str) -> bool {
    name.strip_prefix("python")
        .or_else(|| name.strip_prefix("pypy"))
        .is_some_and(|version| version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

/// Takes one launcher off. `None`: nothing is left; `Some(None)`: the first word is no launcher.
#[allow(clippy::option_option, reason = "the caller must tell `nothing left` from `no launcher`")]
fn launcher<'a>(arguments: &'a [Argument], launch: &mut Launch) -> Option<Option<&'a [Argument]>> {
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
fn split_value(value: &Value, at: char) -> Option<(String, Value)> {
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

fn shell(arguments: &[Argument], launch: Launch) -> Option<Command> {
    let mut rest = arguments;
    let mut text = false;
    while let Some((first, behind)) = rest.split_first() {
        let word = first.text();
        if word == "-o" || word == "+o" {
            rest = behind.get(1..).unwrap_or(&[]);
        } else if word.starts_with('-') && word.len() > 1 {
            text |= !word.starts_with("--") && word.contains('c');
            rest = behind;
        } else {
            break;
        }
    }
    let (first, behind) = rest.split_first()?;
    Some(if text {
        Command::ShellText { text: first.clone(), arguments: behind.to_vec(), launch }
    } else {
        Command::ShellFile { path: first.clone(), arguments: behind.to_vec(), launch }
    })
}

fn python(program: &Argument, arguments: &[Argument], launch: Launch) -> Option<Command> {
    let mut all = vec![program.clone()];
    all.extend_from_slice(arguments);
    let span = covering(&all);
    let mut rest = arguments;
    while let Some((first, behind)) = rest.split_first() {
        match first.text() {
            "-W" | "-X" | "--check-hash-based-pycs" => rest = behind.get(1..).unwrap_or(&[]),
            "-m" => {
                let (module, behind) = behind.split_first()?;
                return Some(Command::Program(Box::new(python_module(module, behind, launch, span))));
            }
            "-c" => break,
            word if word.starts_with('-') && word.len() > 1 => {
                if let Some(module) = word.strip_prefix("-m") {
                    let module = Argument::new(Value::known(module), first.span);
                    return Some(Command::Program(Box::new(python_module(&module, behind, launch, span))));
                }
                rest = behind;
            }
            _ => return Some(Command::Program(Box::new(script(first, behind, launch, span)))),
        }
    }
    let server = Server::Unknown { program: "python".to_owned() };
    let invocation = Invocation {
        kind: ProcessKind::Other,
        server,
        target: Target::Default,
        options: Vec::new(),
        arguments: rest.to_vec(),
        launch,
        span,
    };
    Some(Command::Program(Box::new(invocation)))
}

fn script(path: &Argument, arguments: &[Argument], launch: Launch, span: Span) -> Invocation {
    // A script may itself be an installed program: `python /venv/bin/gunicorn app:app`.
    if let Some(invocation) = server(base_name(path.text()), arguments, &launch, span) {
        return invocation;
    }
    let command = arguments.iter().find(|word| !word.text().starts_with('-')).map(Argument::text);
    let is_manage = base_name(path.text()) == "manage.py";
    let serves = !is_manage
        || command.is_none_or(|word| matches!(word, "run" | "runserver" | "run_server" | "serve" | "start"));
    let works = is_manage
        && command.is_some_and(|word| matches!(word, "rq" | "celery" | "worker" | "huey" | "scheduler"));
    let kind = match (serves, works) {
        (true, _) => ProcessKind::Web,
        (false, true) => ProcessKind::Worker,
        (false, false) => ProcessKind::Other,
    };
    Invocation {
        kind,
        server: Server::Script { path: path.text().to_owned() },
        target: Target::File { path: path.text().to_owned(), callable: None, span: path.span },
        options: Vec::new(),
        arguments: arguments.to_vec(),
        launch,
        span,
    }
}

fn python_module(module: &Argument, arguments: &[Argument], launch: Launch, span: Span) -> Invocation {
    let name = module.text();
    if matches!(name, "debugpy" | "coverage" | "cProfile" | "pdb" | "ddtrace") {
        // A launcher in Python: what it runs follows its options.
        let at = arguments.iter().position(|word| word.text() == "-m");
        if let Some((inner, behind)) =
            at.and_then(|at| arguments.get(at + 1..)).and_then(|rest| rest.split_first())
        {
            return python_module(inner, behind, launch, span);
        }
    }
    let program = match name {
        "waitress" => "waitress-serve",
        "gunicorn.app.wsgiapp" => "gunicorn",
        other => other,
    };
    if let Some(invocation) = server(program, arguments, &launch, span) {
        return invocation;
    }
    let installs = matches!(
        name,
        "pip"
            | "venv"
            | "pytest"
            | "unittest"
            | "compileall"
            | "http.server"
            | "alembic"
            | "playwright"
            | "nltk.downloader"
            | "spacy"
            | "build"
    );
    Invocation {
        kind: if installs { ProcessKind::Other } else { ProcessKind::Web },
        server: Server::PythonModule { name: name.to_owned() },
        target: Target::Module { module: name.to_owned(), callable: None, span: module.span },
        options: Vec::new(),
        arguments: arguments.to_vec(),
        launch,
        span,
    }
}

fn server(name: &str, arguments: &[Argument], launch: &Launch, span: Span) -> Option<Invocation> {
    // Distributions install `gunicorn3`, `uwsgi-core`, `flask-3.12`.
    let name = name.trim_end_matches(|last: char| last.is_ascii_digit() || last == '.' || last == '-');
    let (server, grammar) = match name {
        "gunicorn" | "gunicorn_paster" => (Server::Gunicorn, &GUNICORN),
        "uwsgi" | "uwsgi-core" | "pyuwsgi" => (Server::Uwsgi, &UWSGI),
        "waitress-serve" => (Server::Waitress, &WAITRESS),
        "hypercorn" => (Server::Hypercorn, &HYPERCORN),
        "uvicorn" => (Server::Uvicorn, &UVICORN),
        "daphne" => (Server::Daphne, &DAPHNE),
        "granian" => (Server::Granian, &GRANIAN),
        "mod_wsgi-express" => (Server::ModWsgi, &MOD_WSGI),
        "flask" => return Some(flask(arguments, launch, span)),
        "celery" | "rq" | "rqworker" | "huey_consumer" | "huey_consumer.py" | "dramatiq" | "arq" => {
            return Some(worker(name, arguments, launch, span));
        }
        _ => return None,
    };
    let (options, mut positional) = grammar.read(arguments);
    let target = grammar.target(&options, &mut positional);
    let mut launch = launch.clone();
    let valued = |wanted: &str| {
        let option = options.iter().rev().find(|option| option.name == wanted)?;
        Some(Argument::new(option.value.clone()?, option.span))
    };
    for option in &options {
        if option.name == "env"
            && let Some((name, value)) = option.value.as_ref().and_then(|value| split_value(value, '='))
        {
            let mechanism =
                if server == Server::Uwsgi { Mechanism::Uwsgi } else { Mechanism::GunicornOption };
            launch.env.push(EnvVar { name, value, span: option.span, mechanism, via: None });
        }
    }
    if let Some(user) = valued("user").or_else(|| valued("uid")) {
        launch.user = Some(user);
    }
    if let Some(directory) = valued("chdir").or_else(|| valued("app-dir")).or_else(|| valued("working-dir")) {
        launch.directory = Some(directory);
    }
    Some(Invocation { kind: ProcessKind::Web, server, target, options, arguments: positional, launch, span })
}

fn worker(name: &str, arguments: &[Argument], launch: &Launch, span: Span) -> Invocation {
    let (options, mut positional) = CELERY.read(arguments);
    let app = options.iter().find(|option| option.name == "app");
    let target = match app {
        Some(CliOption { value: Some(value), span, .. }) => named(value.text(), *span),
        _ => Target::Default,
    };
    let command = positional
        .iter()
        .position(|word| matches!(word.text(), "worker" | "beat" | "multi" | "events" | "flower"));
    let works = name != "celery" || command.is_some();
    if let Some(command) = command {
        positional.remove(command);
    }
    let server = if name == "celery" { Server::Celery } else { Server::Unknown { program: name.to_owned() } };
    let kind = if works { ProcessKind::Worker } else { ProcessKind::Other };
    Invocation { kind, server, target, options, arguments: positional, launch: launch.clone(), span }
}

fn flask(arguments: &[Argument], launch: &Launch, span: Span) -> Invocation {
    let (options, mut positional) = FLASK.read(arguments);
    let command = positional.first().map(|word| word.text().to_owned());
    let runs = command.as_deref() == Some("run");
    let switch = |on: &str, off: &str| {
        let last = options.iter().rev().find(|option| option.name == on || option.name == off)?;
        Some(last.name == on)
    };
    let target = match options.iter().rev().find(|option| option.name == "app") {
        Some(CliOption { value: Some(value), span, .. }) => {
            Target::FlaskApp { spec: value.clone(), span: *span }
        }
        _ => Target::Default,
    };
    let mut launch = launch.clone();
    for option in &options {
        if let ("env-file", Some(value)) = (option.name.as_str(), &option.value) {
            launch.env_files.push(Argument::new(value.clone(), option.span));
        }
    }
    let server = if runs {
        positional.remove(0);
        Server::FlaskRun {
            debug: switch("debug", "no-debug"),
            debugger: switch("debugger", "no-debugger"),
            reload: switch("reload", "no-reload"),
        }
    } else {
        Server::Unknown { program: "flask".to_owned() }
    };
    let kind = match command.as_deref() {
        Some("run") => ProcessKind::Web,
        Some("celery" | "worker" | "rq") => ProcessKind::Worker,
        _ => ProcessKind::Other,
    };
    Invocation { kind, server, target, options, arguments: positional, launch, span }
}

/// The options in `GUNICORN_CMD_ARGS`.
pub(crate) fn gunicorn_options(arguments: &[Argument]) -> Vec<CliOption> {
    GUNICORN.read(arguments).0
}

/// What options of uWSGI's configuration files say that a command line would.
pub(crate) fn uwsgi_target(options: &[CliOption]) -> Target {
    UWSGI.target(options, &mut Vec::new())
}

/// `module:callable`, or a path. The callable may be a call with colons in its arguments.
pub(crate) fn named(spec: &str, span: Span) -> Target {
    let (front, callable) = match spec.split_once(':') {
        Some((front, callable)) => (front, (!callable.is_empty()).then(|| callable.to_owned())),
        None => (spec, None),
    };
    if front.contains('/') || has_extension(front, &["py"]) {
        Target::File { path: front.to_owned(), callable, span }
    } else {
        Target::Module { module: front.to_owned(), callable, span }
    }
}

/// The options of a program: which take a value, and what their short forms mean.
struct Grammar {
    short: &'static [(char, &'static str)],
    /// Long options without a value.
    flags: &'static [&'static str],
    /// Options that name the application; the first positional does otherwise.
    target_options: &'static [&'static str],
    positional_target: bool,
    /// Long options not listed take the next word as their value.
    valued_by_default: bool,
}

impl Grammar {
    fn read(&self, arguments: &[Argument]) -> (Vec<CliOption>, Vec<Argument>) {
        let mut options = Vec::new();
        let mut positional = Vec::new();
        let mut rest = arguments;
        while let Some((first, behind)) = rest.split_first() {
            rest = behind;
            let word = first.value.written_front();
            if word == "--" {
                positional.extend_from_slice(behind);
                break;
            }
            let (name, given) = if let Some(long) = word.strip_prefix("--") {
                match split_value(&first.value, '=') {
                    Some((name, value)) => (name.trim_start_matches('-').to_owned(), Some(value)),
                    None => (long.to_owned(), None),
                }
            } else if let Some(short) = word.strip_prefix('-').filter(|short| !short.is_empty()) {
                let mut letters = short.chars();
                let letter = letters.next().unwrap_or('-');
                let name = self
                    .short
                    .iter()
                    .find(|(known, _)| *known == letter)
                    .map_or_else(|| letter.to_string(), |(_, name)| (*name).to_owned());
                let attached = letters.as_str().trim_start_matches('=');
                let value = (!attached.is_empty()).then(|| match &first.value {
                    Value::Known(_) => Value::known(attached),
                    Value::External { default, .. } => Value::External {
                        written: attached.to_owned(),
                        default: default
                            .as_deref()
                            .and_then(|text| text.get(2..))
                            .map(|text| text.trim_start_matches('=').to_owned()),
                    },
                });
                (name, value)
            } else {
                positional.push(first.clone());
                continue;
            };
            let name = name.replace('_', "-");
            let is_flag = self.flags.contains(&name.as_str());
            let takes_next = given.is_none()
                && !is_flag
                && (self.valued_by_default || self.short.iter().any(|(_, known)| *known == name));
            if takes_next && let Some((next, behind)) = rest.split_first() {
                let span = joined(first.span, next.span);
                options.push(CliOption { name, value: Some(next.value.clone()), span });
                rest = behind;
            } else {
                options.push(CliOption { name, value: given, span: first.span });
            }
        }
        (options, positional)
    }

    fn target(&self, options: &[CliOption], positional: &mut Vec<Argument>) -> Target {
        let option = options.iter().rev().find(|option| self.target_options.contains(&option.name.as_str()));
        if let Some(CliOption { name, value: Some(value), span }) = option {
            let callable = options.iter().rev().find(|option| option.name == "callable");
            let callable =
                callable.and_then(|option| option.value.as_ref()).map(|value| value.text().to_owned());
            return match (name.as_str(), named(value.text(), *span)) {
                ("file" | "wsgi-file", _) => {
                    Target::File { path: value.text().to_owned(), callable, span: *span }
                }
                (_, Target::Module { module, callable: own, span }) => {
                    Target::Module { module, callable: own.or(callable), span }
                }
                (_, other) => other,
            };
        }
        if !self.positional_target || positional.is_empty() {
            return Target::Default;
        }
        let first = positional.remove(0);
        named(first.text(), first.span)
    }
}

impl Value {
    /// For looking at dashes: a value that begins with a variable has none.
    fn written_front(&self) -> &str {
        match self {
            Self::Known(text) => text,
            Self::External { written, .. } => written,
        }
    }
}

/// gunicorn 23: <https://docs.gunicorn.org/en/stable/settings.html>.
const GUNICORN: Grammar = Grammar {
    short: &[
        ('b', "bind"),
        ('c', "config"),
        ('w', "workers"),
        ('k', "worker-class"),
        ('t', "timeout"),
        ('e', "env"),
        ('u', "user"),
        ('g', "group"),
        ('p', "pid"),
        ('n', "name"),
        ('m', "umask"),
        ('D', "daemon"),
        ('R', "enable-stdio-inheritance"),
    ],
    flags: &[
        "preload",
        "reload",
        "daemon",
        "enable-stdio-inheritance",
        "check-config",
        "print-config",
        "spew",
        "no-sendfile",
        "reuse-port",
        "initgroup",
        "log-syslog",
        "capture-output",
        "proxy-protocol",
        "do-handshake-on-connect",
        "suppress-ragged-eofs",
        "disable-redirect-access-to-syslog",
        "permit-obsolete-folding",
        "strip-header-spaces",
        "permit-unconventional-http-method",
        "permit-unconventional-http-version",
        "casefold-http-method",
        "version",
        "help",
        "v",
        "h",
    ],
    target_options: &[],
    positional_target: true,
    valued_by_default: true,
};

/// uWSGI 2.0: <https://uwsgi-docs.readthedocs.io/en/latest/Options.html>.
const UWSGI: Grammar = Grammar {
    short: &[
        ('s', "socket"),
        ('w', "module"),
        ('p', "processes"),
        ('H', "virtualenv"),
        ('d', "daemonize"),
        ('M', "master"),
        ('T', "enable-threads"),
        ('b', "buffer-size"),
        ('i', "single-interpreter"),
        ('L', "disable-logging"),
        ('x', "xml"),
        ('y', "yaml"),
    ],
    flags: &[
        "master",
        "enable-threads",
        "vacuum",
        "die-on-term",
        "lazy-apps",
        "lazy",
        "need-app",
        "single-interpreter",
        "thunder-lock",
        "strict",
        "disable-logging",
        "honour-stdin",
        "ignore-sigpipe",
        "ignore-write-errors",
        "disable-write-exception",
        "manage-script-name",
        "catch-exceptions",
        "wsgi-env-behaviour",
        "log-master",
        "no-orphans",
        "http-keepalive",
        "http-auto-chunked",
        "show-config",
        "memory-report",
        "auto-procname",
        "py-call-osafterfork",
        "close-on-exec",
    ],
    target_options: &["module", "wsgi", "wsgi-file", "file"],
    positional_target: false,
    valued_by_default: true,
};

/// waitress 3: `runner.py`.
const WAITRESS: Grammar = Grammar {
    short: &[],
    flags: &[
        "call",
        "expose-tracebacks",
        "no-expose-tracebacks",
        "ipv4",
        "no-ipv4",
        "ipv6",
        "no-ipv6",
        "log-untrusted-proxy-headers",
        "no-log-untrusted-proxy-headers",
        "clear-untrusted-proxy-headers",
        "no-clear-untrusted-proxy-headers",
        "log-socket-errors",
        "no-log-socket-errors",
        "asyncore-use-poll",
        "no-asyncore-use-poll",
        "help",
    ],
    target_options: &["app"],
    positional_target: true,
    valued_by_default: true,
};

const HYPERCORN: Grammar = Grammar {
    short: &[
        ('b', "bind"),
        ('c', "config"),
        ('w', "workers"),
        ('k', "worker-class"),
        ('g', "group"),
        ('u', "user"),
        ('m', "umask"),
        ('p', "pid"),
    ],
    flags: &["debug", "reload", "help", "h"],
    target_options: &[],
    positional_target: true,
    valued_by_default: true,
};

const UVICORN: Grammar = Grammar {
    short: &[],
    flags: &[
        "reload",
        "factory",
        "proxy-headers",
        "no-proxy-headers",
        "access-log",
        "no-access-log",
        "use-colors",
        "no-use-colors",
        "server-header",
        "no-server-header",
        "date-header",
        "no-date-header",
        "version",
        "help",
    ],
    target_options: &[],
    positional_target: true,
    valued_by_default: true,
};

const DAPHNE: Grammar = Grammar {
    short: &[
        ('b', "bind"),
        ('p', "port"),
        ('u', "unix-socket"),
        ('e', "endpoint"),
        ('v', "verbosity"),
        ('t', "http-timeout"),
        ('s', "server-name"),
    ],
    flags: &["proxy-headers", "no-server-name", "help"],
    target_options: &[],
    positional_target: true,
    valued_by_default: true,
};

const GRANIAN: Grammar = Grammar {
    short: &[],
    flags: &[
        "reload",
        "no-reload",
        "access-log",
        "no-access-log",
        "factory",
        "no-factory",
        "log",
        "no-log",
        "ws",
        "no-ws",
        "help",
        "version",
    ],
    target_options: &[],
    positional_target: true,
    valued_by_default: true,
};

const MOD_WSGI: Grammar = Grammar {
    short: &[],
    flags: &[
        "https-only",
        "hsts-policy",
        "debug-mode",
        "log-to-terminal",
        "startup-log",
        "reload-on-changes",
        "trust-proxy-header",
    ],
    target_options: &[],
    positional_target: false,
    valued_by_default: true,
};

/// Flask 3: options of the group and of `run`.
const FLASK: Grammar = Grammar {
    short: &[('A', "app"), ('h', "host"), ('p', "port"), ('e', "env-file")],
    flags: &[
        "debug",
        "no-debug",
        "debugger",
        "no-debugger",
        "reload",
        "no-reload",
        "with-threads",
        "without-threads",
        "eager-loading",
        "lazy-loading",
        "help",
        "version",
    ],
    target_options: &["app"],
    positional_target: false,
    valued_by_default: true,
};

const CELERY: Grammar = Grammar {
    short: &[
        ('A', "app"),
        ('l', "loglevel"),
        ('c', "concurrency"),
        ('Q', "queues"),
        ('P', "pool"),
        ('n', "hostname"),
        ('b', "broker"),
        ('s', "schedule"),
        ('f', "logfile"),
        ('u', "url"),
    ],
    flags: &[
        "beat",
        "B",
        "E",
        "task-events",
        "without-gossip",
        "without-mingle",
        "without-heartbeat",
        "quiet",
        "q",
        "purge",
        "with-scheduler",
        "burst",
        "detach",
    ],
    target_options: &["app"],
    positional_target: false,
    valued_by_default: true,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::{self, StatementKind};

    fn read(line: &str) -> Command {
        let parsed = shell::parse(line);
        let StatementKind::Simple(simple) = &parsed.tree.statements[0].kind else { panic!() };
        recognise(&shell::words(simple, flaskseal_core::FileId(0), &|_| None, &[])).unwrap()
    }

    fn program(line: &str) -> Invocation {
        match read(line) {
            Command::Program(invocation) => *invocation,
            other => panic!("{other:?}"),
        }
    }

    fn target(line: &str) -> (Server, String) {
        let invocation = program(line);
        let target = match invocation.target {
            Target::Module { module, callable, .. } => format!("{module}:{}", callable.unwrap_or_default()),
            Target::File { path, callable, .. } => format!("{path}|{}", callable.unwrap_or_default()),
            Target::FlaskApp { spec, .. } => spec.text().to_owned(),
            Target::Default => String::new(),
        };
        (invocation.server, target)
    }

    fn option(line: &str, name: &str) -> Option<String> {
        let found = program(line).options.into_iter().find(|option| option.name == name)?;
        Some(found.value.map_or_else(String::new, |value| value.text().to_owned()))
    }

    #[test]
    fn servers_and_targets() {
        let is = |line: &str, server: Server, wanted: &str| {
            assert_eq!(target(line), (server, wanted.to_owned()), "{line}");
        };
        is(
            "gunicorn -w4 --preload -b :80 shop:create_app\\(\\\"a:b\\\"\\)",
            Server::Gunicorn,
            "shop:create_app(\"a:b\")",
        );
        is("gunicorn app:app -b 0.0.0.0:80", Server::Gunicorn, "app:app");
        is("gunicorn -c gunicorn.conf.py", Server::Gunicorn, "");
        is("gunicorn shop.wsgi:app", Server::Gunicorn, "shop.wsgi:app");
        is("/app/venv/bin/gunicorn3 wsgi", Server::Gunicorn, "wsgi:");
        is("python3.12 -u -m gunicorn --reload app:app", Server::Gunicorn, "app:app");
        is("python /venv/bin/gunicorn app:app", Server::Gunicorn, "app:app");
        is("uwsgi --http :80 --wsgi-file app.py --callable application", Server::Uwsgi, "app.py|application");
        is("uwsgi -w wsgi:app -M", Server::Uwsgi, "wsgi:app");
        is("waitress-serve --port=80 --call shop:create_app", Server::Waitress, "shop:create_app");
        is("uvicorn --factory asgi:make", Server::Uvicorn, "asgi:make");
        is("hypercorn -b :80 app:app", Server::Hypercorn, "app:app");
        is("granian --interface wsgi app:app", Server::Granian, "app:app");
        is("python app.py", Server::Script { path: "app.py".into() }, "app.py|");
        is("python -m shop.web", Server::PythonModule { name: "shop.web".into() }, "shop.web:");
        let run = |debug| Server::FlaskRun { debug, debugger: None, reload: None };
        is("flask --app shop run --debug", run(Some(true)), "shop");
        is("flask --app=shop --no-debug run -h 0.0.0.0", run(Some(false)), "shop");
        is("flask -Ashop run -p 80", run(None), "shop");
        is("python -m flask run", run(None), "");
        is("celery -A shop.tasks worker -l info", Server::Celery, "shop.tasks:");
    }

    #[test]
    fn launchers_are_taken_off() {
        for line in [
            "exec gunicorn app:app",
            "poetry run gunicorn app:app",
            "uv run --no-dev --frozen gunicorn app:app",
            "pipenv run gunicorn app:app",
            "env -i A=1 gunicorn app:app",
            "dumb-init -- gunicorn app:app",
            "/sbin/tini -g -- gunicorn app:app",
            "gosu www:www gunicorn app:app",
            "su-exec www tini -- gunicorn app:app",
            "opentelemetry-instrument --traces_exporter console gunicorn app:app",
            "newrelic-admin run-program gunicorn app:app",
            "ddtrace-run gunicorn app:app",
            "conda run --no-capture-output -n web gunicorn app:app",
            "./wait-for-it.sh db:5432 -t 30 -- gunicorn app:app",
            "timeout -s TERM 60 gunicorn app:app",
        ] {
            assert_eq!(target(line), (Server::Gunicorn, "app:app".to_owned()), "{line}");
        }
        let launched = program("env SECRET_KEY=x gosu www gunicorn -e B=2 --chdir /srv app:app").launch;
        let env: Vec<_> =
            launched.env.iter().map(|variable| (variable.name.as_str(), variable.value.text())).collect();
        assert_eq!(env, [("SECRET_KEY", "x"), ("B", "2")]);
        assert_eq!(launched.user.unwrap().text(), "www");
        assert_eq!(launched.directory.unwrap().text(), "/srv");
    }

    #[test]
    fn options_have_one_name() {
        assert_eq!(option("gunicorn -b :80 a:b", "bind").as_deref(), Some(":80"));
        assert_eq!(option("gunicorn --bind=0.0.0.0:$PORT a:b", "bind").as_deref(), Some("0.0.0.0:$PORT"));
        assert_eq!(option("gunicorn -w4 a:b", "workers").as_deref(), Some("4"));
        assert_eq!(option("gunicorn --reload a:b", "reload").as_deref(), Some(""));
        assert_eq!(option("flask run --host=0.0.0.0 --cert adhoc", "cert").as_deref(), Some("adhoc"));
    }

    #[test]
    fn near_misses_are_not_web_servers() {
        assert_eq!(program("flask db upgrade").kind, ProcessKind::Other);
        assert_eq!(program("python manage.py migrate").kind, ProcessKind::Other);
        assert_eq!(program("python manage.py runserver").kind, ProcessKind::Web);
        assert_eq!(program("pip install gunicorn").kind, ProcessKind::Other);
        assert_eq!(program("python -m pip install flask").kind, ProcessKind::Other);
        assert_eq!(program("celery -A x inspect ping").kind, ProcessKind::Other);
        assert_eq!(program("echo gunicorn app:app").kind, ProcessKind::Other);
        assert_eq!(program("python -c 'import app'").kind, ProcessKind::Other);
        assert!(
            matches!(read("sh -ec 'gunicorn app:app'"), Command::ShellText { text, .. } if text.text() == "gunicorn app:app")
        );
        assert!(
            matches!(read("bash ./start.sh prod"), Command::ShellFile { path, arguments, .. } if path.text() == "./start.sh" && arguments.len() == 1)
        );
        assert!(matches!(read("/entrypoint.sh gunicorn a:b"), Command::ShellFile { .. }));
    }
}
