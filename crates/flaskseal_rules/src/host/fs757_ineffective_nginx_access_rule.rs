//! FS757: an access restriction of nginx does not restrict.

use flaskseal_core::{
    Applicability, Assessment, Confidence, Edit, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta,
    Severity, Span,
};
use flaskseal_project::Project;
use flaskseal_project::deploy::nginx::{
    Configuration, Directive, LevelId, LevelKind, Pattern, Test, access, listeners, path,
};
use flaskseal_project::deploy::web::{Listener, Path};

use super::PROXY_HYGIENE;
use super::origin::{Header, foreign};
use crate::{Rule, nginx};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(757),
    name: "ineffective-nginx-access-rule",
    summary: "A rule of nginx that is meant to keep somebody out lets everybody in.",
    severity: Severity::Medium,
    confidence: Confidence::Certain,
    controls: &[PROXY_HYGIENE],
    layers: &[Layer::Deploy, Layer::Host],
    cwe: &[863, 284],
    owasp: Some("A01"),
    asvs: &["V8.2.1"],
    fix: FixAvailability::Safe,
    page: include_str!("fs757_ineffective_nginx_access_rule.md"),
};

pub(crate) struct IneffectiveNginxAccessRule;

impl Rule for IneffectiveNginxAccessRule {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check_deployment(&self, project: &Project<'_>, out: &mut Assessment) {
        for configuration in nginx::configurations(project) {
            for id in configuration.ids() {
                let level = configuration.level(id);
                if level.kind == LevelKind::Map {
                    origins_of_map(configuration, id, out);
                }
                if !configuration.is_web(id) {
                    continue;
                }
                let cx = Here { configuration, id };
                cx.allow_without_deny(out);
                cx.returned_before(out);
                cx.referers(out);
                cx.plain_password(out);
                match (level.kind, &level.head) {
                    (LevelKind::If, Some(head)) => {
                        cx.origin(head, out);
                        cx.in_if(head, out);
                    }
                    (LevelKind::Location, Some(head)) => cx.script(head, out),
                    _ => {}
                }
            }
        }
    }
}

struct Here<'c> {
    configuration: &'c Configuration,
    id: LevelId,
}

impl<'c> Here<'c> {
    fn own(&self, name: &'c str) -> impl Iterator<Item = &'c Directive> + use<'c> {
        self.configuration.own(self.id, name)
    }

    fn report(
        &self,
        severity: Severity,
        at: Span,
        claim: &str,
        message: String,
        fix: Fix,
        out: &mut Assessment,
    ) {
        let finding = Finding::new(META.id, severity, META.confidence, nginx::evidence(at, claim), message)
            .with_scope(nginx::scope(self.configuration, self.id))
            .with_fix(fix);
        out.fail(finding);
    }

    /// Whoever is in no list gets in, unless `deny all` ends it.
    fn allow_without_deny(&self, out: &mut Assessment) {
        let rules: Vec<&Directive> = self
            .configuration
            .level(self.id)
            .directives()
            .filter(|directive| directive.is("allow") || directive.is("deny"))
            .collect();
        let Some(last) = rules.last() else { return };
        let all = |name: &str| rules.iter().position(|rule| rule.is(name) && rule.has("all"));
        let any = self.configuration.setting(self.id, "satisfy").is_some_and(|satisfy| satisfy.has("any"));
        let has_password = ["auth_basic", "auth_request", "auth_jwt"]
            .iter()
            .any(|name| self.configuration.setting(self.id, name).is_some_and(|auth| !auth.has("off")));
        let allows = rules.iter().any(|rule| rule.is("allow"));
        match (all("allow"), all("deny")) {
            (Some(allow), _) if any && has_password => {
                let at = rules.get(allow).unwrap_or(last).span;
                let message = "`satisfy any` with `allow all` asks nobody for a password".to_owned();
                let fix = Fix::advice("allow the addresses that need no password, and no more");
                self.report(META.severity, at, "everybody is let in", message, fix, out);
            }
            (Some(allow), _) if rules.iter().skip(allow + 1).any(|rule| rule.is("deny")) => {
                let at = rules.get(allow).unwrap_or(last).span;
                let message =
                    "the first rule that fits counts: nothing behind `allow all` is reached".to_owned();
                let fix = Fix::advice("put `deny` before `allow all`");
                self.report(META.severity, at, "fits everybody", message, fix, out);
            }
            (None, None) if allows && !(any && has_password) => {
                let message = "`allow` without `deny all` keeps nobody out".to_owned();
                let end = last.span.range.end;
                let fix = Fix {
                    advice: "add `deny all;` behind it".to_owned(),
                    applicability: Applicability::Safe,
                    edits: vec![Edit {
                        span: Span::new(last.span.file, end, end),
                        replacement: "; deny all".to_owned(),
                    }],
                };
                let first = rules.iter().find(|rule| rule.is("allow")).unwrap_or(last);
                self.report(META.severity, first.span, "who is not named gets in as well", message, fix, out);
            }
            (None, Some(deny)) if rules.iter().skip(deny + 1).any(|rule| rule.is("allow")) => {
                let at = rules.get(deny).unwrap_or(last).span;
                let message =
                    "the first rule that fits counts: `allow` behind `deny all` is not reached".to_owned();
                let fix = Fix::advice("put `deny all` last");
                self.report(Severity::Low, at, "fits everybody", message, fix, out);
            }
            _ => {}
        }
    }

