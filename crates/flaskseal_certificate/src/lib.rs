//! Certificates: names, validity, key and signature, from PEM and DER. Pure, and tolerant: it reads what verifiers refuse.
//! Whether a chain leads to a root that anybody trusts is not decided here.

mod certificate;
mod pem;

pub use certificate::{Certificate, Key};
pub use pem::{Block, blocks, decoded};
