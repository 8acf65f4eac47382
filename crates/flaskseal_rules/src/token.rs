//! Secrets that can be told by their form: tokens of providers, private keys.
//!
//! One pass of a multi-pattern search over each text; only where a prefix stands is anything else looked at.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use flaskseal_core::{Confidence, Severity, TextRange, shannon_entropy_bits};

/// A secret in a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Token {
    pub(crate) range: TextRange,
    /// "a GitHub token".
    pub(crate) what: &'static str,
    pub(crate) severity: Severity,
    pub(crate) confidence: Confidence,
}

#[derive(Clone, Copy)]
enum Body {
    Alphanumeric,
    Hexadecimal,
    /// Letters of one case and digits.
    Upper,
    /// Letters, digits, `-`, `_`.
    Url,
    /// Letters, digits, `-`, `_`, `.`, `/`, `+`, `=`.
    Any,
    /// A private key in PEM.
    Pem,
}

struct Format {
    prefix: &'static str,
    body: Body,
    /// The least and the greatest length of what follows the prefix.
    length: (usize, usize),
    what: &'static str,
    severity: Severity,
}

const fn format(prefix: &'static str, body: Body, least: usize, most: usize, what: &'static str) -> Format {
    Format { prefix, body, length: (least, most), what, severity: Severity::Critical }
}

const fn lesser(severity: Severity, mut format: Format) -> Format {
    format.severity = severity;
    format
}

/// From the providers' own documentation of their formats.
#[rustfmt::skip]
static FORMATS: &[Format] = &[
    format("-----BEGIN ", Body::Pem, 0, 0, "a private key"),
    format("AGE-SECRET-KEY-1", Body::Upper, 58, 58, "an age key"),
    format("AKIA", Body::Upper, 16, 16, "an AWS access key"),
    format("ASIA", Body::Upper, 16, 16, "a temporary AWS access key"),
    format("ATATT3", Body::Any, 150, 260, "an Atlassian token"),
    lesser(Severity::High, format("AIza", Body::Url, 35, 35, "a Google API key")),
    format("AccountKey=", Body::Any, 86, 88, "an Azure storage key"),
    format("GOCSPX-", Body::Url, 28, 28, "a Google OAuth client secret"),
    format("NRAK-", Body::Upper, 27, 27, "a New Relic key"),
    format("PMAK-", Body::Url, 59, 59, "a Postman key"),
    format("SG.", Body::Any, 66, 66, "a SendGrid key"),
    format("dapi", Body::Hexadecimal, 32, 34, "a Databricks token"),
    format("discord.com/api/webhooks/", Body::Any, 75, 100, "a Discord webhook"),
    format("discordapp.com/api/webhooks/", Body::Any, 75, 100, "a Discord webhook"),
    format("dop_v1_", Body::Hexadecimal, 64, 64, "a DigitalOcean token"),
    format("dp.pt.", Body::Alphanumeric, 40, 44, "a Doppler token"),
    format("ghp_", Body::Alphanumeric, 36, 251, "a GitHub token"),
    format("gho_", Body::Alphanumeric, 36, 251, "a GitHub OAuth token"),
    format("ghr_", Body::Alphanumeric, 36, 251, "a GitHub refresh token"),
    format("ghs_", Body::Alphanumeric, 36, 251, "a GitHub server token"),
    format("ghu_", Body::Alphanumeric, 36, 251, "a GitHub user token"),
    format("github_pat_", Body::Url, 82, 82, "a GitHub token"),
    format("glc_", Body::Any, 32, 400, "a Grafana token"),
    format("glpat-", Body::Url, 20, 60, "a GitLab token"),
    format("glsa_", Body::Url, 41, 41, "a Grafana token"),
    format("hf_", Body::Alphanumeric, 34, 34, "a Hugging Face token"),
    format("hooks.slack.com/services/T", Body::Any, 30, 60, "a Slack webhook"),
    format("hvs.", Body::Url, 24, 150, "a Vault token"),
    format("lin_api_", Body::Alphanumeric, 40, 40, "a Linear key"),
    format("npm_", Body::Alphanumeric, 36, 36, "an npm token"),
    format("pscale_tkn_", Body::Url, 32, 64, "a PlanetScale token"),
    format("pypi-AgEIcHlwaS5vcmc", Body::Url, 50, 1000, "a PyPI token"),
    format("rk_live_", Body::Alphanumeric, 24, 247, "a Stripe live key"),
    format("sbp_", Body::Hexadecimal, 40, 40, "a Supabase token"),
    format("shpat_", Body::Hexadecimal, 32, 32, "a Shopify token"),
    format("shpss_", Body::Hexadecimal, 32, 32, "a Shopify secret"),
    format("sk-ant-", Body::Url, 80, 120, "an Anthropic key"),
    format("sk-proj-", Body::Url, 40, 200, "an OpenAI key"),
    format("sk_live_", Body::Alphanumeric, 24, 247, "a Stripe live key"),
    lesser(Severity::Low, format("sk_test_", Body::Alphanumeric, 24, 247, "a Stripe test key")),
    format("sq0csp-", Body::Url, 43, 43, "a Square secret"),
    format("whsec_", Body::Any, 32, 64, "a webhook secret"),
    format("xapp-", Body::Url, 40, 200, "a Slack token"),
    format("xoxb-", Body::Url, 40, 100, "a Slack token"),
    format("xoxp-", Body::Url, 40, 100, "a Slack token"),
];

