//! Item 1: debug mode and configuration.

use flaskseal_core::{ControlId, Item};

use crate::Rule;

mod fs101_debug_app_run;
mod fs102_debug_in_config;

#[rustfmt::skip]
pub(crate) static RULES: &[&dyn Rule] = &[
    &fs101_debug_app_run::DebugAppRun,
    &fs102_debug_in_config::DebugInConfig,
];

const fn control(number: u8) -> ControlId {
    ControlId::new(Item::Debug, number)
}

/// Debug is off in the production process.
const DEBUG_OFF: ControlId = control(1);
/// A production server runs the application.
const PRODUCTION_SERVER: ControlId = control(2);
/// Production loads a production configuration.
const PRODUCTION_CONFIG: ControlId = control(3);
/// No diagnostics, test switches or internals are reachable.
const NO_DIAGNOSTICS: ControlId = control(4);
/// Logs and banners are quiet.
const QUIET: ControlId = control(5);
