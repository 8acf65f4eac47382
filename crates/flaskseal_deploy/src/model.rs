//! What the deployment files say together: the processes that production starts, each with its environment.

use flaskseal_core::{FileId, Span};

use crate::certificate::Located;
use crate::host::Hosting;
use crate::shell::Argument;
use crate::value::Value;
use crate::web::WebServers;

/// Everything the deployment files of a tree say.
#[derive(Debug, Default)]
pub struct Deployment {
    /// In the order of the files' paths, then of their place in the file.
    pub processes: Vec<Process>,
    /// The files that were read as deployment files.
    pub files: Vec<(FileId, FileKind)>,
    /// Every assignment of a variable in any deployment file, used by a process or not, in file order.
    pub env_facts: Vec<EnvFact>,
    /// Certificates in files of the tree, in their order there.
    pub certificates: Vec<(FileId, Vec<Located>)>,
    /// The web servers in front.
    pub web: WebServers,
    /// Containers, services, steps and firewall.
    pub host: Hosting,
    /// Where a file does not fit its grammar, or a bound was hit.
    pub problems: Vec<(Span, String)>,
}

impl Deployment {
    /// The processes that stand for production: those of development files count only when there are no others.
    pub fn production(&self) -> impl Iterator<Item = &Process> {
        let all_dev = self.processes.iter().all(|process| process.dev);
        self.processes.iter().filter(move |process| all_dev || !process.dev)
    }
}

/// What kind of deployment file this is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FileKind {
    Dockerfile,
    Dockerignore,
    Compose,
    Procfile,
    Systemd,
    /// `shop.service.d/override.conf`.
    SystemdDropIn,
    Supervisor,
    Uwsgi,
    Kubernetes,
    Apache,
    Nginx,
    /// UFW, iptables or nftables.
    Firewall,
    Sshd,
    Caddy,
    /// A file of Traefik in YAML, static or dynamic.
    Traefik,
    GunicornConfig,
    ShellScript,
    Dotenv,
    AppEngine,
    Zappa,
    Serverless,
    Render,
    Fly,
    Railway,
    Heroku,
}

/// One process that production starts.
#[derive(Clone, Debug)]
pub struct Process {
    /// The service, unit, program or process type; the file's name where it has none.
    pub name: String,
    pub kind: ProcessKind,
    pub server: Server,
    pub target: Target,
    /// The options of the server's command line, in order, by their long names without dashes.
    pub options: Vec<CliOption>,
    /// What the server was given besides options and its target.
    pub arguments: Vec<Argument>,
    pub env: Environment,
    /// Files of variables that the platform loads for the process, found in the tree or not.
    pub env_files: Vec<EnvFile>,
    /// Absolute, in the container or on the host.
    pub working_dir: Option<String>,
    /// The folder of the tree that is the working directory there; empty for the root.
    pub folder: Option<String>,
    /// Who it runs as: a name or a number, or `name:group`. None: not said, which is root in a container.
    pub user: Option<(String, Span)>,
    /// The command.
    pub source: Span,
    /// The path of the file that starts it.
    pub found_by: String,
    /// False where it is one of several branches of a script whose condition the tree does not decide.
    pub certain: bool,
    /// Started by a file for development or tests.
    pub dev: bool,
    /// gunicorn's configuration file in the tree, named by `-c` or the `gunicorn.conf.py` of the working directory.
    pub config_file: Option<FileId>,
    pub image: Option<Image>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ProcessKind {
    Web,
    /// Celery, RQ, Huey, Dramatiq and the like.
    Worker,
    Other,
}

/// What serves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Server {
    Gunicorn,
    Uwsgi,
    Waitress,
    Hypercorn,
    Uvicorn,
    Daphne,
    Granian,
    Gevent,
    ModWsgi,
    /// `flask run`. What the command line says; None leaves it to the environment.
    FlaskRun {
        debug: Option<bool>,
        debugger: Option<bool>,
        reload: Option<bool>,
    },
    /// `python app.py`, with the path as written.
    Script {
        path: String,
    },
    /// `python -m pkg`.
    PythonModule {
        name: String,
    },
    /// A function platform calls the application: `zappa`, `serverless-wsgi`.
    Faas {
        platform: String,
    },
    Celery,
    /// Another program, by the last part of its path.
    Unknown {
        program: String,
    },
}

