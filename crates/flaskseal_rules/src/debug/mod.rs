//! Item 1: debug mode and configuration.

use flaskseal_core::{ControlId, Item};

use crate::Rule;

mod answer;
mod broad_handler;
mod coverage;
mod fs101_debug_app_run;
mod fs102_debug_in_config;
mod fs121_error_detail_in_response;
mod fs122_config_in_response;
mod fs125_diagnostic_endpoint;
mod fs126_verbose_logging;
mod fs127_secret_in_log;
mod fs131_unprotected_admin;
mod fs135_source_in_static_folder;
mod fs138_version_disclosure;
mod secret_name;

#[rustfmt::skip]
pub(crate) static RULES: &[&dyn Rule] = &[
    &fs101_debug_app_run::DebugAppRun,
    &fs102_debug_in_config::DebugInConfig,
    &fs121_error_detail_in_response::ErrorDetailInResponse,
    &fs122_config_in_response::ConfigInResponse,
    &fs125_diagnostic_endpoint::DiagnosticEndpoint,
    &fs126_verbose_logging::VerboseLogging,
    &fs127_secret_in_log::SecretInLog,
    &fs131_unprotected_admin::UnprotectedAdmin,
    &fs135_source_in_static_folder::SourceInStaticFolder,
    &fs138_version_disclosure::VersionDisclosure,
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
