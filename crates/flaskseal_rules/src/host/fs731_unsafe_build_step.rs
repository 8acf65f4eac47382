//! FS731: an image build or a set-up script runs code that nobody checked, or loosens permissions.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::host::{Step, StepCommand};
use flaskseal_project::deploy::shell::Argument;

use super::PROXY_HYGIENE;
use super::deployed::{self, evidence};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(731),
    name: "unsafe-build-step",
    summary: "An image build or a set-up script runs unverified code or loosens permissions.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[PROXY_HYGIENE],
    layers: &[Layer::Deploy],
    cwe: &[494, 732],
    owasp: Some("A08"),
    asvs: &["V15.2.4"],
    fix: FixAvailability::None,
    page: include_str!("fs731_unsafe_build_step.md"),
};

pub(crate) struct UnsafeBuildStep;

impl Rule for UnsafeBuildStep {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        let steps: Vec<&Step> = deployed::steps(project).collect();
        for group in steps.chunk_by(|a, b| a.part_of == b.part_of) {
            let is_checked = group.iter().flat_map(|step| &step.commands).any(checks);
            for step in group {
                if let Some((severity, url)) = runs_download(step) {
                    report(
                        out,
                        step.commands[0].span,
                        severity,
                        format!("{url} is run as it comes"),
                        "fetch a fixed version to a file, compare its checksum, then run it",
                    );
                }
                for command in &step.commands {
                    judge(command, step.in_image, out);
                }
            }
            if !is_checked {
                downloaded_then_run(group, out);
            }
        }
        for download in project.deployment.host.downloads.iter().filter(|download| !download.dev) {
            let is_plain = download.url.starts_with("http://");
            if download.is_checked && !is_plain || download.url.contains(".git") {
                continue;
            }
            let severity = if is_plain { Severity::Medium } else { Severity::Low };
            report(
                out,
                download.span,
                severity,
                "a file from the network becomes part of the image unchecked".to_owned(),
                "name its checksum: `ADD --checksum=sha256:...`",
            );
        }
    }
}

fn report(out: &mut Assessment, span: Span, severity: Severity, message: String, advice: &str) {
    out.fail(
        Finding::new(META.id, severity, META.confidence, evidence(span, "this step"), message)
            .with_fix(Fix::advice(advice)),
    );
}

fn judge(command: &StepCommand, in_image: bool, out: &mut Assessment) {
    let (program, words) = command.program();
    let has = |option: &str| words.iter().any(|word| word.text() == option);
    let installs = matches!(program, "apt-get" | "apt" | "apk" | "yum" | "dnf" | "microdnf" | "aptitude");
    if program == "chmod"
        && let Some((mode, targets)) = wide_mode(words)
        && !targets.iter().all(|target| is_shared_folder(target.text()))
    {
        let message = format!("`chmod {mode}` lets every user of the system change the files");
        report(
            out,
            command.span,
            Severity::Medium,
            message,
            "give the one user that needs it the right: `chown`, and 0640 or 0750",
        );
    }
    if installs
        && (has("--allow-unauthenticated")
            || has("--force-yes")
            || has("--allow-untrusted")
            || has("--nogpgcheck"))
    {
        let message = "packages are installed without a look at their signatures".to_owned();
        report(out, command.span, Severity::Medium, message, "add the key of the repository instead");
    }
    if in_image && installs && (has("install") || has("add")) && has("sudo") {
        let message = "`sudo` in the image lets the process become root again".to_owned();
        report(
            out,
            command.span,
            Severity::Medium,
            message,
            "do what needs root before `USER`, and leave `sudo` out",
        );
    }
    if command.words.iter().any(|word| {
        let text: String = word.text().split_ascii_whitespace().collect();
        text.contains("NOPASSWD:ALL")
    }) {
        let message = "a user may run everything as root without a password".to_owned();
        report(out, command.span, Severity::Medium, message, "allow the one command that is needed");
    }
    if !in_image && matches!(program, "pip" | "pip3") && has("install") && has("--break-system-packages") {
        let message = "packages are installed over those of the system".to_owned();
        report(out, command.span, Severity::Low, message, "use a virtual environment");
    }
}

/// The mode of a `chmod` that lets everybody write, and what it is given to.
fn wide_mode(words: &[Argument]) -> Option<(&str, &[Argument])> {
    let at = words.iter().position(|word| !word.text().starts_with('-'))?;
    let mode = words.get(at)?.text();
    let is_wide = if !mode.is_empty() && mode.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) {
        let other = mode.bytes().last().is_some_and(|digit| (digit - b'0') & 2 != 0);
        // The sticky bit keeps users from each other's files.
        let is_sticky = mode.len() == 4 && mode.bytes().next().is_some_and(|digit| (digit - b'0') & 1 != 0);
        other && !is_sticky
    } else {
        mode.split(',').any(|part| {
            // `a+rX-w`: one subject, then any number of operators with permissions.
            let subject_end = part.find(['+', '-', '=']).unwrap_or(part.len());
            let (who, actions) = part.split_at(subject_end);
            let gives_write = actions.split_inclusive(['+', '-', '=']).collect::<Vec<_>>();
            let gives_write = gives_write.windows(2).any(|pair| {
                !pair[0].ends_with('-') && pair[1].trim_end_matches(['+', '-', '=']).contains('w')
            });
            let is_everybody = who.is_empty() && part.contains('=') || who.contains(['a', 'o']);
            is_everybody && gives_write
        })
    };
    is_wide.then(|| (mode, words.get(at + 1..).unwrap_or_default()))
}

