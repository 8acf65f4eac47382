//! Jinja2 templates: nodes tile the text, and everything that is found lies inside it.
#![no_main]

use flaskseal_core::TextRange;
use flaskseal_jinja::{Markup, Node, NodeKind, parse};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let template = parse(text);
    let whole = TextRange::new(0, text.len() as u32);
    let mut at = 0;
    for node in &template.body {
        assert_eq!(node.range.start, at, "nodes tile the text");
        at = node.range.end;
    }
    assert_eq!(at, whole.end);
    template.walk(&mut |node: &Node| {
        assert!(whole.encloses(node.range));
        if let NodeKind::Output(values) = &node.kind {
            for value in values {
                value.walk(&mut |inner| assert!(whole.encloses(inner.range)));
            }
        }
    });
    assert!(template.problems.iter().all(|problem| whole.encloses(problem.range)));
    let markup = Markup::of(text, &template, &|_| None);
    assert!(markup.outputs.iter().all(|output| whole.encloses(output.range)));
    assert!(markup.tags.iter().all(|tag| whole.encloses(tag.range)));
});
