//! Comments that silence findings: a finding in the middle of an arbitrary file of each syntax.
#![no_main]

use flaskseal_core::{
    AppAssessment, Assessment, Confidence, Evidence, FileId, Finding, Layer, Ledger, Span, TextRange, Tree,
};
use flaskseal_judge::{Policy, judge};

libfuzzer_sys::fuzz_target!(|text: &str| {
    for path in ["app.py", "Dockerfile", "nginx.conf", "page.html", "app.service", ".env", "compose.yaml"] {
        let tree = Tree::from_texts([(path.to_owned(), text.to_owned())]);
        let middle = text.floor_char_boundary(text.len() / 2) as u32;
        let span = Span { file: FileId(0), range: TextRange::new(middle, middle) };
        let rules: Vec<_> = flaskseal_rules::metas().collect();
        let findings = rules.iter().map(|rule| {
            let evidence = Evidence::at(Layer::Source, span, "here");
            Finding::new(rule.id, rule.severity, Confidence::Certain, evidence, "a finding")
        });
        let assessment = Assessment { findings: findings.collect(), ..Assessment::default() };
        let app = AppAssessment { name: "app".to_owned(), entries: Vec::new(), assessment };
        let comments = |_| path.ends_with(".py").then(|| flaskseal_python::comment_ranges(text));
        let policy = Policy::default();
        judge(&tree, vec![app], Ledger::default(), &rules, &policy, None, flaskseal_fuzz::today(), &comments);
    }
});
