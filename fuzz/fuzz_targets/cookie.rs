//! `Set-Cookie` and signed sessions: any text ends in a cookie or in none, within bounds.
#![no_main]

use flaskseal_live::{Cookie, SignedSession};
use url::Url;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Some(cookie) = Cookie::parse(text) {
        let url = Url::parse("http://shop.example/a").expect("an address");
        let _ = (cookie.refusal(&url), cookie.lifetime(Some(text)), cookie.is_over(Some(text)));
        if let Some(session) = SignedSession::parse(&cookie.value) {
            let _ = (session.is_signed_with(b"dev"), session.digest());
        }
    }
    let _ = SignedSession::parse(text).map(|session| session.is_signed_with(text.as_bytes()));
});
