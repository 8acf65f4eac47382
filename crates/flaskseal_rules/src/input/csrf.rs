//! What stands between another site's page and the views that change something for a visitor who is logged in.
//!
//! A view is at risk where browsers add by themselves what it knows the visitor by: a session cookie, another cookie,
//! HTTP Basic. What protects is asked in two steps: something that covers the whole application, and what a view does
//! itself.

use flaskseal_core::{Evidence, Gap, Layer, Span};
use flaskseal_project::Context;
use flaskseal_project::semantic::{Context as When, Event, Fact, FactKind};
use flaskseal_python::ast::{AnyNodeRef, Expr};

use crate::access::{decorator_name, function_of};
use crate::answer::runs;
use crate::code::{last_name, within, words};
use crate::identity;
use crate::reach::{Mentions, Reach};
use crate::view::{View, views};

/// What covers every view of the application.
pub(super) enum Protection<'p> {
    Active(Evidence),
    /// The extension is made and bound to nothing that production serves.
    Unbound(&'p Event),
    /// Whether it is active depends on what is not known.
    Unknown(Gap),
    None,
}

/// How browsers are told apart by a view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Identity {
    /// By a cookie, or by HTTP Basic: browsers send it whoever asks.
    Ambient,
    /// By a header that a page has to set itself, or by a signature.
    Explicit,
    /// Not at all.
    Nobody,
}

/// What a view does about forged requests itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Guarding {
    /// It validates a FlaskForm, or checks a token of its own.
    Checked,
    /// Only JSON, or only methods that a form cannot send: another site needs the permission of CORS.
    Preflighted,
    Open,
}

/// The application, as far as forged requests are concerned.
pub(super) struct Csrf<'p> {
    cx: Context<'p>,
    reach: Reach<'p>,
    /// Something in the application says who somebody is; otherwise a session holds a basket or a language.
    knows_users: bool,
    pub(super) views: Vec<View<'p>>,
}

impl<'p> Csrf<'p> {
    pub(super) fn of(cx: &Context<'p>) -> Self {
        Self { cx: *cx, reach: Reach::new(cx), knows_users: knows_users(cx), views: views(cx) }
    }

