//! What becomes of files that clients send: where the code takes them, which types it accepts and where it puts them.

use flaskseal_core::Span;
use flaskseal_project::models::Models;
use flaskseal_project::semantic::{Event, Fact, FactKind};
use flaskseal_project::{Context, Role};
use flaskseal_python::ast::{self, AnyNodeRef, CmpOp, Expr};

use crate::code::{last_name, nodes_near, span_of, within, words};
use crate::reach::{Function, Reach};
use crate::view::views;

/// Everything that takes files from clients.
pub(super) struct Uploads<'p> {
    /// Where the code reaches for them: `request.files`, a field of a form.
    pub(super) uses: Vec<Span>,
    pub(super) saves: Vec<Save<'p>>,
    /// A form's field that names the extensions which it takes.
    pub(super) allowed_by_form: Option<Span>,
}

/// A file that a client sent, written to a path.
pub(super) struct Save<'p> {
    pub(super) call: &'p Event,
    /// The paths that it may get, as far as they are known, with holes in braces.
    pub(super) paths: Vec<String>,
    pub(super) check: TypeCheck,
}

/// How the type of a file is looked at before it is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TypeCheck {
    /// Its last extension is one of some, or its content is looked at.
    Sound,
    /// Only what the client says it is.
    ClientType,
    /// Only some extensions are refused.
    DenyList,
    /// An extension that may stand anywhere in the name.
    Anywhere,
    None,
}

impl<'p> Uploads<'p> {
    pub(super) fn of(cx: &Context<'p>) -> Self {
        let mut uses: Vec<Span> = nodes_near(cx, &[".files"])
            .filter(|(file, _)| cx.project.role(*file) == Role::Source)
            .filter_map(|(file, node)| match node {
                AnyNodeRef::ExprAttribute(attribute)
                    if attribute.attr.id.as_str() == "files"
                        && last_name(&attribute.value) == Some("request") =>
                {
                    Some(span_of(file, attribute))
                }
                _ => None,
            })
            .collect();
        uses.extend(cx.calls("form.file").map(|call| call.span));
        uses.sort();
        uses.dedup();
        let mut saves = Vec::new();
        if !uses.is_empty() {
            let reach = Reach::new(cx);
            // Who calls the function that saves may have looked at the type.
            let callers: Vec<Vec<Function<'p>>> = views(cx).iter().map(|view| reach.of(view.span)).collect();
            for call in cx.evaluation.events.iter().filter(|call| is_save(call)) {
                let Some(function) = call.function else { continue };
                if saves.iter().any(|known: &Save<'_>| known.call.span == call.span) {
                    continue;
                }
                let mut code: Vec<Function<'p>> = reach.of(function);
                code.extend(
                    callers
                        .iter()
                        .filter(|caller| caller.iter().any(|known| known.span == function))
                        .flatten(),
                );
                let paths = call.argument(0, "dst").map(shown).unwrap_or_default();
                saves.push(Save { call, paths, check: check_of(&code) });
            }
        }
        saves.sort_by_key(|save| save.call.span);
        Self { uses, saves, allowed_by_form: cx.calls("form.file-allowed").map(|call| call.span).next() }
    }
}

/// `request.files["picture"].save(...)`, and the same of a form's field.
fn is_save(call: &Event) -> bool {
    call.path
        .strip_suffix(".save")
        .is_some_and(|receiver| Models::bundled().is_upload(receiver) || receiver.ends_with("FileStorage()"))
}

/// The paths that a value may be, as text with holes in braces.
pub(super) fn shown(fact: &Fact) -> Vec<String> {
    let one = |fact: &Fact| match &fact.kind {
        FactKind::Str(rope) => Some(rope.to_string()),
        FactKind::Path(path) => Some(format!("{{{path}}}")),
        _ => None,
    };
    fact.alternatives().into_iter().filter_map(|(fact, _)| one(fact)).collect()
}

