//! Which cookies are kept, who may read them, and where they go: a page sets them, its script looks at them, and the site
//! is visited again over TLS, over plain HTTP, under a name below, at another path and from another site.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use flaskseal_live::{Cookie, SameSite};
use url::Url;

use crate::site::{Reply, Visit, goes_to, tour};

/// Values of `Set-Cookie` of pages over TLS, each for a cookie of the value `kept`. HOST stands for the page's own name,
/// BASE for the one above it, LATER and SOON for days ahead, PAST for one that has passed.
const OVER_TLS: &[&str] = &[
    "a=kept",
    "a=kept; Secure",
    "a=kept; HttpOnly",
    "a=kept; Secure; HttpOnly; SameSite=Lax; Path=/",
    "a=kept; SECURE; httponly",
    "a=kept; Secure=false; HttpOnly=no",
    "a=kept;Secure;HttpOnly",
    "a=kept, Secure",
    "a = kept ; Secure ",
    "a=kept; Sec ure",
    "a=kept; Secure; Secure; HttpOnly; HttpOnly",
    // SameSite.
    "a=kept; SameSite=Strict",
    "a=kept; SameSite=Strict; Secure; Path=/",
    "a=kept; SameSite=None",
    "a=kept; SameSite=None; Secure",
    "a=kept; Secure; samesite=NONE; Path=/",
    "a=kept; SameSite=Sometimes; Secure",
    "a=kept; SameSite; Secure",
    "a=kept; SameSite=Lax; SameSite=None",
    "a=kept; SameSite=None; SameSite=Lax",
    "a=kept; Secure; SameSite=Strict; SameSite=None",
    "a=kept; Secure; SameSite=None; SameSite=Sometimes",
    "a=kept; SameSite=\"None\"; Secure",
    // Prefixes.
    "__Host-a=kept; Secure; Path=/",
    "__Host-a=kept; Secure",
    "__Host-a=kept; Path=/",
    "__Host-a=kept; Secure; Path=/; Domain=HOST",
    "__Host-a=kept; Secure; Path=/; Domain=",
    "__Host-a=kept; Secure; Path=/set",
    "__host-a=kept; Path=/",
    "__Secure-a=kept; Secure",
    "__Secure-a=kept",
    "__SECURE-a=kept; Domain=BASE",
    "__Http-a=kept; Secure; HttpOnly",
    "__Http-a=kept; Secure",
    "__Http-a=kept; HttpOnly",
    "__Host-Http-a=kept; Secure; HttpOnly; Path=/",
    "__Host-Http-a=kept; Secure; Path=/",
    "__Host-Http-a=kept; Secure; HttpOnly",
    "__Host=kept",
    "=__Host-a=kept",
    "__Secure-kept",
    // Domain.
    "a=kept; Domain=HOST",
    "a=kept; Domain=.HOST; Path=/",
    "a=kept; Domain=BASE; Path=/",
    "a=kept; DOMAIN=BASE; Domain=HOST; Path=/",
    "a=kept; Domain=HOST; Domain=; Path=/",
    "a=kept; Domain=; Domain=HOST; Path=/",
    "a=kept; Domain; Path=/",
    "a=kept; Domain=sub.HOST; Path=/",
    "a=kept; Domain=elsewhere.BASE",
    "a=kept; Domain=elsewhere.co.uk",
    "a=kept; Domain=k",
    "a=kept; Domain=uk",
    "a=kept; Domain=co.uk",
    "a=kept; Domain=.CO.UK",
    "a=kept; Domain=..HOST",
    "a=kept; Domain=HOST.",
    "a=kept; Domain=\"HOST\"",
    "a=kept; Domain=HÖST",
    // Path.
    "a=kept; Path=/",
    "a=kept; Path=/set",
    "a=kept; Path=/set/",
    "a=kept; Path=/se",
    "a=kept; Path=/elsewhere",
    "a=kept; Path=elsewhere",
    "a=kept; Path=",
    "a=kept; Path=/elsewhere; Path=/set",
    "a=kept; Path=/elsewhere; Path=",
    "a=kept; Path=\"/elsewhere\"",
    "a=kept; Path=/SET",
    // Its end.
    "a=kept; Max-Age=3600",
    "a=kept; Max-Age=0",
    "a=kept; Max-Age=-1",
    "a=kept; Max-Age=-",
    "a=kept; Max-Age=",
    "a=kept; Max-Age=+3600; Expires=PAST",
    "a=kept; Max-Age=1h; Expires=PAST",
    "a=kept; Max-Age=3600; Expires=PAST",
    "a=kept; Max-Age=0; Expires=LATER",
    "a=kept; Max-Age=0; Max-Age=3600",
    "a=kept; Max-Age=3600; Max-Age=0",
    "a=kept; Max-Age=0; Max-Age=soon",
    "a=kept; Max-Age=3600; Max-Age=soon",
    "a=kept; Max-Age=99999999999999999999",
    "a=kept; Max-Age=\"3600\"; Expires=PAST",
    "a=kept; Max-Age=9999999999",
    "a=kept; Expires=LATER",
    "a=kept; Expires=PAST",
    "a=kept; Expires=SOON",
    "a=kept; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    "a=kept; Expires=Thu, 01-Jan-70 00:00:01 GMT",
    "a=kept; Expires=Thu Jan  1 00:00:01 1970",
    "a=kept; Expires=1 January 2100 0:0:0",
    "a=kept; Expires=Wed, 01-Jan-69 00:00:00 GMT",
    "a=kept; Expires=Thu, 01-Jan-71 00:00:00 GMT",
    "a=kept; Expires=Thu, 01 Jan 1600 00:00:00 GMT",
    "a=kept; Expires=Thu, 01 Jan 2020 25:00:00 GMT",
    "a=kept; Expires=Thu, 01 Jan 2020",
    "a=kept; Expires=soon",
    "a=kept; Expires=0",
    "a=kept; Expires=PAST; Expires=LATER",
    "a=kept; Expires=LATER; Expires=PAST",
    // Names and values.
    "kept",
    "=kept",
    "==kept",
    "",
    "=",
    ";Secure",
    "a=",
    "a=ke=pt",
    "a=\"kept\"",
    "a=k é",
    "a=ke\tpt",
    "a=\tkept\t",
    "a=kept;\tHttpOnly\t; Path=/",
    "a=kept; Path=/set\t/x",
    "a=kept; x=a\tb",
    "a\tb=kept",
    "a=ke\u{1}pt",
    "a=ke\u{7f}pt",
    "a=kept; x=\u{1}",
    "a\u{1}=kept",
    "a b=kept",
    "a=ke,pt",
    "BIG",
    "TOO-BIG",
    "a=kept; Path=/LONG",
    "a=kept; Secure; Domain=LONG",
    // Partitions.
    "a=kept; Partitioned",
    "a=kept; Secure; Partitioned; Path=/; SameSite=None",
];

