//! Item 5: security headers and output escaping.

use flaskseal_core::{Assessment, ControlId, Gap, Item};
use flaskseal_live::{Live, Purpose};
use flaskseal_project::Context;

use self::effective::{Coverage, Headers};
use self::html::Pages;
use crate::Rule;
use crate::session::coverage;

mod cors;
mod effective;
mod front;
mod fs501_missing_csp;
mod fs503_weak_csp_sources;
mod fs506_incomplete_csp;
mod fs511_unrestricted_framing;
mod fs513_missing_nosniff;
mod fs514_weak_referrer_policy;
mod fs515_missing_isolation_headers;
mod fs517_obsolete_header;
mod fs521_missing_hsts;
mod fs522_weak_hsts;
mod fs526_cacheable_sensitive_response;
mod fs528_dropped_proxy_header;
mod fs530_inconsistent_headers;
mod fs535_credentialed_cors_any_origin;
mod fs536_permissive_cors;
mod fs541_reflected_xss;
mod fs542_stored_xss;
mod fs543_unproven_markup;
mod fs544_template_safe_filter;
mod fs545_disabled_autoescape;
mod fs550_unquoted_template_attribute;
mod fs551_unsafe_template_url;
mod fs552_unsafe_template_script;
mod fs554_double_escaping;
mod fs556_mismatched_response_type;
mod fs558_unsanitized_rich_text;
mod fs561_missing_sri;
mod html;
mod meta;
mod printed;
mod served_csp;
mod talisman;
mod transport;

#[rustfmt::skip]
pub(crate) static RULES: &[&dyn Rule] = &[
    &fs501_missing_csp::MissingCsp,
    &fs503_weak_csp_sources::WeakCspSources,
    &fs506_incomplete_csp::IncompleteCsp,
    &fs511_unrestricted_framing::UnrestrictedFraming,
    &fs513_missing_nosniff::MissingNosniff,
    &fs514_weak_referrer_policy::WeakReferrerPolicy,
    &fs515_missing_isolation_headers::MissingIsolationHeaders,
    &fs517_obsolete_header::ObsoleteHeader,
    &fs521_missing_hsts::MissingHsts,
    &fs522_weak_hsts::WeakHsts,
    &fs526_cacheable_sensitive_response::CacheableSensitiveResponse,
    &fs528_dropped_proxy_header::DroppedProxyHeader,
    &fs530_inconsistent_headers::InconsistentHeaders,
    &fs535_credentialed_cors_any_origin::CredentialedCorsAnyOrigin,
    &fs536_permissive_cors::PermissiveCors,
    &fs541_reflected_xss::ReflectedXss,
    &fs542_stored_xss::StoredXss,
    &fs543_unproven_markup::UnprovenMarkup,
    &fs544_template_safe_filter::TemplateSafeFilter,
    &fs545_disabled_autoescape::DisabledAutoescape,
    &fs550_unquoted_template_attribute::UnquotedTemplateAttribute,
    &fs551_unsafe_template_url::UnsafeTemplateUrl,
    &fs552_unsafe_template_script::UnsafeTemplateScript,
    &fs554_double_escaping::DoubleEscaping,
    &fs556_mismatched_response_type::MismatchedResponseType,
    &fs558_unsanitized_rich_text::UnsanitizedRichText,
    &fs561_missing_sri::MissingSri,
];

const fn control(number: u8) -> ControlId {
    ControlId::new(Item::Headers, number)
}

/// A content security policy is sent.
const POLICY: ControlId = control(1);
/// Framing is restricted.
const FRAMING: ControlId = control(2);
/// Content types are not sniffed.
const NO_SNIFFING: ControlId = control(3);
/// HSTS is sent.
const TRANSPORT: ControlId = control(4);
/// Referrer, permissions, isolation and caching headers.
const OTHER_HEADERS: ControlId = control(5);
/// Output is escaped.
const ESCAPED_OUTPUT: ControlId = control(6);
/// CORS is restrictive.
const CORS: ControlId = control(7);

/// Whether a header that the pages of a running site carry is on all of them. Where files set it for some responses only,
/// the pages that were asked for prove nothing of the others, unless the error page, which is nobody's, has it too.
fn is_on_all(live: &Live<'_>, starts: &[Context<'_>], name: &str) -> bool {
    let is_partial = |cx: &Context<'_>| matches!(Headers::of(cx).coverage(name), Coverage::Some(_));
    !starts.iter().any(is_partial) || live.of(Purpose::Missing).any(|answer| answer.header(name).is_some())
}

/// Whether the application sends pages; where it does not, or where that is not known, says so for a control.
fn has_pages(cx: &Context<'_>, control: ControlId, out: &mut Assessment) -> bool {
    if cx.app.is_none() {
        out.gap(
            control,
            Gap::new("no Flask application was found", "name it with `--entry MODULE:CALLABLE`"),
        );
        return false;
    }
    match html::pages(cx) {
        Pages::Some => true,
        Pages::Unknown => {
            out.gap(control, Gap::new("whether the application answers with pages is not known", ""));
            false
        }
        Pages::None => {
            match coverage::examined(cx) {
                Err(gap) if !cx.entry.guessed => out.gap(control, gap),
                _ => out.not_applicable(control, "no route answers with a page"),
            }
            false
        }
    }
}
