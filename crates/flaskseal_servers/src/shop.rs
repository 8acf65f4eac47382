//! The example shops as they are deployed: gunicorn as the unit starts it, nginx with the example's own configuration
//! in front of it, and a certificate of an authority of the test's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::certificate::Authority;
use crate::program::root;
use crate::server::{Server, free_port};

/// Debian's `/etc/nginx/proxy_params`.
const PROXY_PARAMS: &str = "proxy_set_header Host $http_host;\nproxy_set_header X-Real-IP $remote_addr;\n\
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\nproxy_set_header X-Forwarded-Proto $scheme;\n";

/// A shop that runs; it ends when this is dropped.
#[derive(Debug)]
pub struct Shop {
    _nginx: Server,
    _gunicorn: Server,
    tls: u16,
    plain: u16,
    folder: TempDir,
}

impl Shop {
    /// The name of both.
    pub const HOST: &str = "juniper.example";

    /// `examples/shop`.
    pub fn usual() -> Self {
        let words = ["-c", "gunicorn.conf.py", "shop:create_app()"];
        Self::start("shop", "target/venv-shop", &words, ("FLASK_ENV", "production"), &|text| text)
    }

    /// `examples/shop-hardened`, with an nginx whose configuration is changed after it was read.
    pub fn hardened(change: &dyn Fn(String) -> String) -> Self {
        let words = ["--config", "gunicorn.conf.py", "wsgi:app"];
        let key = "5f0c".repeat(16);
        Self::start("shop-hardened", "target/venv", &words, ("SECRET_KEY", &key), change)
    }

    fn start(
        name: &str,
        venv: &str,
        words: &[&str],
        variable: (&str, &str),
        change: &dyn Fn(String) -> String,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let program = root().join(venv).join("bin/gunicorn");
        assert!(program.exists(), "{} is missing: run `cargo xtask setup`", program.display());
        let copy = folder.path().join("copy");
        copy_folder(&example(name), &copy);
        let upstream = free_port();
        let mut gunicorn = Command::new(program);
        gunicorn
            .args(words)
            .args(["--bind", &format!("127.0.0.1:{upstream}")])
            .current_dir(&copy)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("SHOP_DATA", folder.path().join("data"))
            .env(variable.0, variable.1);
        let gunicorn = Server::start(gunicorn, upstream);

        let letsencrypt = folder.path().join("live").join(Self::HOST);
        Authority::make(folder.path()).issue(&letsencrypt, &[Self::HOST, "www.juniper.example"]);
        fs::write(folder.path().join("proxy_params"), PROXY_PARAMS).expect("a file can be written");
        let text = fs::read_to_string(example(name).join("nginx/shop.conf")).expect("the example has one");
        let text = change(here(&text, folder.path(), upstream));
        let (server, ports) = Server::nginx(folder.path(), &text, 2);
        let [tls, plain] = ports[..] else { panic!("two ports were asked for") };
        Self { _nginx: server, _gunicorn: gunicorn, tls, plain, folder }
    }

    pub fn url() -> String {
        format!("https://{}/", Self::HOST)
    }

    /// Options of the command that lead to the shop by its name.
    pub fn way(&self) -> Vec<String> {
        let to = |public: u16, here: u16| format!("--resolve={}:{public}:127.0.0.1:{here}", Self::HOST);
        vec![to(443, self.tls), to(80, self.plain)]
    }

    /// The option of the command that trusts the shop's authority.
    pub fn trust(&self) -> String {
        format!("--ca-file={}", self.folder.path().join("authority.pem").display())
    }
}

/// The configuration of an example with the ports and folders of a test.
fn here(text: &str, folder: &Path, upstream: u16) -> String {
    let text = text
        .replace("/etc/letsencrypt/live/", &format!("{}/live/", folder.display()))
        .replace("127.0.0.1:8000", &format!("127.0.0.1:{upstream}"))
        .replace("127.0.0.1:5000", &format!("127.0.0.1:{upstream}"));
    let ports = [("443 ssl", "PORT1 ssl"), ("80", "PORT2")];
    ports.iter().fold(text, |text, (port, here)| {
        // Not every machine has IPv6.
        text.replace(&format!("listen {port}"), &format!("listen {here}"))
            .lines()
            .filter(|line| !line.contains(&format!("listen [::]:{port}")))
            .map(|line| format!("{line}\n"))
            .collect()
    })
}

/// The folder of an example.
pub fn example(name: &str) -> PathBuf {
    root().join("examples").join(name)
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).expect("the copy is writable");
    for entry in fs::read_dir(from).expect("the example can be read") {
        let entry = entry.expect("the example can be read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("the copy is writable");
        }
    }
}