/// Likewise, of pages over plain HTTP.
const OVER_HTTP: &[&str] = &[
    "a=kept",
    "a=kept; Secure",
    "a=kept; HttpOnly; Path=/",
    "a=kept; SameSite=None",
    "a=kept; SameSite=None; Secure",
    "a=kept; SameSite=Strict",
    "__Secure-a=kept; Secure",
    "__Host-a=kept; Secure; Path=/",
    "__Host-a=kept; Path=/",
    "a=kept; Domain=BASE",
];

/// What came of a cookie, by what was asked.
type Seen = BTreeMap<&'static str, bool>;

const STRANGER: &str = "stranger.co.uk";

#[test]
fn what_is_said_of_a_cookie_is_what_chromium_does() {
    let count = OVER_TLS.len() + OVER_HTTP.len();
    let seen: Arc<Mutex<BTreeMap<usize, Seen>>> = Arc::default();
    let all = Arc::clone(&seen);
    tour(("https", &host(0), "/set/0/page"), move |visit| {
        let mut words = visit.path.split('/').skip(1);
        let (Some(_), Some(number), Some(step)) =
            (words.next(), words.next().and_then(|number| number.parse().ok()), words.next())
        else {
            return Reply::Page(String::new(), String::new());
        };
        let mut all = all.lock().expect("nobody has panicked");
        let seen = all.entry(number).or_default();
        reply(visit, number, step, count, seen)
    });
    let seen = seen.lock().expect("nobody has panicked");
    let mut differences = Vec::new();
    for number in 0..count {
        let (scheme, header) = case(number);
        let said = said(number);
        let seen = seen.get(&number).cloned().unwrap_or_default();
        let differs: Vec<String> = said
            .iter()
            .filter(|(what, said)| seen.get(*what) != Some(*said))
            .map(|(what, said)| format!("{what}: said {said}, Chromium {:?}", seen.get(what)))
            .collect();
        if !differs.is_empty() {
            differences.push(format!("{header:.60} over {scheme}: {}", differs.join("; ")));
        }
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

/// The steps of a cookie's journey, and where each leads.
fn reply(visit: &Visit, number: usize, step: &str, count: usize, seen: &mut Seen) -> Reply {
    let host = host(number);
    let to = |scheme: &str, host: &str, path: &str| visit.url(scheme, host, path);
    let is_there = visit.cookie.contains('k');
    match step {
        "page" => {
            let (scheme, header) = case(number);
            let headers = format!("Set-Cookie: {header}\r\n");
            let own = to(scheme, &host, &format!("/set/{number}/script"));
            let next = goes_to(&to("https", &host, &format!("/set/{number}/tls")));
            Reply::Page(
                headers,
                format!("fetch('{own}', {{method: 'POST', body: document.cookie}}).then(() => {next})"),
            )
        }
        "script" => {
            seen.insert("a script reads it", visit.body.contains('k'));
            Reply::Page(String::new(), String::new())
        }
        "tls" => {
            seen.insert("it goes over TLS", is_there);
            Reply::onward(&to("http", &host, &format!("/set/{number}/plain")))
        }
        "plain" => {
            seen.insert("it goes over plain HTTP", is_there);
            Reply::onward(&to("https", &format!("sub.{host}"), &format!("/set/{number}/below")))
        }
        "below" => {
            seen.insert("it goes to names below", is_there);
            Reply::onward(&to("https", &host, &format!("/elsewhere/{number}/path")))
        }
        "path" => {
            seen.insert("it goes to other paths", is_there);
            Reply::onward(&to("https", STRANGER, &format!("/set/{number}/stranger")))
        }
        "stranger" => {
            let picture = to("https", &host, &format!("/set/{number}/picture"));
            let next = goes_to(&to("https", &host, &format!("/set/{number}/link")));
            let script = format!("fetch('{picture}', {{mode: 'no-cors', credentials: 'include'}})");
            Reply::Page(String::new(), format!("{script}.then(() => {next})"))
        }
        "picture" => {
            seen.insert("it goes with what strangers embed", is_there);
            Reply::Page(String::new(), String::new())
        }
        "link" => {
            seen.insert("it goes with links of strangers", is_there);
            let next = number + 1;
            if next == count {
                return Reply::Done;
            }
            Reply::onward(&to(case(next).0, &self::host(next), &format!("/set/{next}/page")))
        }
        _ => Reply::Page(String::new(), String::new()),
    }
}

/// A site for each cookie, so that none meets another.
fn base(number: usize) -> String {
    format!("site{number}.co.uk")
}

fn host(number: usize) -> String {
    format!("shop.{}", base(number))
}

/// A scheme, and what is set over it.
fn case(number: usize) -> (&'static str, String) {
    let (scheme, text) = match OVER_TLS.get(number) {
        Some(text) => ("https", *text),
        None => ("http", OVER_HTTP[number - OVER_TLS.len()]),
    };
    let text = match text {
        "BIG" => format!("a={}", "k".repeat(4095)),
        "TOO-BIG" => format!("a={}", "k".repeat(4096)),
        text => text.to_owned(),
    };
    let text = text
        .replace("HOST", &host(number))
        .replace("BASE", &base(number))
        .replace("LONG", &"l".repeat(1100))
        .replace("LATER", "Fri, 01 Jan 2100 00:00:00 GMT")
        .replace("SOON", "Sat, 01-Jan-50 00:00:00 GMT")
        .replace("PAST", "Wed, 01 Jan 2020 00:00:00 GMT");
    (scheme, text)
}

/// What this crate's reader says of a cookie.
fn said(number: usize) -> Seen {
    let (scheme, header) = case(number);
    let url = Url::parse(&format!("{scheme}://{}/set/{number}/page", host(number))).expect("an address");
    let cookie = Cookie::parse(&header).filter(|cookie| cookie.refusal(&url).is_none());
    let cookie = cookie.filter(|cookie| !cookie.is_over(None) && !cookie.value.is_empty());
    let is = |what: &dyn Fn(&Cookie) -> bool| cookie.as_ref().is_some_and(what);
    // Without a path it is that of the page's folder.
    let goes_to = |path: &str| {
        let path = path.to_owned();
        move |cookie: &Cookie| {
            let own = cookie.path.clone().unwrap_or_else(|| format!("/set/{number}"));
            path.strip_prefix(own.as_str())
                .is_some_and(|rest| rest.is_empty() || own.ends_with('/') || rest.starts_with('/'))
        }
    };
    let is_own = goes_to(&format!("/set/{number}/x"));
    let is_strict = |cookie: &Cookie| cookie.same_site == Some(SameSite::Strict);
    let is_named = |cookie: &Cookie| cookie.domain.is_some();
    BTreeMap::from([
        ("a script reads it", is(&|cookie| is_own(cookie) && !cookie.http_only)),
        // A link from plain HTTP to TLS or back leads to another site (RFC 6265bis, section 5.2).
        ("it goes over TLS", is(&|cookie| is_own(cookie) && !(is_strict(cookie) && scheme == "http"))),
        ("it goes over plain HTTP", is(&|cookie| is_own(cookie) && !cookie.secure && !is_strict(cookie))),
        ("it goes to names below", is(&|cookie| is_own(cookie) && is_named(cookie))),
        ("it goes to other paths", is(&goes_to(&format!("/elsewhere/{number}/path")))),
        (
            "it goes with what strangers embed",
            is(&|cookie| is_own(cookie) && cookie.same_site == Some(SameSite::None) && !cookie.partitioned),
        ),
        ("it goes with links of strangers", is(&|cookie| is_own(cookie) && !is_strict(cookie))),
    ])
}
