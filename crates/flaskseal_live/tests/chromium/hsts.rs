//! Who stays on HTTPS: a page is visited that sends a header, then its name over plain HTTP. Where Chromium remembers the
//! header it never asks so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use flaskseal_live::hsts::Policy;

use crate::site::{Reply, tour};

/// Values; where there are two, the page has both, in their order.
const HEADERS: &[&[&str]] = &[
    &[],
    &["max-age=31536000"],
    &["max-age=31536000; includeSubDomains"],
    &["max-age=31536000; includeSubDomains; preload"],
    &["max-age=0"],
    &["max-age=0; includeSubDomains"],
    &["MAX-AGE=31536000;INCLUDESUBDOMAINS"],
    &["includeSubDomains; max-age=31536000"],
    &[" max-age = 31536000 ; includeSubDomains "],
    &["max-age=\"31536000\""],
    &["max-age='31536000'"],
    &["max-age=\"31536000"],
    &["max-age=\"\""],
    &["max-age"],
    &["max-age="],
    &["max-age 31536000"],
    &["max-age:31536000"],
    &["max-age=-1"],
    &["max-age=+31536000"],
    &["max-age=31536000s"],
    &["max-age=31,536,000"],
    &["max-age=3.1e7"],
    &["max-age=0x1000000"],
    &["max-age=00000000000000000000031536000"],
    &["max-age=99999999999999999999999999"],
    &["includeSubDomains"],
    &["preload"],
    &[""],
    &["garbage"],
    &[";;"],
    &[";;max-age=31536000;;includeSubDomains;;"],
    &["max-age=31536000; max-age=31536000"],
    &["max-age=31536000; max-age=0"],
    &["max-age=31536000; includeSubDomains; includeSubDomains"],
    &["max-age=31536000; preload; preload"],
    &["max-age=31536000; unknown; unknown"],
    &["max-age=31536000; unknown"],
    &["max-age=31536000; unknown=value"],
    &["max-age=31536000; unknown=\"a;b\"; includeSubDomains"],
    &["max-age=31536000; unknown=\"a; max-age=0\""],
    &["max-age=31536000; includeSubDomains=true"],
    &["max-age=31536000; includeSubDomains=\"\""],
    &["max-age=31536000; includeSubDomain"],
    &["max-age=31536000 includeSubDomains"],
    &["max-age=31536000, includeSubDomains"],
    &["max-age=31536000; preload=yes"],
    &["max-age=31536000; ="],
    &["max-age=31536000; =x; includeSubDomains"],
    &["Strict-Transport-Security: max-age=31536000"],
    &["\"max-age=31536000\""],
    &["max-age=31536000", "max-age=0"],
    &["max-age=0", "max-age=31536000"],
    &["garbage", "max-age=31536000"],
    &["max-age=31536000", "max-age=31536000; includeSubDomains"],
];

/// Whether the name itself, and one below it, stay on HTTPS.
type Stays = [bool; 2];

#[test]
fn what_is_said_of_hsts_is_what_chromium_remembers() {
    // Each header once over TLS, where it may count, and once over plain HTTP, where it must not.
    let count = HEADERS.len() * 2;
    let seen: Arc<Mutex<BTreeMap<usize, Stays>>> = Arc::default();
    let all = Arc::clone(&seen);
    tour(("https", "0.test", "/set"), move |visit| {
        let host = visit.host.trim_start_matches("sub.");
        let number: usize = host.trim_end_matches(".test").parse().unwrap_or(count);
        let mut all = all.lock().expect("nobody has panicked");
        let stays = all.entry(number).or_default();
        match visit.path.as_str() {
            "/set" => {
                let headers: String = HEADERS[number / 2]
                    .iter()
                    .map(|value| format!("Strict-Transport-Security: {value}\r\n"))
                    .collect();
                let next = visit.url("http", host, "/own");
                Reply::Page(headers, crate::site::goes_to(&next))
            }
            "/own" => {
                stays[0] = visit.is_tls;
                Reply::onward(&visit.url("http", &format!("sub.{host}"), "/below"))
            }
            "/below" => {
                stays[1] = visit.is_tls;
                let next = number + 1;
                if next == count {
                    return Reply::Done;
                }
                let scheme = if next.is_multiple_of(2) { "https" } else { "http" };
                Reply::onward(&visit.url(scheme, &format!("{next}.test"), "/set"))
            }
            _ => Reply::Page(String::new(), String::new()),
        }
    });
    let seen = seen.lock().expect("nobody has panicked");
    let mut differences = Vec::new();
    for (index, headers) in HEADERS.iter().enumerate() {
        let policy = headers.first().and_then(|value| Policy::parse(value));
        let lasts = policy.as_ref().is_some_and(|policy| policy.max_age > 0);
        let said = [lasts, lasts && policy.is_some_and(|policy| policy.include_subdomains)];
        for (number, said, how) in [(2 * index, said, "TLS"), (2 * index + 1, [false, false], "plain HTTP")] {
            let stays = seen.get(&number).copied().unwrap_or_default();
            if stays != said {
                differences.push(format!("{headers:?} over {how}: said {said:?}, Chromium {stays:?}"));
            }
        }
    }
    assert!(seen.values().any(|stays| stays[1]) && seen.len() == count, "{seen:?}");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