    /// What covers the whole application.
    pub(super) fn protection(&self) -> Protection<'p> {
        let cx = &self.cx;
        if let Some(evidence) = self.checking_hook() {
            return Protection::Active(evidence);
        }
        let mut conditional = None;
        let mut created = None;
        for call in cx.calls("csrf.protect") {
            let bound = call.argument(0, "app").filter(|app| !matches!(app.kind, FactKind::None));
            match bound {
                Some(app) if call.context == When::Start && self.is_served(app) => {
                    if runs(&call.guard) {
                        return self.enabled(call);
                    }
                    conditional = Some(call);
                }
                // In a function that the start was not seen to call.
                Some(_) => conditional = conditional.or(Some(call).filter(|_| self.may_be_missed())),
                None => created = created.or(Some(call)),
            }
        }
        match (conditional, created) {
            (Some(call), _) if !runs(&call.guard) && cx.is_deployed() => Protection::Unbound(call),
            (Some(call), _) => {
                let reason = "whether CSRF protection is bound to the application is not known";
                Protection::Unknown(Gap::at(
                    call.span,
                    reason,
                    "name the start with `--entry MODULE:CALLABLE`",
                ))
            }
            (None, Some(call)) if !self.may_be_missed() => Protection::Unbound(call),
            (None, Some(call)) => {
                let reason = "CSRF protection is made; where it is bound to the application was not seen";
                Protection::Unknown(Gap::at(call.span, reason, ""))
            }
            (None, None) => Protection::None,
        }
    }

    /// Whether a view seems to change anything: it calls something by a verb of change, or writes to an object.
    pub(super) fn changes(&self, view: &View<'p>) -> bool {
        self.reach.of(view.span).iter().any(|function| {
            function.node.body.iter().flat_map(|statement| within(AnyNodeRef::from(statement))).any(|node| {
                match node {
                    AnyNodeRef::ExprCall(call) => last_name(&call.func).is_some_and(is_verb_of_change),
                    AnyNodeRef::StmtAssign(assign) => assign.targets.iter().any(|target| match target {
                        Expr::Attribute(attribute) => last_name(&attribute.value) != Some("response"),
                        Expr::Subscript(subscript) => last_name(&subscript.value) == Some("session"),
                        _ => false,
                    }),
                    AnyNodeRef::StmtDelete(_) => true,
                    _ => false,
                }
            })
        })
    }

    /// Whether the start-up may do more than was seen.
    pub(super) fn may_be_missed(&self) -> bool {
        let evaluation = self.cx.evaluation;
        evaluation.outcome != flaskseal_project::semantic::Outcome::Started
            || evaluation.incomplete.iter().any(|incomplete| incomplete.span.is_some())
    }

    /// Whether a value is the application that production serves.
    fn is_served(&self, value: &Fact) -> bool {
        let evaluation = self.cx.evaluation;
        let own = self.cx.app.and_then(|app| app.span);
        evaluation.apps.len() < 2
            || value.at.is_none()
            || value.at == own
            || !evaluation.apps.iter().any(|app| app.span == value.at)
    }

    fn enabled(&self, call: &'p Event) -> Protection<'p> {
        let setting = self.cx.setting_by_default("WTF_CSRF_ENABLED");
        match (&setting.kind, setting.truth()) {
            (FactKind::Absent, _) | (_, Some(true)) => {
                let claim = if call.path.starts_with("flask_seasurf") {
                    "SeaSurf checks every request that changes something"
                } else {
                    "CSRFProtect checks every request that changes something"
                };
                Protection::Active(self.cx.evidence(call.span, claim))
            }
            // FS472 speaks of what is switched off.
            (_, Some(false)) => Protection::None,
            _ => Protection::Unknown(Gap::at(
                call.span,
                "whether `WTF_CSRF_ENABLED` is on is not known",
                "give production's variables with `--env-file FILE`",
            )),
        }
    }

    /// A `before_request` of the whole application that looks at where a request comes from, or for a token.
    fn checking_hook(&self) -> Option<Evidence> {
        let hooks = self.cx.app?.hooks.iter();
        hooks.filter(|hook| hook.name.starts_with("before") && hook.is_global()).find_map(|hook| {
            let function = function_of(&self.cx, &hook.function)?;
            let FactKind::Function(fact) = &hook.function.kind else { return None };
            let is_csrf = |mentions: &Mentions<'_>| checks_origin(mentions) && mentions.refuses();
            let mut own = Mentions::default();
            own.add_body(function);
            let is_check =
                is_csrf(&own) || is_csrf(&self.reach.mentions(fact.span)) && !self.is_login_check(fact.span);
            let at = crate::access::name_span(fact.span.file, function);
            is_check.then(|| self.cx.evidence(at, "checks every request for a token or its origin"))
        })
    }

    /// Whether code is about who is logged in, so that a token in it is an identity.
    fn is_login_check(&self, function: Span) -> bool {
        let mentions = self.reach.mentions(function);
        !mentions.any_text(&["csrf", "xsrf", "origin", "sec-fetch-site"])
            && !mentions.names.iter().any(|name| is_csrf(name))
    }

    /// How a view knows its visitor.
    pub(super) fn identity(&self, view: &View<'p>) -> Identity {
        let mut seen = Traits { knows_users: self.knows_users, ..Traits::default() };
        let decorated = self.cx.decorated(view.span);
        for (decorator, span) in decorated.iter().flat_map(|decorated| &decorated.decorators) {
            let name = decorator_name(&self.cx, *span).to_ascii_lowercase();
            let path = decorator.as_path().unwrap_or_default();
            if path.starts_with("flask_login.")
                || path.contains("HTTPBasicAuth")
                || path.contains("HTTPDigestAuth")
            {
                return Identity::Ambient;
            }
            if path.contains("HTTPTokenAuth")
                || name.ends_with("token_required")
                || name.contains("jwt_required")
            {
                return if self.has_jwt_cookies() { Identity::Ambient } else { Identity::Explicit };
            }
            if let FactKind::Function(check) = &decorator.kind {
                seen.see(&self.reach.mentions(check.span));
            } else if name.ends_with("login_required") || name.ends_with("fresh_login_required") {
                return Identity::Ambient;
            } else if let Some(factory) = self.factory_of(*span) {
                // `@role_required("admin")`: the decorator is what the call returned.
                seen.see(&self.reach.mentions(factory));
            }
        }
        for hook in self.cx.app.map(|app| app.hooks.as_slice()).unwrap_or_default() {
            let covers =
                hook.name.starts_with("before") && view.routes.iter().any(|route| hook.covers(route));
            if let FactKind::Function(check) = &hook.function.kind
                && covers
                && (!hook.is_global()
                    || function_of(&self.cx, &hook.function).is_some_and(crate::access::checks_caller))
            {
                seen.see(&self.reach.mentions(check.span));
            }
        }
        // A header or a signature that a decorator asks for decides, whatever the view does with the session.
        if seen.explicit && !seen.ambient {
            return Identity::Explicit;
        }
        seen.see(&self.reach.mentions(view.span));
        match (seen.ambient, seen.explicit) {
            (true, _) => Identity::Ambient,
            (false, true) => Identity::Explicit,
            (false, false) => Identity::Nobody,
        }
    }

    /// The function that makes a decorator: `role_required` of `@role_required("admin")`.
    fn factory_of(&self, decorator: Span) -> Option<Span> {
        let name = decorator_name(&self.cx, decorator);
        let last = name.rsplit('.').next()?;
        let mut found =
            self.cx.evaluation.functions.iter().filter(|function| *function.qualified_name == *last);
        let first = found.next()?;
        found.next().is_none().then_some(first.span)
    }

    /// Flask-JWT-Extended reads cookies, and does not check its own token for them.
    fn has_jwt_cookies(&self) -> bool {
        let location = self.cx.setting_by_default("JWT_TOKEN_LOCATION");
        let has_cookies = match &location.kind {
            FactKind::Str(_) => location.as_str() == Some("cookies"),
            FactKind::Sequence { items, .. } => items.iter().any(|item| item.as_str() == Some("cookies")),
            _ => false,
        };
        has_cookies && self.cx.setting_by_default("JWT_COOKIE_CSRF_PROTECT").truth() == Some(false)
    }

    /// What a view does about forged requests itself.
    pub(super) fn guarding(&self, view: &View<'p>) -> Guarding {
        let decorated = self.cx.decorated(view.span);
        let is_named =
            |(_, span): &(Fact, Span)| is_csrf(&decorator_name(&self.cx, *span)) && !self.is_exemption(*span);
        if decorated.iter().flat_map(|decorated| &decorated.decorators).any(is_named) {
            return Guarding::Checked;
        }
        let hooks = self.cx.app.map(|app| app.hooks.as_slice()).unwrap_or_default();
        let has_hook = hooks.iter().filter(|hook| hook.name.starts_with("before")).any(|hook| {
            let FactKind::Function(check) = &hook.function.kind else { return false };
            let mentions = self.reach.mentions(check.span);
            view.routes.iter().all(|route| hook.covers(route))
                && checks_origin(&mentions)
                && mentions.refuses()
                && !self.is_login_check(check.span)
        });
        if has_hook || self.validates_form(view) || self.checks_token(view) {
            return Guarding::Checked;
        }
        if !view.has_any(&["POST"]) || self.takes_only_json(view) {
            Guarding::Preflighted
        } else {
            Guarding::Open
        }
    }

    fn is_exemption(&self, decorator: Span) -> bool {
        decorator_name(&self.cx, decorator).ends_with("exempt")
    }

    /// Whether a view validates a FlaskForm that has its token.
    fn validates_form(&self, view: &View<'p>) -> bool {
        let functions = self.reach.of(view.span);
        let validates = functions.iter().any(|function| {
            within(AnyNodeRef::from(function.node)).into_iter().any(|node| match node {
                AnyNodeRef::ExprCall(call) => match &*call.func {
                    Expr::Attribute(attribute) => match attribute.attr.id.as_str() {
                        "validate_on_submit" => true,
                        "validate" => last_name(&attribute.value)
                            .is_some_and(|name| name.to_ascii_lowercase().ends_with("form")),
                        _ => false,
                    },
                    _ => false,
                },
                _ => false,
            })
        });
        if !validates {
            return false;
        }
        // A form that was made without its token proves nothing.
        let made: Vec<&Event> = self
            .cx
            .calls("form.new")
            .filter(|call| {
                call.function.is_some_and(|function| functions.iter().any(|known| known.span == function))
            })
            .collect();
        made.is_empty() || made.iter().any(|call| !is_without_token(&self.cx, call))
    }

    /// Whether a view compares a token of its own, or asks the extension to.
    fn checks_token(&self, view: &View<'p>) -> bool {
        let mentions = self.reach.mentions(view.span);
        mentions.any_name(&["validate_csrf"])
            || mentions.refuses()
                && (mentions.names.iter().any(|name| is_csrf(name))
                    || mentions.any_text(&["csrf", "xsrf", "sec-fetch-site"]))
    }

    /// Whether a view reads a JSON body whose type Flask checks, and nothing that a form sends.
    fn takes_only_json(&self, view: &View<'p>) -> bool {
        let functions = self.reach.of(view.span);
        let mut reads_json = false;
        for function in &functions {
            for node in within(AnyNodeRef::from(function.node)) {
                let AnyNodeRef::ExprAttribute(attribute) = node else { continue };
                if last_name(&attribute.value) != Some("request") {
                    continue;
                }
                match attribute.attr.id.as_str() {
                    "json" => reads_json = true,
                    "get_json" => {
                        let call =
                            within(AnyNodeRef::from(function.node)).into_iter().find_map(
                                |outer| match outer {
                                    AnyNodeRef::ExprCall(call)
                                        if crate::code::span_of(view.span.file, &*call.func)
                                            == crate::code::span_of(view.span.file, attribute) =>
                                    {
                                        Some(call)
                                    }
                                    _ => None,
                                },
                            );
                        let is_forced = call.is_some_and(|call| {
                            !call.arguments.args.is_empty()
                                || call.arguments.keywords.iter().any(|keyword| {
                                    keyword
                                        .arg
                                        .as_ref()
                                        .is_some_and(|name| matches!(name.as_str(), "force" | "silent"))
                                })
                        });
                        if is_forced {
                            return false;
                        }
                        reads_json = true;
                    }
                    "form" | "values" | "files" | "data" | "get_data" | "stream" => return false,
                    _ => {}
                }
            }
        }
        reads_json
    }
}

