//! What image builds and set-up scripts run, and the firewalls that files describe.

use flaskseal_core::{FileId, Span};

use super::Reader;
use crate::dockerfile::CommandForm;
use crate::host::{Download, Firewall, FirewallKind, nftables, packet_filter, ufw};
use crate::model::FileKind;
use crate::syntax::{Mapped, Spanned};
use crate::{command, dockerfile, files, host, image};

impl Reader<'_> {
    pub(super) fn firewall(&mut self, file: FileId) {
        let text = &*self.tree.file(file).text;
        let dev = files::is_dev(&self.tree.file(file).path);
        let firewalls = &mut self.out.host.firewalls;
        if ufw::looks_like_status(text) {
            firewalls.push(ufw::status(file, text, dev));
        } else if packet_filter::looks_like_dump(text) && !text.contains("### tuple ###") {
            firewalls.push(packet_filter::dump(file, text, dev));
        } else if nftables::looks_like(text) {
            firewalls.push(nftables::read(file, text, dev));
        } else {
            // The files of UFW are read as one.
            let known =
                firewalls.iter().position(|known| known.kind == FirewallKind::UfwFiles && known.dev == dev);
            let at = known.unwrap_or_else(|| {
                firewalls.push(Firewall::new(FirewallKind::UfwFiles, file, dev));
                firewalls.len() - 1
            });
            if let Some(firewall) = firewalls.get_mut(at) {
                ufw::file(firewall, file, text);
            }
        }
    }

    /// What image builds and set-up scripts run.
    pub(super) fn steps(&mut self) {
        let tree = self.tree;
        for (id, dockerfile) in std::mem::take(&mut self.sources.dockerfiles) {
            let dev = files::is_dev(&tree.file(id).path);
            for instruction in dockerfile.stages.iter().flat_map(|stage| &stage.instructions).take(5_000) {
                match instruction.keyword.value.as_str() {
                    "RUN" => self.run_steps(id, instruction, dev),
                    "ADD" => self.downloads(id, instruction, dev),
                    _ => {}
                }
            }
        }
        const WORDS: [&str; 9] =
            ["ufw", "iptables", "curl", "wget", "chmod", "NOPASSWD", "docker", "podman", "gunicorn"];
        let scripts: Vec<FileId> = self
            .out
            .files
            .iter()
            .filter(|(_, kind)| *kind == FileKind::ShellScript)
            .map(|(id, _)| *id)
            .collect();
        for id in scripts {
            let file = tree.file(id);
            if !WORDS.iter().any(|word| file.text.contains(word)) {
                continue;
            }
            let dev = files::is_dev(&file.path);
            let mut steps = Vec::new();
            host::step::steps(tree, id, &Mapped::verbatim(&file.text, 0), false, dev, &mut steps);
            let removed = host::docker_run::removed(&steps);
            let mut ufw = Firewall::new(FirewallKind::UfwCommands, id, dev);
            let mut packets = Firewall::new(FirewallKind::PacketCommands, id, dev);
            for step in &steps {
                for command in &step.commands {
                    ufw::command(&mut ufw, command);
                    packet_filter::command(&mut packets, command);
                }
                // What the script takes away again is no part of production.
                let container = host::docker_run::container(step)
                    .filter(|container| container.name.is_empty() || !removed.contains(&container.name));
                self.out.host.containers.extend(container);
            }
            let said = [ufw, packets].into_iter().filter(Firewall::says_anything);
            self.out.host.firewalls.extend(said);
            self.out.host.steps.extend(steps);
            if self.out.host.steps.len() > 20_000 {
                break;
            }
        }
    }

    fn run_steps(&mut self, file: FileId, instruction: &dockerfile::Instruction, dev: bool) {
        let steps = &mut self.out.host.steps;
        let before = steps.len();
        match instruction.command() {
            CommandForm::Shell(text) => host::step::steps(self.tree, file, &text, true, dev, steps),
            CommandForm::Exec(words) => {
                let is_shell = |word: &Spanned<String>| {
                    matches!(command::base_name(&word.value), "sh" | "bash" | "ash" | "dash")
                };
                let source = &*self.tree.file(file).text;
                match words.as_slice() {
                    [shell, option, text, ..] if is_shell(shell) && option.value.starts_with('-') => {
                        let text = Mapped::decoded(&text.value, source, text.range);
                        host::step::steps(self.tree, file, &text, true, dev, steps);
                    }
                    words => {
                        let span = Span { file, range: instruction.range };
                        let words = image::exec_arguments(words, file);
                        let commands = vec![host::StepCommand { words, span }];
                        steps.push(host::Step { commands, part_of: span, in_image: true, dev });
                    }
                }
            }
        }
        for heredoc in &instruction.heredocs {
            let text = Mapped::verbatim(&heredoc.value, heredoc.range.start);
            host::step::steps(self.tree, file, &text, true, dev, steps);
        }
        let part_of = Span { file, range: instruction.range };
        for step in steps.iter_mut().skip(before) {
            step.part_of = part_of;
        }
    }

    fn downloads(&mut self, file: FileId, instruction: &dockerfile::Instruction, dev: bool) {
        let words = instruction.words();
        let Some((_, sources)) = words.split_last() else { return };
        for source in sources.iter().take(50) {
            if source.value.starts_with("http://") || source.value.starts_with("https://") {
                self.out.host.downloads.push(Download {
                    url: source.value.clone(),
                    is_checked: instruction.flag("checksum").is_some(),
                    span: Span { file, range: instruction.range },
                    dev,
                });
            }
        }
    }
}
