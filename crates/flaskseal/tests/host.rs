//! `check --host-root` on the root of a machine that the test makes: links, modes, what may not be read.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests make their own machines")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output};

fn put(root: &Path, path: &str, text: &str, mode: u32) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A server with a unit, nginx, UFW, and an application whose file of variables everybody can read.
fn machine(root: &Path) {
    put(
        root,
        "etc/passwd",
        "root:x:0:0::/root:/bin/sh\nshop:x:998:998::/srv/shop:/usr/sbin/nologin\n",
        0o644,
    );
    put(root, "etc/group", "root:x:0:\nshop:x:998:\n", 0o644);
    put(root, "etc/ufw/ufw.conf", "ENABLED=yes\n", 0o644);
    put(root, "etc/default/ufw", "IPV6=yes\nDEFAULT_INPUT_POLICY=\"DROP\"\n", 0o644);
    put(root, "etc/ufw/user.rules", "### tuple ### allow tcp 443 0.0.0.0/0 any 0.0.0.0/0 in\n", 0o640);
    put(root, "etc/nginx/nginx.conf", "events {}\nhttp { include sites-enabled/*; }\n", 0o644);
    put(
        root,
        "etc/nginx/sites-available/shop",
        "server { listen 80; location / { proxy_pass http://127.0.0.1:8000; } }\n",
        0o644,
    );
    fs::create_dir_all(root.join("etc/nginx/sites-enabled")).unwrap();
    symlink("/etc/nginx/sites-available/shop", root.join("etc/nginx/sites-enabled/shop")).unwrap();
    let unit =
        "[Service]\nUser=shop\nWorkingDirectory=/srv/shop\nExecStart=/srv/shop/venv/bin/gunicorn shop:app\n";
    put(root, "etc/systemd/system/shop.service", unit, 0o644);
    put(root, "srv/shop/.env", "SECRET_KEY=do-not-print-me\n", 0o644);
    put(root, "srv/shop/shop.py", "", 0o644);
    for folder in ["srv", "srv/shop"] {
        fs::set_permissions(root.join(folder), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn check(root: &Path, more: &[&str]) -> (Output, String) {
    let project = root.join("project");
    put(root, "project/shop.py", "from flask import Flask\napp = Flask(__name__)\n", 0o644);
    let output = Command::new(env!("CARGO_BIN_EXE_flaskseal"))
        .args(["check", project.to_str().unwrap(), "--host-root", root.to_str().unwrap(), "--isolated"])
        .args(["--color", "never", "--now", "2026-11-25"])
        .args(more)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, text)
}

#[test]
fn a_machine_below_a_root_is_judged_like_this_one() {
    let folder = tempfile::tempdir().unwrap();
    machine(folder.path());
    let (output, text) = check(folder.path(), &["--only", "host,https", "-v"]);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for expected in [
        "every account of the host can read the file of variables /srv/shop/.env",
        "UFW is on and denies what nobody allows (/etc/default/ufw:2:1)",
        "the service runs as `shop` (/etc/systemd/system/shop.service:2:1)",
        "/etc/nginx/sites-enabled/shop:1",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(!text.contains("do-not-print-me"), "{text}");
}

#[test]
fn the_same_machine_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    machine(folder.path());
    let run = |jobs| check(folder.path(), &["--format", "json", "--jobs", jobs]).1;
    assert_eq!(run("1"), run("4"));
}

#[test]
fn what_cannot_be_read_is_said_and_nothing_leads_out() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("machine");
    fs::create_dir_all(&root).unwrap();
    machine(&root);
    fs::write(folder.path().join("outside"), "ENABLED=no\n").unwrap();
    fs::remove_file(root.join("etc/ufw/ufw.conf")).unwrap();
    symlink("../../../outside", root.join("etc/ufw/ufw.conf")).unwrap();
    let huge = fs::File::create(root.join("etc/nginx/sites-available/huge")).unwrap();
    huge.set_len(50 << 20).unwrap();
    symlink("../sites-available/huge", root.join("etc/nginx/sites-enabled/huge")).unwrap();
    symlink("self", root.join("etc/nginx/sites-enabled/self")).unwrap();
    fs::write(root.join("etc/nginx/sites-available/binary"), b"server {\0}").unwrap();
    symlink("../sites-available/binary", root.join("etc/nginx/sites-enabled/binary")).unwrap();
    let _socket =
        std::os::unix::net::UnixListener::bind(root.join("etc/nginx/sites-enabled/socket")).unwrap();
    let (_, text) = check(&root, &["--only", "host,https", "-v"]);
    assert!(!text.contains("the firewall is off"), "{text}");
    for expected in ["huge", "is too large to be read", "is not text", "socket", "self"] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn a_root_that_is_none_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "file", "", 0o644);
    for wrong in ["file", "missing"] {
        let path = folder.path().join(wrong);
        let output = Command::new(env!("CARGO_BIN_EXE_flaskseal"))
            .args(["check", folder.path().to_str().unwrap(), "--host-root", path.to_str().unwrap()])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(wrong));
    }
}
