//! The look around: from the files that every server has to those which they name.

use flaskseal_core::path::join_absolute;
use flaskseal_core::{Blind, FileId, Kind, Machine};
use flaskseal_deploy::{nginx, systemd};

use crate::files::{Files, folder};
use crate::model::{Host, Maintenance, Renewal};
use crate::process::processes;
use crate::socket::{global_ipv6, listening};
use crate::{Accounts, Lineage, Purpose};

/// Files that one configuration of nginx may be made of.
const MAX_INCLUDES: usize = 2_000;
/// Names in the folder of an application that are looked at.
const MAX_NAMES: usize = 2_000;

/// Looks at a machine.
pub fn observe(machine: &dyn Machine) -> Host {
    let mut files = Files::new(machine);
    let read = |files: &Files<'_>, path: &str| files.peek(path).unwrap_or_default();
    let accounts = Accounts::read(&read(&files, "/etc/passwd"), &read(&files, "/etc/group"));

    firewall(&mut files);
    files.text("/etc/ssh/sshd_config");
    files.texts_in("/etc/ssh/sshd_config.d", ".conf");
    web_servers(&mut files);
    let pythons = services(&mut files);
    let renewal = renewal(&mut files);
    let maintenance = maintenance(&mut files);

    let table = |files: &mut Files<'_>, path: &str| match machine.read(path, 16 << 20) {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Err(Blind::Missing) => None,
        Err(blind) => {
            files.unseen(path, blind.clause());
            None
        }
    };
    let tables = [table(&mut files, "/proc/net/tcp"), table(&mut files, "/proc/net/tcp6")];
    let sockets = tables
        .iter()
        .any(Option::is_some)
        .then(|| tables.iter().flatten().flat_map(|table| listening(table)).collect());
    let processes = processes(machine);
    if processes.iter().any(|process| !process.files_seen) {
        files.unseen("the sockets of other users' processes", "may not be seen: run as root to see them");
    }
    let has_global_ipv6 = machine
        .read("/proc/net/if_inet6", 1 << 20)
        .ok()
        .map(|bytes| global_ipv6(&String::from_utf8_lossy(&bytes)));
    let is_container = ["/.dockerenv", "/run/.containerenv"].iter().any(|path| machine.status(path).is_ok());

    let Files { texts, mut unseen, mut kept, .. } = files;
    unseen.sort();
    unseen.dedup();
    kept.sort_by(|a, b| (&a.path, a.purpose).cmp(&(&b.path, b.purpose)));
    Host {
        texts: texts.into_iter().collect(),
        accounts,
        sockets,
        processes,
        has_global_ipv6,
        is_container,
        kept,
        renewal,
        maintenance,
        pythons,
        unseen,
    }
}

/// The files of the firewalls that are switched on. The rules that the kernel holds can only be asked for, not read.
fn firewall(files: &mut Files<'_>) {
    for path in [
        "/etc/default/ufw",
        "/etc/ufw/ufw.conf",
        "/etc/ufw/user.rules",
        "/etc/ufw/user6.rules",
        "/etc/ufw/after.rules",
    ] {
        files.text(path);
    }
    for (unit, paths) in [
        ("nftables", &["/etc/nftables.conf", "/etc/sysconfig/nftables.conf"][..]),
        ("netfilter-persistent", &["/etc/iptables/rules.v4", "/etc/iptables/rules.v6"]),
        ("iptables", &["/etc/sysconfig/iptables"]),
    ] {
        for path in paths.iter().filter(|path| files.machine.status(path).is_ok()).collect::<Vec<_>>() {
            if is_switched_on(files, &format!("{unit}.service")) {
                files.text(path);
            } else {
                files.unseen(path, &format!("is not loaded: `{unit}.service` is not switched on"));
            }
        }
    }
}

/// Whether a unit is started with the machine: a link to it stands with those that a target wants.
fn is_switched_on(files: &Files<'_>, unit: &str) -> bool {
    ["multi-user", "sysinit", "basic", "timers", "sockets", "network-pre", "default"].iter().any(|target| {
        ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"]
            .iter()
            .any(|folder| files.exists(&format!("{folder}/{target}.target.wants/{unit}")))
    })
}

