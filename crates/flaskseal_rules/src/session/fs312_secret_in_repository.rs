//! FS312: tokens, private keys and other secrets in the files of the repository; and C3.7, when there are none.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use flaskseal_core::{
    Assessment, Confidence, Evidence, FileId, Finding, Fix, FixAvailability, Gap, Layer, LedgerKind,
    Redacted, RuleId, RuleMeta, Severity, SourceFile, Span, TextRange,
};
use flaskseal_project::deploy::{Mechanism, is_example};
use flaskseal_project::{Context, Role, role_of};

use super::NO_CREDENTIALS;
use super::fs311_secret_in_deploy_file::{loaded_files, severity_of};
use super::scan::{concerns, is_first_start, secret_span};
use crate::Rule;
use crate::credential::{Promise, is_placeholder, is_reference, promise, randomness};
use crate::token::tokens;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(312),
    name: "secret-in-repository",
    summary: "Credentials, tokens or private keys are in tracked files.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[NO_CREDENTIALS],
    layers: &[Layer::Source, Layer::Deploy, Layer::Template],
    cwe: &[798, 540, 321],
    owasp: Some("A07"),
    asvs: &["V13.3.1"],
    fix: FixAvailability::None,
    page: include_str!("fs312_secret_in_repository.md"),
};

pub(crate) struct SecretInRepository;

const ADVICE: &str = "change it where it was issued: whoever has the repository, or ever had, knows it; then keep the new one outside";

impl Rule for SecretInRepository {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if !is_first_start(cx) {
            return;
        }
        let mut scanned = 0;
        for id in cx.project.tree.ids() {
            let file = cx.project.tree.file(id);
            if file.untracked || !concerns(cx, &file.path) {
                continue;
            }
            scanned += 1;
            scan_file(cx, id, file, out);
        }
        variable_files(cx, out);
        key_stores(cx, out);
        judge_scan(cx, scanned, out);
    }
}

fn scan_file(cx: &Context<'_>, id: FileId, file: &SourceFile, out: &mut Assessment) {
    let role = role_of(&file.path);
    let first = out.findings.len();
    for token in tokens(&file.text) {
        // A key pair in a test is made for it. A provider's token is live wherever it stands.
        let is_key = token.what.ends_with("private key");
        if is_key && (role != Role::Source || is_example(&file.path)) {
            continue;
        }
        let span = Span { file: id, range: token.range };
        let severity = match token.what {
            // Browsers are meant to see it; what it may be used for is limited by the provider.
            "a Google API key" if is_for_browsers(&file.path) => Severity::Low,
            _ => token.severity,
        };
        let claim = format!("{}: {}", token.what, Redacted::new(file.slice(token.range)));
        let message = format!("{} is in the repository", token.what);
        out.fail(finding(cx, span, severity, token.confidence, claim, message));
    }
    let is_searched = role == Role::Source
        && !is_example(&file.path)
        && !is_generated_or_prose(&file.path)
        && !cx.project.deployment.env_facts.iter().any(|fact| fact.span.file == id);
    if !is_searched {
        return;
    }
    for assignment in assignments(&file.text, file.path.ends_with(".py")) {
        let span = Span { file: id, range: assignment.value };
        let known = out.findings.get(first..).unwrap_or_default();
        if known
            .iter()
            .any(|finding| finding.primary.span.is_some_and(|known| overlap(known.range, span.range)))
        {
            continue;
        }
        let value = file.slice(assignment.value);
        let Some(bits) = randomness(value) else { continue };
        let is_firm = bits >= 4.0 && value.len() >= 20;
        let severity = if is_for_browsers(&file.path) && is_firm { Severity::High } else { Severity::Medium };
        let confidence = if is_firm { Confidence::Firm } else { Confidence::Tentative };
        let claim = format!("looks like a secret: {}", Redacted::new(value));
        let message = format!("`{}` is in the repository", assignment.name);
        out.fail(finding(cx, span, severity, confidence, claim, message));
    }
    password_lines(cx, id, file, out);
}

fn finding(
    cx: &Context<'_>,
    span: Span,
    severity: Severity,
    confidence: Confidence,
    claim: String,
    message: String,
) -> Finding {
    Finding::new(META.id, severity, confidence, cx.evidence(span, claim), message)
        .with_redacted([span])
        .with_fix(Fix::advice(ADVICE))
}

fn overlap(a: TextRange, b: TextRange) -> bool {
    a.start < b.end && b.start < a.end
}

fn is_for_browsers(path: &str) -> bool {
    [".js", ".html", ".htm", ".jinja", ".jinja2", ".j2", ".vue", ".jsx", ".tsx", ".ts"]
        .iter()
        .any(|end| path.ends_with(end))
}

