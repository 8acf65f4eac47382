//! FS354: ciphers, modes and keys that do not protect what they encrypt.

use std::collections::BTreeSet;

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Event, Fact, FactKind};

use super::SOUND_CRYPTO;
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(354),
    name: "weak-crypto",
    summary: "A weak cipher, mode, key size or nonce is used.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[SOUND_CRYPTO],
    layers: &[Layer::Source],
    cwe: &[327, 326, 329],
    owasp: Some("A02"),
    asvs: &["V11.3.1", "V11.3.2", "V11.2.3"],
    fix: FixAvailability::None,
    page: include_str!("fs354_weak_crypto.md"),
};

pub(crate) struct WeakCrypto;

impl Rule for WeakCrypto {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut seen = BTreeSet::new();
        for role in ROLES {
            for call in cx.calls(role) {
                let Some((severity, message, advice)) = judge(cx, call, role) else { continue };
                if seen.insert(call.span) {
                    out.fail(
                        Finding::new(
                            META.id,
                            severity,
                            META.confidence,
                            cx.evidence(call.span, "used here"),
                            message,
                        )
                        .with_scope(&*call.scope)
                        .with_fix(Fix::advice(advice)),
                    );
                }
            }
        }
    }
}

static ROLES: &[&str] = &[
    "cipher.weak",
    "cipher.new",
    "cipher.mode-ecb",
    "cipher.mode-unauthenticated",
    "cipher.aead",
    "key.generate",
    "curve.weak",
];

const USE_AEAD: &str = "use `cryptography.fernet.Fernet`, or AES-GCM with a new nonce for every message";

fn judge(cx: &Context<'_>, call: &Event, role: &str) -> Option<(Severity, String, &'static str)> {
    let name = call.path.trim_end_matches(".new").rsplit('.').next().unwrap_or_default();
    match role {
        "cipher.weak" if name == "PKCS1_v1_5" => Some((
            Severity::Medium,
            "RSA encryption with the padding of PKCS#1 v1.5 tells an attacker who can try".to_owned(),
            "use OAEP",
        )),
        "cipher.weak" => Some((Severity::High, format!("{} is a broken cipher", spelled(name)), USE_AEAD)),
        "cipher.mode-ecb" => Some((Severity::High, ECB.to_owned(), USE_AEAD)),
        "cipher.new" => aes(cx, call),
        "cipher.mode-unauthenticated" => unauthenticated(
            cx,
            call,
            name,
            call.argument(0, "initialization_vector").or_else(|| call.argument(0, "nonce")),
        ),
        "cipher.aead" => {
            let nonce = call.argument(0, "nonce").or_else(|| call.argument(0, "initialization_vector"))?;
            is_constant(nonce).then(|| {
                (
                    Severity::High,
                    "the nonce is always the same".to_owned(),
                    "make a new nonce for every message: `os.urandom(12)`",
                )
            })
        }
        "key.generate" => {
            let bits = call.keyword("key_size").or_else(|| call.keyword("bits")).or_else(|| {
                // `rsa.generate_private_key(65537, 1024)`, `RSA.generate(1024)`.
                call.positional.get(usize::from(
                    call.path.contains("rsa.generate_private_key") || call.path.contains("dh."),
                ))
            })?;
            let bits = bits.by_default().as_int()?;
            (bits < 2048).then(|| {
                (Severity::High, format!("a key of {bits} bits can be broken"), "use at least 3072 bits")
            })
        }
        "curve.weak" => {
            Some((Severity::High, format!("the curve {name} is too small"), "use P-256 or Curve25519"))
        }
        _ => None,
    }
}

const ECB: &str = "ECB mode shows which blocks of the text are equal";

/// `AES.new(key, mode, iv)` of PyCryptodome.
fn aes(cx: &Context<'_>, call: &Event) -> Option<(Severity, String, &'static str)> {
    let Some(mode) = call.argument(1, "mode") else {
        // The default of old PyCrypto.
        return (!call.open && call.positional.len() == 1 && call.keywords.is_empty())
            .then(|| (Severity::High, ECB.to_owned(), USE_AEAD));
    };
    let mode = mode.by_default();
    let mode = match &mode.kind {
        FactKind::Path(path) => path.rsplit('.').next().unwrap_or_default().to_owned(),
        FactKind::Int(1) => "MODE_ECB".to_owned(),
        FactKind::Int(2) => "MODE_CBC".to_owned(),
        _ => return None,
    };
    let iv = call.argument(2, "iv").or_else(|| call.keyword("nonce")).or_else(|| call.keyword("IV"));
    match mode.as_str() {
        "MODE_ECB" => Some((Severity::High, ECB.to_owned(), USE_AEAD)),
        "MODE_CBC" | "MODE_CFB" | "MODE_OFB" | "MODE_CTR" => {
            unauthenticated(cx, call, mode.trim_start_matches("MODE_"), iv)
        }
        "MODE_GCM" | "MODE_EAX" | "MODE_CCM" | "MODE_OCB" | "MODE_SIV" => {
            iv.filter(|iv| is_constant(iv)).map(|_| {
                (
                    Severity::High,
                    "the nonce is always the same".to_owned(),
                    "leave the nonce out: the library makes a new one for every message",
                )
            })
        }
        _ => None,
    }
}

fn unauthenticated(
    cx: &Context<'_>,
    call: &Event,
    mode: &str,
    iv: Option<&Fact>,
) -> Option<(Severity, String, &'static str)> {
    if iv.is_some_and(is_constant) {
        let severity = if mode == "CTR" { Severity::High } else { Severity::Medium };
        return Some((
            severity,
            "the initialisation vector is always the same".to_owned(),
            "make a new one for every message: `os.urandom(16)`",
        ));
    }
    // Encrypt-then-MAC in the same file.
    if cx.calls("hmac").any(|hmac| hmac.span.file == call.span.file) {
        return None;
    }
    Some((Severity::Medium, format!("{mode} mode does not notice when the ciphertext is changed"), USE_AEAD))
}

fn is_constant(fact: &Fact) -> bool {
    match &fact.kind {
        FactKind::Bytes(_) => true,
        FactKind::Str(rope) | FactKind::EncodedText(rope) => rope.as_literal().is_some(),
        _ => false,
    }
}

fn spelled(name: &str) -> &str {
    match name {
        "ARC2" => "RC2",
        "ARC4" => "RC4",
        "CAST" | "CAST5" => "CAST-128",
        "DES3" | "TripleDES" => "triple DES",
        name => name,
    }
}