fn web_servers(files: &mut Files<'_>) {
    for main in
        ["/etc/nginx/nginx.conf", "/usr/local/nginx/conf/nginx.conf", "/usr/local/etc/nginx/nginx.conf"]
    {
        nginx_files(files, main);
    }
    files.text("/etc/caddy/Caddyfile");
    for folder in ["/etc/apache2/sites-enabled", "/etc/httpd/conf.d"] {
        files.texts_in(folder, ".conf");
    }
    for folder in ["/etc/supervisor/conf.d", "/etc/supervisord.d"] {
        files.texts_in(folder, ".conf");
        files.texts_in(folder, ".ini");
    }
    files.text("/etc/supervisor/supervisord.conf");
    for path in files.texts_in("/etc/uwsgi/apps-enabled", ".ini") {
        files.keep(&path, Purpose::Settings, None);
    }
}

/// A main file of nginx with all that it includes, and the files of TLS that it names.
fn nginx_files(files: &mut Files<'_>, main: &str) {
    let prefix = folder(main).to_owned();
    let mut pending = vec![main.to_owned()];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(path) = pending.pop() {
        if seen.len() >= MAX_INCLUDES || !seen.insert(path.clone()) {
            continue;
        }
        let Some(text) = files.text(&path) else { continue };
        let parsed = nginx::parse(FileId(0), text).tree;
        files.keep(&path, Purpose::Settings, None);
        let mut directives: Vec<&nginx::Directive> = parsed.iter().collect();
        while let Some(directive) = directives.pop() {
            directives.extend(directive.block.iter().flatten());
            let Some(argument) = directive.argument(0).filter(|text| !text.contains('$')) else { continue };
            let named = join_absolute(&prefix, argument);
            match directive.name.text.as_str() {
                "include" => pending.extend(globbed(files, &named)),
                "ssl_certificate" | "ssl_dhparam" | "ssl_trusted_certificate" => {
                    files.text(&named);
                }
                "ssl_certificate_key" | "ssl_session_ticket_key" if !argument.starts_with("engine:") => {
                    files.keep(&named, Purpose::Key, None);
                }
                "auth_basic_user_file" => {
                    files.keep(&named, Purpose::Passwords, None);
                }
                _ => {}
            }
        }
    }
}

/// The files that a pattern names: `*` in the last part of the path, as includes have it.
fn globbed(files: &mut Files<'_>, pattern: &str) -> Vec<String> {
    if !pattern.contains(['*', '?', '[']) {
        return vec![pattern.to_owned()];
    }
    let parent = folder(pattern).to_owned();
    if parent.contains(['*', '?', '[']) {
        files.unseen(pattern, "is not followed: a pattern for folders");
        return Vec::new();
    }
    files.list(&parent).into_iter().filter(|path| nginx::matches(pattern, path)).collect()
}

