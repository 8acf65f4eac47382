//! Content security policies and HSTS: any text ends in a judgement, and more policies never allow more.
#![no_main]

use flaskseal_live::csp::{Injection, policies, runs, weak_sources};
use flaskseal_live::hsts;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = hsts::defect(text);
    let all = policies(text.split('\n'));
    let _ = weak_sources(&all);
    for policy in &all {
        let _ = (policy.defects(true, false).len(), policy.restricts_framing(), policy.nonces().count());
    }
    let some = all.get(1..).unwrap_or_default();
    for injection in
        [Injection::InlineScript, Injection::EventHandler, Injection::ForeignScript, Injection::DataScript]
    {
        assert!(!runs(&all, injection) || runs(some, injection));
    }
});
