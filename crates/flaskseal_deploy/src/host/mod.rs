//! What runs on the host and what is reachable there: containers, the images they are built from, units, the steps of
//! set-up scripts and image builds, the firewall. One model for all formats; every fact keeps its place.

use flaskseal_core::{FileId, Span};

use crate::shell::Argument;
use crate::value::Value;

pub(crate) mod compose;
pub(crate) mod docker_run;
pub(crate) mod image;
pub(crate) mod pod;
pub(crate) mod port;
pub(crate) mod step;
pub(crate) mod unit;

mod firewall;
pub use firewall::{Action, Firewall, FirewallKind, FirewallRule, Policy, PortRange};
pub(crate) mod nftables;
pub(crate) mod packet_filter;
pub(crate) mod ufw;

/// Everything that the deployment files say about the host.
#[derive(Debug, Default)]
pub struct Hosting {
    /// Services of Compose files, containers of pods, `docker run` in scripts; in the order of the files.
    pub containers: Vec<Container>,
    /// What each Dockerfile builds for production.
    pub images: Vec<BuiltImage>,
    /// Services of systemd and programs of supervisord.
    pub services: Vec<Service>,
    /// What image builds and set-up scripts run.
    pub steps: Vec<Step>,
    /// Files that an image build gets from the network by `ADD`.
    pub downloads: Vec<Download>,
    /// What each file says about the firewall.
    pub firewalls: Vec<Firewall>,
    /// Services of a cluster.
    pub cluster_services: Vec<ClusterService>,
    /// Policies of a cluster that limit who may connect.
    pub network_policies: Vec<Span>,
    /// Settings of the SSH server.
    pub sshd: Vec<Said<(String, String)>>,
}

/// A value and the place that says it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said<T> {
    pub value: T,
    pub span: Span,
}

impl<T> Said<T> {
    pub const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Platform {
    Compose,
    Kubernetes,
    DockerRun,
}

/// A container, as whoever starts it configures it.
#[derive(Clone, Debug)]
pub struct Container {
    /// The service, or the container in its pod.
    pub name: String,
    pub platform: Platform,
    /// The name, or what opens the description.
    pub span: Span,
    /// All that is said of it, in the file that says most.
    pub whole: Span,
    /// For development or tests, by file or profile.
    pub dev: bool,
    /// Runs before the others and ends.
    pub is_init: bool,
    /// A name for the pod or the project that it shares with others.
    pub group: String,
    /// Labels of its pod, which services of the cluster choose by.
    pub labels: Vec<(String, String)>,
    pub image: Option<Said<String>>,
    /// The Dockerfile of the tree that builds it.
    pub dockerfile: Option<FileId>,
    /// It is built from the tree, whether its Dockerfile was found or not.
    pub is_built: bool,
    /// None: as the image says. The text is as far as the tree tells.
    pub user: Option<Said<Value>>,
    /// `runAsNonRoot`.
    pub non_root: Option<Said<bool>>,
    pub privileged: Option<Said<bool>>,
    /// `allowPrivilegeEscalation`; `no-new-privileges` is its contrary.
    pub escalation: Option<Said<bool>>,
    pub read_only: Option<Said<bool>>,
    pub capabilities_added: Vec<Said<String>>,
    pub capabilities_dropped: Vec<Said<String>>,
    /// `seccomp:unconfined`, `apparmor:...`, `label:disable`, spelled like this whatever the platform.
    pub confinement: Vec<Said<String>>,
    /// Namespaces of the host that it shares.
    pub shares: Vec<Said<Namespace>>,
    /// Files and folders of the host.
    pub mounts: Vec<HostMount>,
    pub ports: Vec<Published>,
    /// Only containers of the same networks reach it, and nothing outside.
    pub is_internal: bool,
    pub has_memory_limit: bool,
    pub has_process_limit: bool,
    pub healthcheck: Option<Said<bool>>,
    pub variables: Vec<Said<(String, Value)>>,
    pub command: Vec<Argument>,
    /// `automountServiceAccountToken`.
    pub service_token: Option<Said<bool>>,
}

impl Container {
    pub(crate) fn new(name: &str, platform: Platform, span: Span, whole: Span) -> Self {
        Self {
            name: name.to_owned(),
            platform,
            span,
            whole,
            dev: false,
            is_init: false,
            group: String::new(),
            labels: Vec::new(),
            image: None,
            dockerfile: None,
            is_built: false,
            user: None,
            non_root: None,
            privileged: None,
            escalation: None,
            read_only: None,
            capabilities_added: Vec::new(),
            capabilities_dropped: Vec::new(),
            confinement: Vec::new(),
            shares: Vec::new(),
            mounts: Vec::new(),
            ports: Vec::new(),
            is_internal: false,
            has_memory_limit: false,
            has_process_limit: false,
            healthcheck: None,
            variables: Vec::new(),
            command: Vec::new(),
            service_token: None,
        }
    }

    /// A variable that its file sets; the last assignment counts.
    pub fn variable(&self, name: &str) -> Option<&Said<(String, Value)>> {
        self.variables.iter().rev().find(|said| said.value.0 == name)
    }

    pub fn shares(&self, namespace: Namespace) -> Option<Span> {
        self.shares.iter().find(|said| said.value == namespace).map(|said| said.span)
    }
}

/// A namespace of the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Namespace {
    Network,
    Process,
    Ipc,
    User,
}