/// Lock files, minified and generated files, and texts for people: full of random names and of examples.
fn is_generated_or_prose(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    [
        ".lock",
        ".min.js",
        ".map",
        ".svg",
        ".css",
        ".po",
        ".pot",
        ".sum",
        ".md",
        ".rst",
        ".txt",
        ".csv",
        ".bundle.js",
    ]
    .iter()
    .any(|end| name.ends_with(end))
        || matches!(
            name,
            "package-lock.json"
                | "npm-shrinkwrap.json"
                | "pnpm-lock.yaml"
                | "pylock.toml"
                | "composer.lock"
                | ".secrets.baseline"
        )
}

/// `NAME = "value"`, `name: value`, `"name": "value"`: a name that promises a token, and what is assigned to it.
struct Assignment {
    name: String,
    value: TextRange,
}

/// Assignments to names that promise a token. In Python, passwords and keys of Flask are left to the rules that know
/// what the program does with them.
fn assignments(text: &str, is_python: bool) -> Vec<Assignment> {
    static WORDS: LazyLock<AhoCorasick> = LazyLock::new(|| {
        AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build([
                "secret",
                "token",
                "api_key",
                "api-key",
                "apikey",
                "passw",
                "pwd",
                "access_key",
                "accesskey",
                "private_key",
                "credential",
                "auth_key",
                "account_key",
                "master_key",
            ])
            .expect("a short list of short patterns")
    });
    let mut found = Vec::new();
    let mut next = 0;
    for hit in WORDS.find_iter(text) {
        // A hostile file must not make this grow without bound.
        if hit.start() < next || found.len() >= 200 {
            continue;
        }
        let Some((assignment, end)) = assignment(text, hit.start()) else { continue };
        next = end;
        let name = assignment.name.to_ascii_lowercase();
        let Some(promised) = promise(&assignment.name) else { continue };
        let left_to_others = is_python
            && (promised == Promise::Password || name.contains("secret_key") || name.contains("aws_secret"));
        let value = text.get(assignment.value.start as usize..assignment.value.end as usize).unwrap_or("");
        if !left_to_others && !is_reference(value) && !is_placeholder(&assignment.name, value) {
            found.push(assignment);
        }
    }
    found
}

/// The assignment whose name has the byte at `at` in it, and where it ends.
fn assignment(text: &str, at: usize) -> Option<(Assignment, usize)> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let bytes = text.as_bytes();
    let start = at - bytes.get(..at)?.iter().rev().take(60).take_while(|byte| is_name(byte)).count();
    let end = at + bytes.get(at..)?.iter().take(60).take_while(|byte| is_name(byte)).count();
    let name = text.get(start..end)?;
    let is_quoted_name = matches!(bytes.get(end), Some(b'"' | b'\''));
    let mut rest = text.get(end..)?.trim_start_matches(['"', '\'', ']']).trim_start_matches([' ', '\t']);
    // An annotation: `TOKEN: str = "…"`.
    if let Some(annotated) = rest.strip_prefix(": str").or_else(|| rest.strip_prefix(":str")) {
        rest = annotated.trim_start_matches(' ');
    }
    let (rest, is_colon) = match rest.as_bytes() {
        [b'=', b'=' | b'~', ..] => return None,
        [b'=', b'>', ..] | [b':', b'=', ..] => (rest.get(2..)?, false),
        [b'=', ..] => (rest.get(1..)?, false),
        [b':', ..] => (rest.get(1..)?, true),
        _ => return None,
    };
    let rest = rest.trim_start_matches([' ', '\t']);
    // `b"…"` and `f'…'`; not `call("…")`.
    let rest = match rest.as_bytes() {
        [b'b' | b'r', b'"' | b'\'', ..] => rest.get(1..)?,
        _ => rest,
    };
    let offset = text.len() - rest.len();
    let quote = rest.chars().next().filter(|character| matches!(character, '"' | '\'' | '`'));
    let length = match quote {
        Some(quote) => {
            let inside = rest.get(1..)?;
            inside.bytes().take(600).position(|byte| byte == quote as u8 || byte == b'\n')?
        }
        // Without quotes: YAML, INI, properties; in code it would be a name.
        None if !is_quoted_name => {
            rest.bytes().take(600).take_while(|byte| byte.is_ascii_graphic() && *byte != b'#').count()
        }
        None => return None,
    };
    let is_code_like = quote.is_none()
        && (is_colon && rest.get(..length)?.ends_with(',') || rest.get(..length)?.contains(['(', '[', '{']));
    if is_code_like {
        return None;
    }
    let from = offset + usize::from(quote.is_some());
    let value = TextRange::new(from as u32, (from + length) as u32);
    Some((Assignment { name: name.to_owned(), value }, from + length))
}