/// Whether a form is made without its token: `meta={"csrf": False}`, `csrf_enabled=False`, `class Meta: csrf = False`.
pub(super) fn is_without_token(cx: &Context<'_>, call: &Event) -> bool {
    if call.keyword("csrf_enabled").and_then(Fact::truth) == Some(false) {
        return true;
    }
    if let Some(FactKind::Dict { entries, .. }) = call.keyword("meta").map(|meta| &meta.kind) {
        return entries
            .iter()
            .any(|(key, value)| key.as_str() == Some("csrf") && value.truth() == Some(false));
    }
    form_class(call).is_some_and(|class| meta_switch(cx, class).is_some())
}

/// Where the class of a form is written.
pub(super) fn form_class(call: &Event) -> Option<Span> {
    match &call.receiver.as_ref()?.kind {
        FactKind::Class(class) | FactKind::Instance(class, _) => class.span,
        _ => None,
    }
}

/// `csrf = False` in the class `Meta` of a form's class.
pub(super) fn meta_switch(cx: &Context<'_>, class: Span) -> Option<Span> {
    let file = class.file;
    let class = crate::code::enclosing(cx, class).into_iter().find_map(|node| match node {
        AnyNodeRef::StmtClassDef(found) => Some(found),
        _ => None,
    })?;
    class.body.iter().find_map(|statement| match statement {
        flaskseal_python::ast::Stmt::ClassDef(meta) if meta.name.as_str() == "Meta" => {
            match crate::access::class_attribute(meta, "csrf")? {
                Expr::BooleanLiteral(value) if !value.value => Some(crate::code::span_of(file, value)),
                _ => None,
            }
        }
        _ => None,
    })
}

