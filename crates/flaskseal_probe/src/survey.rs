//! What is asked, in which order, and when it is enough.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use flaskseal_live::listed::LISTED;
use flaskseal_live::{Exchange, Plain, Purpose, Site, Tls, page};
use flaskseal_tls::{Limits, Question, ScanError, Transcript};
use url::Url;

use crate::connection::{self, Failure, Handshake, Origin};
use crate::http::{self, Request};
use crate::{Options, Route};

/// A foreign name: reserved, so that nobody has it (RFC 2606).
const FOREIGN: &str = "flaskseal.invalid";
/// An address and a folder that nobody has.
const FOLDER: &str = "/flaskseal-no-such-folder";
const MISSING: &str = "/flaskseal-no-such-page";

/// Bytes of a page, and of something that is only to be recognised.
const PAGE: usize = 256 << 10;
const GLIMPSE: usize = 4 << 10;
/// For one connection that asks what TLS offers, and after which none is opened any more.
const OFFER_CONNECTION: Duration = Duration::from_secs(5);
const OFFER: Duration = Duration::from_secs(30);
/// Redirects on the same host that are followed from the start.
const MAX_HOPS: usize = 5;
const MAX_LINKS: usize = 4;
const MAX_FILES: usize = 2;
/// Pages beside the start that are asked for from a foreign site, and without the user's cookies.
const MAX_CROSS: usize = 4;
const MAX_STRANGE: usize = 3;
/// Requests that were not made and are named.
const SHOWN: usize = 5;
/// Requests that may fail in a row before it is given up.
const PATIENCE: usize = 3;

/// Set it to end the survey with what is known.
#[derive(Clone, Default, Debug)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a survey came to.
#[derive(Debug)]
pub struct Outcome {
    pub site: Site,
    pub requests: usize,
}

/// Surveys a site. `say` is told what is being asked.
///
/// # Errors
/// A clause that says why nothing at all was answered.
pub fn survey(options: &Options, stop: &Stop, say: &dyn Fn(String)) -> Result<Outcome, String> {
    let origin = Origin::of(&options.url).ok_or("the address has no host")?;
    let start = Instant::now();
    let mut survey = Survey {
        options,
        stop,
        say,
        end: start + options.total,
        last: None,
        requests: 0,
        failures: 0,
        trusted: !origin.is_tls || options.trust_anybody,
        exchanges: Vec::new(),
        landing: options.url.clone(),
        missed: Vec::new(),
        unasked: Vec::new(),
        is_late: false,
        failed: None,
    };
    let (tls, offer) = survey.tls(&origin);
    if origin.is_tls
        && let Tls::Failed(reason) = &tls
    {
        // A server that speaks only what nobody speaks any more, or HTTP in its place, was seen all the same.
        return match offer {
            Some(Ok(_) | Err(ScanError::PlainHttp)) => {
                let url = options.url.clone();
                let missed = vec![format!("no page was asked for: {reason}")];
                let plain = Plain::NotAsked("there is no connection over TLS".to_owned());
                let terms = options.terms.clone();
                let site = Site { url, exchanges: Vec::new(), plain, tls, offer, terms, missed };
                Ok(Outcome { site, requests: 0 })
            }
            _ => Err(reason.clone()),
        };
    }
    survey.ask(Purpose::Start, "GET", options.url.clone(), &[], PAGE);
    if survey.exchanges.is_empty() {
        return Err(survey.failed.take().unwrap_or_else(|| "it was stopped".to_owned()));
    }
    let plain = survey.plain(&origin);
    survey.follow();
    survey.landing = survey.page_url();
    survey.special();
    survey.linked();
    for listed in LISTED {
        if let Ok(url) = options.url.join(listed.path) {
            survey.ask(Purpose::Listed, "GET", url, &[], GLIMPSE);
        }
    }
    // What is asked about pages goes before the last of the pages.
    let room = options.max_requests.saturating_sub(survey.requests + MAX_CROSS + MAX_STRANGE);
    let (first, others) = options.routes.split_at(room.min(options.routes.len()));
    survey.routes(first);
    survey.cross_origin();
    survey.strange();
    survey.routes(others);
    survey.conclude();
    let Survey { exchanges, missed, requests, .. } = survey;
    let (url, terms) = (options.url.clone(), options.terms.clone());
    Ok(Outcome { site: Site { url, exchanges, plain, tls, offer, terms, missed }, requests })
}

