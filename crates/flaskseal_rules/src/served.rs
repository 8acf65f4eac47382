//! What the rules ask of the answers of a running site.

use flaskseal_core::Evidence;
use flaskseal_live::listed::{LISTED, Listed, of_path};
use flaskseal_live::{Cookie, Exchange, Header, Live, Purpose, Refusal, SignedSession, page};
use flaskseal_project::Context;
use url::Url;

/// Further answers that a finding names.
const MAX_OTHERS: usize = 3;

/// The pages by which a site is judged: those that browsers show as content, or, where there are none, its error
/// pages.
pub(crate) fn pages<'s>(live: &Live<'s>) -> Vec<&'s Exchange> {
    let pages: Vec<&Exchange> = live.pages().collect();
    let content: Vec<&Exchange> = pages.iter().copied().filter(|page| page.status < 400).collect();
    if content.is_empty() { pages } else { content }
}

/// Evidence for something that some answers lack: the first is where to look, the others follow.
pub(crate) fn lacking(
    live: &Live<'_>,
    answers: &[&Exchange],
    claim: &str,
) -> Option<(Evidence, Vec<Evidence>)> {
    let (first, others) = answers.split_first()?;
    let others = others.iter().take(MAX_OTHERS).map(|answer| live.answer(answer, "nor here")).collect();
    Some((live.answer(first, claim), others))
}

/// `3 of 4 pages`, or `pages` where all are meant.
pub(crate) fn count(some: usize, all: usize, what: &str) -> String {
    match (some, all) {
        (some, all) if some == all => format!("{what}s"),
        (1, all) => format!("1 of {all} {what}s"),
        (some, all) => format!("{some} of {all} {what}s"),
    }
}

/// A cookie that the site sets, once for each name.
pub(crate) struct SeenCookie<'s> {
    pub(crate) answer: &'s Exchange,
    pub(crate) header: &'s Header,
    pub(crate) cookie: Cookie,
    /// Why browsers do not keep it.
    pub(crate) refusal: Option<Refusal>,
}

impl SeenCookie<'_> {
    /// The name without the prefixes that browsers know.
    pub(crate) fn bare_name(&self) -> &str {
        let name = self.cookie.name.as_str();
        name.strip_prefix("__Host-").or_else(|| name.strip_prefix("__Secure-")).unwrap_or(name)
    }

    /// Whether it is Flask's session, or one that an extension keeps on the server.
    pub(crate) fn is_session(&self, starts: &[Context<'_>]) -> bool {
        let named = starts.iter().any(|cx| {
            cx.setting_by_default("SESSION_COOKIE_NAME").as_str() == Some(self.cookie.name.as_str())
        });
        let name = self.bare_name().to_ascii_lowercase();
        named
            || matches!(name.as_str(), "session" | "sessionid" | "session_id" | "sid")
            || SignedSession::parse(&self.cookie.value).is_some()
    }
}

/// Every cookie that the site sets, in the order in which they were seen; of several with one name the first. What is
/// taken away is none.
pub(crate) fn cookies<'s>(live: &Live<'s>) -> Vec<SeenCookie<'s>> {
    let mut seen: Vec<SeenCookie<'s>> = Vec::new();
    let is_https = live.site.url.scheme() == "https";
    for answer in live.site.exchanges.iter().filter(|answer| answer.is_https() == is_https) {
        for (cookie, header) in answer.cookies() {
            let is_gone = cookie.value.is_empty() || cookie.is_over(answer.value("date"));
            if !is_gone && !seen.iter().any(|known| known.cookie.name == cookie.name) {
                let refusal = cookie.refusal(&answer.url);
                seen.push(SeenCookie { answer, header, cookie, refusal });
            }
        }
    }
    seen
}

/// Answers of the list that are what their address promises.
pub(crate) fn listed<'s>(live: &Live<'s>) -> Vec<(&'s Exchange, &'static Listed)> {
    let answers = live.of(Purpose::Listed).filter(|answer| answer.status == 200);
    let found = answers.filter_map(|answer| {
        let listed = of_path(answer.url.path())?;
        listed.matches(&answer.body, &answer.media_type()).then_some((answer, listed))
    });
    found.collect()
}

/// Whether every address of the list was asked and answered.
pub(crate) fn is_list_asked(live: &Live<'_>) -> bool {
    live.of(Purpose::Listed).count() >= LISTED.len()
}

/// Whether a cookie's name is the default of Flask-Login's or Flask-JWT-Extended's cookies.
pub(crate) fn is_of_extension(name: &str) -> bool {
    [
        "remember_token",
        "access_token_cookie",
        "refresh_token_cookie",
        "csrf_access_token",
        "csrf_refresh_token",
    ]
    .contains(&name)
}

/// Where the site's answer to such a request leads to what only the request had, in the header `named`; `leads` is told
/// an address of the answer and the header's value.
pub(crate) fn reflected(
    live: &Live<'_>,
    (purpose, named): (Purpose, &str),
    leads: &dyn Fn(&Url, &str) -> bool,
) -> Option<Evidence> {
    live.of(purpose).find_map(|answer| {
        let sent = answer.sent(named)?;
        reflection(live, answer, &|url| leads(url, sent))
    })
}

/// Whether an address is one of a host.
pub(crate) fn is_of_host(url: &Url, host: &str) -> bool {
    url.host_str() == Some(host)
}

/// Where an answer leads to such an address: its redirect, or a link of its page.
fn reflection(live: &Live<'_>, answer: &Exchange, leads: &dyn Fn(&Url) -> bool) -> Option<Evidence> {
    if let (Some(target), Some(header)) = (answer.target(), answer.header("location")) {
        return leads(&target).then(|| live.at(answer, header, "a redirect to the client's own choice"));
    }
    // An address in full, as `url_for(_external=True)` and `request.url_root` make it.
    let links = page::links(&answer.page(), &answer.url);
    let is_linked = answer.is_html() && links.pages.iter().chain(&links.files).any(leads);
    is_linked.then(|| live.answer(answer, "links of this page lead to the client's own choice"))
}
