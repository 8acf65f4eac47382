//! The commands that keep the advisory database, through the real program. The server is a few lines on loopback.
#![allow(clippy::disallowed_methods, reason = "a test that writes its own files")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

const DOCUMENT: &str = r#"{"id": "PYSEC-2024-1", "modified": "2024-05-06T00:00:00Z", "aliases": ["CVE-2024-1"], "affected": [{"package": {"ecosystem": "PyPI", "name": "Shop_Api"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]}]}]}"#;
const MALICIOUS: &str = r#"{"id": "MAL-2024-7", "modified": "2024-05-07T00:00:00Z", "affected": [{"package": {"ecosystem": "PyPI", "name": "flaskk"}, "versions": ["1.0"]}]}"#;

fn flaskseal(words: &[&str], db: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_flaskseal"))
        .args(words)
        .env("FLASKSEAL_DB", db)
        .env_remove("https_proxy")
        .env_remove("http_proxy")
        .env_remove("all_proxy")
        .env_remove("HTTPS_PROXY")
        .env_remove("HTTP_PROXY")
        .env_remove("ALL_PROXY")
        .output()
        .expect("the command runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn archive() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in [("a.json", DOCUMENT), ("b.json", MALICIOUS)] {
        writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn import_status_and_check() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("below/advisories.db");
    let dump = folder.path().join("dump");
    std::fs::create_dir(&dump).unwrap();
    std::fs::write(dump.join("a.json"), DOCUMENT).unwrap();
    std::fs::write(dump.join("b.json"), MALICIOUS).unwrap();
    let imported = flaskseal(&["db", "import", dump.to_str().unwrap()], &db);
    assert!(imported.status.success(), "{}", said(&imported));
    assert!(said(&imported).contains("2 advisories on 2 packages, as of 2024-05-07"), "{}", said(&imported));
    let status = said(&flaskseal(&["db", "status", "--now", "2024-05-10"], &db));
    assert!(status.contains("source      dump") && status.contains("2024-05-07 (3 days old)"), "{status}");

    let project = folder.path().join("project");
    std::fs::create_dir(&project).unwrap();
    std::fs::write(
        project.join("app.py"),
        "from flask import Flask\nimport shop_api\napp = Flask(__name__)\n",
    )
    .unwrap();
    std::fs::write(project.join("requirements.txt"), "Flask==2.0.1\nshop.api==1.5\nflaskk==1.0\n").unwrap();
    std::fs::write(project.join("Procfile"), "web: gunicorn app:app\n").unwrap();
    let words = ["check", "--isolated", "--only", "FS601,FS602", "-f", "concise", "--now", "2024-05-10"];
    let report = said(&flaskseal(&[&words[..], &[project.to_str().unwrap()]].concat(), &db));
    assert!(
        report.contains("requirements.txt:2:1: medium[FS601] `shop-api 1.5` is affected by CVE-2024-1"),
        "{report}"
    );
    assert!(
        report.contains("requirements.txt:3:1: critical[FS602] `flaskk 1.0` is recorded as malicious"),
        "{report}"
    );
    // The database alone decides: the built-in table is not mixed in.
    assert!(!report.contains("flask 2.0.1"), "{report}");
}

#[test]
fn what_is_no_dump_leaves_the_database_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("advisories.db");
    let zip = folder.path().join("all.zip");
    std::fs::write(&zip, archive()).unwrap();
    assert!(flaskseal(&["db", "import", zip.to_str().unwrap()], &db).status.success());
    let before = std::fs::read(&db).unwrap();
    let whole = std::fs::read(&zip).unwrap();
    for (text, message) in [
        (&b"nothing"[..], "is not a zip archive"),
        (&whole[..whole.len() / 2], "is not a zip archive"),
        (&b""[..], "is not a zip archive"),
    ] {
        std::fs::write(&zip, text).unwrap();
        let output = flaskseal(&["db", "import", zip.to_str().unwrap()], &db);
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).contains(message), "{}", said(&output));
        assert_eq!(std::fs::read(&db).unwrap(), before);
    }
    // A database that is cut off is an error where it was named, and a new one can be written over it.
    std::fs::write(&db, &before[..before.len() / 3]).unwrap();
    let status = flaskseal(&["db", "status"], &db);
    assert_eq!(status.status.code(), Some(2));
    assert!(said(&status).contains("advisories.db is damaged"), "{}", said(&status));
    std::fs::write(&zip, whole).unwrap();
    assert!(flaskseal(&["db", "import", zip.to_str().unwrap()], &db).status.success());
    assert_eq!(std::fs::read(&db).unwrap(), before);
}

