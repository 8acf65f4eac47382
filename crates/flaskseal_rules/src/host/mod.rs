//! Item 7: host, firewall and least privilege.

use flaskseal_core::{ControlId, Item};

use crate::Rule;

mod fs751_nginx_alias_traversal;
mod fs752_nginx_open_proxy;
mod fs753_nginx_header_injection;
mod fs754_app_in_nginx_root;
mod fs756_request_smuggling_risk;
mod fs757_ineffective_nginx_access_rule;
mod fs758_missing_nginx_limits;
mod origin;

#[rustfmt::skip]
pub(crate) static RULES: &[&dyn Rule] = &[
    &fs751_nginx_alias_traversal::NginxAliasTraversal,
    &fs752_nginx_open_proxy::NginxOpenProxy,
    &fs753_nginx_header_injection::NginxHeaderInjection,
    &fs754_app_in_nginx_root::AppInNginxRoot,
    &fs756_request_smuggling_risk::RequestSmugglingRisk,
    &fs757_ineffective_nginx_access_rule::IneffectiveNginxAccessRule,
    &fs758_missing_nginx_limits::MissingNginxLimits,
];

const fn control(number: u8) -> ControlId {
    ControlId::new(Item::Host, number)
}

/// Isolation and proxy hygiene.
const PROXY_HYGIENE: ControlId = control(6);
