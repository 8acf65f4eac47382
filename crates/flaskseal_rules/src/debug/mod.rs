//! Item 1: debug mode and configuration.

use flaskseal_core::{ControlId, Item};

use crate::Rule;

mod fs101_debug_app_run;
mod fs102_debug_in_config;

pub(crate) static RULES: &[&dyn Rule] = &[&fs101_debug_app_run::DebugAppRun, &fs102_debug_in_config::DebugInConfig];

/// Debug is off in the production process.
const DEBUG_OFF: ControlId = ControlId::new(Item::Debug, 1);
