//! Item 4: input validation and CSRF.

use flaskseal_core::{ControlId, Item};

use crate::Rule;

mod csrf;
mod fs471_missing_csrf_protection;
mod fs472_disabled_csrf;
mod fs473_csrf_exempt_view;
mod fs475_state_change_via_get;
mod fs479_unchecked_websocket_origin;
mod state_change;

#[rustfmt::skip]
pub(crate) static RULES: &[&dyn Rule] = &[
    &fs471_missing_csrf_protection::MissingCsrfProtection,
    &fs472_disabled_csrf::DisabledCsrf,
    &fs473_csrf_exempt_view::CsrfExemptView,
    &fs475_state_change_via_get::StateChangeViaGet,
    &fs479_unchecked_websocket_origin::UncheckedWebsocketOrigin,
];

const fn control(number: u8) -> ControlId {
    ControlId::new(Item::Input, number)
}

/// State changes are protected against CSRF.
const CSRF: ControlId = control(3);
