//! Command lines: which server starts, with which options and which application. Launchers in front of the program
//! (`exec`, `env A=B`, `poetry run`, `tini --`) are taken off first.

mod grammar;
mod launcher;
mod program;

use flaskseal_core::Span;

use grammar::{GUNICORN, UWSGI};
pub(crate) use launcher::assignment;
use launcher::launcher;
use program::{python, script, server, shell};

use crate::model::{CliOption, EnvVar, ProcessKind, Server, Target};
use crate::shell::Argument;

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
