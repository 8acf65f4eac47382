//! The program at the end of a command line: an interpreter, a server, a worker.

use flaskseal_core::Span;

use super::grammar::{
    CELERY, DAPHNE, FLASK, GRANIAN, GUNICORN, HYPERCORN, MOD_WSGI, UVICORN, UWSGI, WAITRESS,
};
use super::launcher::split_value;
use super::{Command, Invocation, Launch, base_name, covering, named};
use crate::model::{CliOption, EnvVar, Mechanism, ProcessKind, Server, Target};
use crate::shell::Argument;
use crate::value::Value;

pub(super) fn shell(arguments: &[Argument], launch: Launch) -> Option<Command> {
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

pub(super) fn python(program: &Argument, arguments: &[Argument], launch: Launch) -> Option<Command> {
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

pub(super) fn script(path: &Argument, arguments: &[Argument], launch: Launch, span: Span) -> Invocation {
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

pub(super) fn server(name: &str, arguments: &[Argument], launch: &Launch, span: Span) -> Option<Invocation> {
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

pub(super) fn worker(name: &str, arguments: &[Argument], launch: &Launch, span: Span) -> Invocation {
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

pub(super) fn flask(arguments: &[Argument], launch: &Launch, span: Span) -> Invocation {
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