    /// `return` answers before addresses and passwords are looked at.
    fn returned_before(&self, out: &mut Assessment) {
        let level = self.configuration.level(self.id);
        if level.kind == LevelKind::If {
            return;
        }
        let Some(answer) = self.own("return").next() else { return };
        let first = answer.argument(0).unwrap_or("");
        let status = first.parse::<u16>().unwrap_or(302);
        if !(200..400).contains(&status) {
            return;
        }
        // A redirect may go to where access is checked; an answer is all there is.
        let is_answer = status < 300;
        let rule = level.directives().find(|directive| match directive.name.text.as_str() {
            "deny" => true,
            "auth_basic" | "auth_request" => is_answer && !directive.has("off"),
            _ => false,
        });
        let inherited = || {
            access(self.configuration, self.id)
                .and_then(|(_, rules)| rules.into_iter().find(|r| r.is("deny")))
        };
        let Some(rule) = rule.or_else(|| if is_answer { inherited() } else { None }) else { return };
        let message = format!("`{}` is not looked at: `return` answers before it", rule.name.text);
        let fix = Fix::advice("answer from a file, or with `try_files`, which comes after access is checked");
        let finding = Finding::new(
            META.id,
            META.severity,
            META.confidence,
            nginx::evidence(answer.span, "answers whoever asks"),
            message,
        )
        .with_trail([nginx::evidence(rule.span, "is meant to keep them out")])
        .with_scope(nginx::scope(self.configuration, self.id))
        .with_fix(fix);
        out.fail(finding);
    }

    fn referers(&self, out: &mut Assessment) {
        for directive in self.own("valid_referers") {
            if directive.has("none") {
                let message = "`valid_referers none` lets in whoever sends no `Referer`".to_owned();
                let fix = Fix::advice("take `none` out, and do not rest anything on this header alone");
                self.report(
                    META.severity,
                    directive.span,
                    "every client can leave it out",
                    message,
                    fix,
                    out,
                );
            }
            for word in &directive.arguments {
                let Some(text) = word.text.strip_prefix('~') else { continue };
                // nginx compares what stands behind `://`.
                let pattern = Pattern::new(text, true);
                if let Some(why) = foreign(&pattern, Header::RefererHost) {
                    let message = "the pattern for `Referer` lets foreign sites in".to_owned();
                    let fix = Fix::advice("begin the pattern with `^` and end the name with `/`");
                    self.report(META.severity, word.span, why, message, fix, out);
                }
            }
        }
    }

    /// `if ($http_origin ~ ...)` that lets somebody in, or `!~` that sends somebody away.
    fn origin(&self, head: &Directive, out: &mut Assessment) {
        let Some(test) = Test::of(head) else { return };
        let Some(pattern) = test.pattern() else { return };
        let header = match test.variable.as_str() {
            "http_origin" => Header::Origin,
            "http_referer" => Header::Referer,
            _ => return,
        };
        // A list of those who are sent away, or who are protected, names what it likes.
        if test.negated != self.is_for_strangers(header) {
            return;
        }
        if let Some(why) = foreign(&pattern, header) {
            report_origin(self.configuration, self.id, head.span, &test.variable, why, out);
        }
    }

    /// Whether the block refuses requests, or protects pages from sites: who is let in gets neither.
    fn is_for_strangers(&self, header: Header) -> bool {
        let first = |name| self.own(name).filter_map(|directive| directive.argument(0));
        first("return").any(|status| status.starts_with('4'))
            || first("add_header").any(|name| {
                name.eq_ignore_ascii_case("X-Frame-Options")
                    || name.eq_ignore_ascii_case("Content-Security-Policy")
            })
            // `set $allowed 0`
            || header == Header::Origin
                && self.own("set").any(|set| matches!(set.argument(1), Some("" | "0" | "no" | "off" | "false")))
    }

