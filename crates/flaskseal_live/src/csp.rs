//! Content security policies, read and judged as browsers do: split at semicolons, names in any case, the first of a
//! name counts, unknown names are passed over.
//!
//! Published crates enforce policies; none says what is wrong with one, which needs the parts that a browser drops.

use crate::meta;

/// The policies that headers of one answer hold: a header may join several with commas, and each has to allow what
/// happens.
pub fn policies<'v>(values: impl IntoIterator<Item = &'v str>) -> Vec<Policy> {
    let parts = values.into_iter().flat_map(|value| value.split(','));
    parts.map(Policy::parse).filter(|policy| !policy.directives.is_empty()).take(MAX_POLICIES).collect()
}

/// The policy of a page's `<meta>` element, which browsers enforce from there on.
pub fn of_meta(page: &str) -> Option<&str> {
    meta::content(page, "http-equiv", "content-security-policy")
}

/// Sources that permit what policies are there to stop, with all of them in force: what one of them leaves open and
/// another stops is no weakness.
pub fn weak_sources(policies: &[Policy]) -> Vec<Defect> {
    let stops = |policy: &Policy| {
        let injections = [
            Injection::InlineScript,
            Injection::EventHandler,
            Injection::ForeignScript,
            Injection::DataScript,
        ];
        policy.governs_scripts() && !injections.iter().any(|injection| policy.runs(*injection))
    };
    let is_stopped = policies.len() > 1 && policies.iter().any(stops);
    let mut defects: Vec<Defect> = Vec::new();
    for policy in policies.iter().filter(|policy| !is_stopped || stops(policy)) {
        for defect in policy.weak_sources() {
            if !defects.iter().any(|known| known.text == defect.text) {
                defects.push(defect);
            }
        }
    }
    defects
}

/// Something that an attacker gets into a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Injection {
    /// `<script>…</script>`
    InlineScript,
    /// `<img onerror="…">`
    EventHandler,
    /// `<script src="https://…">` of a site that the attacker owns.
    ForeignScript,
    /// `<script src="data:…">`
    DataScript,
}

/// Whether browsers run what was injected, with all policies in force.
pub fn runs(policies: &[Policy], injection: Injection) -> bool {
    policies.iter().all(|policy| policy.runs(injection))
}

/// A page has a few policies at the most.
const MAX_POLICIES: usize = 32;

/// A policy as it was written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    /// In order; names in lower case. The first of a name counts.
    pub directives: Vec<Directive>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Directive {
    pub name: String,
    pub sources: Vec<String>,
}

/// How bad a defect is: what the policy loses by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Weight {
    Low,
    Medium,
    High,
}

pub struct Defect {
    pub weight: Weight,
    pub text: String,
}

impl Policy {
    pub fn parse(text: &str) -> Self {
        let directives = text.split(';').filter_map(|part| {
            let mut words = part.split_ascii_whitespace();
            let name = words.next()?.to_ascii_lowercase();
            Some(Directive { name, sources: words.map(str::to_owned).collect() })
        });
        Self { directives: directives.take(MAX_DIRECTIVES).collect() }
    }

    /// The sources of the first directive of a name.
    pub fn get(&self, name: &str) -> Option<&[String]> {
        self.directives
            .iter()
            .find(|directive| directive.name == name)
            .map(|directive| directive.sources.as_slice())
    }

    /// The sources that count for a kind of content, through `default-src`.
    fn effective(&self, name: &str) -> Option<&[String]> {
        self.get(name).or_else(|| self.get("default-src"))
    }

    /// The directive that governs scripts, and its sources: `script-src-elem` or `script-src-attr`, `script-src`,
    /// `default-src`.
    fn scripts(&self, part: &'static str) -> Option<(&'static str, &[String])> {
        [part, "script-src", "default-src"].into_iter().find_map(|name| Some((name, self.get(name)?)))
    }

    /// By Content Security Policy Level 3, sections 4.2.3, 6.7.2 and 6.7.3.
    fn runs(&self, injection: Injection) -> bool {
        let sandbox = self.get("sandbox");
        if sandbox.is_some_and(|tokens| !has(tokens, "allow-scripts")) {
            return false;
        }
        let part = if injection == Injection::EventHandler { "script-src-attr" } else { "script-src-elem" };
        let Some((_, sources)) = self.scripts(part) else { return true };
        let is_strict = has(sources, "'strict-dynamic'");
        match injection {
            Injection::InlineScript | Injection::EventHandler => {
                has(sources, "'unsafe-inline'") && !has_nonce_or_hash(sources) && !is_strict
            }
            Injection::ForeignScript => {
                !is_strict
                    && sources.iter().any(|source| {
                        is_everybody(source)
                            && !source.eq_ignore_ascii_case("http://*")
                            && !is_scheme(source, "wss")
                    })
            }
            Injection::DataScript => !is_strict && sources.iter().any(|source| is_scheme(source, "data")),
        }
    }