/// Serves each connection with the next answer, and notes the requests.
fn serve(answers: Vec<Vec<u8>>) -> (String, Arc<Mutex<Vec<String>>>, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/all.zip", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&requests);
    let server = std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = String::new();
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            while lines.read_line(&mut request).unwrap() > 2 {}
            noted.lock().unwrap().push(request.to_lowercase());
            stream.write_all(&answer).unwrap();
        }
    });
    (url, requests, server)
}

#[test]
fn an_update_goes_on_where_the_connection_broke_and_asks_only_for_news() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("advisories.db");
    let body = archive();
    let half = body.len() / 2;
    let head = |status: &str, length: usize| {
        format!("HTTP/1.1 {status}\r\nETag: \"v1\"\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
            .into_bytes()
    };
    let (url, requests, server) = serve(vec![
        [head("200 OK", body.len()), body[..half].to_vec()].concat(),
        [head("206 Partial Content", body.len() - half), body[half..].to_vec()].concat(),
        b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n".to_vec(),
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
    ]);
    let words = ["db", "update", "--no-progress", "--url", &url];
    let first = flaskseal(&words, &db);
    assert!(first.status.success(), "{}", said(&first));
    let before = std::fs::read(&db).unwrap();
    let second = flaskseal(&words, &db);
    assert!(said(&second).contains("is up to date"), "{}", said(&second));
    let third = flaskseal(&words, &db);
    assert_eq!(third.status.code(), Some(2));
    assert!(said(&third).contains("answers 404, and nothing was changed"), "{}", said(&third));
    assert_eq!(std::fs::read(&db).unwrap(), before);
    server.join().unwrap();
    let requests = requests.lock().unwrap();
    assert!(
        requests[1].contains(&format!("range: bytes={half}-")) && requests[1].contains("if-range: \"v1\"")
    );
    assert!(requests[2].contains("if-none-match: \"v1\""), "{}", requests[2]);
}

#[test]
fn only_protected_connections_are_opened() {
    let folder = tempfile::tempdir().unwrap();
    let output =
        flaskseal(&["db", "update", "--url", "http://osv.example/all.zip"], &folder.path().join("a.db"));
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("use `https://`"), "{}", said(&output));
}

#[test]
fn a_later_run_goes_on_where_an_earlier_one_gave_up() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("advisories.db");
    let body = archive();
    let half = body.len() / 2;
    let head = |status: &str, length: usize| {
        format!("HTTP/1.1 {status}\r\nETag: \"v1\"\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
            .into_bytes()
    };
    let unavailable = b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
    let mut answers = vec![[head("200 OK", body.len()), body[..half].to_vec()].concat()];
    answers.extend(std::iter::repeat_n(unavailable, 4));
    answers.push([head("206 Partial Content", body.len() - half), body[half..].to_vec()].concat());
    let (url, requests, server) = serve(answers);
    let words = ["db", "update", "--no-progress", "--url", &url];
    let first = flaskseal(&words, &db);
    assert_eq!(first.status.code(), Some(2));
    assert!(said(&first).contains("cannot be fetched, and nothing was changed"), "{}", said(&first));
    assert!(!db.exists());
    let second = flaskseal(&words, &db);
    assert!(second.status.success(), "{}", said(&second));
    server.join().unwrap();
    assert!(requests.lock().unwrap()[5].contains(&format!("range: bytes={half}-")));
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["advisories.db"], "nothing else stays behind");
}

