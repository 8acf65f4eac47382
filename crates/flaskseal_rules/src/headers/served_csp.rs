//! The content security policies that pages of the running site carry, each set once.

use flaskseal_live::csp::{Policy, policies};
use flaskseal_live::{Exchange, Header, Live};

use crate::served;

/// Policies that a page carries together, with the first page that does.
pub(super) struct Served<'s> {
    pub(super) answer: &'s Exchange,
    /// The first of the headers.
    pub(super) header: &'s Header,
    pub(super) policies: Vec<Policy>,
}

impl<'s> Served<'s> {
    /// Nonces that are new in each answer are taken for what they are; those that come again are not.
    pub(super) fn all(live: &Live<'s>) -> Vec<Self> {
        let pages = served::pages(live);
        let read = |page: &Exchange| {
            policies(page.named("content-security-policy").map(|header| header.value.as_str()))
        };
        let nonces: Vec<Vec<String>> = pages
            .iter()
            .map(|page| read(page).iter().flat_map(Policy::nonces).map(str::to_owned).collect())
            .collect();
        let repeats =
            |nonce: &str| nonces.iter().filter(|page| page.iter().any(|other| other == nonce)).count() > 1;
        let mut found: Vec<Self> = Vec::new();
        for page in pages {
            let Some(header) = page.header("content-security-policy") else { continue };
            let policies: Vec<Policy> =
                read(page).into_iter().map(|policy| policy.without_nonces(&repeats)).collect();
            if !found.iter().any(|known| known.policies == policies) {
                found.push(Self { answer: page, header, policies });
            }
        }
        found
    }
}