/// Whether a name speaks of forged requests.
pub(super) fn is_csrf(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.contains("csrf") || lower.contains("xsrf")
}

/// Whether code looks for a token, or at where the request comes from.
fn checks_origin(mentions: &Mentions<'_>) -> bool {
    mentions.names.iter().any(|name| is_csrf(name))
        || mentions.any_text(&["csrf", "xsrf", "sec-fetch-site", "x-requested-with"])
        || mentions.texts.contains("origin")
        || mentions.any_name(&["origin", "referrer"]) && mentions.any_name(&["host", "host_url", "url_root"])
        // A nonce of the session, compared with one of the form.
        || mentions.texts.contains("nonce") && mentions.session && mentions.any_name(&["form", "headers"])
}

/// What was seen of how a view knows its visitor.
#[derive(Default)]
struct Traits {
    knows_users: bool,
    ambient: bool,
    explicit: bool,
}

impl Traits {
    fn see(&mut self, mentions: &Mentions<'_>) {
        self.ambient |= is_ambient(mentions, self.knows_users);
        self.explicit |= is_explicit(mentions);
    }
}

/// Whether code knows its visitor by something that browsers send by themselves.
fn is_ambient(mentions: &Mentions<'_>, knows_users: bool) -> bool {
    const IDENTITIES: &[&str] = &["auth", "jwt", "login", "session", "sid", "token", "uid", "user"];
    mentions.session && knows_users
        || mentions.any_name(&["current_user"])
        || mentions.any_name(&["cookies"]) && mentions.any_text(IDENTITIES)
        || mentions.any_name(&["g"]) && mentions.any_name(&["user", "account"])
        || mentions.any_name(&["authorization"]) && mentions.any_name(&["username", "password"])
}

