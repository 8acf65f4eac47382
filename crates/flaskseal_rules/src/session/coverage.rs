//! Controls of the form "no such call exists": they hold where everything was looked at, and nowhere else.

use flaskseal_core::{Assessment, ControlId, Evidence, Gap, Layer};
use flaskseal_project::Context;

/// Supports a control with what was examined, or says what could not be.
pub(crate) fn support_by_coverage(cx: &Context<'_>, control: ControlId, out: &mut Assessment) {
    match examined(cx) {
        Ok(evidence) => out.support(control, evidence),
        Err(gap) => out.gap(control, gap),
    }
}

/// What was examined, where that is all that production loads.
pub(crate) fn examined(cx: &Context<'_>) -> Result<Evidence, Gap> {
    let loaded = &cx.evaluation.loaded;
    if cx.app.is_none() {
        return Err(Gap::new("no Flask application was found", "name it with `--entry MODULE:CALLABLE`"));
    }
    if let Some((file, _)) =
        cx.project.parsed.problems(cx.project.tree).find(|(file, _)| loaded.binary_search(file).is_ok())
    {
        return Err(Gap::new(format!("`{}` does not parse", cx.path(file)), "correct the file"));
    }
    if let Some(incomplete) = cx.evaluation.incomplete.first() {
        let reason = format!("analysis of `{}` incomplete: {}", incomplete.scope, incomplete.reason);
        return Err(Gap { span: incomplete.span, ..Gap::new(reason, "") });
    }
    if cx.entry.guessed {
        return Err(Gap::new("no start command found", "name it with `--entry MODULE:CALLABLE`"));
    }
    let functions = cx.evaluation.functions.len();
    Ok(Evidence::general(
        Layer::Source,
        format!("{} files and {functions} functions were examined", loaded.len()),
    ))
}