    /// Whether anything of the policy bears on scripts.
    pub fn governs_scripts(&self) -> bool {
        self.scripts("script-src-elem").is_some() || self.get("sandbox").is_some()
    }

    /// The policy as it is in every answer: with nonces that `repeats` does not name replaced.
    pub fn without_nonces(mut self, repeats: &dyn Fn(&str) -> bool) -> Self {
        for source in self.directives.iter_mut().flat_map(|directive| &mut directive.sources) {
            if is_nonce(source) && !repeats(source) {
                "'nonce-{…}'".clone_into(source);
            }
        }
        self
    }

    /// Every nonce of the policy.
    pub fn nonces(&self) -> impl Iterator<Item = &str> {
        let sources = self.directives.iter().flat_map(|directive| &directive.sources);
        sources.filter(|source| is_nonce(source)).map(String::as_str)
    }

    /// Whether the policy has to do with who may frame the page, and to which effect: `Some(true)` if it restricts it.
    pub fn restricts_framing(&self) -> Option<bool> {
        let ancestors = self.get("frame-ancestors")?;
        Some(!ancestors.iter().any(|source| is_everybody(source)))
    }

    /// Sources that permit what a policy is there to stop.
    pub fn weak_sources(&self) -> Vec<Defect> {
        let mut defects = Vec::new();
        if let Some(sources) = self.effective("script-src") {
            self.weak_scripts(sources, &mut defects);
        }
        if let Some(sources) = self.effective("object-src")
            && self.get("object-src").is_some()
            && let Some(source) =
                sources.iter().find(|source| is_everybody(source) || is_scheme(source, "data"))
        {
            defects.push(Defect { weight: Weight::Medium, text: format!("`object-src` allows `{source}`") });
        }
        if let Some(sources) = self.effective("style-src")
            && has(sources, "'unsafe-inline'")
            && !has_nonce_or_hash(sources)
            && self.get("style-src").is_some()
        {
            defects.push(Defect {
                weight: Weight::Low,
                text: "`style-src` allows `'unsafe-inline'`".to_owned(),
            });
        }
        for directive in &self.directives {
            let is_active = matches!(
                directive.name.as_str(),
                "connect-src"
                    | "frame-src"
                    | "child-src"
                    | "worker-src"
                    | "form-action"
                    | "style-src"
                    | "base-uri"
            );
            let is_passive = matches!(directive.name.as_str(), "img-src" | "media-src" | "font-src");
            let plain = directive.sources.iter().find(|source| {
                source.to_ascii_lowercase().starts_with("http://") || is_scheme(source, "http")
            });
            if let Some(source) = plain.filter(|_| is_active || is_passive) {
                let weight = if is_active { Weight::Medium } else { Weight::Low };
                defects.push(Defect { weight, text: format!("`{}` allows `{source}`", directive.name) });
            }
        }
        defects
    }

    fn weak_scripts(&self, sources: &[String], defects: &mut Vec<Defect>) {
        let name = if self.get("script-src").is_some() { "script-src" } else { "default-src" };
        let allows = |weight, source: &str| Defect { weight, text: format!("`{name}` allows `{source}`") };
        // Browsers that know `'strict-dynamic'` ignore hosts, schemes and `'unsafe-inline'` beside it.
        let strict = has(sources, "'strict-dynamic'");
        let guarded = strict || has_nonce_or_hash(sources);
        for source in sources {
            let lower = source.to_ascii_lowercase();
            let host = lower.rsplit("://").next().unwrap_or(&lower);
            let host = host.split('/').next().unwrap_or(host);
            match lower.as_str() {
                // Browsers ignore it beside a nonce or a hash.
                "'unsafe-inline'" if !guarded => defects.push(allows(Weight::Medium, source)),
                "'unsafe-eval'" | "'unsafe-hashes'" => defects.push(allows(Weight::Low, source)),
                _ if lower.starts_with('\'') => {
                    let nonce = lower.strip_prefix("'nonce-").and_then(|nonce| nonce.strip_suffix('\''));
                    if nonce.is_some_and(|nonce| !nonce.is_empty() && !nonce.contains('{')) {
                        defects.push(Defect {
                            weight: Weight::High,
                            text: format!("the nonce of `{name}` is the same in every response"),
                        });
                    }
                }
                // The rest is a host or a scheme, which `'strict-dynamic'` makes browsers ignore.
                _ if strict => {}
                _ if is_everybody(source) || is_scheme(source, "data") || is_scheme(source, "blob") => {
                    defects.push(allows(Weight::Medium, source));
                }
                _ if lower.starts_with("http://") => defects.push(allows(Weight::Medium, source)),
                _ if !guarded && is_bypass(host) => defects.push(allows(Weight::Low, source)),
                _ => {}
            }
        }
    }

