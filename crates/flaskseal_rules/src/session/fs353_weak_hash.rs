//! FS353: MD5, SHA-1 and their like, where it matters that nobody can make a second input.

use std::collections::BTreeSet;

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Event, Fact, FactKind};

use super::SOUND_CRYPTO;
use super::coverage::support_by_coverage;
use crate::Rule;
use crate::code::words;
use crate::purpose::Purpose;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(353),
    name: "weak-hash",
    summary: "A broken hash is used for a security purpose.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[SOUND_CRYPTO],
    layers: &[Layer::Source],
    cwe: &[328, 327],
    owasp: Some("A02"),
    asvs: &["V11.4.1"],
    fix: FixAvailability::None,
    page: include_str!("fs353_weak_hash.md"),
};

pub(crate) struct WeakHash;

impl Rule for WeakHash {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        support_by_coverage(cx, SOUND_CRYPTO, out);
        let mut seen = BTreeSet::new();
        for call in cx.calls("hash.weak").chain(cx.calls("hash.new")).chain(cx.calls("hmac")) {
            if let Some(finding) = finding(cx, call)
                && seen.insert(call.span)
            {
                out.fail(finding);
            }
        }
    }
}

/// Words for uses that need no collision resistance: a name for a cache entry, a picture, a bucket.
static HARMLESS: &[&str] = &[
    "asset",
    "avatar",
    "blob",
    "bucket",
    "cache",
    "cached",
    "caching",
    "checksum",
    "checksums",
    "color",
    "colour",
    "commit",
    "dedup",
    "dedupe",
    "duplicate",
    "duplicates",
    "etag",
    "fingerprint",
    "git",
    "gravatar",
    "hue",
    "icon",
    "id",
    "identicon",
    "image",
    "job",
    "memo",
    "memoize",
    "partition",
    "revision",
    "shard",
    "static",
    "thumbnail",
    "version",
];

/// Words for uses that do, besides those for secrets.
static SECURITY: &[&str] = &[
    "authenticate",
    "authentication",
    "authorization",
    "hmac",
    "integrity",
    "mac",
    "sig",
    "sign",
    "signature",
    "signed",
    "signing",
    "verify",
];

fn finding(cx: &Context<'_>, call: &Event) -> Option<Finding> {
    if call.keyword("usedforsecurity").and_then(Fact::truth) == Some(false) {
        return None;
    }
    let is_hmac = cx.is(call, "hmac");
    let algorithm = algorithm(call, is_hmac)?;
    let purpose = Purpose::of(cx, call.span);
    // A password's hash is FS351's.
    if purpose.is_made_of_password() {
        return None;
    }
    let (severity, message) = if is_hmac {
        (Severity::Low, format!("the signature is an HMAC with {algorithm}"))
    } else if purpose.becomes_any(SECURITY) || purpose.is_secret() && !purpose.becomes_any(HARMLESS) {
        (Severity::Medium, format!("{algorithm} protects something that nobody may forge"))
    } else if purpose.becomes_any(HARMLESS)
        || words(cx.path(call.span.file)).iter().any(|word| word == "cache")
    {
        return None;
    } else {
        (Severity::Low, format!("{algorithm} is broken: two inputs with the same hash can be made"))
    };
    let advice = if is_hmac {
        "use SHA-256, where both sides can: `hmac.new(key, message, hashlib.sha256)`"
    } else {
        "use `hashlib.sha256`, or say that it is not for security: `usedforsecurity=False`"
    };
    Some(
        Finding::new(
            META.id,
            severity,
            META.confidence,
            cx.evidence(call.span, format!("{algorithm} is used here")),
            message,
        )
        .with_scope(&*call.scope)
        .with_fix(Fix::advice(advice)),
    )
}

/// The name of the broken hash that a call uses; `None` where it is another one or not known.
fn algorithm(call: &Event, is_hmac: bool) -> Option<&'static str> {
    let named = |fact: &Fact| match &fact.kind {
        FactKind::Str(rope) => rope.as_literal().and_then(broken),
        FactKind::Path(path) => broken(path),
        _ => None,
    };
    match &*call.path {
        "hashlib.new" => {
            let name = call.argument(0, "name")?.by_default();
            // One that runs by default, or every one of several.
            let alternatives = name.alternatives();
            let names: Option<Vec<&str>> = alternatives.iter().map(|(fact, _)| named(fact)).collect();
            names?.first().copied()
        }
        _ if is_hmac => {
            let index = if call.path.ends_with(".digest") { "digest" } else { "digestmod" };
            call.argument(2, index).and_then(named)
        }
        path => broken(path),
    }
}

/// The broken hash that a path or a name names.
fn broken(name: &str) -> Option<&'static str> {
    let name = name.strip_suffix(".new").unwrap_or(name).trim_end_matches("()");
    let last = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase().replace(['-', '_'], "");
    Some(match &*last {
        "md2" => "MD2",
        "md4" => "MD4",
        "md5" => "MD5",
        "sha" | "sha1" => "SHA-1",
        "ripemd" | "ripemd160" => "RIPEMD-160",
        _ => return None,
    })
}