#[test]
fn what_was_damaged_on_the_way_is_fetched_again() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("advisories.db");
    let body = archive();
    let sum = base64_of(&crc32c::crc32c(&body).to_be_bytes());
    let answer = |body: &[u8]| {
        let head = format!(
            "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nx-goog-hash: crc32c={sum}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        [head.into_bytes(), body.to_vec()].concat()
    };
    let mut damaged = body.clone();
    damaged[body.len() / 2] ^= 1;
    let (url, requests, server) = serve(vec![answer(&damaged), answer(&body)]);
    let words = ["db", "update", "--no-progress", "--url", &url];
    let output = flaskseal(&words, &db);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("the download has the crc32c that the server names"), "{}", said(&output));
    server.join().unwrap();
    assert!(!requests.lock().unwrap()[1].contains("range:"), "nothing of the first is kept");
    let before = std::fs::read(&db).unwrap();
    // Damaged each time: an error, and the old database stays.
    let (url, _, server) = serve(vec![answer(&damaged); 5]);
    let output = flaskseal(&["db", "update", "--no-progress", "--url", &url], &db);
    server.join().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("another crc32c than the server names"), "{}", said(&output));
    assert_eq!(std::fs::read(&db).unwrap(), before);
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A proxy that tunnels one connection to `target`, whatever host was asked for, and says what was.
fn proxy(target: String) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut request = String::new();
        let mut lines = BufReader::new(client.try_clone().unwrap());
        while lines.read_line(&mut request).unwrap() > 2 {}
        if target.is_empty() {
            client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").unwrap();
            return request;
        }
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
        let mut server = std::net::TcpStream::connect(target).unwrap();
        let mut up = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let sending = std::thread::spawn(move || std::io::copy(&mut up.0, &mut up.1));
        let _ = std::io::copy(&mut server, &mut client);
        let _ = client.shutdown(std::net::Shutdown::Both);
        let _ = sending.join().unwrap();
        request
    });
    (url, server)
}

#[test]
fn proxies_of_the_environment_are_used_and_passed_by() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("advisories.db");
    let body = archive();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let answer = || vec![[head.clone().into_bytes(), body.clone()].concat()];
    let update = |url: &str, variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flaskseal"));
        command.args(["db", "update", "--no-progress", "--url", url]).env("FLASKSEAL_DB", &db);
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        command.envs(variables.iter().copied()).output().unwrap()
    };
    for variable in ["http_proxy", "HTTP_PROXY", "ALL_PROXY"] {
        let (url, _, server) = serve(answer());
        let target = url.trim_start_matches("http://").trim_end_matches("/all.zip").to_owned();
        let (proxy, asked) = proxy(target.clone());
        let output = update(&url, &[(variable, &proxy)]);
        assert!(output.status.success(), "{variable}: {}", said(&output));
        assert!(asked.join().unwrap().starts_with(&format!("CONNECT {target} ")), "{variable}");
        server.join().unwrap();
    }
    // Where the proxy is to be passed by, nobody listens at the proxy's address.
    let (url, _, server) = serve(answer());
    let dead = "http://127.0.0.1:9";
    let output = update(&url, &[("HTTP_PROXY", dead), ("NO_PROXY", "example.org,127.0.0.1")]);
    assert!(output.status.success(), "{}", said(&output));
    server.join().unwrap();
    // A name that only the proxy could know, over TLS.
    let (proxy, asked) = proxy(String::new());
    let output = update("https://osv.invalid/all.zip", &[("HTTPS_PROXY", &proxy)]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(asked.join().unwrap().starts_with("CONNECT osv.invalid:443 "));
}

