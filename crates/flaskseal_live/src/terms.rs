//! By what a site is judged: what the user said, besides what the site showed.

use std::fmt;
use std::sync::Arc;

use flaskseal_tls::Profile;

#[derive(Clone, Default)]
pub struct Terms {
    /// What TLS is judged by.
    pub profile: Profile,
    /// The cookies that the user gave: name and value. Keys are tried on them, too.
    pub cookies: Vec<(String, String)>,
    /// The longest session lifetime that the policy allows, in hours; none where nobody says.
    pub session_lifetime_hours: Option<u32>,
    /// Keys to try besides those that everybody knows: a line each.
    pub keys: Arc<[u8]>,
}

/// Without what is secret.
impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// Somebody who is told how far the search for a key is: how many were tried, and of how many.
#[derive(Clone, Copy)]
pub struct Watch<'w>(pub &'w (dyn Fn(usize, usize) + Sync));

impl fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}