/// A path of the host inside a container.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostMount {
    /// On the host: absolute, relative to the file (`./data`) or to a home (`~/.ssh`).
    pub source: String,
    pub target: String,
    pub read_only: bool,
    pub span: Span,
}

/// A port of a container that is published on the host or on the nodes of a cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Published {
    /// Of the host; None: all of them.
    pub address: Option<String>,
    /// On the host, first and last; None: whichever is free.
    pub host: Option<(u16, u16)>,
    /// In the container, first and last; None: not known.
    pub container: Option<(u16, u16)>,
    pub is_udp: bool,
    pub span: Span,
}

impl Published {
    /// Whether other machines than those of a private network reach it, as far as the address tells.
    pub fn is_public(&self) -> bool {
        self.address.as_deref().is_none_or(port::is_public_address)
    }
}

/// What a Dockerfile builds.
#[derive(Clone, Debug)]
pub struct BuiltImage {
    pub file: FileId,
    pub dev: bool,
    /// The `FROM` of the stage that is the image.
    pub stage: Span,
    /// The image that it is built on, through all stages; None for `scratch` and for what is not in the tree.
    pub base: Option<Said<Value>>,
    pub user: Option<Said<Value>>,
    /// The last `CMD` or `ENTRYPOINT` of the stage or those it is built on.
    pub command: Option<Span>,
    /// The script that starts it gives up root: `gosu`, `su-exec`, `setpriv`.
    pub drops_root: bool,
    pub healthcheck: Option<Said<bool>>,
    /// Files of the tree that are in the image and should not be.
    pub leaks: Vec<Leak>,
    /// Instructions that copy the whole context into the image.
    pub whole_context: Vec<WholeContext>,
    /// Instructions that give the application's code to the user it runs as.
    pub owned_code: Vec<Said<String>>,
    /// What comes from the tree, file by file or folder by folder.
    pub copies: Vec<Copied>,
}

/// A file or a folder of the tree that an instruction copies into the image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Copied {
    /// In the tree; empty for its root.
    pub from: String,
    /// In the image.
    pub to: String,
    pub span: Span,
}

/// A file of the tree that ends up in the image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leak {
    pub path: String,
    /// Not under version control, as far as the tree tells.
    pub untracked: bool,
    /// The instruction that copies it.
    pub span: Span,
}

/// `COPY . .`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WholeContext {
    pub span: Span,
    /// The context is the root of the tree, where version control keeps its data.
    pub is_root: bool,
    /// `.dockerignore` keeps this out.
    pub ignores_git: bool,
    pub ignores_env: bool,
    pub ignore_file: Option<FileId>,
}

/// A service of the host: a unit of systemd or a program of supervisord.
#[derive(Clone, Debug)]
pub struct Service {
    pub name: String,
    pub manager: Manager,
    pub file: FileId,
    /// What opens it: the header of its section, or the start command.
    pub span: Span,
    pub dev: bool,
    /// Runs in a container, as an image of the tree starts it.
    pub in_container: bool,
    pub user: Option<Said<String>>,
    /// Settings in the order in which they count, drop-ins last; list settings keep all their values.
    pub settings: Vec<(String, Said<String>)>,
}

impl Service {
    /// The setting that counts; an empty one takes away those before it.
    pub fn setting(&self, name: &str) -> Option<&Said<String>> {
        self.settings.iter().rev().find(|(key, _)| key == name).map(|(_, said)| said)
    }

    /// Whether a setting is on, as systemd reads it.
    pub fn is_on(&self, name: &str) -> bool {
        self.setting(name).is_some_and(|said| {
            matches!(said.value.to_ascii_lowercase().as_str(), "yes" | "true" | "on" | "1" | "y" | "t")
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manager {
    Systemd,
    /// A unit of a user's own manager, which never runs as root by itself.
    SystemdUser,
    Supervisor,
}

/// A pipeline that an image build or a set-up script runs.
#[derive(Clone, Debug)]
pub struct Step {
    /// From left to right.
    pub commands: Vec<StepCommand>,
    /// The instruction or the script that it is part of.
    pub part_of: Span,
    pub in_image: bool,
    pub dev: bool,
}

#[derive(Clone, Debug)]
pub struct StepCommand {
    pub words: Vec<Argument>,
    pub span: Span,
}

impl StepCommand {
    /// The words behind `sudo`, `env` and the like: the program first, by the last part of its path.
    pub fn program(&self) -> (&str, &[Argument]) {
        let words = step::without_launchers(&self.words);
        let name = words.first().map_or("", |word| crate::command::base_name(word.text()));
        (name, words.get(1..).unwrap_or_default())
    }

    pub fn has_sudo(&self) -> bool {
        self.words
            .first()
            .is_some_and(|word| matches!(crate::command::base_name(word.text()), "sudo" | "doas"))
    }
}

/// `ADD https://...`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Download {
    pub url: String,
    pub is_checked: bool,
    pub span: Span,
    pub dev: bool,
}

/// A Service of a cluster.
#[derive(Clone, Debug)]
pub struct ClusterService {
    pub name: String,
    /// `NodePort`, `LoadBalancer`, `ClusterIP`.
    pub kind: Said<String>,
    pub selector: Vec<(String, String)>,
    /// `port`, and `targetPort` where it is a number.
    pub ports: Vec<(u16, Option<u16>)>,
    /// `loadBalancerSourceRanges` or an annotation keeps it internal.
    pub is_restricted: bool,
    pub dev: bool,
}