    /// What is malformed, or missing without a fallback.
    pub fn defects(&self, has_frame_options: bool, is_meta: bool) -> Vec<Defect> {
        let mut defects = Vec::new();
        let mut note = |weight, text: String| defects.push(Defect { weight, text });
        if self.get("default-src").is_none() && self.get("script-src").is_none() {
            note(
                Weight::Medium,
                "neither `default-src` nor `script-src` is there: scripts of any origin run".to_owned(),
            );
        }
        for (index, directive) in self.directives.iter().enumerate() {
            let name = directive.name.as_str();
            if self.directives[..index].iter().any(|earlier| earlier.name == name) {
                note(Weight::Low, format!("a second `{name}` is ignored"));
                continue;
            }
            if name.contains('{') {
                continue;
            }
            if !KNOWN.contains(&name) {
                note(Weight::Low, format!("browsers know no directive `{name}`"));
                continue;
            }
            let none = has(&directive.sources, "'none'");
            if none && directive.sources.len() > 1 {
                note(Weight::Low, format!("`'none'` beside other sources of `{name}` is ignored"));
            }
            for source in &directive.sources {
                let bare = source.trim_end_matches(',').to_ascii_lowercase();
                if KEYWORDS.contains(&bare.as_str()) {
                    let weight = if matches!(bare.as_str(), "none") { Weight::Medium } else { Weight::Low };
                    note(weight, format!("`{source}` in `{name}` is read as a host: it needs quotes"));
                }
                if source.ends_with(',') {
                    note(
                        Weight::Medium,
                        format!(
                            "a comma in `{name}` ends the policy: directives are separated by semicolons"
                        ),
                    );
                }
            }
        }
        let missing: Vec<&str> = [
            ("base-uri", self.get("base-uri").is_none()),
            ("object-src", self.effective("object-src").is_none()),
            ("form-action", self.get("form-action").is_none()),
            ("frame-ancestors", !is_meta && has_frame_options && self.get("frame-ancestors").is_none()),
        ]
        .into_iter()
        .filter_map(|(name, is_missing)| is_missing.then_some(name))
        .collect();
        if !missing.is_empty() {
            let names: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
            note(Weight::Low, format!("nothing stands in for {}", names.join(", ")));
        }
        defects
    }
}

/// A policy has a few dozen directives at the most.
const MAX_DIRECTIVES: usize = 256;

const KNOWN: &[&str] = &[
    "base-uri",
    "block-all-mixed-content",
    "child-src",
    "connect-src",
    "default-src",
    "fenced-frame-src",
    "font-src",
    "form-action",
    "frame-ancestors",
    "frame-src",
    "img-src",
    "manifest-src",
    "media-src",
    "object-src",
    "plugin-types",
    "prefetch-src",
    "report-to",
    "report-uri",
    "require-sri-for",
    "require-trusted-types-for",
    "sandbox",
    "script-src",
    "script-src-attr",
    "script-src-elem",
    "style-src",
    "style-src-attr",
    "style-src-elem",
    "trusted-types",
    "upgrade-insecure-requests",
    "worker-src",
];

const KEYWORDS: &[&str] =
    &["none", "self", "strict-dynamic", "unsafe-eval", "unsafe-hashes", "unsafe-inline", "wasm-unsafe-eval"];

/// Hosts from which anybody's scripts come, or that answer with a callback of the asker's choice.
const BYPASSES: &[&str] = &[
    "*.amazonaws.com",
    "*.appspot.com",
    "*.azureedge.net",
    "*.azurewebsites.net",
    "*.cloudfront.net",
    "*.github.io",
    "*.googleapis.com",
    "*.herokuapp.com",
    "*.jsdelivr.net",
    "*.netlify.app",
    "*.vercel.app",
    "*.yandex.net",
    "accounts.google.com",
    "ajax.googleapis.com",
    "cdn.jsdelivr.net",
    "cdnjs.cloudflare.com",
    "raw.githubusercontent.com",
    "unpkg.com",
    "www.google.com",
];

fn has(sources: &[String], keyword: &str) -> bool {
    sources.iter().any(|source| source.eq_ignore_ascii_case(keyword))
}

