//! Item 3: sessions, cookies and secrets.

use flaskseal_core::{ControlId, Item};

use crate::Rule;

pub(crate) mod coverage;
mod fallback;
mod fs301_hardcoded_secret_key;
mod fs302_default_secret_key;
mod fs303_weak_secret_key;
mod fs304_missing_secret_key;
mod fs305_regenerated_secret_key;
mod fs307_exposed_fallback_key;
mod fs309_forgeable_session_cookie;
mod fs311_secret_in_deploy_file;
mod fs312_secret_in_repository;
mod fs314_hardcoded_credential;
mod fs316_default_account;
mod fs321_insecure_session_cookie;
mod fs322_script_readable_session_cookie;
mod fs323_session_cookie_without_samesite;
mod fs325_broad_session_cookie;
mod fs327_long_session_lifetime;
mod fs329_insecure_app_cookie;
mod fs331_insecure_extension_cookie;
mod fs334_sensitive_data_in_client_session;
mod fs335_unsafe_session_store;
mod fs337_session_fixation;
mod fs338_incomplete_logout;
mod fs339_untrusted_data_in_session;
mod fs341_disabled_login_check;
mod fs342_misordered_decorators;
mod fs343_unprotected_route;
mod fs345_missing_login_throttling;
mod fs346_weak_password_policy;
mod fs351_unsafe_password_storage;
mod fs353_weak_hash;
mod fs354_weak_crypto;
mod fs356_insecure_random;
mod fs357_non_constant_time_compare;
mod fs361_flawed_token_verification;
mod fs364_token_without_expiry;
mod fs368_cacheable_session_response;
mod guards;
mod key;
mod scan;

#[rustfmt::skip]
pub(crate) static RULES: &[&dyn Rule] = &[
    &fs301_hardcoded_secret_key::HardcodedSecretKey,
    &fs302_default_secret_key::DefaultSecretKey,
    &fs303_weak_secret_key::WeakSecretKey,
    &fs304_missing_secret_key::MissingSecretKey,
    &fs305_regenerated_secret_key::RegeneratedSecretKey,
    &fs307_exposed_fallback_key::ExposedFallbackKey,
    &fs309_forgeable_session_cookie::ForgeableSessionCookie,
    &fs311_secret_in_deploy_file::SecretInDeployFile,
    &fs312_secret_in_repository::SecretInRepository,
    &fs314_hardcoded_credential::HardcodedCredential,
    &fs316_default_account::DefaultAccount,
    &fs321_insecure_session_cookie::InsecureSessionCookie,
    &fs322_script_readable_session_cookie::ScriptReadableSessionCookie,
    &fs323_session_cookie_without_samesite::SessionCookieWithoutSamesite,
    &fs325_broad_session_cookie::BroadSessionCookie,
    &fs327_long_session_lifetime::LongSessionLifetime,
    &fs329_insecure_app_cookie::InsecureAppCookie,
    &fs331_insecure_extension_cookie::InsecureExtensionCookie,
    &fs334_sensitive_data_in_client_session::SensitiveDataInClientSession,
    &fs335_unsafe_session_store::UnsafeSessionStore,
    &fs337_session_fixation::SessionFixation,
    &fs338_incomplete_logout::IncompleteLogout,
    &fs339_untrusted_data_in_session::UntrustedDataInSession,
    &fs341_disabled_login_check::DisabledLoginCheck,
    &fs342_misordered_decorators::MisorderedDecorators,
    &fs343_unprotected_route::UnprotectedRoute,
    &fs345_missing_login_throttling::MissingLoginThrottling,
    &fs346_weak_password_policy::WeakPasswordPolicy,
    &fs351_unsafe_password_storage::UnsafePasswordStorage,
    &fs353_weak_hash::WeakHash,
    &fs354_weak_crypto::WeakCrypto,
    &fs356_insecure_random::InsecureRandom,
    &fs357_non_constant_time_compare::NonConstantTimeCompare,
    &fs361_flawed_token_verification::FlawedTokenVerification,
    &fs364_token_without_expiry::TokenWithoutExpiry,
    &fs368_cacheable_session_response::CacheableSessionResponse,
];

const fn control(number: u8) -> ControlId {
    ControlId::new(Item::Session, number)
}

/// SECRET_KEY comes from outside the code.
const KEY_FROM_OUTSIDE: ControlId = control(1);
/// The key is strong.
const STRONG_KEY: ControlId = control(2);
/// The session cookie is Secure.
const SECURE_COOKIE: ControlId = control(3);
/// The session cookie is HttpOnly.
const HTTP_ONLY_COOKIE: ControlId = control(4);
/// The session cookie has SameSite.
const SAME_SITE_COOKIE: ControlId = control(5);
/// Session lifetime and scope are bounded.
const BOUNDED_SESSION: ControlId = control(6);
/// No credentials are in the tree.
const NO_CREDENTIALS: ControlId = control(7);
/// Authentication is wired up and cannot be skipped.
const AUTHENTICATION: ControlId = control(8);
/// Passwords, tokens and cryptography are sound.
const SOUND_CRYPTO: ControlId = control(9);
/// Session contents, storage and caching are sound.
const SESSION_STORAGE: ControlId = control(10);
