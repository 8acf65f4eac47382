//! Deployment files: what is started, with which environment, as whom.
//!
//! Three layers, each knowing only those above it: `syntax` and `value` are what all formats share; a module per format
//! reads a text into a tree with ranges and never fails; `image`, `start` and `read` follow what the trees start down to
//! the program that serves, and end in [`Deployment`]. Nothing here evaluates Python: `gunicorn.conf.py` is only named.

mod syntax;
pub use syntax::{Mapped, Parsed, Problem, Spanned};

mod value;
pub use value::{Dialect, Operator, Parameter, Part, Value};

pub mod shell;

pub mod yaml;

pub mod ini;

pub mod dotenv;

pub mod dockerfile;

pub mod procfile;

pub mod systemd;

pub mod apache;

pub mod nginx;

pub mod web;

pub mod caddy;

pub mod traefik;

pub mod certificate;

pub mod host;

mod model;
pub use model::{
    CliOption, CopiedFile, Deployment, EnvFact, EnvFile, EnvVar, Environment, FileKind, Image, Mechanism,
    Process, ProcessKind, Server, Target,
};

pub mod command;

mod variable;
pub use variable::Variable;

pub mod compose;

pub mod kubernetes;

pub mod supervisor;

pub mod uwsgi;

pub mod platform;

mod files;
pub use files::{HOST_PREFIX, is_deploy_file, is_dev, is_example};

mod base_image;
pub use base_image::{BaseImage, base_image, copied_stages, final_stages};

mod image;

mod sshd;

mod start;

mod read;
pub use read::{read, read_command};