/// How code looks at the type of a file.
fn check_of(functions: &[Function<'_>]) -> TypeCheck {
    const LOOKS_INSIDE: &[&str] =
        &["FileAllowed", "Image", "PIL", "UploadSet", "filetype", "imghdr", "magic", "puremagic"];
    let mut worst = TypeCheck::None;
    for node in functions
        .iter()
        .flat_map(|function| &function.node.body)
        .flat_map(|statement| within(AnyNodeRef::from(statement)))
    {
        match node {
            AnyNodeRef::ExprName(name) if LOOKS_INSIDE.contains(&name.id.as_str()) => {
                return TypeCheck::Sound;
            }
            AnyNodeRef::ExprCall(call) => {
                let name = last_name(&call.func).unwrap_or_default();
                let words = words(name);
                let has = |set: &[&str]| words.iter().any(|word| set.contains(&word.as_str()));
                if has(&["allowed", "valid", "validate", "check", "is"])
                    && has(&["extension", "extensions", "ext", "file", "filename", "image", "type"])
                    || name == "endswith"
                {
                    return TypeCheck::Sound;
                }
            }
            AnyNodeRef::ExprCompare(compare) => match compared(compare) {
                TypeCheck::Sound => return TypeCheck::Sound,
                TypeCheck::None => {}
                other => worst = other,
            },
            _ => {}
        }
    }
    worst
}

/// What a membership test is worth.
fn compared(compare: &ast::ExprCompare) -> TypeCheck {
    if !matches!(compare.ops.first(), Some(CmpOp::In | CmpOp::NotIn | CmpOp::Eq | CmpOp::NotEq)) {
        return TypeCheck::None;
    }
    let Some(right) = compare.comparators.first() else { return TypeCheck::None };
    let mentioned = |expression: &Expr| -> Vec<String> {
        within(AnyNodeRef::from(expression))
            .into_iter()
            .filter_map(|node| match node {
                AnyNodeRef::ExprName(name) => Some(name.id.to_string()),
                AnyNodeRef::ExprAttribute(attribute) => Some(attribute.attr.id.to_string()),
                AnyNodeRef::ExprStringLiteral(text) => Some(text.value.to_str().to_owned()),
                _ => None,
            })
            .flat_map(|name| words(&name))
            .collect()
    };
    let (left_words, right_words) = (mentioned(&compare.left), mentioned(right));
    let has = |found: &[String], set: &[&str]| found.iter().any(|word| set.contains(&word.as_str()));
    let is_membership = matches!(compare.ops.first(), Some(CmpOp::In | CmpOp::NotIn));
    if is_membership
        && has(
            &right_words,
            &["blacklist", "blacklisted", "blocked", "denied", "deny", "disallowed", "forbidden"],
        )
    {
        return TypeCheck::DenyList;
    }
    // `".png" in filename`.
    if is_membership && compare.left.is_string_literal_expr() && has(&right_words, &["filename", "name"]) {
        return TypeCheck::Anywhere;
    }
    if has(&left_words, &["mimetype", "type"]) && has(&left_words, &["content", "mimetype", "mime"]) {
        return TypeCheck::ClientType;
    }
    let is_extension =
        has(&left_words, &["ext", "extension", "rsplit", "splitext", "suffix", "rpartition", "format"])
            || is_membership && has(&right_words, &["allowed", "extensions", "permitted", "whitelist"]);
    // `name.split(".")[1]` is `png` of `shell.png.php`.
    let is_second_part = within(AnyNodeRef::from(&*compare.left)).into_iter().any(|node| match node {
        AnyNodeRef::ExprSubscript(subscript) => {
            matches!(&*subscript.value, Expr::Call(call) if last_name(&call.func) == Some("split"))
                && matches!(&*subscript.slice, Expr::NumberLiteral(_))
        }
        _ => false,
    });
    if is_second_part {
        TypeCheck::Anywhere
    } else if is_extension {
        TypeCheck::Sound
    } else {
        TypeCheck::None
    }
}
