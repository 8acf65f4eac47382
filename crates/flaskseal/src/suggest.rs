//! "Did you mean …?"

/// The candidate nearest to what was typed, unless none is near.
pub(crate) fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_ascii_lowercase().replace('_', "-");
    let score = |candidate: &str| strsim::jaro_winkler(&typed, &candidate.to_ascii_lowercase());
    candidates
        .into_iter()
        .map(|candidate| (score(candidate), candidate))
        .filter(|(score, _)| *score >= 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// "; did you mean `fail-on`?", or nothing.
pub(crate) fn did_you_mean<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(typed, candidates).map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_is_near_and_nothing_else() {
        let keys = ["entry", "fail-on", "exclude"];
        assert_eq!(nearest("fail_on", keys), Some("fail-on"));
        assert_eq!(nearest("exlude", keys), Some("exclude"));
        assert_eq!(nearest("entries", keys), Some("entry"));
        assert_eq!(nearest("zzz", keys), None);
        assert_eq!(did_you_mean("zzz", keys), "");
    }
}
