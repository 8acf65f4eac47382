//! Item 1: debug mode and configuration.

use flaskseal_core::{ControlId, Item};

use crate::Rule;

mod broad_handler;
mod coverage;
mod fs101_debug_app_run;
mod fs102_debug_in_config;
mod fs103_debug_in_environment;
mod fs104_boolean_from_string;
mod fs106_dev_server_in_production;
mod fs107_werkzeug_debugger;
mod fs108_public_debug_page;
mod fs109_leftover_debugger;
mod fs111_testing_mode;
mod fs115_removed_flask_env;
mod fs116_insecure_config_fallback;
mod fs121_error_detail_in_response;
mod fs122_config_in_response;
mod fs125_diagnostic_endpoint;
mod fs126_verbose_logging;
mod fs127_secret_in_log;
mod fs131_unprotected_admin;
mod fs135_source_in_static_folder;
mod fs136_public_sensitive_file;
mod fs138_version_disclosure;
mod secret_name;
mod serving;
mod syntax;

#[rustfmt::skip]
pub(crate) static RULES: &[&dyn Rule] = &[
    &fs101_debug_app_run::DebugAppRun,
    &fs102_debug_in_config::DebugInConfig,
    &fs103_debug_in_environment::DebugInEnvironment,
    &fs104_boolean_from_string::BooleanFromString,
    &fs106_dev_server_in_production::DevServerInProduction,
    &fs107_werkzeug_debugger::WerkzeugDebugger,
    &fs108_public_debug_page::PublicDebugPage,
    &fs109_leftover_debugger::LeftoverDebugger,
    &fs111_testing_mode::TestingMode,
    &fs115_removed_flask_env::RemovedFlaskEnv,
    &fs116_insecure_config_fallback::InsecureConfigFallback,
    &fs121_error_detail_in_response::ErrorDetailInResponse,
    &fs122_config_in_response::ConfigInResponse,
    &fs125_diagnostic_endpoint::DiagnosticEndpoint,
    &fs126_verbose_logging::VerboseLogging,
    &fs127_secret_in_log::SecretInLog,
    &fs131_unprotected_admin::UnprotectedAdmin,
    &fs135_source_in_static_folder::SourceInStaticFolder,
    &fs136_public_sensitive_file::PublicSensitiveFile,
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

/// The remedy where no start command is known.
const ENTRY: &str = "name it with `--entry MODULE:CALLABLE`";
/// The remedy where a variable decides.
const ENV_FILE: &str = "give production's variables with `--env-file FILE`";
