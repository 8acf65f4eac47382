//! FS131: an administration interface asks nobody who they are.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_live::Live;
use flaskseal_live::listed::Find;
use flaskseal_project::Context;
use flaskseal_project::semantic::{ClassFact, Event, Fact, FactKind};

use super::NO_DIAGNOSTICS;
use crate::answer::start_calls;
use crate::{Rule, served};

static META: RuleMeta = RuleMeta {
    id: RuleId::new(131),
    name: "unprotected-admin",
    summary: "An administration interface is registered without an access check.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[NO_DIAGNOSTICS],
    layers: &[Layer::Source, Layer::Live],
    cwe: &[306, 862],
    owasp: Some("A07"),
    asvs: &["V8.2.1"],
    fix: FixAvailability::None,
    page: include_str!("fs131_unprotected_admin.md"),
};

pub(crate) struct UnprotectedAdmin;

impl Rule for UnprotectedAdmin {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        if is_guarded_whole(cx) {
            return;
        }
        if start_calls(cx, "admin.site").next().is_some() {
            for event in start_calls(cx, "admin.view") {
                flask_admin(cx, event, out);
            }
        }
        for event in start_calls(cx, "blueprint.register") {
            let Some(blueprint) = event.argument(0, "blueprint").and_then(Fact::as_path) else { continue };
            if blueprint.starts_with("rq_dashboard.") && !mentions(cx, event, "blueprint.before_request") {
                let place = cx.evidence(event.span, "shows jobs with their arguments, and deletes them");
                out.fail(
                    Finding::new(
                        META.id,
                        META.severity,
                        META.confidence,
                        place,
                        "the RQ dashboard is open to everybody",
                    )
                    .with_scope(&*event.scope)
                    .with_fix(Fix::advice("check the user in a `before_request` of its blueprint")),
                );
            }
        }
    }

    fn check_live(&self, live: &Live<'_>, _starts: &[Context<'_>], out: &mut Assessment) {
        for (answer, listed) in
            served::listed(live).into_iter().filter(|(_, listed)| listed.find == Find::Admin)
        {
            let place = live.answer(answer, "no login is asked for");
            let message = format!("`{}` is {}, and open to everybody", listed.path, listed.what);
            let finding = Finding::new(META.id, META.severity, Confidence::Certain, place, message);
            out.fail(
                finding
                    .with_scope(listed.path)
                    .with_fix(Fix::advice("let `is_accessible` ask who the user is, in every view")),
            );
        }
    }
}

fn flask_admin(cx: &Context<'_>, event: &Event, out: &mut Assessment) {
    let class = event.receiver.as_deref().and_then(class_of);
    let check = class.map_or(Check::None, |class| check_of(cx, class));
    if check == Check::Some {
        return;
    }
    let model = event
        .argument(0, "model")
        .and_then(class_of)
        .map(|class| class.name.rsplit('.').next().unwrap_or_default());
    let holds_users = model.is_some_and(|model| {
        ["User", "Account", "Credential", "Token", "ApiKey", "Member", "Role"]
            .iter()
            .any(|word| model.contains(word))
    });
    let serves_files = event.path.contains("fileadmin") || event.path.contains("rediscli");
    let severity = if holds_users || serves_files { Severity::Critical } else { Severity::High };
    let what = match model {
        Some(model) => format!("the administration of `{model}`"),
        None if event.path.contains("fileadmin") => "the administration of files".to_owned(),
        None => "an administration view".to_owned(),
    };
    let label = match check {
        Check::AlwaysTrue => "its `is_accessible` returns True for everybody",
        _ => "nothing overrides `is_accessible`, which lets everybody in",
    };
    out.fail(
        Finding::new(
            META.id,
            severity,
            META.confidence,
            cx.evidence(event.span, label),
            format!("{what} is open to everybody"),
        )
        .with_scope(&*event.scope)
        .with_fix(Fix::advice(
            "override `is_accessible` in a base class of every view, and check the user there",
        )),
    );
}

/// The access check of a view class.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Check {
    None,
    AlwaysTrue,
    Some,
}

fn check_of(cx: &Context<'_>, class: &ClassFact) -> Check {
    let names = std::iter::once(&class.name).chain(&class.ancestors);
    for name in names {
        let is_library =
            name.starts_with("flask_admin.") || name.starts_with("builtins.") || name.starts_with("wtforms.");
        if is_library {
            continue;
        }
        let methods = ["is_accessible", "_handle_view"];
        let own = cx.evaluation.functions.iter().find(|function| {
            function.qualified_name.rsplit_once('.').is_some_and(|(class, method)| {
                methods.contains(&method)
                    && name.strip_suffix(class).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            })
        });
        match own {
            Some(function) if function.returns.truth() == Some(true) => return Check::AlwaysTrue,
            Some(_) => return Check::Some,
            // A base class or mixin of another library, such as Flask-Security's, may check.
            None if !is_program(cx, name) => return Check::Some,
            None => {}
        }
    }
    Check::None
}

/// Whether a file of the tree defines a class of this name.
fn is_program(cx: &Context<'_>, name: &str) -> bool {
    let class = name.rsplit('.').next().unwrap_or(name);
    let head = format!("class {class}");
    cx.evaluation.loaded.iter().any(|file| cx.project.tree.file(*file).text.contains(&head))
}

fn class_of(fact: &Fact) -> Option<&ClassFact> {
    match &fact.kind {
        FactKind::Class(class) | FactKind::Instance(class, _) => Some(class),
        _ => None,
    }
}

/// Something stands before every route: HTTP Basic authentication, or a hook that speaks of administration.
fn is_guarded_whole(cx: &Context<'_>) -> bool {
    let forced = cx.setting("BASIC_AUTH_FORCE").and_then(|setting| setting.value.truth()) == Some(true);
    let hooks = cx.app.map(|app| app.hooks.as_slice()).unwrap_or_default();
    forced
        || hooks.iter().any(|hook| match &hook.function.kind {
            FactKind::Function(function) if hook.name.starts_with("before") => {
                let text = cx.text(function.span);
                text.contains("admin")
                    || (text.contains("is_authenticated")
                        && (text.contains("redirect") || text.contains("abort")))
            }
            _ => false,
        })
}

fn mentions(cx: &Context<'_>, event: &Event, text: &str) -> bool {
    cx.project.tree.file(event.span.file).text.contains(text)
}
