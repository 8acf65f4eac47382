//! The keys that sign: Flask's own, those of its extensions, and those that the code hands to a signer.

use flaskseal_core::{Layer, Span};
use flaskseal_project::semantic::{App, Event, Fact, FactKind, Guard, Overlay, Source, VariableValue};
use flaskseal_project::{Context, Role, role_of};
use flaskseal_python::ast::Expr;

/// Settings that hold a key. Namespace salts are public by design; `SECURITY_PASSWORD_SALT` is the key of an HMAC.
static SETTINGS: &[&str] = &["SECRET_KEY", "WTF_CSRF_SECRET_KEY", "JWT_SECRET_KEY", "SECURITY_PASSWORD_SALT"];

/// A key in use.
pub(super) struct Key<'p> {
    /// For messages: "`SECRET_KEY`", "the key of `jwt.encode`".
    pub(super) name: String,
    pub(super) value: &'p Fact,
    /// Where a setting is written; where a call receives the key.
    pub(super) used: Vec<Span>,
    pub(super) scope: &'p str,
    pub(super) is_setting: bool,
}

/// A key, or one alternative of it, whose bytes stand in the tree.
pub(super) struct Constant<'p> {
    pub(super) bytes: Vec<u8>,
    pub(super) at: Span,
    pub(super) guard: &'p Guard,
}

/// Every key that production uses, settings first.
pub(super) fn keys<'p>(cx: &Context<'p>) -> Vec<Key<'p>> {
    let mut keys: Vec<Key<'p>> = SETTINGS
        .iter()
        .filter_map(|name| cx.setting(name))
        .map(|setting| Key {
            name: format!("`{}`", setting.name),
            value: &setting.value,
            used: setting.written.clone(),
            scope: "",
            is_setting: true,
        })
        .collect();
    for (role, position, keyword) in
        [("key.first", 0, &["secret_key", "key"][..]), ("key.second", 1, &["key"][..])]
    {
        for call in cx.calls(role) {
            if let Some(value) = keyword.iter().find_map(|keyword| call.argument(position, keyword)) {
                keys.push(Key {
                    name: format!("the key of `{}`", call.path),
                    value,
                    used: vec![call.span],
                    scope: &call.scope,
                    is_setting: false,
                });
            }
        }
    }
    keys
}

impl Key<'_> {
    /// The alternatives that are constants in files that production uses, in order.
    pub(super) fn constants(&self, cx: &Context<'_>) -> Vec<Constant<'_>> {
        let in_production = |at: Span| role_of(cx.path(at.file)) == Role::Source;
        self.value
            .alternatives()
            .into_iter()
            .filter_map(|(value, guard)| {
                let at = value.at.or_else(|| self.used.first().copied())?;
                let bytes =
                    key_bytes(value).or_else(|| computed(cx, value)).filter(|bytes| !bytes.is_empty())?;
                (in_production(at) && !is_given(cx, &bytes)).then_some(Constant { bytes, at, guard })
            })
            .collect()
    }

    /// Whether every alternative that is a key at all is a constant.
    pub(super) fn is_constant(&self, cx: &Context<'_>) -> bool {
        let is_constant =
            |value| is_no_key(value) || key_bytes(value).is_some() || computed(cx, value).is_some();
        self.value.alternatives().iter().all(|(value, _)| is_constant(value))
    }
}

/// Whether the user gave this value for an environment variable: it is known, and in no file of the tree.
pub(super) fn is_given(cx: &Context<'_>, bytes: &[u8]) -> bool {
    cx.entry.environment.variables.iter().any(|variable| {
        variable.span.is_none()
            && matches!(&variable.setting, VariableValue::Known(text) if text.as_bytes() == bytes)
    })
}

/// The key as bytes, where all of it is known.
pub(super) fn key_bytes(fact: &Fact) -> Option<Vec<u8>> {
    match &fact.kind {
        FactKind::Str(rope) => rope.as_literal().map(|text| text.as_bytes().to_vec()),
        FactKind::EncodedText(rope) => rope.as_literal().map(|text| text.as_bytes().to_vec()),
        FactKind::Bytes(bytes) => Some(bytes.to_vec()),
        _ => None,
    }
}

/// The literal that a key is computed from, where nothing else goes into it: `bytes.fromhex("…")`,
/// `hashlib.sha256(b"…").hexdigest()`.
pub(super) fn computed(cx: &Context<'_>, fact: &Fact) -> Option<Vec<u8>> {
    let path = paths(fact).first().copied()?;
    let is_pure = ["hashlib.", "base64.", "binascii.", "codecs.", "builtins.bytes", "builtins.bytearray"];
    if !is_pure.iter().any(|known| path.starts_with(known)) {
        return None;
    }
    literal_in(&flaskseal_python::parse_expression(cx.text(fact.at?))?)
}