/// Units with their drop-ins, and what they name: files of variables, code, the interpreter.
fn services(files: &mut Files<'_>) -> Vec<(String, (u8, u8))> {
    let mut pythons = Vec::new();
    for folder in ["/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system"] {
        for path in files.list(folder) {
            if path.ends_with(".service.d") {
                files.texts_in(&path, ".conf");
            } else if path.ends_with(".service") || path.ends_with(".socket") {
                files.text(&path);
            }
        }
    }
    let units: Vec<(String, systemd::Unit)> = files
        .texts
        .iter()
        .filter(|(path, _)| path.ends_with(".service") || path.contains(".service.d/"))
        .map(|(path, text)| (path.clone(), systemd::parse(text).tree))
        .collect();
    for (path, unit) in &units {
        let name = path.split('/').find_map(|part| {
            part.strip_suffix(".service.d").or_else(|| part.strip_suffix(".service")).map(str::to_owned)
        });
        let name = name.as_deref();
        let starts_app = |unit: &systemd::Unit| {
            unit.exec_start()
                .iter()
                .any(|exec| is_app(&exec.words.iter().map(|word| word.value.as_str()).collect::<Vec<_>>()))
        };
        let serves = starts_app(unit)
            || units.iter().any(|(other, main)| {
                name.is_some_and(|name| other.ends_with(&format!("/{name}.service"))) && starts_app(main)
            });
        if !serves {
            continue;
        }
        files.keep(path, Purpose::Settings, name);
        for file in unit.environment_files() {
            let named = file.path.value.trim_matches('"').to_owned();
            if named.starts_with('/') && !named.contains(['%', '*']) {
                files.keep(&named, Purpose::Environment, name);
                files.text(&named);
            }
        }
        if let Some(entry) = unit.get("Service", "WorkingDirectory") {
            let home = entry.value.text.trim_start_matches('-').trim_matches('"').to_owned();
            if home.starts_with('/') && home != "/" && !home.contains('%') {
                application(files, &home, name);
            }
        }
        for exec in unit.exec_start() {
            let Some(program) = exec.words.first().map(|word| word.value.clone()) else { continue };
            // `/srv/shop/venv/bin/gunicorn`
            if let Some((home, _)) =
                program.split_once("/bin/").filter(|(home, _)| !matches!(*home, "" | "/usr" | "/usr/local"))
            {
                files.keep(home, Purpose::Code, name);
                files.keep(&program, Purpose::Code, name);
                pythons.extend(python(files, home));
            }
        }
    }
    pythons.sort();
    pythons.dedup();
    pythons
}

/// Whether a command serves an application in Python.
fn is_app(words: &[&str]) -> bool {
    let base = |word: &str| word.rsplit('/').next().unwrap_or(word).to_owned();
    words.iter().take(12).any(|word| {
        let name = base(word);
        matches!(
            name.as_str(),
            "gunicorn"
                | "uwsgi"
                | "waitress-serve"
                | "hypercorn"
                | "uvicorn"
                | "daphne"
                | "granian"
                | "flask"
                | "celery"
                | "rq"
        ) || name.starts_with("python")
            || name.ends_with(".py")
    })
}

/// The folder of an application: itself, its files of variables, its databases.
fn application(files: &mut Files<'_>, home: &str, service: Option<&str>) {
    files.keep(home, Purpose::Code, service);
    let mut names: Vec<String> = files.list(home);
    for inner in ["instance", "data", "db"] {
        let path = join_absolute(home, inner);
        if files.machine.status(&path).is_ok_and(|status| status.kind == Kind::Folder) {
            names.extend(files.list(&path));
        }
    }
    for path in names.into_iter().take(MAX_NAMES) {
        let name = path.rsplit('/').next().unwrap_or("").to_owned();
        let lower = name.to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
        let is_example = ["example", "sample", "template", "dist"].iter().any(|word| lower.contains(word));
        if (lower == ".env" || lower.starts_with(".env.") || lower == ".flaskenv" || ends(&[".env"]))
            && !is_example
        {
            files.keep(&path, Purpose::Environment, service);
        } else if ends(&[".sqlite", ".sqlite3", ".db"]) {
            files.keep(&path, Purpose::Database, service);
        } else if ends(&[".key"])
            || lower.ends_with("privkey.pem")
            || lower.starts_with("id_rsa") && !ends(&[".pub"])
        {
            files.keep(&path, Purpose::Key, service);
        } else if ends(&[".py"]) && files.machine.status(&path).is_ok_and(|status| status.kind == Kind::File)
        {
            files.keep(&path, Purpose::Code, service);
        }
    }
}

/// The Python of a virtual environment.
fn python(files: &Files<'_>, home: &str) -> Option<(String, (u8, u8))> {
    let path = join_absolute(home, "pyvenv.cfg");
    let text = files.peek(&path)?;
    let version = text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        matches!(key.trim(), "version" | "version_info").then(|| value.trim())
    })?;
    let mut numbers = version.split('.').map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Some((path, (major, minor))),
        _ => None,
    }
}

