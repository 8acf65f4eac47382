//! FS461: files of any type are kept.

use flaskseal_core::{
    Assessment, Confidence, Finding, Fix, FixAvailability, Gap, Layer, RuleId, RuleMeta, Severity,
};
use flaskseal_project::Context;

use super::SAFE_UPLOADS;
use super::uploads::{TypeCheck, Uploads};
use crate::Rule;

static META: RuleMeta = RuleMeta {
    id: RuleId::new(461),
    name: "unrestricted-upload-type",
    summary: "Files that clients send are kept whatever their type.",
    severity: Severity::Medium,
    confidence: Confidence::Firm,
    controls: &[SAFE_UPLOADS],
    layers: &[Layer::Source],
    cwe: &[434],
    owasp: Some("A04"),
    asvs: &["V5.2.2"],
    fix: FixAvailability::None,
    page: include_str!("fs461_unrestricted_upload_type.md"),
};

pub(crate) struct UnrestrictedUploadType;

impl Rule for UnrestrictedUploadType {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, cx: &Context<'_>, out: &mut Assessment) {
        for call in cx.calls("upload.set") {
            let takes_all = call
                .argument(1, "extensions")
                .and_then(|extensions| extensions.as_path())
                .is_some_and(|path| path.ends_with(".ALL"));
            if takes_all {
                let place = cx.evidence(call.span, "`ALL` takes every extension");
                out.fail(
                    Finding::new(
                        META.id,
                        META.severity,
                        META.confidence,
                        place,
                        "files of every type are kept",
                    )
                    .with_scope(&*call.scope)
                    .with_fix(Fix::advice("name the extensions that the application needs")),
                );
            }
        }
        let uploads = Uploads::of(cx);
        if uploads.uses.is_empty() {
            return;
        }
        if uploads.saves.is_empty() {
            return match uploads.allowed_by_form {
                Some(at) => {
                    out.support(SAFE_UPLOADS, cx.evidence(at, "a form takes files of some types only"));
                }
                None => out.gap(
                    SAFE_UPLOADS,
                    Gap::at(uploads.uses[0], "what becomes of uploaded files was not seen", ""),
                ),
            };
        }
        for save in &uploads.saves {
            let message = match save.check {
                TypeCheck::Sound => {
                    out.support(
                        SAFE_UPLOADS,
                        cx.evidence(save.call.span, "kept only with an extension or content of some types"),
                    );
                    continue;
                }
                // The form that the file came with may have looked at it.
                TypeCheck::None
                    if uploads.allowed_by_form.is_some() && save.call.path.contains("FileField") =>
                {
                    continue;
                }
                TypeCheck::None => "files of every type are kept",
                TypeCheck::ClientType => "only the type that the client claims is looked at",
                TypeCheck::DenyList => "only some extensions are refused: the others are kept",
                TypeCheck::Anywhere => {
                    "the extension may stand anywhere in the name: `shell.png.php` is kept"
                }
            };
            // What is read and thrown away does less harm.
            let is_temporary = save.paths.iter().any(|path| path.contains("tempfile."));
            let severity = if is_temporary { Severity::Low } else { META.severity };
            let place = cx.evidence(save.call.span, "kept here");
            out.fail(
                Finding::new(META.id, severity, META.confidence, place, message)
                    .with_scope(&*save.call.scope)
                    .with_fix(Fix::advice(
                        "compare `filename.rsplit(\".\", 1)[1].lower()` with a set of extensions, and give the file a name of your own",
                    )),
            );
        }
    }
}
