//! Sessions, beside Flask's own serializer: Flask signs them in the test, with many keys, digests and contents, spoils
//! some, and says which key opens which. This crate's reader has to say the same.
//!
//! `cargo xtask test` installs Flask.

#![allow(clippy::disallowed_methods, reason = "a test that runs Python")]

use std::process::Command;

use flaskseal_live::SignedSession;
use flaskseal_servers::python;
use serde_json::Value;

/// Prints a list of cookies: what they are, which of the keys open them, and the names of what they hold. An application
/// with old keys opens what any of them signed.
const PROGRAM: &str = r#"
import functools, hashlib, json, random
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import BadData

random.seed(7)
KEYS = ["dev", "a longer key, of words", "k\u00e9y \U0001f511", "0" * 200, "'\"\\\n\t", "x" * 64, "x" * 65]
DIGESTS = ["sha1", "sha224", "sha256", "sha384", "sha512"]
CONTENTS = [
    {}, {"user_id": 1}, {"_permanent": True, "user": "Ada", "roles": ["a", "b"]}, {"caf\u00e9": "\u2615" * 20},
    {"note": "word " * 400}, {"note": "".join(random.choices("abcdefghij0123456789", k=900))},
    {"t": (1, 2), "b": b"raw", "n": None, "nested": {"a": {"b": [{}]}}},
]

@functools.cache
def serializer(key, digest, fallbacks=None):
    app = Flask("a")
    app.secret_key = key
    app.config["SECRET_KEY_FALLBACKS"] = list(fallbacks or [])
    interface = SecureCookieSessionInterface()
    interface.digest_method = staticmethod(getattr(hashlib, digest))
    return interface.get_signing_serializer(app)

def spoiled(cookie):
    at = random.randrange(len(cookie))
    yield cookie[:at] + random.choice("abcXYZ019_-.") + cookie[at + 1:]
    yield cookie[:-1]
    yield cookie + "A"
    yield cookie.replace(".", "", 1)
    yield cookie[::-1]

def opens(key, digest, cookie):
    try:
        return isinstance(serializer(key, digest).loads(cookie), dict)
    except BadData:
        return False

out = []
for number, key in enumerate(KEYS):
    for digest in DIGESTS:
        for content in CONTENTS:
            old = tuple(KEYS[:number])
            cookie = serializer(key, digest, old).dumps(content)
            for text in [cookie, *spoiled(cookie)]:
                found = [candidate for candidate in KEYS if opens(candidate, digest, text)]
                names = sorted(content) if text == cookie else None
                out.append({"cookie": text, "digest": digest, "opened": found, "names": names})
print(json.dumps({"keys": KEYS, "cookies": out}))
"#;

#[test]
fn flask_and_the_reader_agree_on_which_key_opens_what() {
    let output = Command::new(python()).args(["-c", PROGRAM]).output().expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|one| one.as_str().expect("text").to_owned()).collect()
    };
    let keys = texts(&said["keys"]);
    let cookies = said["cookies"].as_array().expect("a list");
    let (mut differences, mut opened) = (Vec::new(), 0);
    for one in cookies {
        let cookie = one["cookie"].as_str().expect("text");
        let session = SignedSession::parse(cookie);
        let ours: Vec<String> = keys
            .iter()
            .filter(|key| session.as_ref().is_some_and(|session| session.is_signed_with(key.as_bytes())))
            .cloned()
            .collect();
        let theirs = texts(&one["opened"]);
        opened += theirs.len();
        // The length of the signature tells the digest, and a spoiled cookie may have that of another.
        let digest = session.as_ref().map(|session| session.digest().replace('-', "").to_lowercase());
        let is_same = ours == theirs
            && (theirs.is_empty() || digest.as_deref() == one["digest"].as_str())
            && (one["names"].is_null()
                || session.is_some_and(|session| {
                    let mut names = session.keys;
                    names.sort();
                    names == texts(&one["names"])
                }));
        if !is_same {
            differences.push(format!("{cookie:.60}: {ours:?}, Flask: {theirs:?} {}", one["names"]));
        }
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
    assert!(cookies.len() > 1000 && opened >= 245, "{} cookies, {opened} opened", cookies.len());
}
