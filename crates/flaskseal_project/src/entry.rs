//! From what the deployment says to what the evaluator starts.

use std::sync::Arc;

use flaskseal_core::{FileId, Span, Tree};
use flaskseal_deploy::{Process, ProcessKind, Server, Target as DeployTarget, Value};
use flaskseal_semantic::{Environment, Target, Variable, VariableValue};

/// One way in which production starts an application.
#[derive(Debug)]
pub struct Entry {
    /// The command, for people: `gunicorn shop:create_app()`.
    pub display: String,
    /// The command's place; `None` for one from the command line or a guess.
    pub span: Option<Span>,
    /// The path of the deployment file, `--entry`, or in words why it is judged.
    pub found_by: String,
    pub server: ServerKind,
    pub target: Target,
    pub environment: Environment,
    /// Folders that imports are looked up in; the working directory first.
    pub roots: Vec<String>,
    /// The process as the deployment describes it; `None` for a guess.
    pub process: Option<Process>,
    /// A file of variables that the process loads and the tree does not hold.
    pub outside_env: Option<(String, Span)>,
    /// Nothing says what production runs; this is what it usually is.
    pub guessed: bool,
    /// gunicorn's own configuration file: its variables.
    pub server_settings: Vec<(Arc<str>, flaskseal_semantic::Fact)>,
    pub server_settings_file: Option<FileId>,
}

/// What kind of server runs the application: the development server is none for production.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerKind {
    /// gunicorn, uWSGI, waitress, mod_wsgi, an ASGI server with an adapter, a function platform.
    Wsgi,
    /// `flask run`.
    FlaskRun,
    /// `python app.py`: whatever the script starts.
    Script,
    Unknown,
}

impl Entry {
    pub(crate) fn of_process(
        tree: &Tree,
        process: &Process,
        extra: &[(String, Vec<(String, Value)>)],
        complete: bool,
        loads_dotenv: bool,
    ) -> Option<Self> {
        if process.kind == ProcessKind::Other {
            return None;
        }
        let (server, target) = target_of(tree, process)?;
        let folder = process.folder.clone().unwrap_or_default();
        let mut roots = vec![folder.clone()];
        for option in &process.options {
            if matches!(option.name.as_str(), "chdir" | "pythonpath" | "app-dir")
                && let Some(path) = option.value.as_ref().and_then(Value::or_default)
            {
                let path = path.trim_start_matches("./").trim_end_matches('/');
                let joined = if path.is_empty() || path == "." || path.starts_with('/') {
                    folder.clone()
                } else if folder.is_empty() {
                    path.to_owned()
                } else {
                    format!("{folder}/{path}")
                };
                roots.insert(0, joined);
            }
        }
        if let Target::Script { file, package: None } | Target::File { file, .. } = &target {
            roots.insert(0, tree.file(*file).folder().to_owned());
        }
        let mut environment = environment_of(process, extra, complete);
        let mut target = target;
        if server == ServerKind::FlaskRun && loads_dotenv {
            apply_dotenv(tree, process, &mut environment);
            if let (DeployTarget::Default, Some(variable)) = (&process.target, environment.get("FLASK_APP"))
                && let VariableValue::Known(spec) = &variable.setting
            {
                target = flask_app(spec);
            }
        }
        let outside_env = process
            .env_files
            .iter()
            .find(|file| file.file.is_none())
            .map(|file| (file.path.clone(), file.span));
        Some(Self {
            display: display_of(process),
            span: Some(process.source),
            found_by: process.found_by.clone(),
            server,
            target,
            environment,
            roots: with_usual_roots(tree, roots),
            outside_env,
            guessed: false,
            server_settings: Vec::new(),
            server_settings_file: process.config_file,
            process: Some(process.clone()),
        })
    }

    /// What is usually started, where nothing says what is.
    pub(crate) fn guess(
        tree: &Tree,
        file: FileId,
        extra: &[(String, Vec<(String, Value)>)],
        complete: bool,
    ) -> Self {
        let folder = import_root(tree, file);
        let path = &tree.file(file).path;
        let relative = path.strip_prefix(folder.as_str()).unwrap_or(path).trim_start_matches('/');
        let stem = relative.strip_suffix(".py").unwrap_or(relative);
        let module = stem.strip_suffix("/__init__").unwrap_or(stem).replace('/', ".");
        let mut environment = Environment { variables: Vec::new(), complete };
        apply_extra(&mut environment, extra);
        Self {
            display: format!("{module} (guessed)"),
            span: None,
            found_by: "a guess".to_owned(),
            server: ServerKind::Unknown,
            target: Target::Discover { module: Some(module), expression: None },
            environment,
            roots: with_usual_roots(tree, vec![folder]),
            process: None,
            outside_env: None,
            guessed: true,
            server_settings: Vec::new(),
            server_settings_file: None,
        }
    }