fn has_nonce_or_hash(sources: &[String]) -> bool {
    sources.iter().any(|source| {
        let lower = source.to_ascii_lowercase();
        let content = ["'nonce-", "'sha256-", "'sha384-", "'sha512-"]
            .iter()
            .find_map(|prefix| lower.strip_prefix(prefix)?.strip_suffix('\''));
        content.is_some_and(is_base64)
    })
}

/// A value of base64 or base64url, or one with a hole, `{…}`.
fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_');
    !body.is_empty() && text.len() - body.len() <= 2 && (body.chars().all(is_plain) || body.contains('{'))
}

fn is_nonce(source: &str) -> bool {
    source.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("'nonce-"))
}

fn is_scheme(source: &str, scheme: &str) -> bool {
    source.strip_suffix(':').is_some_and(|name| name.eq_ignore_ascii_case(scheme))
}

/// Any host, or any host with a scheme.
fn is_everybody(source: &str) -> bool {
    matches!(source, "*" | "https://*" | "http://*")
        || is_scheme(source, "https")
        || is_scheme(source, "http")
}

fn is_bypass(host: &str) -> bool {
    BYPASSES.iter().any(|known| {
        host == *known
            || known.strip_prefix('*').is_some_and(|suffix| host.starts_with('*') && host.ends_with(suffix))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weak(policy: &str) -> Vec<(Weight, String)> {
        Policy::parse(policy).weak_sources().into_iter().map(|defect| (defect.weight, defect.text)).collect()
    }

    #[test]
    fn the_first_directive_of_a_name_counts() {
        let policy = Policy::parse(" Script-Src 'self';; script-src * ; ");
        assert_eq!(policy.get("script-src"), Some(["'self'".to_owned()].as_slice()));
        assert!(
            policy.defects(false, false).iter().any(|defect| defect.text.contains("second `script-src`"))
        );
    }

    #[test]
    fn what_browsers_ignore_is_no_weakness() {
        assert!(weak("script-src 'nonce-{…}' 'unsafe-inline' 'strict-dynamic' https: http:").is_empty());
        assert!(weak("default-src 'self'; object-src 'none'").is_empty());
        assert!(weak("script-src 'self' 'sha256-abc=' 'unsafe-inline'").is_empty());
    }

    #[test]
    fn weaknesses_have_their_weight() {
        assert_eq!(weak("script-src 'self' 'unsafe-inline'")[0].0, Weight::Medium);
        assert_eq!(weak("default-src *")[0].0, Weight::Medium);
        assert_eq!(weak("script-src 'self' 'unsafe-eval'")[0].0, Weight::Low);
        assert_eq!(weak("script-src 'nonce-abc123'")[0].0, Weight::High);
        assert_eq!(weak("script-src 'self' https://cdn.jsdelivr.net/npm/")[0].0, Weight::Low);
        assert_eq!(weak("default-src 'self'; img-src http:")[0].0, Weight::Low);
    }

    #[test]
    fn framing_is_restricted_by_names_only() {
        assert_eq!(Policy::parse("frame-ancestors 'none'").restricts_framing(), Some(true));
        assert_eq!(Policy::parse("frame-ancestors https:").restricts_framing(), Some(false));
        assert_eq!(Policy::parse("default-src 'self'").restricts_framing(), None);
    }

    #[test]
    fn every_policy_has_to_allow_it() {
        let runs = |text: &str, injection| runs(&policies([text]), injection);
        assert!(runs("img-src 'self'", Injection::InlineScript));
        assert!(!runs("default-src 'self'", Injection::InlineScript));
        assert!(runs("default-src 'self' 'unsafe-inline'", Injection::EventHandler));
        assert!(!runs("default-src 'unsafe-inline', script-src 'self'", Injection::InlineScript));
        assert!(!runs("script-src 'unsafe-inline' 'nonce-abc'", Injection::InlineScript));
        assert!(runs("script-src 'unsafe-inline' 'nonce-'", Injection::InlineScript));
        assert!(!runs("script-src https: 'strict-dynamic'", Injection::ForeignScript));
        assert!(runs("script-src-elem https:; script-src 'none'", Injection::ForeignScript));
        assert!(!runs("sandbox", Injection::InlineScript));
        assert!(
            runs("script-src *", Injection::ForeignScript) && !runs("script-src *", Injection::DataScript)
        );
    }

    #[test]
    fn any_text_is_a_policy() {
        for text in ["", ";;;", "'", "\u{0}", "script-src", ";script-src\t'self'", &"a;".repeat(10_000)] {
            let policy = Policy::parse(text);
            let _ = (policy.weak_sources().len(), policy.defects(true, false).len());
        }
    }
}
