//! `Set-Cookie` and signed sessions: any text ends in a cookie or in none, within bounds.
#![no_main]

use flaskseal_live::{Cookie, SignedSession};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Some(cookie) = Cookie::parse(text) {
        let _ = cookie.is_removal();
        if let Some(session) = SignedSession::parse(&cookie.value) {
            let _ = (session.is_signed_with(b"dev"), session.digest());
        }
    }
    let _ = SignedSession::parse(text).map(|session| session.is_signed_with(text.as_bytes()));
});
