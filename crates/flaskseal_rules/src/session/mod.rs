//! Item 3: sessions, cookies and secrets.

use flaskseal_core::{ControlId, Item};

use crate::Rule;

mod fs301_hardcoded_secret_key;

#[rustfmt::skip]
pub(crate) static RULES: &[&dyn Rule] = &[
    &fs301_hardcoded_secret_key::HardcodedSecretKey,
];

const fn control(number: u8) -> ControlId {
    ControlId::new(Item::Session, number)
}

/// SECRET_KEY comes from outside the code.
const KEY_FROM_OUTSIDE: ControlId = control(1);
/// The key is strong.
const STRONG_KEY: ControlId = control(2);
/// The session cookie is Secure.
const SECURE_COOKIE: ControlId = control(3);
/// The session cookie is HttpOnly.
const HTTP_ONLY_COOKIE: ControlId = control(4);
/// The session cookie has SameSite.
const SAME_SITE_COOKIE: ControlId = control(5);
/// Session lifetime and scope are bounded.
const BOUNDED_SESSION: ControlId = control(6);
/// No credentials are in the tree.
const NO_CREDENTIALS: ControlId = control(7);
/// Authentication is wired up and cannot be skipped.
const AUTHENTICATION: ControlId = control(8);
/// Passwords, tokens and cryptography are sound.
const SOUND_CRYPTO: ControlId = control(9);
/// Session contents, storage and caching are sound.
const SESSION_STORAGE: ControlId = control(10);
