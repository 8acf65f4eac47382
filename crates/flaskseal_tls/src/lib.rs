//! What a TLS server offers, and how that is judged.
//!
//! [`scan`] asks a server with messages of its own making, because libraries refuse to speak what has to be found out:
//! a [`hello`] goes out, the first [`answer`] is read, and the connection is dropped. What only a whole handshake shows
//! (the certificate of TLS 1.3, resumption) is asked with rustls. The crate opens no socket: whoever calls hands over
//! fresh streams. Everything but the scan is a function of its arguments.
//!
//! Nothing here attacks: no malformed message, no guess at a key, no more of a handshake than a client has to show.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests read their own data"))]

pub mod answer;
mod chain;
mod connection;
mod facts;
mod group;
mod handshake;
pub mod hello;
mod profile;
mod scan;
pub mod ssl2;
mod suite;
mod transcript;
mod version;

pub use chain::{Chain, Trust, Verifier, roots_from_pem};
pub use facts::{Offer, Preference, Resumption, Sni, TlsFacts, VersionFacts};
pub use flaskseal_certificate::{Certificate, Key};
pub use group::Group;
pub use profile::{Deviation, Profile, Subject, deviations, source};
pub use scan::{Limits, Question, ScanError, scan};
pub use suite::{Strength, Suite};
pub use transcript::{Fact, Malformed, Transcript};
pub use version::Version;
