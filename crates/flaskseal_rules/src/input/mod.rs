//! Item 4: input validation and CSRF.

use flaskseal_core::{ControlId, Item};

use crate::Rule;

mod csrf;
mod fs401_sql_injection;
mod fs403_nosql_injection;
mod fs404_command_injection;
mod fs405_argument_injection;
mod fs407_code_injection;
mod fs408_unsafe_reflection;
mod fs409_template_injection;
mod fs410_template_name_injection;
mod fs411_path_traversal;
mod fs412_weak_path_guard;
mod fs414_served_project_directory;
mod fs415_unsafe_archive_extraction;
mod fs421_ssrf;
mod fs424_open_redirect;
mod fs426_trusted_host_header;
mod fs427_header_injection;
mod fs431_unsafe_deserialization;
mod fs434_xxe;
mod fs436_xpath_injection;
mod fs437_ldap_injection;
mod fs438_xml_injection;
mod fs441_log_injection;
mod fs442_email_injection;
mod fs443_spreadsheet_formula_injection;
mod fs444_regex_denial_of_service;
mod fs446_format_string_injection;
mod fs447_mass_assignment;
mod fs449_resource_exhaustion;
mod fs452_client_controlled_decision;
mod fs455_unvalidated_input;
mod fs461_unrestricted_upload_type;
mod fs463_active_upload_content;
mod fs464_unlimited_request_size;
mod fs471_missing_csrf_protection;
mod fs472_disabled_csrf;
mod fs473_csrf_exempt_view;
mod fs474_form_without_csrf_token;
mod fs475_state_change_via_get;
mod fs479_unchecked_websocket_origin;
mod requested;
mod state_change;
mod uploads;

#[rustfmt::skip]
pub(crate) static RULES: &[&dyn Rule] = &[
    &fs401_sql_injection::SqlInjection,
    &fs403_nosql_injection::NosqlInjection,
    &fs404_command_injection::CommandInjection,
    &fs405_argument_injection::ArgumentInjection,
    &fs407_code_injection::CodeInjection,
    &fs408_unsafe_reflection::UnsafeReflection,
    &fs409_template_injection::TemplateInjection,
    &fs410_template_name_injection::TemplateNameInjection,
    &fs411_path_traversal::PathTraversal,
    &fs412_weak_path_guard::WeakPathGuard,
    &fs414_served_project_directory::ServedProjectDirectory,
    &fs415_unsafe_archive_extraction::UnsafeArchiveExtraction,
    &fs421_ssrf::Ssrf,
    &fs424_open_redirect::OpenRedirect,
    &fs426_trusted_host_header::TrustedHostHeader,
    &fs427_header_injection::HeaderInjection,
    &fs431_unsafe_deserialization::UnsafeDeserialization,
    &fs434_xxe::Xxe,
    &fs436_xpath_injection::XpathInjection,
    &fs437_ldap_injection::LdapInjection,
    &fs438_xml_injection::XmlInjection,
    &fs441_log_injection::LogInjection,
    &fs442_email_injection::EmailInjection,
    &fs443_spreadsheet_formula_injection::SpreadsheetFormulaInjection,
    &fs444_regex_denial_of_service::RegexDenialOfService,
    &fs446_format_string_injection::FormatStringInjection,
    &fs447_mass_assignment::MassAssignment,
    &fs449_resource_exhaustion::ResourceExhaustion,
    &fs452_client_controlled_decision::ClientControlledDecision,
    &fs455_unvalidated_input::UnvalidatedInput,
    &fs461_unrestricted_upload_type::UnrestrictedUploadType,
    &fs463_active_upload_content::ActiveUploadContent,
    &fs464_unlimited_request_size::UnlimitedRequestSize,
    &fs471_missing_csrf_protection::MissingCsrfProtection,
    &fs472_disabled_csrf::DisabledCsrf,
    &fs473_csrf_exempt_view::CsrfExemptView,
    &fs474_form_without_csrf_token::FormWithoutCsrfToken,
    &fs475_state_change_via_get::StateChangeViaGet,
    &fs479_unchecked_websocket_origin::UncheckedWebsocketOrigin,
];

const fn control(number: u8) -> ControlId {
    ControlId::new(Item::Input, number)
}

/// No injection.
const NO_INJECTION: ControlId = control(1);
/// Input is validated.
const VALIDATION: ControlId = control(2);
/// State changes are protected against CSRF.
const CSRF: ControlId = control(3);
/// Uploads are bounded and stored safely.
const SAFE_UPLOADS: ControlId = control(4);