    /// A file that nothing is known to load.
    pub(crate) fn orphan(
        tree: &Tree,
        file: FileId,
        extra: &[(String, Vec<(String, Value)>)],
        complete: bool,
    ) -> Self {
        let path = &tree.file(file).path;
        Self {
            display: path.to_string(),
            found_by: "no application that was found loads it".to_owned(),
            target: Target::Orphan { file },
            ..Self::guess(tree, file, extra, complete)
        }
    }

    /// The same start under another name adds nothing.
    pub(crate) fn same_start(&self, other: &Self) -> bool {
        let variables = |entry: &Self| -> Vec<(Arc<str>, VariableValue)> {
            entry.environment.variables.iter().map(|v| (v.name.clone(), v.setting.clone())).collect()
        };
        self.display == other.display
            && self.roots == other.roots
            && self.server == other.server
            && variables(self) == variables(other)
            && self.outside_env.is_some() == other.outside_env.is_some()
    }
}

/// The folder above the outermost package that a file belongs to.
fn import_root(tree: &Tree, file: FileId) -> String {
    let mut folder = tree.file(file).folder();
    while !folder.is_empty() && tree.find(&format!("{folder}/__init__.py")).is_some() {
        folder = folder.rsplit_once('/').map_or("", |(parent, _)| parent);
    }
    folder.to_owned()
}

/// Projects with a `src` layout install it; the root is where most others run.
fn with_usual_roots(tree: &Tree, mut roots: Vec<String>) -> Vec<String> {
    let working = roots.first().cloned().unwrap_or_default();
    for candidate in [
        if working.is_empty() { "src".to_owned() } else { format!("{working}/src") },
        "src".to_owned(),
        String::new(),
    ] {
        let prefix = format!("{candidate}/");
        let exists = candidate.is_empty() || {
            let from = tree.files.partition_point(|file| *file.path < *prefix);
            tree.files.get(from).is_some_and(|file| file.path.starts_with(&prefix))
        };
        // `src` with an `__init__.py` is a package of that name, not a folder of packages.
        let is_package = tree.find(&format!("{candidate}/__init__.py")).is_some();
        if exists && !is_package && !roots.contains(&candidate) {
            roots.push(candidate);
        }
    }
    let mut unique = Vec::new();
    for root in roots {
        if !unique.contains(&root) {
            unique.push(root);
        }
    }
    unique
}

fn target_of(tree: &Tree, process: &Process) -> Option<(ServerKind, Target)> {
    let server = match &process.server {
        Server::FlaskRun { .. } => ServerKind::FlaskRun,
        Server::Script { .. } | Server::PythonModule { .. } => ServerKind::Script,
        Server::Celery | Server::Unknown { .. } => ServerKind::Unknown,
        _ => ServerKind::Wsgi,
    };
    let folder = process.folder.as_deref().unwrap_or_default();
    let below = |path: &str| -> Option<FileId> {
        let path = path.trim_start_matches("./");
        let joined = if folder.is_empty() || path.starts_with('/') {
            path.to_owned()
        } else {
            format!("{folder}/{path}")
        };
        if let Some(file) = tree.find(&joined) {
            return Some(file);
        }
        // An absolute path of the deployed machine: the longest end of it that the tree has.
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        (0..parts.len().min(16)).find_map(|skip| tree.find(&parts[skip..].join("/")))
    };
    match &process.server {
        Server::Script { path } => {
            return below(path).map(|file| (server, Target::Script { file, package: None }));
        }
        Server::PythonModule { name } => {
            let relative = name.replace('.', "/");
            let (file, package) = match below(&format!("{relative}/__main__.py")) {
                Some(file) => (file, Some(name.as_str())),
                None => {
                    (below(&format!("{relative}.py"))?, name.rsplit_once('.').map(|(package, _)| package))
                }
            };
            return Some((
                server,
                Target::Script { file, package: Some(package.unwrap_or_default().to_owned()) },
            ));
        }
        Server::Unknown { .. } => return None,
        _ => {}
    }
    let default = |module: &str| match &process.server {
        Server::Gunicorn | Server::Uwsgi | Server::ModWsgi | Server::Faas { .. } => Target::Module {
            module: module.to_owned(),
            expression: flaskseal_python::parse_expression("application"),
        },
        _ => Target::Module { module: module.to_owned(), expression: None },
    };
    let target = match &process.target {
        DeployTarget::Module { module, callable, .. } => match callable {
            Some(callable) => Target::Module {
                module: module.clone(),
                expression: Some(flaskseal_python::parse_expression(callable)?),
            },
            None => default(module),
        },
        DeployTarget::File { path, callable, .. } => {
            Target::File { file: below(path)?, callable: callable.clone() }
        }
        DeployTarget::FlaskApp { spec, .. } => flask_app(spec.or_default()?),
        DeployTarget::Default => match &process.server {
            Server::FlaskRun { .. } => Target::Discover { module: None, expression: None },
            // gunicorn's configuration file may name it; the caller looks.
            Server::Gunicorn => Target::Module { module: String::new(), expression: None },
            _ => return None,
        },
    };
    Some((server, target))
}

