//! FS745: gunicorn is set up so that HTTP is read too generously, or without limits.

use flaskseal_core::{
    Assessment, Confidence, Evidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity, Span,
};
use flaskseal_project::Context;
use flaskseal_project::deploy::Server;

use super::PROXY_HYGIENE;
use super::fs711_bind_all_interfaces::{addresses, is_everywhere};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(745),
    name: "unsafe-gunicorn-setting",
    summary: "gunicorn is configured in a way that weakens HTTP handling or isolation.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[PROXY_HYGIENE],
    layers: &[Layer::Source, Layer::Deploy],
    cwe: &[444, 16],
    owasp: Some("A05"),
    asvs: &["V4.2.1"],
    fix: FixAvailability::None,
    page: include_str!("fs745_unsafe_gunicorn_setting.md"),
};

pub(crate) struct UnsafeGunicornSetting;

impl Rule for UnsafeGunicornSetting {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let Some(process) = cx.entry.process.as_ref().filter(|process| process.server == Server::Gunicorn)
        else {
            return;
        };
        if process.dev {
            return;
        }
        for (name, unsafe_value, severity, effect) in SETTINGS {
            let Some(setting) = Setting::of(cx, name) else { continue };
            if setting.is(unsafe_value) {
                report(cx, &setting, *severity, format!("`{name}` {effect}"), out);
            }
        }
        if let (Some(allowed), Some(protocol)) =
            (Setting::of(cx, "proxy_allow_ips"), Setting::of(cx, "proxy_protocol"))
            && allowed.text == "*"
            && !matches!(protocol.text.as_str(), "False" | "off")
            && addresses(cx, process).iter().any(|(address, _)| is_everywhere(address))
        {
            report(
                cx,
                &allowed,
                Severity::Medium,
                "`proxy_allow_ips` lets everybody name the client's address".to_owned(),
                out,
            );
        }
        shared_socket(cx, out);
    }
}

enum Unsafe {
    On,
    Is(&'static str),
}

/// From gunicorn's page of settings.
static SETTINGS: &[(&str, Unsafe, Severity, &str)] = &[
    (
        "header_map",
        Unsafe::Is("dangerous"),
        Severity::Medium,
        "lets clients set headers that the proxy alone should set",
    ),
    (
        "permit_obsolete_folding",
        Unsafe::On,
        Severity::Medium,
        "accepts folded headers, which proxies read otherwise",
    ),
    (
        "strip_header_spaces",
        Unsafe::On,
        Severity::Medium,
        "accepts blanks before a colon, which proxies read otherwise",
    ),
    (
        "permit_unconventional_http_method",
        Unsafe::On,
        Severity::Medium,
        "accepts methods that proxies read otherwise",
    ),
    (
        "permit_unconventional_http_version",
        Unsafe::On,
        Severity::Medium,
        "accepts versions that proxies read otherwise",
    ),
    ("limit_request_line", Unsafe::Is("0"), Severity::Low, "takes the limit off the request line"),
    ("limit_request_fields", Unsafe::Is("0"), Severity::Low, "takes the limit off the number of headers"),
    ("limit_request_field_size", Unsafe::Is("0"), Severity::Low, "takes the limit off the size of a header"),
    (
        "reload",
        Unsafe::On,
        Severity::Low,
        "restarts the workers whenever a file changes, which is for development",
    ),
    ("spew", Unsafe::On, Severity::Low, "prints every line that is run"),
    ("timeout", Unsafe::Is("0"), Severity::Low, "lets a worker hang for ever"),
];

struct Setting {
    text: String,
    span: Option<Span>,
}

impl Setting {
    /// What the command line says, or else the server's file.
    fn of(cx: &Context<'_>, name: &str) -> Option<Self> {
        let long = match name {
            "proxy_allow_ips" => "proxy-allow-from".to_owned(),
            _ => name.replace('_', "-"),
        };
        let options = cx.entry.process.iter().flat_map(|process| &process.options);
        let mut options = options.filter(|option| option.name == long || option.name == name);
        if let Some(option) = options.next_back() {
            let text = option.value.as_ref().map_or("True", |value| value.or_default().unwrap_or(""));
            return Some(Self { text: text.to_owned(), span: Some(option.span) });
        }
        let (_, fact) = cx.entry.server_settings.iter().find(|(known, _)| &**known == name)?;
        let value = fact.by_default();
        let text = match (value.as_bool(), value.as_int(), value.as_str()) {
            (Some(true), ..) => "True".to_owned(),
            (Some(false), ..) => "False".to_owned(),
            (_, Some(number), _) => number.to_string(),
            (_, _, Some(text)) => text.to_owned(),
            _ => return None,
        };
        Some(Self { text, span: fact.at })
    }

    fn is(&self, wanted: &Unsafe) -> bool {
        match wanted {
            Unsafe::On => self.text == "True",
            Unsafe::Is(text) => self.text.eq_ignore_ascii_case(text),
        }
    }
}

fn report(cx: &Context<'_>, setting: &Setting, severity: Severity, message: String, out: &mut Assessment) {
    let claim = "set here";
    let primary = match setting.span {
        Some(span) => cx.evidence(span, claim),
        None => Evidence::general(Layer::Deploy, claim),
    };
    out.fail(
        Finding::new(META.id, severity, META.confidence, primary, message)
            .with_fix(Fix::advice("leave it at its default")),
    );
}

/// A socket in `/tmp` is made with mode 0777 where no umask is set.
fn shared_socket(cx: &Context<'_>, out: &mut Assessment) {
    let Some(process) = &cx.entry.process else { return };
    // In a container nobody else is there.
    if process.image.is_some() || Setting::of(cx, "umask").is_some_and(|umask| umask.text != "0") {
        return;
    }
    for (address, span) in addresses(cx, process) {
        if address.starts_with("unix:/tmp/") {
            let setting = Setting { text: address, span };
            report(
                cx,
                &setting,
                Severity::Low,
                "every user of the host can connect to the socket in `/tmp`".to_owned(),
                out,
            );
        }
    }
}