    /// "If is evil": what is no `return`, `rewrite` or `set` makes a location of its own out of the block.
    fn in_if(&self, head: &Directive, out: &mut Assessment) {
        const SOUND: [&str; 10] = [
            "return",
            "rewrite",
            "set",
            "break",
            "access_log",
            "limit_rate",
            "limit_rate_after",
            "rewrite_log",
            "add_header",
            "error_page",
        ];
        let level = self.configuration.level(self.id);
        let in_location =
            level.parent.is_some_and(|parent| self.configuration.level(parent).kind == LevelKind::Location);
        let other = level.directives().find(|directive| !SOUND.contains(&directive.name.text.as_str()));
        let Some(other) = other.filter(|_| in_location) else { return };
        let message = format!("`{}` in an `if` replaces what the location says elsewhere", other.name.text);
        let fix = Fix::advice("choose with `map`, or send the request to another location");
        self.report(Severity::Low, head.span, "becomes a location of its own", message, fix, out);
    }

    /// `location ~ \.php` without an end runs `upload.php.jpg`.
    fn script(&self, head: &Directive, out: &mut Assessment) {
        let Path::Pattern(text) = path(head) else { return };
        let runs = self.own("fastcgi_pass").next().is_some();
        let pattern = Pattern::new(&text, true);
        let is_extension = text.trim_end_matches(')').ends_with("php") || text.contains(r"\.php");
        if runs
            && is_extension
            && !pattern.is_held_at_end()
            && !text.contains("(/|$)")
            && !text.contains("($|/)")
        {
            let message = "nothing ends the pattern: `picture.php.jpg` runs as a program too".to_owned();
            let fix = Fix::advice("end the pattern: `\\.php$`");
            self.report(META.severity, head.span, "matches in the middle of a name", message, fix, out);
        }
    }

    /// A password that goes over the network for everybody to read.
    fn plain_password(&self, out: &mut Assessment) {
        let Some(auth) = self.own("auth_basic").find(|auth| !auth.has("off")) else { return };
        let Some(server) = self.configuration.enclosing(self.id, LevelKind::Server) else { return };
        let all = listeners(self.configuration, server);
        let is_plain =
            !all.is_empty() && all.iter().all(|listener| !listener.tls && !Listener::is_local(listener));
        let answers =
            self.own("return").next().is_none() && self.configuration.own(server, "return").next().is_none();
        // TLS ends at another proxy, which says so.
        let is_behind = nginx::directives(self.configuration).any(|(_, directive)| {
            directive.is("set_real_ip_from")
                || directive.arguments.iter().any(|word| word.text.contains("http_x_forwarded_proto"))
        });
        if is_plain && answers && !is_behind {
            let message = "the password of `auth_basic` travels over plain HTTP".to_owned();
            let fix = Fix::advice("ask for it in the server that speaks TLS");
            self.report(META.severity, auth.span, "this server speaks no TLS", message, fix, out);
        }
    }
}

/// `map $http_origin $cors { ~pattern $http_origin; }`
fn origins_of_map(configuration: &Configuration, id: LevelId, out: &mut Assessment) {
    let level = configuration.level(id);
    if level.argument(0) != Some("$http_origin") {
        return;
    }
    for entry in level.directives() {
        let value = entry.argument(0).unwrap_or("");
        let Some(text) = entry.name.text.strip_prefix('~').filter(|_| !matches!(value, "" | "0")) else {
            continue;
        };
        let pattern = match text.strip_prefix('*') {
            Some(text) => Pattern::new(text, true),
            None => Pattern::new(text, false),
        };
        if let Some(why) = foreign(&pattern, Header::Origin) {
            report_origin(configuration, id, entry.span, "http_origin", why, out);
        }
    }
}

fn report_origin(
    configuration: &Configuration,
    id: LevelId,
    at: Span,
    variable: &str,
    why: &str,
    out: &mut Assessment,
) {
    let message = format!("the pattern for `${variable}` lets foreign sites in");
    let finding = Finding::new(META.id, META.severity, META.confidence, nginx::evidence(at, why), message)
        .with_scope(nginx::scope(configuration, id))
        .with_fix(Fix::advice(
            r"name the sites: `^https://(www\.)?shop\.example$`, or a `map` of whole origins",
        ));
    out.fail(finding);
}
