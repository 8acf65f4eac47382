//! Item 2: HTTPS and certificates.

use flaskseal_core::{ControlId, Item};

use crate::Rule;

mod app;
mod certificates;
mod cipher;
mod front;
mod fs201_missing_tls;
mod fs202_missing_https_redirect;
mod fs205_development_tls;
mod fs206_plain_http_on_tls_port;
mod fs207_untrusted_certificate;
mod fs208_expiring_certificate;
mod fs212_weak_certificate;
mod fs215_manual_certificate_renewal;
mod fs221_weak_tls_protocol;
mod fs222_implicit_tls_protocols;
mod fs223_weak_tls_cipher;
mod fs226_risky_tls_feature;
mod fs231_missing_proxyfix;
mod fs232_excessive_forwarded_trust;
mod fs234_incomplete_proxy_headers;
mod fs241_http_url_scheme;
mod fs243_mixed_content;
mod fs251_disabled_peer_verification;
mod fs253_cleartext_outbound;
mod outbound;

#[rustfmt::skip]
pub(crate) static RULES: &[&dyn Rule] = &[
    &fs201_missing_tls::MissingTls,
    &fs202_missing_https_redirect::MissingHttpsRedirect,
    &fs205_development_tls::DevelopmentTls,
    &fs206_plain_http_on_tls_port::PlainHttpOnTlsPort,
    &fs207_untrusted_certificate::UntrustedCertificate,
    &fs208_expiring_certificate::ExpiringCertificate,
    &fs212_weak_certificate::WeakCertificate,
    &fs215_manual_certificate_renewal::ManualCertificateRenewal,
    &fs221_weak_tls_protocol::WeakTlsProtocol,
    &fs222_implicit_tls_protocols::ImplicitTlsProtocols,
    &fs223_weak_tls_cipher::WeakTlsCipher,
    &fs226_risky_tls_feature::RiskyTlsFeature,
    &fs231_missing_proxyfix::MissingProxyfix,
    &fs232_excessive_forwarded_trust::ExcessiveForwardedTrust,
    &fs234_incomplete_proxy_headers::IncompleteProxyHeaders,
    &fs241_http_url_scheme::HttpUrlScheme,
    &fs243_mixed_content::MixedContent,
    &fs251_disabled_peer_verification::DisabledPeerVerification,
    &fs253_cleartext_outbound::CleartextOutbound,
];

const fn control(number: u8) -> ControlId {
    ControlId::new(Item::Https, number)
}

/// TLS is terminated for public traffic.
const TLS: ControlId = control(1);
/// HTTP is redirected to HTTPS.
const REDIRECT: ControlId = control(2);
/// The certificate is trusted, has the right name and is in date.
const CERTIFICATE: ControlId = control(3);
/// The certificate is renewed automatically.
const RENEWAL: ControlId = control(4);
/// TLS protocols and ciphers are sound.
const SOUND_TLS: ControlId = control(5);
/// The application knows its proxy and trusts only that.
const KNOWN_PROXY: ControlId = control(6);
/// Outgoing connections verify their peer.
const VERIFIED_PEERS: ControlId = control(7);
