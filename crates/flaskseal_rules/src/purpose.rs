//! What a value is for, as far as the names say that it gets on its way: the variable that it is assigned to, the
//! key that it is stored under, the function that returns it, the parameter that it is passed as.

use std::collections::BTreeSet;

use flaskseal_core::Span;
use flaskseal_project::Context;
use flaskseal_python::ast::{self, AnyNodeRef, Expr};
use flaskseal_python::range_of;

use crate::code::{enclosing, identifiers, last_name, span_of, within, words};

/// The names around a value.
#[derive(Default, Debug)]
pub(crate) struct Purpose {
    /// What the value becomes, in its function and as its result.
    pub becomes: BTreeSet<String>,
    /// What is put into it: arguments of the call, and of `update` and the like on its result.
    pub made_of: BTreeSet<String>,
}

/// Single words that name a secret.
static SECRET: &[&str] = &[
    "apikey",
    "auth",
    "cookie",
    "credential",
    "credentials",
    "csrf",
    "jti",
    "nonce",
    "otp",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "pwd",
    "salt",
    "secret",
    "secrets",
    "session",
    "sessionid",
    "sessions",
    "mysession",
    "sid",
    "token",
    "tokens",
    "totp",
    "xsrf",
];

/// Words that name one together.
static SECRET_PAIRS: &[(&str, &str)] = &[
    ("access", "code"),
    ("access", "key"),
    ("activation", "code"),
    ("activation", "key"),
    ("api", "key"),
    ("auth", "code"),
    ("backup", "code"),
    ("confirm", "code"),
    ("confirmation", "code"),
    ("encryption", "key"),
    ("invite", "code"),
    ("login", "code"),
    ("private", "key"),
    ("recovery", "code"),
    ("remember", "me"),
    ("reset", "code"),
    ("reset", "key"),
    ("reset", "link"),
    ("secret", "key"),
    ("security", "code"),
    ("sms", "code"),
    ("verification", "code"),
    ("verify", "code"),
];

/// Functions whose result is as secret as what goes in.
static CONVERSIONS: &[&str] = &[
    "Hash",
    "abs",
    "b16encode",
    "b32encode",
    "b64encode",
    "blake2b",
    "bytes",
    "chr",
    "decode",
    "encode",
    "escape",
    "format",
    "hex",
    "hexlify",
    "int",
    "join",
    "list",
    "map",
    "md5",
    "new",
    "quote",
    "repr",
    "round",
    "sha1",
    "sha256",
    "sha512",
    "sorted",
    "standard_b64encode",
    "str",
    "tuple",
    "urlsafe_b64encode",
    "zfill",
];

static PASSWORD: &[&str] = &["passphrase", "passwd", "password", "passwords", "passwrd", "pwd", "pw"];

/// What stands in every file that names a password.
pub(crate) const NAMES_OF_PASSWORDS: &[&str] = &["passphrase", "passw", "pw"];

impl Purpose {
    /// Reads the names around the call at a place.
    pub(crate) fn of(cx: &Context<'_>, span: Span) -> Self {
        let mut purpose = Self::default();
        let nodes = enclosing(cx, span);
        if let Some(AnyNodeRef::ExprCall(call)) = nodes.first() {
            for argument in &call.arguments.args {
                purpose.made_of.extend(ingredients(argument));
            }
        }
        let function = nodes.iter().find_map(|node| match node {
            AnyNodeRef::StmtFunctionDef(function) => Some(*function),
            _ => None,
        });
        let mut follower =
            Follower { cx, file: span.file, function, purpose: &mut purpose, followed: BTreeSet::new() };
        follower.follow(&nodes, 0);
        purpose
    }

    /// Whether it becomes a secret.
    pub(crate) fn is_secret(&self) -> bool {
        self.becomes.iter().any(|name| names_secret(name))
    }

    /// Whether any of these words is in the name of what it becomes.
    pub(crate) fn becomes_any(&self, candidates: &[&str]) -> bool {
        self.becomes.iter().any(|name| words(name).iter().any(|word| candidates.contains(&word.as_str())))
    }

    /// Whether a password goes into it; not the hash of one.
    pub(crate) fn is_made_of_password(&self) -> bool {
        self.made_of.iter().any(|name| {
            names_password(name)
                && !words(name)
                    .iter()
                    .any(|word| matches!(word.as_str(), "digest" | "hash" | "hashed" | "reset"))
        })
    }
}

/// Whether an identifier names a password.
pub(crate) fn names_password(name: &str) -> bool {
    words(name).iter().any(|word| PASSWORD.contains(&word.as_str()))
}

/// Whether an identifier names something that nobody may guess.
pub(crate) fn names_secret(name: &str) -> bool {
    let words = words(name);
    words.iter().any(|word| SECRET.contains(&word.as_str()))
        || words.windows(2).any(|pair| SECRET_PAIRS.iter().any(|(a, b)| pair[0] == *a && pair[1] == *b))
}

/// How far a value is followed from one variable to the next.
const MAX_STEPS: usize = 4;

struct Follower<'p, 'w> {
    cx: &'w Context<'p>,
    file: flaskseal_core::FileId,
    function: Option<&'p ast::StmtFunctionDef>,
    purpose: &'w mut Purpose,
    followed: BTreeSet<String>,
}

