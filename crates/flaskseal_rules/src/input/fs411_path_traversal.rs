//! FS411: request data forms a path in the file system.

use flaskseal_core::{Assessment, Confidence, FixAvailability, Layer, RuleId, RuleMeta, Severity};
use flaskseal_project::Context;
use flaskseal_project::semantic::Fact;

use super::{NO_INJECTION, SAFE_UPLOADS};
use crate::Rule;
use crate::flow::{Flow, Found, flows, path, report};
use crate::session::coverage::support_by_coverage;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(411),
    name: "path-traversal",
    summary: "Request data forms a path in the file system.",
    severity: Severity::High,
    confidence: Confidence::Firm,
    controls: &[NO_INJECTION, SAFE_UPLOADS],
    layers: &[Layer::Source],
    cwe: &[22, 73],
    owasp: Some("A01"),
    asvs: &["V5.3.2"],
    fix: FixAvailability::None,
    page: include_str!("fs411_path_traversal.md"),
};

pub(crate) struct PathTraversal;

impl Rule for PathTraversal {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        let mut found = Vec::new();
        for flow in flows(cx, path::CONTEXTS) {
            found.extend(in_path(&flow));
        }
        for flow in flows(cx, &["header"]) {
            let name = flow.event.positional.first().and_then(Fact::as_str).unwrap_or_default();
            if ["x-accel-redirect", "x-sendfile", "x-lighttpd-send-file"]
                .contains(&name.to_ascii_lowercase().as_str())
            {
                found.extend(in_path(&flow));
            }
        }
        // Whether a file is there says something, too, where any file can be asked for.
        for flow in flows(cx, &["path.exists"]) {
            if let Some(one) = in_path(&flow) {
                found.push(one.weighing(Severity::Low).noting("the answer tells which files there are"));
            }
        }
        report(cx, &META, found, out);
        support_by_coverage(cx, NO_INJECTION, out);
    }
}

fn in_path<'p>(flow: &Flow<'p>) -> Option<Found<'p>> {
    let rope = flow.text()?;
    let (breach, reach) = path::breach(&rope, path::is_written(flow))?;
    if path::has_weak_guard(&rope, reach) {
        return None;
    }
    let is_upload = breach.origin.input.starts_with("flask.request.files");
    let severity = match reach {
        path::Reach::Folder => Severity::Low,
        _ if path::is_written(flow) && !is_upload => Severity::Critical,
        _ => Severity::High,
    };
    let advice = match &*flow.event.path {
        "flask.send_file" => "`send_from_directory(FOLDER, name)` refuses what leaves the folder",
        _ if is_upload => "name the file yourself, or pass the name through `secure_filename`",
        _ => "join with `werkzeug.utils.safe_join(FOLDER, name)` and answer 404 where that is None",
    };
    Some(flow.found(breach).weighing(severity).advise(advice))
}
