//! Item 7: host, firewall and least privilege.

use flaskseal_core::{ControlId, Item};

use crate::Rule;

mod deployed;
mod fs701_inactive_firewall;
mod fs702_permissive_firewall_default;
mod fs703_unexpected_open_port;
mod fs704_public_application_port;
mod fs705_world_open_ssh;
mod fs707_docker_firewall_bypass;
mod fs711_bind_all_interfaces;
mod fs712_exposed_data_service;
mod fs721_root_container;
mod fs722_privileged_container;
mod fs723_sensitive_mount;
mod fs724_unhardened_container;
mod fs730_leaky_build_context;
mod fs731_unsafe_build_step;
mod fs741_root_service;
mod fs742_unhardened_systemd_unit;
mod fs745_unsafe_gunicorn_setting;
mod fs746_exposed_uwsgi_socket;
mod fs751_nginx_alias_traversal;
mod fs752_nginx_open_proxy;
mod fs753_nginx_header_injection;
mod fs754_app_in_nginx_root;
mod fs756_request_smuggling_risk;
mod fs757_ineffective_nginx_access_rule;
mod fs758_missing_nginx_limits;
mod fs761_readable_secret_file;
mod fs762_writable_code;
mod fs765_insecure_temporary_file;
mod fs766_weak_host_baseline;
mod fs771_weak_pod_security;
mod fs782_database_superuser;
mod fs784_check_then_use_race;
mod listening;
mod modes;
mod origin;
mod placed;
mod platform;
mod services;

#[rustfmt::skip]
pub(crate) static RULES: &[&dyn Rule] = &[
    &fs701_inactive_firewall::InactiveFirewall,
    &fs702_permissive_firewall_default::PermissiveFirewallDefault,
    &fs703_unexpected_open_port::UnexpectedOpenPort,
    &fs704_public_application_port::PublicApplicationPort,
    &fs705_world_open_ssh::WorldOpenSsh,
    &fs707_docker_firewall_bypass::DockerFirewallBypass,
    &fs711_bind_all_interfaces::BindAllInterfaces,
    &fs712_exposed_data_service::ExposedDataService,
    &fs721_root_container::RootContainer,
    &fs722_privileged_container::PrivilegedContainer,
    &fs723_sensitive_mount::SensitiveMount,
    &fs724_unhardened_container::UnhardenedContainer,
    &fs730_leaky_build_context::LeakyBuildContext,
    &fs731_unsafe_build_step::UnsafeBuildStep,
    &fs741_root_service::RootService,
    &fs742_unhardened_systemd_unit::UnhardenedSystemdUnit,
    &fs745_unsafe_gunicorn_setting::UnsafeGunicornSetting,
    &fs746_exposed_uwsgi_socket::ExposedUwsgiSocket,
    &fs751_nginx_alias_traversal::NginxAliasTraversal,
    &fs752_nginx_open_proxy::NginxOpenProxy,
    &fs753_nginx_header_injection::NginxHeaderInjection,
    &fs754_app_in_nginx_root::AppInNginxRoot,
    &fs756_request_smuggling_risk::RequestSmugglingRisk,
    &fs757_ineffective_nginx_access_rule::IneffectiveNginxAccessRule,
    &fs758_missing_nginx_limits::MissingNginxLimits,
    &fs761_readable_secret_file::ReadableSecretFile,
    &fs762_writable_code::WritableCode,
    &fs765_insecure_temporary_file::InsecureTemporaryFile,
    &fs766_weak_host_baseline::WeakHostBaseline,
    &fs771_weak_pod_security::WeakPodSecurity,
    &fs782_database_superuser::DatabaseSuperuser,
    &fs784_check_then_use_race::CheckThenUseRace,
];

const fn control(number: u8) -> ControlId {
    ControlId::new(Item::Host, number)
}

/// A firewall denies incoming traffic by default.
const FIREWALL: ControlId = control(1);
/// Only intended ports are open.
const INTENDED_PORTS: ControlId = control(2);
/// The application port is not public.
const PRIVATE_APPLICATION: ControlId = control(3);
/// Processes run unprivileged.
const UNPRIVILEGED: ControlId = control(4);
/// Secrets and code have tight file modes.
const FILE_MODES: ControlId = control(5);
/// Isolation and proxy hygiene.
const PROXY_HYGIENE: ControlId = control(6);
