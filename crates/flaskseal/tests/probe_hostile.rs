//! Servers that mean harm: `flaskseal probe` ends in time, within its memory, and says in a line what was wrong.

#![allow(clippy::disallowed_methods, reason = "tests that start servers")]

use std::io::{Read as _, Seek as _, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use wait4::Wait4 as _;

/// What a probe may take, in bytes.
const MEMORY: u64 = 60 << 20;
/// Two seconds for a request that gets no answer, three of which are enough; debug builds, and other tests at the same
/// time.
const DEADLINE: Duration = Duration::from_secs(40);

#[test]
fn hostile_servers_cost_little() {
    LazyLock::force(&BOMB);
    for (name, hostility, expected) in HOSTILE {
        meet(name, "http", *hostility, expected);
    }
}

#[test]
fn hostile_servers_of_tls_cost_little() {
    for (name, hostility, expected) in HOSTILE_TLS {
        meet(name, "https", *hostility, expected);
    }
}

/// Probes a server that answers everybody so.
fn meet(name: &str, scheme: &str, hostility: Hostility, expected: &str) {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("{scheme}://{}/", server.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        for stream in server.incoming().flatten() {
            std::thread::spawn(move || {
                let mut stream = stream;
                let _ = stream.read(&mut [0; 4096]);
                // Whoever is hung up on has done its worst.
                let _ = hostility(&mut stream);
            });
        }
    });
    let begin = Instant::now();
    let mut said = tempfile::tempfile().expect("a file can be made");
    let file = || said.try_clone().expect("the file is open");
    let ended = Command::new(env!("CARGO_BIN_EXE_flaskseal"))
        .args(["probe", &url, "--timeout", "2", "--no-progress"])
        .stdin(Stdio::null())
        .stdout(file())
        .stderr(file())
        .spawn()
        .and_then(|mut child| child.wait4())
        .expect("it starts and ends");
    let took = begin.elapsed();
    let mut text = String::new();
    said.rewind().and_then(|()| said.read_to_string(&mut text)).expect("it prints text");
    // Lines are as wide as a terminal.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(took < DEADLINE, "{name} took {took:?}: {text}");
    assert!(ended.rusage.maxrss < MEMORY, "{name} took {} bytes", ended.rusage.maxrss);
    assert!(text.contains(expected), "{name}: {text}");
    let is_clean = ended.status.code().is_some_and(|code| code <= 2) && !text.contains("internal error");
    assert!(is_clean, "{name}: {text}");
}

type Hostility = fn(&mut TcpStream) -> std::io::Result<()>;

