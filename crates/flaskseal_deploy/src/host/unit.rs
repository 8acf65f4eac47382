//! Units of systemd with their drop-ins, and programs of supervisord, as services of the host.

use flaskseal_core::{FileId, Span, TextRange};

use super::{Manager, Said, Service};
use crate::supervisor::Program;
use crate::systemd::Unit;

/// A unit, and the drop-ins that are laid over it, in the order of their names.
pub(crate) fn service(name: &str, path: &str, dev: bool, layers: &[(FileId, &Unit)]) -> Option<Service> {
    let (file, unit) = layers.first()?;
    let header = unit.sections.iter().find(|section| section.name.value == "Service")?;
    let mut settings: Vec<(String, Said<String>)> = Vec::new();
    for (file, unit) in layers {
        let sections = unit.sections.iter().filter(|section| section.name.value == "Service");
        for entry in sections.flat_map(|section| &section.entries).take(1_000) {
            let range =
                TextRange::new(entry.key.range.start, entry.value.whole().end.max(entry.key.range.end));
            settings.push((
                entry.key.value.clone(),
                Said::new(entry.value.text.clone(), Span { file: *file, range }),
            ));
        }
    }
    let wanted_by = unit.list("Install", "WantedBy");
    let is_user = path.contains("systemd/user/")
        || wanted_by
            .iter()
            .any(|entry| entry.value.text.split_ascii_whitespace().any(|word| word == "default.target"));
    let mut service = Service {
        name: name.to_owned(),
        manager: if is_user { Manager::SystemdUser } else { Manager::Systemd },
        file: *file,
        span: Span { file: *file, range: header.name.range },
        dev,
        in_container: false,
        user: None,
        settings,
    };
    service.user = service.setting("User").filter(|said| !said.value.is_empty()).cloned();
    Some(service)
}

pub(crate) fn program(file: FileId, program: &Program, dev: bool, in_container: bool) -> Option<Service> {
    let command = program.command.as_ref()?;
    let span = Span { file, range: command.whole() };
    let user =
        program.user.as_ref().map(|user| Said::new(user.value.clone(), Span { file, range: user.range }));
    Some(Service {
        name: program.name.clone(),
        manager: Manager::Supervisor,
        file,
        span,
        dev,
        in_container,
        user,
        settings: Vec::new(),
    })
}
