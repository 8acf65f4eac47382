//! What the rules ask of the answers of a running site.

use flaskseal_core::Evidence;
use flaskseal_live::{Exchange, Live};

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