/// The application that is served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// `module:callable`. The callable may be a call: `create_app("production")`. None: the server's default name.
    Module { module: String, callable: Option<String>, span: Span },
    /// A file by path as written; mod_wsgi's and uWSGI's default callable is `application`.
    File { path: String, callable: Option<String>, span: Span },
    /// What `--app` or `FLASK_APP` says, which Flask itself takes apart.
    FlaskApp { spec: Value, span: Span },
    /// Nothing is named: gunicorn's configuration file may say `wsgi_app`, `flask` looks for `wsgi.py` and `app.py`.
    Default,
}

/// An option of a command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CliOption {
    /// The long name without dashes: `bind`.
    pub name: String,
    /// None for a flag.
    pub value: Option<Value>,
    pub span: Span,
}

/// The variables of a process, in the order they are applied: the last of a name counts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Environment {
    pub variables: Vec<EnvVar>,
}

impl Environment {
    /// The assignment that counts.
    pub fn get(&self, name: &str) -> Option<&EnvVar> {
        self.variables.iter().rev().find(|variable| variable.name == name)
    }

    /// The assignments that count, in order of their names.
    pub fn effective(&self) -> impl Iterator<Item = &EnvVar> {
        let mut last = std::collections::BTreeMap::new();
        for variable in &self.variables {
            last.insert(variable.name.as_str(), variable);
        }
        last.into_values()
    }

    pub(crate) fn push(&mut self, variable: EnvVar) {
        // A hostile file must not make this grow without bound.
        if self.variables.len() < 1_000 {
            self.variables.push(variable);
        }
    }
}

/// One variable, set in one place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnvVar {
    pub name: String,
    pub value: Value,
    /// The assignment.
    pub span: Span,
    pub mechanism: Mechanism,
    /// Where the text itself stands, when the assignment only passes it on: the line of a `.env` file that a compose
    /// file is filled in with, the entry of a ConfigMap.
    pub via: Option<Span>,
}

/// How a variable is set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Mechanism {
    DockerfileEnv,
    DockerfileArg,
    ComposeEnvironment,
    ComposeEnvFile,
    ComposeBuildArg,
    SystemdEnvironment,
    SystemdEnvironmentFile,
    ShellAssignment,
    /// `. ./.env` in a script, `--env-file` of a runner.
    ShellEnvFile,
    Supervisor,
    Uwsgi,
    GunicornOption,
    KubernetesEnv,
    KubernetesConfigMap,
    KubernetesSecret,
    /// app.yaml, fly.toml, render.yaml and the like.
    Platform,
    /// A line of a `.env` or `.flaskenv` file, loaded by something or not.
    DotenvFile,
}

/// An assignment of a variable, seen by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnvFact {
    pub name: String,
    pub value: Value,
    /// The assignment.
    pub span: Span,
    /// The value alone, where it can be told apart.
    pub value_span: Span,
    pub mechanism: Mechanism,
}

/// A file of variables.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnvFile {
    /// As written.
    pub path: String,
    /// The file of the tree.
    pub file: Option<FileId>,
    pub required: bool,
    pub span: Span,
}

/// The image a process runs in, as its Dockerfile builds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    pub dockerfile: FileId,
    /// The build context, a folder of the tree; empty for the root.
    pub context: String,
    /// `.env` and `.flaskenv` files that COPY or ADD puts into the image.
    pub dotenv_files: Vec<CopiedFile>,
}

/// A file of the tree that is in the image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CopiedFile {
    /// In the tree.
    pub path: String,
    /// In the container.
    pub to: String,
    /// The instruction that copies it.
    pub span: Span,
}