/// Whether the application knows people: it logs them in, or its session holds who they are.
fn knows_users(cx: &Context<'_>) -> bool {
    const WORDS: &[&str] = &[
        "account", "admin", "auth", "customer", "email", "logged", "login", "member", "uid", "user",
        "username",
    ];
    let names_somebody = |call: &Event| match call.positional.first().and_then(Fact::as_str) {
        Some(key) => {
            identity::is_identity_key(key) || words(key).iter().any(|word| WORDS.contains(&word.as_str()))
        }
        None => false,
    };
    cx.has_call("login.user")
        || cx.calls("session.read").any(names_somebody)
        || cx.calls("session.write").any(names_somebody)
        || identity::writes(cx).iter().any(|write| write.key.is_some_and(identity::is_identity_key))
}

/// Whether code asks for something that a page has to send itself.
fn is_explicit(mentions: &Mentions<'_>) -> bool {
    mentions.any_text(&[
        "authorization",
        "bearer",
        "x-api-key",
        "api-key",
        "api_key",
        "apikey",
        "x-hub-signature",
        "signature",
        "x-auth-token",
    ]) || mentions.any_name(&[
        "compare_digest",
        "verify_jwt_in_request",
        "get_jwt_identity",
        "construct_event",
        "authorization",
    ])
}

/// Whether a function's name says that it changes something.
fn is_verb_of_change(name: &str) -> bool {
    const VERBS: &[&str] = &[
        "add",
        "approve",
        "buy",
        "cancel",
        "change",
        "charge",
        "clear",
        "commit",
        "create",
        "delay",
        "delete",
        "disable",
        "edit",
        "enable",
        "enqueue",
        "execute",
        "follow",
        "grant",
        "import",
        "insert",
        "invite",
        "mail",
        "merge",
        "move",
        "note",
        "pay",
        "persist",
        "post",
        "process",
        "publish",
        "put",
        "register",
        "reject",
        "remove",
        "rename",
        "reset",
        "restart",
        "revoke",
        "save",
        "send",
        "set",
        "start",
        "stop",
        "store",
        "submit",
        "subscribe",
        "toggle",
        "touch",
        "transfer",
        "unfollow",
        "update",
        "upload",
        "upsert",
        "vote",
        "write",
    ];
    !matches!(name, "set_cookie" | "add_url_rule")
        && words(name).iter().any(|word| VERBS.contains(&word.as_str()))
}

/// What was looked at, for evidence without a place.
pub(super) fn general(claim: impl Into<String>) -> Evidence {
    Evidence::general(Layer::Source, claim)
}
