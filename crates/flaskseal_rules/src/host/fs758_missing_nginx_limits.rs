//! FS758: nginx sets no bound to bodies, or waits too long.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Project;

use super::PROXY_HYGIENE;
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(758),
    name: "missing-nginx-limits",
    summary: "nginx takes bodies of any size, or waits for minutes for a client that sends nothing.",
    severity: Severity::Low,
    confidence: Confidence::Certain,
    controls: &[PROXY_HYGIENE],
    layers: &[Layer::Deploy, Layer::Host],
    cwe: &[770],
    owasp: Some("A04~"),
    asvs: &["V5.2.1", "V6.3.1"],
    fix: FixAvailability::None,
    page: include_str!("fs758_missing_nginx_limits.md"),
};

pub(crate) struct MissingNginxLimits;

/// Directives that say how long nginx waits for a client or for the application, all 60 or 75 seconds by default.
const TIMES: [&str; 8] = [
    "client_body_timeout",
    "client_header_timeout",
    "send_timeout",
    "keepalive_timeout",
    "proxy_read_timeout",
    "proxy_send_timeout",
    "uwsgi_read_timeout",
    "fastcgi_read_timeout",
];

/// Seconds.
const LONG: u64 = 600;

impl Rule for MissingNginxLimits {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for configuration in nginx::configurations(project) {
            for (id, directive) in nginx::directives(configuration) {
                let name = directive.name.text.as_str();
                let value = directive.argument(0).unwrap_or("");
                let (message, advice) = if name == "client_max_body_size" && is_nothing(value) {
                    (
                        "bodies of any size are taken".to_owned(),
                        "name the largest body that the application needs",
                    )
                } else if TIMES.contains(&name) && seconds(value).is_some_and(|time| time >= LONG) {
                    (format!("`{name}` lets a connection wait for {value}"), "a minute is enough for most")
                } else {
                    continue;
                };
                let primary = nginx::evidence(directive.span, "takes the bound away");
                let finding = Finding::new(META.id, META.severity, META.confidence, primary, message)
                    .with_scope(nginx::scope(configuration, id))
                    .with_fix(Fix::advice(advice));
                out.fail(finding);
            }
        }
    }
}

/// `0`, with any unit.
fn is_nothing(size: &str) -> bool {
    size.trim_end_matches(|unit: char| unit.is_ascii_alphabetic()) == "0"
}

/// `90`, `75s`, `10m`, `1h 30m`: in seconds. None for what is no time.
fn seconds(time: &str) -> Option<u64> {
    let mut total = 0_u64;
    let mut digits = String::new();
    let mut characters = time.chars().peekable();
    while let Some(character) = characters.next() {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        if character == ' ' {
            continue;
        }
        let number: u64 = std::mem::take(&mut digits).parse().ok()?;
        let factor = match character {
            'm' if characters.peek() == Some(&'s') => {
                characters.next();
                total = total.saturating_add(number / 1000);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            'M' => 2_592_000,
            'y' => 31_536_000,
            _ => return None,
        };
        total = total.saturating_add(number.saturating_mul(factor));
    }
    if digits.is_empty() { Some(total) } else { Some(total.saturating_add(digits.parse().ok()?)) }
}
