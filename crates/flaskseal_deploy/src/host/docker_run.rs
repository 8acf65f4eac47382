//! `docker run` in scripts, as a container.

use super::compose::short_mount;
use super::{Container, Namespace, Platform, Said, Step, port};
use crate::shell::Argument;

/// Options of `docker run` without a value; all others take one (docker-run(1)).
const FLAGS: &[&str] = &[
    "d",
    "detach",
    "i",
    "interactive",
    "t",
    "tty",
    "P",
    "publish-all",
    "rm",
    "init",
    "privileged",
    "read-only",
    "no-healthcheck",
    "oom-kill-disable",
    "sig-proxy",
    "disable-content-trust",
    "help",
    "q",
    "quiet",
];

/// The container that a command starts.
pub(crate) fn container(step: &Step) -> Option<Container> {
    let command = step
        .commands
        .iter()
        .find(|command| matches!(command.program().0, "docker" | "podman" | "nerdctl"))?;
    let (_, words) = command.program();
    let words = match words.first().map(Argument::text) {
        Some("container") => words.get(1..)?,
        _ => words,
    };
    let (verb, mut rest) = words.split_first()?;
    if !matches!(verb.text(), "run" | "create") {
        return None;
    }
    let mut container = Container::new("", Platform::DockerRun, command.span, command.span);
    container.dev = step.dev;
    while let Some((word, behind)) = rest.split_first() {
        rest = behind;
        let text = word.text();
        let Some(option) = text.strip_prefix('-').filter(|option| !option.is_empty()) else {
            container.image = Some(Said::new(text.to_owned(), word.span));
            container.command = behind.to_vec();
            break;
        };
        let (name, attached) = match option.strip_prefix('-') {
            Some(long) => match long.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (long, None),
            },
            // `-p8000:8000`, `-dit`.
            None => {
                let first = option.get(..1).unwrap_or("");
                let all_flags = option.chars().all(|letter| FLAGS.contains(&letter.to_string().as_str()));
                if all_flags || option.len() == 1 {
                    (option, None)
                } else {
                    let flags = option
                        .chars()
                        .take_while(|letter| FLAGS.contains(&letter.to_string().as_str()))
                        .count();
                    match option.char_indices().nth(flags) {
                        Some((at, letter)) if flags > 0 => {
                            let behind = option.get(at + letter.len_utf8()..).unwrap_or("");
                            (
                                option.get(at..at + letter.len_utf8()).unwrap_or(""),
                                (!behind.is_empty()).then_some(behind),
                            )
                        }
                        _ => (first, option.get(first.len()..)),
                    }
                }
            }
        };
        let is_flag =
            FLAGS.contains(&name) || name.chars().all(|letter| FLAGS.contains(&letter.to_string().as_str()));
        if is_flag {
            let on = attached != Some("false");
            match name {
                "privileged" => container.privileged = Some(Said::new(on, word.span)),
                "read-only" => container.read_only = Some(Said::new(on, word.span)),
                _ => {}
            }
            continue;
        }
        let (value, span) = match attached {
            Some(value) => (value.to_owned(), word.span),
            None => {
                let Some((value, behind)) = rest.split_first() else { break };
                rest = behind;
                (value.text().to_owned(), value.span)
            }
        };
        option_with_value(&mut container, name, &value, span);
    }
    container.image.is_some().then_some(container)
}

/// Names of containers that a script removes after it started something: `docker rm -f db`.
pub(crate) fn removed(steps: &[Step]) -> Vec<String> {
    let is_docker = |name: &str| matches!(name, "docker" | "podman" | "nerdctl");
    let verb = |step: &Step, wanted: &[&str]| {
        step.commands.iter().any(|command| {
            let (program, words) = command.program();
            is_docker(program) && words.first().is_some_and(|word| wanted.contains(&word.text()))
        })
    };
    let Some(start) = steps.iter().position(|step| verb(step, &["run", "create", "container"])) else {
        return Vec::new();
    };
    let later = steps.get(start + 1..).unwrap_or_default().iter().flat_map(|step| &step.commands);
    later
        .filter_map(|command| {
            let (program, words) = command.program();
            let is_removal = words.first().is_some_and(|word| matches!(word.text(), "rm" | "kill"));
            (is_docker(program) && is_removal).then_some(words)
        })
        .flatten()
        .map(|word| word.text().to_owned())
        .filter(|word| !word.starts_with('-') && !matches!(word.as_str(), "rm" | "kill"))
        .take(100)
        .collect()
}

fn option_with_value(container: &mut Container, name: &str, value: &str, span: flaskseal_core::Span) {
    match name {
        "name" => value.clone_into(&mut container.name),
        "p" | "publish" => container.ports.extend(port::published(value, span)),
        "v" | "volume" => container.mounts.extend(short_mount(value, span)),
        "u" | "user" => container.user = Some(Said::new(crate::Value::known(value), span)),
        "cap-add" => container.capabilities_added.push(Said::new(value.to_owned(), span)),
        "cap-drop" => container.capabilities_dropped.push(Said::new(value.to_owned(), span)),
        "security-opt" => {
            let text = value.to_ascii_lowercase().replacen('=', ":", 1);
            if text.starts_with("no-new-privileges") {
                container.escalation = Some(Said::new(text.ends_with(":false"), span));
            } else {
                container.confinement.push(Said::new(text, span));
            }
        }
        "net" | "network" if value == "host" => container.shares.push(Said::new(Namespace::Network, span)),
        "pid" if value == "host" => container.shares.push(Said::new(Namespace::Process, span)),
        "ipc" if value == "host" => container.shares.push(Said::new(Namespace::Ipc, span)),
        "userns" if value == "host" => container.shares.push(Said::new(Namespace::User, span)),
        "m" | "memory" => container.has_memory_limit = true,
        "pids-limit" => container.has_process_limit = true,
        "e" | "env" => {
            if let Some((name, value)) = value.split_once('=') {
                container.variables.push(Said::new((name.to_owned(), crate::Value::known(value)), span));
            }
        }
        "mount" => {
            let part = |key: &str| {
                value.split(',').find_map(|part| part.strip_prefix(key)?.strip_prefix('=').map(str::to_owned))
            };
            let source = part("source").or_else(|| part("src"));
            let target = part("target").or_else(|| part("dst")).or_else(|| part("destination"));
            if let (Some(source), Some(target)) = (source, target)
                && part("type").is_none_or(|kind| kind == "bind")
                && source.starts_with(['/', '.', '~', '$'])
            {
                let read_only =
                    value.split(',').any(|part| matches!(part, "readonly" | "ro" | "readonly=true"));
                container.mounts.push(super::HostMount { source, target, read_only, span });
            }
        }
        _ => {}
    }
}