fn literal_in(expression: &Expr) -> Option<Vec<u8>> {
    match expression {
        Expr::StringLiteral(literal) => Some(literal.value.to_str().as_bytes().to_vec()),
        Expr::BytesLiteral(literal) => Some(literal.value.bytes().collect()),
        Expr::Attribute(node) => literal_in(&node.value),
        Expr::Call(call) if call.arguments.keywords.is_empty() => match &*call.arguments.args {
            [] => literal_in(&call.func),
            [argument] => literal_in(argument),
            _ => None,
        },
        _ => None,
    }
}

/// Access paths that bring a key from outside the process: files, secret stores, keyrings.
pub(super) fn is_outside(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    [
        "open",
        "read",
        "secret",
        "vault",
        "hvac",
        "keyring",
        "environ",
        "ssm",
        "kms",
        "parameter",
        "config",
        "boto",
        "load",
    ]
    .iter()
    .any(|word| lower.contains(word))
}

/// `None`, the empty text, or nothing at all: Flask refuses to sign with it.
pub(super) fn is_no_key(fact: &Fact) -> bool {
    matches!(fact.kind, FactKind::None | FactKind::Absent | FactKind::Bool(false))
        || key_bytes(fact).is_some_and(|bytes| bytes.is_empty())
}

/// Something outside the tree that may replace a setting after it was written.
pub(super) fn replacing_overlay<'p>(app: &'p App, written: &[Span]) -> Option<&'p Overlay> {
    app.overlays.iter().find(|overlay| {
        overlay.span.is_none_or(|overlay| {
            // In one file the order is that of the lines; across files an overlay usually comes last.
            written
                .iter()
                .all(|written| written.file != overlay.file || written.range.start < overlay.range.start)
        })
    })
}

/// What may replace the setting that a key is, or that a call takes its key from.
pub(super) fn overlay_of<'p>(cx: &Context<'p>, key: &Key<'_>) -> Option<&'p Overlay> {
    let app = cx.app?;
    if key.is_setting {
        return replacing_overlay(app, &key.used);
    }
    let source =
        app.settings.iter().find(|setting| setting.value.at.is_some() && setting.value.at == key.value.at)?;
    replacing_overlay(app, &source.written)
}

/// Access paths that make a fresh key in the process.
pub(super) fn is_generated(path: &str) -> bool {
    let path = path.trim_end_matches(".hex").trim_end_matches(".hex()").trim_end_matches(".decode()");
    [
        "os.urandom()",
        "secrets.token_hex()",
        "secrets.token_bytes()",
        "secrets.token_urlsafe()",
        "uuid.uuid4()",
    ]
    .iter()
    .any(|known| path.starts_with(known))
        || path.ends_with("Fernet.generate_key()")
}

/// Access paths whose value others can find out or guess.
pub(super) fn is_guessable(path: &str) -> bool {
    const KNOWN: &[&str] = &[
        "uuid.getnode",
        "uuid.uuid1",
        "socket.gethostname",
        "socket.getfqdn",
        "platform.",
        "time.time",
        "random.",
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.date.today",
        "os.getpid",
        "os.getlogin",
        "os.uname",
        "getpass.getuser",
    ];
    KNOWN.iter().any(|known| path.starts_with(known)) && !path.starts_with("random.SystemRandom")
}

/// The access paths that a value is made of.
pub(super) fn paths(fact: &Fact) -> Vec<&str> {
    match &fact.kind {
        FactKind::Path(path) => vec![path],
        FactKind::Str(rope) | FactKind::EncodedText(rope) => rope
            .holes()
            .filter_map(|hole| match &hole.source {
                Source::Path(path) => Some(&**path),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The environment variable that a value comes from.
pub(super) fn variable(fact: &Fact) -> Option<&str> {
    match &fact.kind {
        FactKind::Str(rope) | FactKind::EncodedText(rope) => {
            rope.holes().find_map(|hole| match &hole.source {
                Source::Env(name) => Some(&**name),
                _ => None,
            })
        }
        _ => None,
    }
}

/// The variables that must be missing for this alternative to run.
pub(super) fn missing_variables(guard: &Guard) -> Vec<&str> {
    guard.conditions().filter(|(_, states)| states.unset).map(|(name, _)| name).collect()
}

/// Calls that need a key: sessions, flashed messages, CSRF tokens, login.
pub(super) fn session_uses<'p>(cx: &Context<'p>) -> impl Iterator<Item = &'p Event> {
    ["session.write", "session.use", "session.read"].into_iter().flat_map({
        let cx = *cx;
        move |role| cx.calls(role)
    })
}

/// Whether a place is in a deployment file.
pub(super) fn is_deployed(cx: &Context<'_>, at: Span) -> bool {
    cx.evidence(at, "").layer == Layer::Deploy
}