const HOSTILE: &[(&str, Hostility, &str)] = &[
    ("nothing", |_| Ok(()), "not HTTP: it says nothing"),
    ("garbage", |stream| stream.write_all(b"\x16\x03\x01\x02\x00\x01garbage\xff\xfe"), "not HTTP"),
    (
        "a flood of headers",
        |stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
            loop {
                stream.write_all(b"X-Flood: 1\r\n")?;
            }
        },
        "more than 256 headers",
    ),
    (
        "an endless header",
        |stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nX-Long: ")?;
            loop {
                stream.write_all(&[b'a'; 4096])?;
            }
        },
        "larger than 64 KiB",
    ),
    (
        "a slow drip",
        |stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nX-Slow: ")?;
            drip(stream)
        },
        "does not answer in time",
    ),
    (
        "an endless body",
        |stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")?;
            loop {
                stream.write_all(&[b'<'; 65536])?;
            }
        },
        "FS501",
    ),
    (
        "an endless chunk",
        |stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n")?;
            loop {
                stream.write_all(&[b'a'; 65536])?;
            }
        },
        "FS501",
    ),
    (
        "a redirect in a circle",
        |stream| stream.write_all(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"),
        "leads in a circle",
    ),
    (
        "a redirect elsewhere",
        |stream| {
            stream.write_all(
                b"HTTP/1.1 302 Found\r\nLocation: http://198.51.100.7/\r\nContent-Length: 0\r\n\r\n",
            )
        },
        "leads to 198.51.100.7, which was not asked",
    ),
    (
        "text that steers terminals",
        |stream| {
            stream.write_all(
                b"HTTP/1.1 200 OK\r\nServer: nginx/1.0 \x9b2J\r\nContent-Type: text/html\r\n\r\n<p>\x1b[2J",
            )
        },
        "FS501",
    ),
    (
        "a body that drips",
        |stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>")?;
            drip(stream)
        },
        "did not answer several requests in a row",
    ),
    (
        "a bomb of gzip",
        |stream| {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n")?;
            stream.write_all(&BOMB)
        },
        "no more than its first 256 KiB were read",
    ),
    (
        "an encoding that nobody asked for",
        |stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: br\r\n\r\nxyz")
        },
        "its content is encoded as `br` without being asked for, and was not read",
    ),
    (
        "a chain of redirects",
        |stream| {
            static NUMBER: AtomicU32 = AtomicU32::new(0);
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let answer = format!("HTTP/1.1 302 Found\r\nLocation: /{number}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes())
        },
        "the start page leads on after 5 redirects",
    ),
    (
        "interim answers without end",
        |stream| loop {
            stream.write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n")?;
        },
        "it never comes to an end of its interim answers",
    ),
    (
        "lengths that contradict each other",
        |stream| {
            stream.write_all(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 99999999\r\nContent-Length: -1\r\n\r\n<p>",
            )
        },
        "it breaks off after 3 bytes",
    ),
    (
        "hundreds of cookies",
        |stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n")?;
            for number in 0..240 {
                let long = "x".repeat(200);
                write!(stream, "Set-Cookie: a{number}={long}; {}\r\n", ";".repeat(30))?;
            }
            stream.write_all(b"\r\n<p>")
        },
        "FS501",
    ),
    (
        "tags without end",
        |stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")?;
            stream.write_all("<a href=/".repeat(60_000).as_bytes())
        },
        "FS501",
    ),
];

/// What answers a handshake.
const HOSTILE_TLS: &[(&str, Hostility, &str)] = &[
    ("nothing", |_| Ok(()), "cannot be probed: the TLS handshake fails"),
    ("text", |stream| stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n"), "the TLS handshake fails"),
    ("HTTP", |stream| stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), "FS206"),
    (
        "an alert",
        |stream| stream.write_all(b"\x15\x03\x03\x00\x02\x02\x28"),
        "the TLS handshake fails: received fatal alert",
    ),
    (
        "a record of garbage",
        |stream| stream.write_all(b"\x16\x03\x03\x00\x08\xff\xff\xff\xff\xff\xff\xff\xff"),
        "the TLS handshake fails",
    ),
    (
        "a message that never ends",
        |stream| {
            // ServerHello, of 16 MiB.
            stream.write_all(b"\x16\x03\x03\x40\x00\x02\xff\xff\xff")?;
            stream.write_all(&[0; 0x4000 - 4])?;
            loop {
                stream.write_all(b"\x16\x03\x03\x40\x00")?;
                stream.write_all(&[0; 0x4000])?;
            }
        },
        "the TLS handshake fails",
    ),
    (
        "alerts without end",
        |stream| loop {
            stream.write_all(b"\x15\x03\x03\x00\x02\x01\x5a")?;
        },
        "the TLS handshake fails",
    ),
    (
        "noise",
        |stream| {
            let mut state = 0x2545_f491_4f6c_dd1d_u64;
            loop {
                let mut noise = [0; 4096];
                for byte in &mut noise {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    *byte = state.to_le_bytes()[0];
                }
                stream.write_all(&noise)?;
            }
        },
        "the TLS handshake fails",
    ),
    (
        "a record that drips",
        |stream| {
            stream.write_all(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")?;
            drip(stream)
        },
        "does not answer in time",
    ),
];

/// A byte now and then, for as long as somebody listens.
fn drip(stream: &mut TcpStream) -> std::io::Result<()> {
    loop {
        stream.write_all(b"a")?;
        sleep(Duration::from_millis(200));
    }
}

/// A quarter of a mebibyte that unpacks to 256.
static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..256 {
        encoder.write_all(&zeros).expect("memory takes it");
    }
    encoder.finish().expect("memory takes it")
});
