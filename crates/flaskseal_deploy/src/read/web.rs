//! Web servers and their certificates.

use flaskseal_core::{FileId, Span};

use super::Reader;
use crate::command::{Invocation, Launch};
use crate::model::{CliOption, FileKind, ProcessKind, Server, Target};
use crate::start::{Found, State};
use crate::value::Value;
use crate::{apache, certificate, files, nginx, traefik};

impl Reader<'_> {
    pub(super) fn apache(&mut self) {
        for (id, apache) in std::mem::take(&mut self.sources.apache) {
            let file = self.tree.file(id);
            self.out.web.sites.extend(apache::sites(self.tree, id, &apache, usize::MAX - id.0 as usize));
            for alias in apache.all("WSGIScriptAlias").take(200) {
                let Some(path) = alias.arguments.get(1) else { continue };
                let span = Span { file: id, range: alias.range };
                let group = alias
                    .arguments
                    .iter()
                    .find_map(|word| word.value.strip_prefix("process-group="))
                    .map(str::to_owned);
                let group = group.or_else(|| {
                    apache
                        .all("WSGIProcessGroup")
                        .next()
                        .and_then(|d| d.arguments.first())
                        .map(|word| word.value.clone())
                });
                let daemon = apache.all("WSGIDaemonProcess").find(|daemon| {
                    group.is_none() || daemon.arguments.first().map(|word| &word.value) == group.as_ref()
                });
                let setting = |name: &str| {
                    let words = daemon.map(|daemon| daemon.arguments.as_slice()).unwrap_or_default();
                    words.iter().find_map(|word| {
                        let value = word.value.strip_prefix(name)?.strip_prefix('=')?;
                        Some((value.to_owned(), Span { file: id, range: word.range }))
                    })
                };
                let mut state = State { home: file.folder().to_owned(), ..State::default() };
                state.user = setting("user");
                state.cwd = setting("home").map(|(path, _)| path);
                let mut options = Vec::new();
                for name in ["python-path", "python-home", "home"] {
                    if let Some((text, span)) = setting(name) {
                        options.push(CliOption {
                            name: name.to_owned(),
                            value: Some(Value::Known(text)),
                            span,
                        });
                    }
                }
                let target = Target::File {
                    path: path.value.clone(),
                    callable: None,
                    span: Span { file: id, range: path.range },
                };
                let invocation = Invocation {
                    kind: ProcessKind::Web,
                    server: Server::ModWsgi,
                    target,
                    options,
                    arguments: Vec::new(),
                    launch: Launch::default(),
                    span,
                };
                self.finish(
                    vec![Found { invocation, state }],
                    file.name(),
                    id,
                    files::is_dev(&file.path),
                    None,
                    true,
                );
            }
        }
    }

    pub(super) fn nginx(&mut self) {
        let parsed = std::mem::take(&mut self.sources.nginx);
        if parsed.is_empty() {
            return;
        }
        let images = self.out.files.iter().filter(|(_, kind)| {
            matches!(kind, FileKind::Dockerfile | FileKind::Compose | FileKind::Kubernetes)
        });
        let version = nginx::version(images.map(|(id, _)| &*self.tree.file(*id).text));
        let configurations = nginx::assemble(self.tree, &parsed, version);
        for configuration in &configurations {
            self.out.problems.extend(configuration.problems.iter().cloned());
        }
        nginx::read(self.tree, configurations, &mut self.out.web);
    }

    pub(super) fn traefik(&mut self) {
        let mut said = std::mem::take(&mut self.sources.traefik);
        for (id, compose) in &self.sources.compose {
            said.extend(traefik::of_compose(*id, compose));
        }
        let tree = self.tree;
        let dev = |file: FileId| files::is_dev(&tree.file(file).path);
        // An instance of its own: no configuration of nginx has this number.
        self.out.web.sites.extend(traefik::sites(&said, usize::MAX / 2, &dev));
    }

    pub(super) fn certificates(&mut self) {
        for id in self.tree.ids() {
            let file = self.tree.file(id);
            let extension = file.path.rsplit_once('.').map(|(_, extension)| extension);
            if !matches!(extension, Some("pem" | "crt" | "cer" | "cert"))
                || !file.text.contains("BEGIN CERTIFICATE")
            {
                continue;
            }
            let certificates = self.kept(id, certificate::parse(&file.text));
            if !certificates.is_empty() {
                self.out.certificates.push((id, certificates));
            }
        }
    }
}