/// Every token of a text, in order.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    static SEARCH: LazyLock<AhoCorasick> = LazyLock::new(|| {
        AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(FORMATS.iter().map(|format| format.prefix))
            .expect("a short list of short patterns")
    });
    let mut found = Vec::new();
    for hit in SEARCH.find_iter(text) {
        // A hostile file must not make this grow without bound.
        if found.len() >= 100 {
            break;
        }
        let format = &FORMATS[hit.pattern().as_usize()];
        let token = match format.body {
            Body::Pem => private_key(text, hit.start()),
            _ => token(text, hit.start(), format),
        };
        found.extend(token);
    }
    found
}

fn token(text: &str, start: usize, format: &Format) -> Option<Token> {
    let before = text.get(..start)?.bytes().next_back();
    let is_inside_word = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let rest = text.get(start + format.prefix.len()..)?;
    let length = rest.bytes().take(1001).take_while(|byte| format.body.has(*byte)).count();
    let body = rest.get(..length)?;
    if is_inside_word || length < format.length.0 || length > format.length.1 || is_sample(body) {
        return None;
    }
    let checked = matches!(format.prefix, "ghp_" | "gho_" | "ghs_" | "ghu_" | "npm_") && has_checksum(body);
    let end = start + format.prefix.len() + length;
    Some(Token {
        range: TextRange::new(start as u32, end as u32),
        what: format.what,
        severity: format.severity,
        confidence: if checked { Confidence::Certain } else { Confidence::Firm },
    })
}

impl Body {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Hexadecimal => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
            Self::Upper => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
            Self::Url => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
            Self::Any => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/' | b'+' | b'=')
            }
            Self::Pem => false,
        }
    }
}

/// Values that documentation prints, and fillers.
fn is_sample(body: &str) -> bool {
    let lower = body.to_ascii_lowercase();
    #[expect(clippy::cast_precision_loss, reason = "at most 1001")]
    let bits = shannon_entropy_bits(body) / body.len().max(1) as f64;
    bits < 2.6
        || ["example", "xxxx", "placeholder", "yourtoken", "your-", "your_", "redacted"]
            .iter()
            .any(|word| lower.contains(word))
}