/// `--app` and `FLASK_APP`: `path.py`, `module`, `module:name`, `module:factory("argument")`
/// (`flask.cli.ScriptInfo.load_app`).
fn flask_app(spec: &str) -> Target {
    let (module, callable) = match spec.split_once(':') {
        Some((module, callable)) => (module, Some(callable)),
        None => (spec, None),
    };
    let module = module.trim().trim_start_matches("./");
    let module = module.strip_suffix(".py").unwrap_or(module).trim_end_matches('/').replace('/', ".");
    let module = module.strip_suffix(".__init__").unwrap_or(&module).to_owned();
    Target::Discover {
        module: Some(module),
        expression: callable.and_then(flaskseal_python::parse_expression),
    }
}

/// What gunicorn's `wsgi_app` setting names.
pub(crate) fn wsgi_app(text: &str) -> Option<Target> {
    let (module, callable) = text.split_once(':').unwrap_or((text, "application"));
    Some(Target::Module {
        module: module.to_owned(),
        expression: Some(flaskseal_python::parse_expression(callable)?),
    })
}

fn environment_of(
    process: &Process,
    extra: &[(String, Vec<(String, Value)>)],
    complete: bool,
) -> Environment {
    let mut environment = Environment { variables: Vec::new(), complete };
    for variable in process.env.effective() {
        let setting = setting_of(&variable.value);
        let span = Some(variable.via.unwrap_or(variable.span));
        environment.set(Variable { name: variable.name.as_str().into(), setting, span });
    }
    if let Server::FlaskRun { debug: Some(debug), .. } = process.server {
        let setting = VariableValue::Known(if debug { "1" } else { "0" }.into());
        environment.set(Variable { name: "FLASK_DEBUG".into(), setting, span: Some(process.source) });
    }
    if let Server::FlaskRun { .. } = process.server {
        // `flask.cli.main` says so to the application.
        let setting = VariableValue::Known("true".into());
        environment.set(Variable { name: "FLASK_RUN_FROM_CLI".into(), setting, span: None });
    }
    apply_extra(&mut environment, extra);
    environment
}

/// The `flask` command reads `.env`, then `.flaskenv`, where python-dotenv is installed; what is set already stays.
fn apply_dotenv(tree: &Tree, process: &Process, environment: &mut Environment) {
    let folder = process.folder.as_deref().unwrap_or_default();
    for name in [".env", ".flaskenv"] {
        let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let is_there = match &process.image {
            Some(image) => image.dotenv_files.iter().any(|file| file.path == path),
            None => true,
        };
        let Some(file) = tree.find(&path).filter(|_| is_there) else { continue };
        let parsed = flaskseal_deploy::dotenv::parse(&tree.file(file).text);
        for (binding, value) in parsed.tree.values(&|_| None) {
            if environment.get(&binding.name.value).is_none() {
                let span = Some(Span { file, range: binding.range });
                environment.set(Variable {
                    name: binding.name.value.as_str().into(),
                    setting: setting_of(&value),
                    span,
                });
            }
        }
    }
}

fn setting_of(value: &Value) -> VariableValue {
    match value {
        Value::Known(text) => VariableValue::Known(text.as_str().into()),
        Value::External { default: Some(default), .. } => VariableValue::Fallback(default.as_str().into()),
        Value::External { default: None, .. } => VariableValue::External,
    }
}

fn apply_extra(environment: &mut Environment, extra: &[(String, Vec<(String, Value)>)]) {
    for (_, values) in extra {
        for (name, value) in values {
            environment.set(Variable { name: name.as_str().into(), setting: setting_of(value), span: None });
        }
    }
}

fn display_of(process: &Process) -> String {
    let program = match &process.server {
        Server::Gunicorn => "gunicorn",
        Server::Uwsgi => "uwsgi",
        Server::Waitress => "waitress-serve",
        Server::Hypercorn => "hypercorn",
        Server::Uvicorn => "uvicorn",
        Server::Daphne => "daphne",
        Server::Granian => "granian",
        Server::Gevent => "gevent",
        Server::ModWsgi => "mod_wsgi",
        Server::FlaskRun { .. } => "flask run",
        Server::Script { path } => return format!("python {path}"),
        Server::PythonModule { name } => return format!("python -m {name}"),
        Server::Faas { platform } => platform,
        Server::Celery => "celery",
        Server::Unknown { program } => program,
    };
    let target = match &process.target {
        DeployTarget::Module { module, callable: Some(callable), .. } => format!("{module}:{callable}"),
        DeployTarget::Module { module, callable: None, .. } => module.clone(),
        DeployTarget::File { path, .. } => path.clone(),
        DeployTarget::FlaskApp { spec, .. } => format!("--app {}", spec.text()),
        DeployTarget::Default => String::new(),
    };
    format!("{program} {target}").trim_end().to_owned()
}