impl<'p> Follower<'p, '_> {
    /// Goes outwards from a value to the statement that it is in.
    fn follow(&mut self, nodes: &[AnyNodeRef<'p>], step: usize) {
        let Some(start) = nodes.first() else { return };
        let mut inner = range_of(start);
        for node in nodes.get(1..).unwrap_or_default() {
            let here = inner;
            let is_in = |expression: &Expr| range_of(expression).encloses(here);
            inner = range_of(node);
            match node {
                AnyNodeRef::Keyword(keyword) => {
                    self.becomes(keyword.arg.as_ref().map(|name| name.id.as_str()));
                }
                AnyNodeRef::ExprCall(call) => {
                    self.pass_to(call, &is_in, step);
                    // What another function makes of it is something else.
                    if !is_in(&call.func)
                        && !last_name(&call.func).is_some_and(|name| CONVERSIONS.contains(&name))
                    {
                        return;
                    }
                }
                AnyNodeRef::ExprDict(dict) => {
                    for item in dict.items.iter().filter(|item| is_in(&item.value)) {
                        self.becomes(item.key.as_ref().and_then(key_name));
                    }
                }
                AnyNodeRef::ExprCompare(compare) => {
                    for side in std::iter::once(&*compare.left)
                        .chain(&compare.comparators)
                        .filter(|side| !is_in(side))
                    {
                        self.becomes(last_name(side));
                    }
                }
                // A condition says nothing of what the branches give.
                AnyNodeRef::StmtIf(_)
                | AnyNodeRef::StmtWhile(_)
                | AnyNodeRef::StmtFunctionDef(_)
                | AnyNodeRef::StmtClassDef(_) => return,
                AnyNodeRef::ExprIf(choice) if is_in(&choice.test) => return,
                AnyNodeRef::ExprNamed(named) => self.assign(&named.target, step),
                AnyNodeRef::StmtAssign(assign) => {
                    for target in &assign.targets {
                        self.assign(target, step);
                    }
                    return;
                }
                AnyNodeRef::StmtAnnAssign(assign) => return self.assign(&assign.target, step),
                AnyNodeRef::StmtAugAssign(assign) => return self.assign(&assign.target, step),
                AnyNodeRef::StmtReturn(_) => {
                    if let Some(function) = self.function {
                        self.becomes(Some(&function.name.id));
                    }
                    return;
                }
                _ => {}
            }
        }
    }

    fn becomes(&mut self, name: Option<&str>) {
        self.purpose.becomes.extend(name.map(str::to_owned));
    }

    /// The value is an argument of a call, or the object whose method is called.
    fn pass_to(&mut self, call: &'p ast::ExprCall, is_in: &dyn Fn(&Expr) -> bool, step: usize) {
        if is_in(&call.func) {
            // `h.update(password)`: what goes in.
            for argument in &call.arguments.args {
                self.purpose.made_of.extend(ingredients(argument));
            }
            return;
        }
        self.becomes(last_name(&call.func));
        let Expr::Attribute(method) = &*call.func else { return };
        // `session.update(...)`, `response.set_cookie("sid", value)`, `parts.append(value)`.
        self.becomes(last_name(&method.value));
        if let (Some(Expr::StringLiteral(name)), true) =
            (call.arguments.args.first(), call.arguments.args.len() > 1)
        {
            self.becomes(Some(name.value.to_str()));
        }
        if matches!(method.attr.id.as_str(), "append" | "extend" | "add" | "insert" | "write") {
            self.assign(&method.value, step);
        }
    }

    /// The value gets a name, under which it is followed through the rest of the function.
    fn assign(&mut self, target: &'p Expr, step: usize) {
        match target {
            Expr::Name(name) => {
                self.becomes(Some(&name.id));
                let Some(function) = self.function else { return };
                if step >= MAX_STEPS || !self.followed.insert(name.id.to_string()) {
                    return;
                }
                for node in within(function.into()) {
                    if let AnyNodeRef::ExprName(used) = node
                        && used.id == name.id
                        && used.ctx.is_load()
                    {
                        let nodes = enclosing(self.cx, span_of(self.file, used));
                        self.follow(&nodes, step + 1);
                    }
                }
            }
            Expr::Attribute(attribute) => {
                self.becomes(Some(&attribute.attr.id));
                self.becomes(last_name(&attribute.value));
            }
            Expr::Subscript(subscript) => {
                self.becomes(last_name(&subscript.value));
                self.becomes(key_name(&subscript.slice));
            }
            Expr::Tuple(tuple) => {
                for element in &tuple.elts {
                    self.assign(element, step);
                }
            }
            _ => {}
        }
    }
}

/// The names of what an expression is made of, keys such as that of `request.form["password"]` among them.
fn ingredients(expression: &Expr) -> BTreeSet<String> {
    let mut names = identifiers(expression.into());
    names.extend(within(expression.into()).into_iter().filter_map(|node| match node {
        AnyNodeRef::ExprSubscript(subscript) => key_name(&subscript.slice).map(str::to_owned),
        AnyNodeRef::ExprCall(call) => match call.arguments.args.first() {
            Some(Expr::StringLiteral(key)) if last_name(&call.func) == Some("get") => {
                Some(key.value.to_str().to_owned())
            }
            _ => None,
        },
        _ => None,
    }));
    names
}

/// The name that a key of a mapping gives to its value.
fn key_name(key: &Expr) -> Option<&str> {
    match key {
        Expr::StringLiteral(key) => Some(key.value.to_str()),
        _ => last_name(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_by_whole_words() {
        for name in ["reset_token", "SESSION_ID", "apiKey", "verification_code", "csrf"] {
            assert!(names_secret(name), "{name}");
        }
        for name in ["tokenize", "code", "key", "cache_key", "author", "postcode"] {
            assert!(!names_secret(name), "{name}");
        }
        assert!(names_password("new_password") && !names_password("passing"));
    }
}