/// The last six characters are a CRC-32 of the others in base 62 ("Behind GitHub's new authentication token formats").
fn has_checksum(body: &str) -> bool {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let Some((random, checksum)) = body.len().checked_sub(6).and_then(|at| body.split_at_checked(at)) else {
        return false;
    };
    let mut crc = u32::MAX;
    for byte in random.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    let mut rest = !crc;
    checksum.bytes().rev().all(|byte| {
        let digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
        digit == byte
    })
}

/// A PEM block with a private key: the label, and a body that is more than dots. Line breaks may be escaped, as in JSON.
fn private_key(text: &str, start: usize) -> Option<Token> {
    let rest = text.get(start..)?;
    let label_end = rest.get("-----BEGIN ".len()..)?.bytes().take(40).position(|byte| byte == b'-')?
        + "-----BEGIN ".len();
    let label = rest.get("-----BEGIN ".len()..label_end)?;
    if !label.ends_with("PRIVATE KEY") && label != "PGP PRIVATE KEY BLOCK" {
        return None;
    }
    let body = rest.get(label_end..)?.strip_prefix("-----")?;
    let body_start = label_end + 5;
    // The bound keeps hostile text cheap.
    let mut end = body.len().min(16 * 1024);
    while !body.is_char_boundary(end) {
        end -= 1;
    }
    let body = body.get(..end)?;
    let end = body.find("-----END").unwrap_or(end);
    let inside = body.get(..end)?;
    // The marker ends its line, and what follows is a header or base64: prose about keys quotes the marker, too.
    let first_line = inside.strip_prefix("\\r").unwrap_or(inside).strip_prefix("\\n").unwrap_or(inside);
    let starts_line = first_line.len() < inside.len() || inside.starts_with(['\n', '\r', '"', '\'']);
    let first_line =
        first_line.split("\\n").flat_map(str::lines).map(str::trim).find(|line| !line.is_empty())?;
    if !starts_line || (first_line.contains(' ') && !first_line.contains(": ")) {
        return None;
    }
    let material: String =
        inside.replace("\\n", "").chars().filter(|c| !c.is_whitespace() && *c != '"').collect();
    let is_base64 = material
        .bytes()
        .filter(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
        .count();
    if is_base64 < 64
        || is_base64 * 10 < material.len() * 9
        || is_sample(material.get(..material.len().min(512)).unwrap_or(""))
    {
        return None;
    }
    let encrypted = label.starts_with("ENCRYPTED") || inside.contains("Proc-Type: 4,ENCRYPTED");
    let (what, severity) = if encrypted {
        ("an encrypted private key", Severity::High)
    } else {
        ("a private key", Severity::Critical)
    };
    let range = TextRange::new((start + body_start) as u32, (start + body_start + end) as u32);
    Some(Token { range, what, severity, confidence: Confidence::Certain })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_samples_and_lookalikes_are_no_tokens() {
        for text in [
            "AKIAIOSFODNN7EXAMPLE",
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "MAKIA4JD82HSKQ0WMX7B9",
            "sk_live_short",
            "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxq1x\n-----END PUBLIC KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----",
            "the key without the -----BEGIN PRIVATE KEY-----\n    header and footer, which is what the service of \
             the other department of the same company expects to be given every time it is asked for\n",
            "-----BEGIN ",
        ] {
            assert_eq!(tokens(text), [], "{text}");
        }
    }

    #[test]
    fn provider_formats_are_found() {
        let id = ["AKIA", "4JD82HSKQ0WMX7B9"].concat();
        assert_eq!(tokens(&format!("key = \"{id}\"")).len(), 1);
        let stripe = ["sk_", "live_", "4eC39HqLyjWDarjtT1zdp7dc"].concat();
        assert_eq!(tokens(&stripe)[0].what, "a Stripe live key");
    }

    #[test]
    fn checksums_are_those_of_zlib() {
        // zlib.crc32(b"123456789") is 0xCBF43926.
        assert!(has_checksum("1234567893jZRME") && !has_checksum("123456789000000") && !has_checksum("x"));
    }
}