/// certbot and its kin: what they keep, and what runs them.
fn renewal(files: &mut Files<'_>) -> Renewal {
    let mut renewal = Renewal {
        is_hidden: matches!(files.machine.list("/etc/letsencrypt/renewal"), Err(Blind::Denied)),
        ..Renewal::default()
    };
    for path in files.texts_in("/etc/letsencrypt/renewal", ".conf") {
        let text = files.texts.get(&path).map(String::as_str).unwrap_or_default();
        renewal.lineages.push(Lineage::read(&path, text));
    }
    let live = files.list("/etc/letsencrypt/live");
    for lineage in live.iter().filter(|path| !path.ends_with("/README")) {
        files.text(&join_absolute(lineage, "fullchain.pem"));
        files.keep(&join_absolute(lineage, "privkey.pem"), Purpose::Key, None);
    }
    renewal.hooks = files.list("/etc/letsencrypt/renewal-hooks/deploy");
    let clients = [
        "certbot",
        "snap.certbot.renew",
        "acme.sh",
        "acme_letsencrypt",
        "lego",
        "dehydrated",
        "certbot-renew",
    ];
    for client in clients {
        let timer = format!("{client}.timer");
        if is_switched_on(files, &timer) {
            renewal.schedules.push((
                format!("/etc/systemd/system/timers.target.wants/{timer}"),
                format!("the timer `{timer}`"),
            ));
        }
    }
    let runs_systemd = files.machine.status("/run/systemd/system").is_ok()
        || files.machine.status("/etc/systemd/system").is_ok();
    let mut tables = vec!["/etc/crontab".to_owned()];
    for folder in
        ["/etc/cron.d", "/etc/cron.daily", "/etc/cron.weekly", "/var/spool/cron/crontabs", "/var/spool/cron"]
    {
        tables.extend(files.list(folder));
    }
    for path in tables {
        let Some(text) = files.peek(&path) else { continue };
        let line = text.lines().map(str::trim).find(|line| {
            let renews = [
                "certbot renew",
                "certbot -q renew",
                "acme.sh --cron",
                "--cron",
                "lego renew",
                "dehydrated -c",
                "dehydrated --cron",
            ];
            let is_client = ["certbot", "acme", "lego", "dehydrated"].iter().any(|name| line.contains(name));
            // Debian's line does nothing where systemd runs: its timer does.
            let is_idle = runs_systemd && line.contains("-d /run/systemd/system");
            !line.starts_with('#') && is_client && renews.iter().any(|words| line.contains(words)) && !is_idle
        });
        if line.is_some() {
            renewal.schedules.push((path.clone(), format!("cron, in {path}")));
        }
    }
    renewal
}

fn maintenance(files: &mut Files<'_>) -> Maintenance {
    let mut installs_updates = None;
    if files.machine.status("/etc/apt").is_ok() {
        let paths = files.list("/etc/apt/apt.conf.d");
        let said = paths.iter().rev().find_map(|path| {
            let text = files.peek(path)?;
            let line = text
                .lines()
                .map(str::trim)
                .rfind(|line| line.starts_with("APT::Periodic::Unattended-Upgrade"))?;
            let value = line.split('"').nth(1).unwrap_or("0");
            Some((value != "0", path.clone()))
        });
        installs_updates = Some(said.unwrap_or((false, "/etc/apt/apt.conf.d".to_owned())));
    } else if files.machine.status("/etc/dnf").is_ok() {
        let is_on = ["dnf-automatic.timer", "dnf-automatic-install.timer", "dnf5-automatic.timer"]
            .iter()
            .any(|timer| is_switched_on(files, timer));
        installs_updates = Some((is_on, "/etc/dnf".to_owned()));
    }
    let restart = ["/run/reboot-required", "/var/run/reboot-required"]
        .iter()
        .find_map(|path| files.machine.status(path).ok())
        .map(|status| status.modified);
    let clocks = ["systemd-timesyncd", "chrony", "chronyd", "ntp", "ntpd", "ntpsec", "openntpd"];
    let keeps_time = files.machine.status("/etc/systemd/system").is_ok().then(|| {
        clocks.iter().any(|name| is_switched_on(files, &format!("{name}.service")))
            || files.exists("/etc/systemd/system/dbus-org.freedesktop.timesync1.service")
    });
    Maintenance { installs_updates, restart_waits_since: restart, keeps_time }
}