struct Survey<'o> {
    options: &'o Options,
    stop: &'o Stop,
    say: &'o dyn Fn(String),
    end: Instant,
    last: Option<Instant>,
    requests: usize,
    /// In a row.
    failures: usize,
    /// Whether secrets may be sent.
    trusted: bool,
    exchanges: Vec<Exchange>,
    /// The page by which the site is judged: where the start leads.
    landing: Url,
    missed: Vec<String>,
    /// What the bound on requests left out.
    unasked: Vec<String>,
    /// The last answer began, and did not end in time.
    is_late: bool,
    /// Why the last request failed.
    failed: Option<String>,
}

impl Survey<'_> {
    /// A handshake, on which it depends whether secrets may be sent.
    fn tls(&mut self, origin: &Origin) -> (Tls, Option<Result<Transcript, ScanError>>) {
        let mut origin = origin.clone();
        if !origin.is_tls {
            let mapped = |port| {
                self.options
                    .mappings
                    .iter()
                    .any(|mapping| mapping.port == port && mapping.host.eq_ignore_ascii_case(&origin.host))
            };
            if origin.port != 80 && !mapped(443) {
                return (Tls::NotAsked("the site was named with a port of its own".to_owned()), None);
            }
            origin.is_tls = true;
            origin.port = 443;
        }
        (self.say)(format!("asking {} for TLS", origin.host));
        let deadline = (Instant::now() + self.options.timeout).min(self.end);
        match connection::open(&origin, self.options, deadline, &self.stop.0) {
            Ok((connection, Some(Handshake { version, suite, untrusted }))) => {
                drop(connection);
                if let Some(reason) = &untrusted
                    && !self.trusted
                    && !self.options.headers.is_empty()
                {
                    self.missed.push(format!(
                        "the headers and cookies that you gave were not sent: the certificate is not trusted ({reason})"
                    ));
                }
                self.trusted |= untrusted.is_none();
                (Tls::Spoken { version, suite, untrusted }, Some(self.offer(&origin)))
            }
            Ok((_, None)) => (Tls::Failed("there was no handshake".to_owned()), None),
            Err(failure @ (Failure::Tls(_) | Failure::Broken(_))) => {
                (Tls::Failed(failure.to_string()), Some(self.offer(&origin)))
            }
            Err(failure) => (Tls::Failed(failure.to_string()), None),
        }
    }

    /// What the server offers to clients of every age. No request is sent over these connections.
    fn offer(&mut self, origin: &Origin) -> Result<Transcript, ScanError> {
        (self.say)(format!("asking {} what it offers", origin.host));
        let (options, stop) = (self.options, &self.stop.0);
        let connect = || {
            let deadline = Instant::now() + options.timeout;
            connection::dial(origin, options, deadline, stop).map_err(|failure| match failure {
                Failure::Refused => ErrorKind::ConnectionRefused.into(),
                Failure::Late => ErrorKind::TimedOut.into(),
                other => io::Error::other(other.to_string()),
            })
        };
        let left = self.end.saturating_duration_since(Instant::now());
        let limits = Limits {
            connection: options.timeout.min(OFFER_CONNECTION),
            whole: left.min(OFFER),
            ..Limits::default()
        };
        let question = Question { host: &origin.host, today: options.today, extra_roots: &options.own_roots };
        flaskseal_tls::scan(&connect, &question, &limits).map(Transcript::new)
    }

    /// The same page over plain HTTP.
    fn plain(&mut self, origin: &Origin) -> Plain {
        if !origin.is_tls {
            return Plain::Answered;
        }
        let is_mapped = self
            .options
            .mappings
            .iter()
            .any(|mapping| mapping.port == 80 && mapping.host.eq_ignore_ascii_case(&origin.host));
        if origin.port != 443 && !is_mapped {
            return Plain::NotAsked("the site was named with a port of its own".to_owned());
        }
        let mut url = self.options.url.clone();
        if url.set_scheme("http").is_err() || url.set_port(None).is_err() {
            return Plain::NotAsked("its address has no form for plain HTTP".to_owned());
        }
        let before = self.exchanges.len();
        match self.request(Purpose::Plain, "GET", url, &[], PAGE) {
            Ok(exchange) => {
                self.exchanges.push(exchange);
                Plain::Answered
            }
            Err(Failure::Refused) => Plain::Refused,
            Err(failure) => {
                debug_assert_eq!(before, self.exchanges.len(), "a failure adds no exchange");
                Plain::Unknown(failure.to_string())
            }
        }
    }

    /// Redirects of the start on the same host.
    fn follow(&mut self) {
        let mut seen = BTreeSet::from([self.options.url.clone()]);
        for _ in 0..MAX_HOPS {
            if self.is_over() {
                return;
            }
            let last = self
                .exchanges
                .iter()
                .rev()
                .find(|exchange| matches!(exchange.purpose, Purpose::Start | Purpose::Page));
            let Some(target) = last.and_then(Exchange::target) else { return };
            if !self.is_own(&target) {
                let shown = target.host_str().unwrap_or("another address").to_owned();
                self.missed.push(format!("the start page leads to {shown}, which was not asked"));
                return;
            }
            if !seen.insert(target.clone()) {
                self.missed.push("the start page leads in a circle".to_owned());
                return;
            }
            self.ask(Purpose::Page, "GET", target, &[], PAGE);
        }
        self.missed.push(format!("the start page leads on after {MAX_HOPS} redirects"));
    }

    /// Requests that ask for something special of the start page.
    fn special(&mut self) {
        let url = self.landing.clone();
        if let Ok(missing) = url.join(MISSING) {
            self.ask(Purpose::Missing, "GET", missing, &[], PAGE);
        }
        self.ask(Purpose::Method, "OPTIONS", url.clone(), &[], GLIMPSE);
        let header = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        self.ask(
            Purpose::ForeignOrigin,
            "GET",
            url.clone(),
            &header("Origin", &format!("https://{FOREIGN}")),
            GLIMPSE,
        );
        self.ask(Purpose::NullOrigin, "GET", url.clone(), &header("Origin", "null"), GLIMPSE);
        if url.scheme() == "https" {
            self.ask(
                Purpose::Compressed,
                "GET",
                url.clone(),
                &header("Accept-Encoding", "gzip, br"),
                GLIMPSE,
            );
        }
        let start = self.options.url.clone();
        self.ask(Purpose::ForeignHost, "GET", start.clone(), &header("Host", FOREIGN), PAGE);
        let forwarded = [header("X-Forwarded-Host", FOREIGN), header("X-Forwarded-Prefix", FOLDER)].concat();
        self.ask(Purpose::ForwardedHost, "GET", start, &forwarded, PAGE);
        // Only a redirect can be switched off.
        let plain = self.exchanges.iter().find(|answer| answer.purpose == Purpose::Plain);
        let plain = plain.filter(|plain| plain.target().is_some_and(|target| target.scheme() == "https"));
        if let Some(plain) = plain.map(|plain| plain.url.clone()) {
            let header = header("X-Forwarded-Proto", "https");
            self.ask(Purpose::ForwardedProto, "GET", plain, &header, GLIMPSE);
        }
        if let Ok(mut debugger) = url.join("/") {
            debugger.set_query(Some("__debugger__=yes&cmd=resource&f=debugger.js"));
            self.ask(Purpose::Debugger, "GET", debugger, &[], 64 << 10);
        }
    }

    /// Files and pages that the start page links.
    fn linked(&mut self) {
        let Some(page) = self.exchanges.iter().rev().find(|exchange| {
            matches!(exchange.purpose, Purpose::Start | Purpose::Page) && exchange.is_html()
        }) else {
            return;
        };
        let links = page::links(&page.page(), &page.url);
        let own = |urls: Vec<Url>, most: usize| -> Vec<Url> {
            let urls = urls.into_iter().filter(|url| self.is_own(url) && !self.is_asked(url));
            urls.take(most).collect()
        };
        let files = own(links.files, MAX_FILES);
        let pages = own(links.pages.into_iter().filter(is_harmless).collect(), MAX_LINKS);
        for url in files {
            self.ask(Purpose::Static, "GET", url, &[], PAGE);
        }
        for url in pages {
            self.ask(Purpose::Page, "GET", url, &[], PAGE);
        }
        let maps = self.exchanges.iter().filter(|answer| answer.purpose == Purpose::Static);
        let maps: Vec<Url> = maps.filter_map(Exchange::source_map).filter(|url| self.is_own(url)).collect();
        for url in maps {
            self.ask(Purpose::SourceMap, "GET", url, &[], GLIMPSE);
        }
    }

    /// Other pages, from a foreign site: those that programs read first.
    fn cross_origin(&mut self) {
        let mut pages: Vec<&Exchange> = self
            .exchanges
            .iter()
            .filter(|page| page.purpose == Purpose::Page && page.status < 300 && page.url != self.landing)
            .collect();
        pages.sort_by_key(|page| page.is_html());
        let pages: Vec<Url> = pages.iter().take(MAX_CROSS).map(|page| page.url.clone()).collect();
        let origin = [("Origin".to_owned(), format!("https://{FOREIGN}"))];
        for url in pages {
            self.ask(Purpose::ForeignOrigin, "GET", url, &origin, GLIMPSE);
        }
    }

    /// Pages that the user's own cookies opened, without them.
    fn strange(&mut self) {
        let has_cookies = self.options.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("cookie"));
        if !has_cookies || !self.trusted {
            return;
        }
        let pages = self
            .exchanges
            .iter()
            .filter(|page| matches!(page.purpose, Purpose::Start | Purpose::Page) && page.status == 200);
        let pages: Vec<Url> = pages.take(MAX_STRANGE).map(|page| page.url.clone()).collect();
        for url in pages {
            self.ask(Purpose::Stranger, "GET", url, &[], GLIMPSE);
        }
    }

    /// What the application is known to answer.
    fn routes(&mut self, routes: &[Route]) {
        for route in routes {
            let Ok(url) = self.options.url.join(&route.path) else { continue };
            // What the list asked for and was refused shows no more as a page.
            let is_refused = self
                .exchanges
                .iter()
                .any(|answer| answer.purpose == Purpose::Listed && answer.url == url && answer.status >= 300);
            if !self.is_own(&url) || self.is_asked(&url) || is_refused || !is_harmless(&url) {
                continue;
            }
            let purpose = if route.answers_get { Purpose::Page } else { Purpose::Method };
            self.ask(purpose, "GET", url, &[], PAGE);
        }
    }

    /// The last page that was shown.
    fn page_url(&self) -> Url {
        let last = self.exchanges.iter().rev().find(|exchange| {
            matches!(exchange.purpose, Purpose::Start | Purpose::Page) && !exchange.is_redirect()
        });
        last.map_or_else(|| self.options.url.clone(), |exchange| exchange.url.clone())
    }

    fn is_own(&self, url: &Url) -> bool {
        Origin::of(url) == Origin::of(&self.options.url)
    }

    fn is_asked(&self, url: &Url) -> bool {
        self.exchanges.iter().any(|exchange| exchange.url == *url && exchange.purpose.is_ordinary())
    }

    /// Asks, and keeps the answer.
    fn ask(&mut self, purpose: Purpose, method: &str, url: Url, sent: &[(String, String)], limit: usize) {
        let shown = format!("{method} {}", url.path());
        if self.is_over() {
            // Only that bound leaves nothing else to say.
            if self.ending().is_none() {
                self.unasked.push(shown);
            }
            return;
        }
        match self.request(purpose, method, url, sent, limit) {
            Ok(exchange) => {
                self.failures = if self.is_late { self.failures + 1 } else { 0 };
                self.missed.extend(unread(&exchange, limit).map(|what| format!("{shown}: {what}")));
                self.exchanges.push(exchange);
            }
            Err(failure) => {
                self.failures += 1;
                let reason = failure.to_string();
                if !self.stop.is_stopped() {
                    self.missed.push(format!("{shown}: {reason}"));
                }
                self.failed = Some(reason);
            }
        }
    }

    fn is_over(&self) -> bool {
        self.requests >= self.options.max_requests || self.ending().is_some()
    }

    /// What ended the survey before its end, but for the number of requests.
    fn ending(&self) -> Option<&'static str> {
        if self.stop.is_stopped() {
            Some("the probe was stopped: what follows rests on what was seen until then")
        } else if self.failures >= PATIENCE {
            Some("the site did not answer several requests in a row, and was left alone")
        } else if Instant::now() >= self.end {
            Some("the time for the probe was over before everything was asked")
        } else {
            None
        }
    }

    fn request(
        &mut self,
        purpose: Purpose,
        method: &str,
        url: Url,
        sent: &[(String, String)],
        limit: usize,
    ) -> Result<Exchange, Failure> {
        let origin = Origin::of(&url).ok_or_else(|| Failure::Name("there is none".to_owned()))?;
        if let Some(last) = self.last {
            let next = last + self.options.pause;
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        self.last = Some(Instant::now());
        self.requests += 1;
        (self.say)(format!("asking for {} ({} of {})", url.path(), self.requests, self.options.max_requests));
        let deadline = (Instant::now() + self.options.timeout).min(self.end);
        let (mut connection, _) = connection::open(&origin, self.options, deadline, &self.stop.0)?;
        let mut headers: Vec<(String, String)> =
            sent.iter().filter(|(name, _)| name != "Host").cloned().collect();
        // A plain connection shows secrets to everybody, unless the user named it.
        if self.trusted && origin.is_tls == (self.options.url.scheme() == "https") {
            let own = self.options.headers.iter();
            let is_sent = |name: &str| purpose != Purpose::Stranger || !may_identify(name);
            headers.extend(own.filter(|(name, _)| is_sent(name)).cloned());
        }
        let host = sent.iter().find(|(name, _)| name == "Host").map(|(_, value)| value.clone());
        let host = host.unwrap_or_else(|| authority(&url));
        let path =
            url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let target = match &self.options.proxy {
            Some(proxy) if !origin.is_tls => {
                headers.extend(
                    connection::proxy_login(proxy).map(|login| ("Proxy-Authorization".to_owned(), login)),
                );
                format!("http://{}{path}", authority(&url))
            }
            _ => path,
        };
        let request = Request { method, target: &target, host: &host, headers: &headers, limit };
        let received = http::exchange(&mut connection, &request)?;
        self.is_late = received.late;
        Ok(Exchange::new(purpose, method, url, sent, received))
    }

    /// Says what kept the survey from its end.
    fn conclude(&mut self) {
        if let Some(reason) = self.ending() {
            self.missed.push(reason.to_owned());
            return;
        }
        let (left, made) = (self.unasked.len(), self.requests);
        if left == 0 {
            return;
        }
        let shown: Vec<&str> = self.unasked.iter().take(SHOWN).map(String::as_str).collect();
        let others = left - shown.len();
        let others = if others == 0 { String::new() } else { format!(" and {others} more") };
        self.missed.push(format!(
            "{made} requests were made, and no more are allowed; not asked: {}{others} (`--max-requests {}`)",
            shown.join(", "),
            made + left
        ));
    }
}