#[test]
fn two_that_write_at_once_leave_one_whole_database() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("advisories.db");
    let zip = folder.path().join("all.zip");
    std::fs::write(&zip, archive()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let output = flaskseal(&["db", "import", zip.to_str().unwrap()], &db);
                    assert!(output.status.success(), "{}", said(&output));
                    // Whoever reads meanwhile sees a whole one, too.
                    let status = flaskseal(&["db", "status"], &db);
                    assert!(said(&status).contains("2 on 2 packages"), "{}", said(&status));
                }
            });
        }
    });
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "no temporary file stays behind");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_leaves_the_old_database() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("advisories.db");
    let zip = folder.path().join("all.zip");
    std::fs::write(&zip, archive()).unwrap();
    assert!(flaskseal(&["db", "import", zip.to_str().unwrap()], &db).status.success());
    let before = std::fs::read(&db).unwrap();
    // A limit on the size of files stands in for a disk without room: the write fails in the middle.
    let larger = format!(
        "{{\"id\": \"A-1\", \"summary\": \"x\", \"affected\": [{}]}}",
        (0..500)
            .map(|n| format!(
                "{{\"package\": {{\"ecosystem\": \"PyPI\", \"name\": \"p{n}\"}}, \"versions\": [\"1\"]}}"
            ))
            .collect::<Vec<_>>()
            .join(",")
    );
    let documents = folder.path().join("documents");
    std::fs::create_dir(&documents).unwrap();
    std::fs::write(documents.join("a.json"), larger).unwrap();
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" db import \"$1\"";
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_flaskseal")])
        .arg(&documents)
        .env("FLASKSEAL_DB", &db)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        said(&output).contains("cannot write") && said(&output).contains("advisories.db"),
        "{}",
        said(&output)
    );
    assert_eq!(std::fs::read(&db).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "no temporary file stays behind");
}

#[test]
fn a_schema_of_another_time_and_a_bomb_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("advisories.db");
    let zip = folder.path().join("all.zip");
    std::fs::write(&zip, archive()).unwrap();
    assert!(flaskseal(&["db", "import", zip.to_str().unwrap()], &db).status.success());
    let before = std::fs::read(&db).unwrap();
    let import = |entries: &[(&str, &[u8])]| {
        let mut writer = zip::ZipWriter::new(std::fs::File::create(&zip).unwrap());
        for (name, text) in entries {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(text).unwrap();
        }
        writer.finish().unwrap();
        let output = flaskseal(&["db", "import", zip.to_str().unwrap()], &db);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert_eq!(std::fs::read(&db).unwrap(), before);
        said(&output)
    };
    let newer = import(&[("a.json", br#"{"id": "A", "schema_version": "2.0.0", "affected": []}"#)]);
    assert!(newer.contains("a.json: has the unknown schema version 2.0.0"), "{newer}");
    let bomb = import(&[("a.json", &vec![b' '; 64 << 20])]);
    assert!(bomb.contains("a.json: is larger than 16 MiB"), "{bomb}");
}

#[test]
fn a_list_of_a_hundred_megabytes_and_lists_in_a_ring_are_said_and_survived() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("project");
    std::fs::create_dir(&project).unwrap();
    std::fs::write(project.join("app.py"), "from flask import Flask\napp = Flask(__name__)\n").unwrap();
    std::fs::write(project.join("requirements.txt"), "flask==2.0.1\n".repeat(8 << 20)).unwrap();
    let check = || {
        let words =
            ["check", "--isolated", "--only", "deps", "--now", "2026-11-24", "-v", project.to_str().unwrap()];
        let output = Command::new(env!("CARGO_BIN_EXE_flaskseal"))
            .args(words)
            .env_remove("FLASKSEAL_DB")
            .env("XDG_DATA_HOME", folder.path())
            .output()
            .unwrap();
        (output.status.code(), said(&output))
    };
    let (status, report) = check();
    assert_eq!(status, Some(0), "nothing is known against it, and nothing is verified: {report}");
    assert!(
        report.contains("NOT VERIFIED")
            && report.contains("requirements.txt")
            && report.contains("larger than"),
        "{report}"
    );
    std::fs::write(project.join("requirements.txt"), "-r requirements-b.txt\nflask==2.0.1\n").unwrap();
    std::fs::write(project.join("requirements-b.txt"), "-r requirements.txt\nwerkzeug==2.0.3\n").unwrap();
    let (status, report) = check();
    assert_eq!(status, Some(1), "{report}");
    assert!(report.contains("flask 2.0.1") && report.contains("werkzeug 2.0.3"), "{report}");
}
