//! What a content security policy stops: scripts are injected into pages for real, and the judgement of the policy has
//! to agree with whether they ran.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use flaskseal_live::csp::{Injection, policies, runs};
use flaskseal_servers::browse;

/// Headers; where there are two, the page has both.
const POLICIES: &[&[&str]] = &[
    &[],
    &["default-src 'self'"],
    &["default-src 'none'"],
    &["default-src *"],
    &["default-src * 'unsafe-inline'"],
    &["default-src * data: 'unsafe-inline' 'unsafe-eval'"],
    &["default-src 'self' 'unsafe-inline'"],
    &["default-src 'self'; script-src 'unsafe-inline'"],
    &["default-src 'none'; script-src 'unsafe-inline'"],
    &["script-src 'self'"],
    &["script-src 'none'"],
    &["script-src"],
    &["script-src 'unsafe-inline'"],
    &["script-src unsafe-inline"],
    &["script-src 'UNSAFE-INLINE'"],
    &["SCRIPT-SRC 'unsafe-inline'"],
    &["script-src 'unsafe-inline' 'nonce-abc'"],
    &["script-src 'unsafe-inline' 'nonce-'"],
    &["script-src 'unsafe-inline' 'nonce-a b'"],
    &["script-src 'unsafe-inline' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"],
    &["script-src 'unsafe-inline' 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk='"],
    &["script-src 'unsafe-inline' 'strict-dynamic'"],
    &["script-src 'strict-dynamic' 'nonce-abc' 'unsafe-inline' * data:"],
    &["script-src 'unsafe-eval'"],
    &["script-src 'unsafe-hashes'"],
    &["script-src data:"],
    &["script-src DATA:"],
    &["script-src blob:"],
    &["script-src 'self' data: 'unsafe-inline'"],
    &["script-src *"],
    &["script-src 'none' 'unsafe-inline'"],
    &["script-src 'self', script-src 'unsafe-inline'"],
    &["script-src 'unsafe-inline'", "script-src 'unsafe-inline' 'self'"],
    &["script-src 'unsafe-inline'", "default-src 'self'"],
    &["script-src 'unsafe-inline'", "img-src 'self'"],
    &["img-src 'self'; object-src 'none'"],
    &["object-src 'none'; base-uri 'none'"],
    &["script-src-elem 'unsafe-inline'"],
    &["script-src-elem 'unsafe-inline'; script-src 'self'"],
    &["script-src-attr 'unsafe-inline'; script-src 'self'"],
    &["script-src-attr 'none'; script-src 'unsafe-inline'"],
    &["script-src-elem 'none'; script-src 'unsafe-inline'"],
    &["script-src-elem 'self'; default-src 'unsafe-inline'"],
    &["script-src 'self'; script-src 'unsafe-inline'"],
    &["script-src 'unsafe-inline'; script-src 'self'"],
    &[" ; ; script-src   'unsafe-inline' ;"],
    &["script-src\t'unsafe-inline'"],
    &["sandbox"],
    &["sandbox allow-scripts"],
    &["sandbox allow-scripts; script-src 'self'"],
    &["sandbox allow-forms; script-src 'unsafe-inline'"],
    &["upgrade-insecure-requests"],
    &["require-trusted-types-for 'script'"],
    &["style-src 'unsafe-inline'; default-src 'self'"],
    &["unknown-directive 'unsafe-inline'; default-src 'self'"],
    &["script-src 'unsafe-inline' https://cdn.example"],
];

const INJECTIONS: &[(&str, Injection)] = &[
    ("inline", Injection::InlineScript),
    ("handler", Injection::EventHandler),
    ("data", Injection::DataScript),
];

#[test]
fn what_a_policy_is_said_to_stop_is_what_chromium_stops() {
    assert!(POLICIES.len() >= 40);
    let server = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    let address = server.local_addr().expect("the listener has an address");
    std::thread::spawn(move || {
        for stream in server.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    let page = browse(&format!("http://{address}/"));
    let ran: BTreeMap<String, bool> = page
        .split("<li>")
        .skip(1)
        .filter_map(|item| item.split("</li>").next())
        .map(|item| (item.to_owned(), true))
        .collect();
    assert!(ran.contains_key("0 inline") && ran.contains_key("0 data"), "the test's own page works: {page}");
    let mut differences = Vec::new();
    for (index, headers) in POLICIES.iter().enumerate() {
        let policies = policies(headers.iter().copied());
        for (name, injection) in INJECTIONS {
            let said = runs(&policies, *injection);
            let seen = ran.contains_key(&format!("{index} {name}"));
            if said != seen {
                differences.push(format!("{name} under {headers:?}: said {said}, Chromium {seen}"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// The frame in which each policy is tried, and what is injected there.
fn answer(mut stream: TcpStream) {
    let mut request = vec![0; 8192];
    let count = stream.read(&mut request).unwrap_or(0);
    let request = String::from_utf8_lossy(request.get(..count).unwrap_or_default()).into_owned();
    let path = request.split_whitespace().nth(1).unwrap_or("/");
    let index = path.strip_prefix("/frame/").and_then(|index| index.parse::<usize>().ok());
    let (headers, body) = match index.and_then(|index| POLICIES.get(index)) {
        Some(policies) => {
            let index = index.unwrap_or_default();
            let say = |what: &str| format!("parent.postMessage('{index} {what}', '*')");
            let headers = policies
                .iter()
                .map(|policy| format!("Content-Security-Policy: {policy}\r\n"))
                .collect::<String>();
            let body = format!(
                "<!doctype html><body><script>{}</script><img src=\"data:,x\" onerror=\"{}\">\
                 <script src=\"data:text/javascript,{}\"></script>",
                say("inline"),
                say("handler"),
                say("data")
            );
            (headers, body)
        }
        None => {
            let frames: String = (0..POLICIES.len())
                .map(|index| format!("<iframe src=\"/frame/{index}\"></iframe>"))
                .collect();
            let body = format!(
                "<!doctype html><body><ul></ul><script>addEventListener('message', event => {{\
                 const item = document.createElement('li'); item.textContent = event.data;\
                 document.querySelector('ul').append(item); }});</script>{frames}"
            );
            (String::new(), body)
        }
    };
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}