/// What of a page was not read, and why.
fn unread(exchange: &Exchange, limit: usize) -> Option<String> {
    if !exchange.truncated || !exchange.purpose.is_ordinary() || !exchange.is_html() {
        return None;
    }
    let encoding = exchange.value("content-encoding").filter(|_| exchange.body.is_empty());
    Some(match encoding {
        Some(encoding) => {
            format!("its content is encoded as `{encoding}` without being asked for, and was not read")
        }
        None if exchange.body.len() >= limit => {
            format!("no more than its first {} KiB were read", limit >> 10)
        }
        None => format!("it breaks off after {} bytes", exchange.body.len()),
    })
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or("");
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Whether an address looks as if asking for it changed nothing. GET should not, and sometimes does.
fn is_harmless(url: &Url) -> bool {
    const WORDS: [&str; 16] = [
        "logout",
        "log-out",
        "log_out",
        "signout",
        "sign-out",
        "sign_out",
        "delete",
        "remove",
        "destroy",
        "reset",
        "unsubscribe",
        "disable",
        "revoke",
        "drop",
        "shutdown",
        "clear",
    ];
    let path = url.path().to_ascii_lowercase();
    url.query().is_none() && !WORDS.iter().any(|word| path.contains(word))
}

/// Whether a header that the user gave may say who they are.
fn may_identify(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["cookie", "auth", "token", "key", "session"].iter().any(|part| name.contains(part))
}
