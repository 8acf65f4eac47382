//! Transcripts of answers: what any server sends ends in findings with places inside the text, or in nothing.
#![no_main]

use flaskseal_core::{FileId, Tree};
use flaskseal_live::{Live, Site};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let texts: Vec<(String, String)> = text
        .split("\n####\n")
        .enumerate()
        .map(|(index, text)| (index.to_string(), text.to_owned()))
        .collect();
    let Ok(site) = Site::from_transcripts(&texts) else { return };
    let tree = Tree::default();
    let live = Live::new(&site, tree.answered(Live::texts(&site)));
    let app = flaskseal_rules::assess_site(&live, &|_| true);
    for finding in &app.assessment.findings {
        for evidence in std::iter::once(&finding.primary).chain(&finding.trail) {
            let Some(span) = evidence.span else { continue };
            let file = tree.get(FileId(span.file.0)).expect("evidence is in an answer");
            assert!(file.text.get(span.range.start as usize..span.range.end as usize).is_some());
        }
    }
});
