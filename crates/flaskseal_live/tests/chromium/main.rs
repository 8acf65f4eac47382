//! What browsers make of policies, cookies and HSTS, asked of Chromium: what this crate says of a header has to agree
//! with what Chromium does about it.
//!
//! `cargo xtask test` installs the browser.

#![allow(clippy::disallowed_methods, reason = "tests that start a browser and a site for it")]

mod cookies;
mod hsts;
mod policies;
mod site;
