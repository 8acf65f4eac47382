//! The options of each server's command line.

use super::launcher::split_value;
use super::{joined, named};
use crate::model::{CliOption, Target};
use crate::shell::Argument;
use crate::value::Value;

/// The options of a program: which take a value, and what their short forms mean.
pub(super) struct Grammar {
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
    pub(super) fn read(&self, arguments: &[Argument]) -> (Vec<CliOption>, Vec<Argument>) {
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

    pub(super) fn target(&self, options: &[CliOption], positional: &mut Vec<Argument>) -> Target {
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
pub(super) const GUNICORN: Grammar = Grammar {
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
pub(super) const UWSGI: Grammar = Grammar {
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
pub(super) const WAITRESS: Grammar = Grammar {
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

pub(super) const HYPERCORN: Grammar = Grammar {
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

pub(super) const UVICORN: Grammar = Grammar {
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

pub(super) const DAPHNE: Grammar = Grammar {
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

pub(super) const GRANIAN: Grammar = Grammar {
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

pub(super) const MOD_WSGI: Grammar = Grammar {
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
pub(super) const FLASK: Grammar = Grammar {
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

pub(super) const CELERY: Grammar = Grammar {
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