/// Files whose only purpose is to hold passwords: `.htpasswd`, `.netrc`, `.pgpass`.
fn password_lines(cx: &Context<'_>, id: FileId, file: &SourceFile, out: &mut Assessment) {
    let is_secret = |line: &str| match file.name() {
        ".htpasswd" | "htpasswd" => line.split_once(':').is_some_and(|(user, hash)| {
            !user.starts_with('#')
                && ["$apr1$", "$2", "{SHA}", "$5$", "$6$"].iter().any(|mark| hash.starts_with(mark))
        }),
        ".netrc" | "_netrc" => line.contains("password ") && line.contains("login "),
        ".pgpass" => line.matches(':').count() == 4 && !line.starts_with('#'),
        _ => false,
    };
    let mut offset = 0;
    for line in file.text.split_inclusive('\n').take(1000) {
        let trimmed = line.trim_end();
        if is_secret(trimmed) {
            let span = Span::new(id, offset, offset + trimmed.len() as u32);
            let message = format!("`{}` is in the repository", file.name());
            out.fail(finding(
                cx,
                span,
                Severity::High,
                Confidence::Firm,
                "a password or its hash".to_owned(),
                message,
            ));
            return;
        }
        offset += line.len() as u32;
    }
}

/// `.env` files that nothing loads: one finding a file.
fn variable_files(cx: &Context<'_>, out: &mut Assessment) {
    let loaded = loaded_files(cx);
    let mut reported: Option<FileId> = None;
    for fact in &cx.project.deployment.env_facts {
        let file = cx.project.tree.file(fact.span.file);
        let is_candidate = fact.mechanism == Mechanism::DotenvFile
            && !loaded.contains(&fact.span.file)
            && reported != Some(fact.span.file)
            && !file.untracked
            && !is_example(&file.path)
            && role_of(&file.path) == Role::Source
            && concerns(cx, &file.path);
        let Some(value) = fact.value.as_known().map(str::trim).filter(|_| is_candidate) else { continue };
        let is_real = severity_of(&fact.name, value, false) == Some(Severity::High)
            && !is_placeholder(&fact.name, value);
        let is_told_already = out.findings.iter().any(|known| {
            known
                .primary
                .span
                .is_some_and(|span| span.file == fact.span.file && overlap(span.range, fact.value_span.range))
        });
        if is_real && !is_told_already {
            reported = Some(fact.span.file);
            let claim = format!("`{}`: {}", fact.name, Redacted::new(value));
            let message = format!("`{}` is in the repository, with its secrets", file.name());
            out.fail(finding(
                cx,
                secret_span(cx, fact, value),
                Severity::High,
                META.confidence,
                claim,
                message,
            ));
        }
    }
}

/// Key stores that are not text.
fn key_stores(cx: &Context<'_>, out: &mut Assessment) {
    for path in &cx.project.tree.paths {
        let is_store =
            [".p12", ".pfx", ".jks", ".keystore", ".kdbx"].iter().any(|end| path.path.ends_with(end));
        if is_store && !path.untracked && role_of(&path.path) == Role::Source && concerns(cx, &path.path) {
            let place = Evidence::general(Layer::Source, format!("`{}`", path.path));
            let message = format!("the key store `{}` is in the repository", path.path);
            out.fail(
                Finding::new(META.id, Severity::High, META.confidence, place, message)
                    .with_scope(&*path.path)
                    .with_fix(Fix::advice(ADVICE)),
            );
        }
    }
}

/// C3.7: nothing was found, where everything was looked at.
fn judge_scan(cx: &Context<'_>, scanned: usize, out: &mut Assessment) {
    if let Some(unread) = cx.project.tree.ledger.iter().find(|entry| entry.kind == LedgerKind::Unreadable) {
        let reason = format!("`{}` could not be searched for secrets: {}", unread.path, unread.message);
        out.gap(NO_CREDENTIALS, Gap::new(reason, "make the file readable, or exclude it"));
        return;
    }
    let problem = cx
        .project
        .parsed
        .problems(cx.project.tree)
        .find(|(file, _)| cx.evaluation.loaded.binary_search(file).is_ok());
    if let Some((file, _)) = problem {
        let reason = format!(
            "`{}` does not parse, so credentials in it were looked for by their form only",
            cx.path(file)
        );
        out.gap(NO_CREDENTIALS, Gap::new(reason, "correct the file"));
        return;
    }
    let claim = format!("no credentials in {scanned} files; the history of the repository was not searched");
    out.support(NO_CREDENTIALS, Evidence::general(Layer::Source, claim));
}
