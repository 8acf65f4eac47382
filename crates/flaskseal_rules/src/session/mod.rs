//! Item 3: sessions, cookies and secrets.

use flaskseal_core::{ControlId, Item};

use crate::Rule;

mod fs301_hardcoded_secret_key;

pub(crate) static RULES: &[&dyn Rule] = &[&fs301_hardcoded_secret_key::HardcodedSecretKey];

/// SECRET_KEY comes from outside the code.
const KEY_FROM_OUTSIDE: ControlId = ControlId::new(Item::Session, 1);
