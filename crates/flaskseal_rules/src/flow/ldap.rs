//! The characters that leave a value of an LDAP filter (RFC 4515) or of a distinguished name (RFC 4514).

use flaskseal_core::Severity;
use flaskseal_project::semantic::{Alphabet, Rope};

use super::Breach;

/// The holes of a filter whose text can leave its place.
pub(crate) fn filter(rope: &Rope, severity: Severity) -> Vec<Breach<'static>> {
    let payloads = ["*)(uid=*", "*)(objectClass=*", "*"];
    breaches(rope, "inside a filter", Alphabet::of("*()\0"), &payloads, severity)
}

/// The holes of a distinguished name whose text can leave its place.
pub(crate) fn name(rope: &Rope, severity: Severity) -> Vec<Breach<'static>> {
    let payloads = ["x,ou=admins", "x+cn=y", ","];
    breaches(rope, "inside a distinguished name", Alphabet::of(",+\"<>;="), &payloads, severity)
}

fn breaches(
    rope: &Rope,
    place: &'static str,
    breaks: Alphabet,
    payloads: &[&str],
    severity: Severity,
) -> Vec<Breach<'static>> {
    rope.holes().filter_map(|hole| Breach::of(hole, place, breaks, payloads, severity)).collect()
}