fn is_shared_folder(path: &str) -> bool {
    let path = path.trim_end_matches(['/', '*']);
    matches!(path, "/tmp" | "/var/tmp" | "/dev/shm" | "/dev/stdout" | "/dev/stderr")
        || path.starts_with("/dev/")
}

/// Whether a command compares a checksum or a signature.
fn checks(command: &StepCommand) -> bool {
    let (program, words) = command.program();
    let has = |option: &str| words.iter().any(|word| word.text() == option);
    program.ends_with("sum") && program.starts_with(['s', 'b', 'm'])
        || matches!(program, "gpgv" | "cosign" | "minisign" | "slsa-verifier")
        || program == "gpg" && (has("--verify") || has("--batch") && has("--verify"))
        || program == "openssl" && has("dgst")
}

const DOWNLOADERS: [&str; 4] = ["curl", "wget", "fetch", "aria2c"];

fn is_shell(program: &str) -> bool {
    matches!(program, "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh")
}

/// `curl ... | sh`, `sh -c "$(curl ...)"`, `bash <(curl ...)`: how bad, and what is run.
fn runs_download(step: &Step) -> Option<(Severity, String)> {
    let from = step.commands.iter().position(|command| DOWNLOADERS.contains(&command.program().0));
    if let Some(from) = from
        && step.commands.iter().skip(from + 1).any(reads_program)
    {
        let command = step.commands.get(from)?;
        return Some(weigh(command.words.iter().map(Argument::text)));
    }
    let command = step.commands.first()?;
    let (program, words) = command.program();
    let runs = is_shell(program) || matches!(program, "eval" | "source" | ".");
    let text = words.iter().map(Argument::text).find(|text| {
        let is_substituted = text.contains("$(") || text.contains('`') || text.contains("<(");
        is_substituted && DOWNLOADERS.iter().any(|name| text.contains(&format!("{name} ")))
    });
    text.filter(|_| runs).map(|text| weigh(text.split([' ', ')', '`', '"', '\''])))
}

/// Whether a program at the end of a pipe runs what it is given.
fn reads_program(command: &StepCommand) -> bool {
    let (program, words) = command.program();
    if is_shell(program) {
        let mut words = words.iter().map(Argument::text);
        // `-c` has its program already; a file name is one.
        return match words.find(|word| !word.starts_with('-') || matches!(*word, "-" | "-s" | "--" | "-c")) {
            None | Some("-" | "-s" | "--") => !command.words.iter().any(|word| word.text() == "-c"),
            Some("/dev/stdin") => true,
            Some(_) => command.words.iter().any(|word| word.text() == "-s"),
        };
    }
    let is_interpreter = program.starts_with("python") || matches!(program, "perl" | "ruby" | "node" | "php");
    is_interpreter && words.first().is_none_or(|word| word.text() == "-")
}

fn weigh<'w>(words: impl Iterator<Item = &'w str>) -> (Severity, String) {
    let mut url = None;
    for word in words {
        let lower = word.to_ascii_lowercase();
        if lower.starts_with("http://") && !lower.starts_with("http://localhost") {
            return (Severity::High, format!("`{word}`, which anybody on the way can change,"));
        }
        if lower.starts_with("https://") {
            url = Some(word);
        }
    }
    (Severity::Low, url.map_or_else(|| "a download".to_owned(), |url| format!("`{url}`")))
}

/// `curl -o install.sh ...`, and later `sh install.sh`, without a look at a checksum between.
fn downloaded_then_run(group: &[&Step], out: &mut Assessment) {
    let commands: Vec<&StepCommand> = group.iter().flat_map(|step| &step.commands).collect();
    for (at, command) in commands.iter().enumerate() {
        let (program, words) = command.program();
        if !DOWNLOADERS.contains(&program) {
            continue;
        }
        let Some(file) = saved_as(program, words) else { continue };
        let base = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        let wanted = base(&file);
        let is_run = commands.iter().skip(at + 1).any(|later| {
            let (program, words) = later.program();
            let first = words.iter().map(Argument::text).find(|word| !word.starts_with('-'));
            (is_shell(program) || program.starts_with("python") || matches!(program, "source" | "."))
                && first.is_some_and(|path| base(path) == wanted)
                || program == wanted && later.words.first().is_some_and(|word| word.text().contains('/'))
        });
        if is_run {
            let (severity, url) = weigh(words.iter().map(Argument::text));
            report(
                out,
                command.span,
                severity,
                format!("{url} is run as it comes"),
                "compare its checksum before it is run",
            );
        }
    }
}

fn saved_as(program: &str, words: &[Argument]) -> Option<String> {
    let texts: Vec<&str> = words.iter().map(Argument::text).collect();
    let (named, by_url) = if program == "wget" {
        ("-O", true)
    } else {
        (
            "-o",
            texts.iter().any(|text| {
                *text == "-O"
                    || *text == "--remote-name"
                    || text.starts_with('-') && !text.starts_with("--") && text.ends_with('O')
            }),
        )
    };
    let after = |option: &str| texts.iter().position(|text| *text == option).and_then(|at| texts.get(at + 1));
    let combined = texts.iter().position(|text| {
        text.starts_with('-')
            && !text.starts_with("--")
            && text.len() > 2
            && text.ends_with(named.trim_start_matches('-'))
    });
    if let Some(file) = after(named)
        .or_else(|| after("--output"))
        .or_else(|| after("--output-document"))
        .or_else(|| combined.and_then(|at| texts.get(at + 1)))
    {
        return (!file.is_empty() && *file != "-").then(|| (*file).to_owned());
    }
    let url = texts.iter().find(|text| text.starts_with("http"))?;
    let name = url.split(['?', '#']).next()?.rsplit('/').next()?;
    (by_url && !name.is_empty()).then(|| name.to_owned())
}
