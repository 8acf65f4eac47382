//! From what the rules wrote down to the seven verdicts, by sections 1.1 and 1.5 of the rule catalogue.
//!
//! | a control with | is |
//! |---|---|
//! | a finding that blocks | violated |
//! | no such finding, and a gap | unknown |
//! | neither, and support, or findings that do not block | met |
//! | none of these, and a reason why the question does not arise | not applicable |
//! | nothing at all | unknown: silence is never evidence |
//!
//! | an item, tested in this order | is |
//! |---|---|
//! | none of whose required controls applies, without findings | not applicable |
//! | with a finding that blocks | fail |
//! | with a required control that is unknown | not verified |
//! | else | pass |

use flaskseal_core::{
    Assessment, Confidence, Control, ControlId, ControlReport, ControlState, Gap, Item, ItemReport, Layer,
    RuleId, RuleMeta, Severity, Verdict,
};

/// A finding of one application, as far as verdicts care.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Weight {
    pub(crate) rule: RuleId,
    pub(crate) severity: Severity,
    pub(crate) confidence: Confidence,
    pub(crate) standing: Weighing,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Weighing {
    Counts,
    /// In the baseline, and accepted by nobody.
    Baselined,
    /// Suppressed, or in the baseline and accepted.
    Accepted,
    /// A stronger layer shows otherwise.
    Overruled,
}

impl Weight {
    fn blocks(self, fail_on: Severity) -> bool {
        self.severity >= fail_on
            && self.confidence >= Confidence::Firm
            && match self.standing {
                Weighing::Counts => true,
                Weighing::Baselined => self.severity >= Severity::High,
                Weighing::Accepted | Weighing::Overruled => false,
            }
    }
}

/// The seven items of one application.
pub(crate) fn items(
    assessment: &Assessment,
    weights: &[Weight],
    rules: &[&'static RuleMeta],
    fail_on: Severity,
) -> Vec<ItemReport> {
    Item::ALL.into_iter().map(|item| item_report(item, assessment, weights, rules, fail_on)).collect()
}

fn item_report(
    item: Item,
    assessment: &Assessment,
    weights: &[Weight],
    rules: &[&'static RuleMeta],
    fail_on: Severity,
) -> ItemReport {
    let has_rules = rules.iter().any(|rule| touches_item(rule.id, rules, item));
    let controls: Vec<ControlReport> = item
        .controls()
        .map(|control| {
            let weights = weights.iter().filter(|weight| violates(weight.rule, rules, control.id));
            let mut report = control_report(control, assessment, weights, fail_on);
            if report.state == ControlState::Unknown && report.gaps.is_empty() {
                report.gaps.push(silence(control.id, rules, has_rules));
            }
            report
        })
        .collect();
    let weights: Vec<Weight> =
        weights.iter().copied().filter(|weight| touches_item(weight.rule, rules, item)).collect();
    let blocking: Vec<Severity> =
        weights.iter().filter(|weight| weight.blocks(fail_on)).map(|weight| weight.severity).collect();
    let unproved: Vec<&ControlReport> = controls
        .iter()
        .filter(|report| report.state == ControlState::Unknown && must_be_proved(report, &controls))
        .collect();
    let applicable = controls
        .iter()
        .any(|report| is_required(report.control) && report.state != ControlState::NotApplicable)
        || !weights.is_empty();

    let (verdict, reason) = if !applicable {
        let reason = controls.iter().find_map(|report| report.not_applicable.clone());
        (Verdict::NotApplicable, reason.unwrap_or_default())
    } else if !blocking.is_empty() {
        (Verdict::Fail, count_by_severity(&blocking))
    } else if !unproved.is_empty() {
        (Verdict::NotVerified, missing(&unproved, has_rules))
    } else {
        (Verdict::Pass, rests_on(&controls, &weights))
    };
    ItemReport { item, verdict, reason, controls }
}

fn control_report<'a>(
    control: &Control,
    assessment: &Assessment,
    mut weights: impl Iterator<Item = &'a Weight> + Clone,
    fail_on: Severity,
) -> ControlReport {
    let mut support: Vec<_> = assessment
        .support
        .iter()
        .filter(|(id, _)| *id == control.id)
        .map(|(_, evidence)| evidence.clone())
        .collect();
    // The strongest layer first.
    support.sort_by(|a, b| b.layer.cmp(&a.layer).then_with(|| a.cmp(b)));
    support.dedup();
    let mut gaps: Vec<_> =
        assessment.gaps.iter().filter(|(id, _)| *id == control.id).map(|(_, gap)| gap.clone()).collect();
    // What can be remedied first; then by place in the tree.
    gaps.sort_by(|a, b| (a.remedy.is_empty(), a.span, a).cmp(&(b.remedy.is_empty(), b.span, b)));
    gaps.dedup();
    let mut not_applicable: Vec<&String> = assessment
        .not_applicable
        .iter()
        .filter(|(id, _)| *id == control.id)
        .map(|(_, reason)| reason)
        .collect();
    not_applicable.sort();

    let state = if weights.clone().any(|weight| weight.blocks(fail_on)) {
        ControlState::Violated
    } else if !gaps.is_empty() {
        ControlState::Unknown
    } else if !support.is_empty() || weights.next().is_some() {
        ControlState::Met
    } else if !not_applicable.is_empty() {
        ControlState::NotApplicable
    } else {
        ControlState::Unknown
    };
    let not_applicable = (state == ControlState::NotApplicable)
        .then(|| not_applicable.first().map(|reason| (*reason).clone()))
        .flatten();
    ControlReport { control: control.id, state, support, gaps, not_applicable }
}

/// Why nothing at all is known of a control.
fn silence(control: ControlId, rules: &[&'static RuleMeta], item_has_rules: bool) -> Gap {
    if !item_has_rules {
        Gap::new("none of its rules was selected", "")
    } else if rules.iter().any(|rule| rule.controls.contains(&control)) {
        Gap::new("nothing was seen that decides it", "")
    } else {
        Gap::new("none of the selected rules decides it", "")
    }
}

/// Whether a finding of the rule violates the control.
fn violates(rule: RuleId, rules: &[&'static RuleMeta], control: ControlId) -> bool {
    rules.iter().any(|meta| meta.id == rule && meta.controls.contains(&control))
}

/// Whether the rule bears on the item: through its controls, or through its number where it names none.
fn touches_item(rule: RuleId, rules: &[&'static RuleMeta], item: Item) -> bool {
    match rules.iter().find(|meta| meta.id == rule) {
        Some(meta) if !meta.controls.is_empty() => meta.controls.iter().any(|control| control.item == item),
        _ => rule.item() == item,
    }
}

fn is_required(control: ControlId) -> bool {
    control.item.controls().any(|known| known.id == control && known.required)
}

/// Whether an unknown control keeps its item from passing. The catalogue excepts two required ones: the strength of
/// a key that comes from outside cannot be seen in the tree (C3.2), and file modes cannot be seen without the host
/// layer (C7.5).
fn must_be_proved(report: &ControlReport, controls: &[ControlReport]) -> bool {
    const KEY_STRENGTH: ControlId = ControlId::new(Item::Session, 2);
    const FILE_MODES: ControlId = ControlId::new(Item::Host, 5);
    match report.control {
        KEY_STRENGTH => false,
        FILE_MODES => {
            controls.iter().flat_map(|control| &control.support).any(|seen| seen.layer == Layer::Host)
        }
        other => is_required(other),
    }
}

fn count_by_severity(severities: &[Severity]) -> String {
    let counts = Severity::ALL.iter().rev().filter_map(|severity| {
        let count = severities.iter().filter(|other| *other == severity).count();
        (count > 0).then(|| format!("{count} {}", severity.key()))
    });
    counts.collect::<Vec<_>>().join(", ")
}

/// The first missing evidence that somebody can supply, or else the first; and how much more is missing.
fn missing(unproved: &[&ControlReport], item_has_rules: bool) -> String {
    let gaps = || unproved.iter().filter_map(|control| control.gaps.first());
    let Some(gap) = gaps().find(|gap| !gap.remedy.is_empty()).or_else(|| gaps().next()) else {
        return "no evidence".to_owned();
    };
    let mut reason = gap.reason.clone();
    if !gap.remedy.is_empty() {
        reason = format!("{reason}: {}", gap.remedy);
    }
    if unproved.len() > 1 && item_has_rules {
        reason = format!("{reason} (and {} more)", unproved.len() - 1);
    }
    reason
}

/// What a pass rests on, and what it does not say.
fn rests_on(controls: &[ControlReport], weights: &[Weight]) -> String {
    let met = controls.iter().filter(|control| control.state == ControlState::Met).count();
    let mut parts = vec![format!("{met} control{} met", if met == 1 { "" } else { "s" })];
    parts.extend(
        controls
            .iter()
            .filter(|control| control.state == ControlState::Unknown && is_required(control.control))
            .map(|control| format!("{} not verified", control.control)),
    );
    let count = |wanted: &dyn Fn(&Weight) -> bool| weights.iter().filter(|weight| wanted(weight)).count();
    let firm = |weight: &Weight| weight.standing == Weighing::Counts && weight.confidence >= Confidence::Firm;
    for severity in [Severity::Critical, Severity::High, Severity::Medium] {
        match count(&|weight| firm(weight) && weight.severity == severity) {
            0 => {}
            count => parts.push(format!("{count} {} below the threshold", severity.key())),
        }
    }
    let notes = count(&|weight| firm(weight) && weight.severity == Severity::Low);
    let to_review =
        count(&|weight| weight.standing == Weighing::Counts && weight.confidence == Confidence::Tentative);
    let known = count(&|weight| weight.standing == Weighing::Baselined);
    let accepted = count(&|weight| weight.standing == Weighing::Accepted);
    let overruled = count(&|weight| weight.standing == Weighing::Overruled);
    for (count, what) in [
        (notes, if notes == 1 { "note" } else { "notes" }),
        (to_review, "to review"),
        (known, "in the baseline"),
        (accepted, "accepted"),
        (overruled, "overruled"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use flaskseal_core::{CONTROLS, Evidence, FixAvailability};

    use super::*;

    const fn meta(id: u16, controls: &'static [ControlId]) -> RuleMeta {
        RuleMeta {
            id: RuleId::new(id),
            name: "rule",
            summary: "",
            severity: Severity::High,
            confidence: Confidence::Certain,
            controls,
            layers: &[Layer::Source],
            cwe: &[],
            owasp: None,
            asvs: &[],
            fix: FixAvailability::None,
            page: "",
        }
    }

    const C1: ControlId = ControlId::new(Item::Debug, 1);
    const C5: ControlId = ControlId::new(Item::Debug, 5);
    static DEBUG_ON: RuleMeta = meta(101, &[C1]);
    static NOISY_LOGS: RuleMeta = meta(126, &[C5]);
    static RULES: &[&RuleMeta] = &[&DEBUG_ON, &NOISY_LOGS];

    fn weight(rule: u16, severity: Severity, confidence: Confidence, standing: Weighing) -> Weight {
        Weight { rule: RuleId::new(rule), severity, confidence, standing }
    }

    /// Support for every required control of the item but one.
    fn proved_but(item: Item, hole: Option<ControlId>) -> Assessment {
        let mut assessment = Assessment::default();
        for control in CONTROLS.iter().filter(|control| control.id.item == item && control.required) {
            if Some(control.id) != hole {
                assessment.support(control.id, Evidence::general(Layer::Source, "seen"));
            }
        }
        assessment
    }

    fn verdict(
        item: Item,
        assessment: &Assessment,
        weights: &[Weight],
        fail_on: Severity,
    ) -> (Verdict, String) {
        let report = item_report(item, assessment, weights, RULES, fail_on);
        (report.verdict, report.reason)
    }

    fn debug(assessment: &Assessment, weights: &[Weight]) -> (Verdict, String) {
        verdict(Item::Debug, assessment, weights, Severity::Medium)
    }

    #[test]
    fn a_finding_fails_only_at_the_threshold_and_with_confidence() {
        use Confidence::{Certain, Firm, Tentative};
        use Severity::{Critical, High, Low, Medium};
        let proved = proved_but(Item::Debug, None);
        for (severity, confidence, fail_on, expected) in [
            (Low, Certain, Medium, Verdict::Pass),
            (Critical, Tentative, Medium, Verdict::Pass),
            (Medium, Certain, High, Verdict::Pass),
            (Medium, Firm, Medium, Verdict::Fail),
            (Low, Firm, Low, Verdict::Fail),
            (Critical, Certain, Critical, Verdict::Fail),
        ] {
            let one = [weight(101, severity, confidence, Weighing::Counts)];
            assert_eq!(
                verdict(Item::Debug, &proved, &one, fail_on).0,
                expected,
                "{severity:?} {confidence:?} {fail_on:?}"
            );
        }
    }

    #[test]
    fn silence_is_not_verified() {
        let (got, reason) = debug(&proved_but(Item::Debug, Some(C1)), &[]);
        assert_eq!((got, &*reason), (Verdict::NotVerified, "nothing was seen that decides it"));
    }

    #[test]
    fn a_note_counts_as_met_where_nothing_else_is_known() {
        let notes = [weight(101, Severity::Low, Confidence::Certain, Weighing::Counts)];
        let (got, reason) = debug(&proved_but(Item::Debug, Some(C1)), &notes);
        assert_eq!((got, &*reason), (Verdict::Pass, "4 controls met, 1 note"));
    }

    #[test]
    fn a_gap_outweighs_support_and_reasons_not_to_ask() {
        let mut assessment = proved_but(Item::Debug, None);
        assessment.not_applicable(C1, "no application");
        assessment.gap(C1, Gap::new("no start command found", "name it with `--entry`"));
        let (got, reason) = debug(&assessment, &[]);
        assert_eq!((got, &*reason), (Verdict::NotVerified, "no start command found: name it with `--entry`"));
    }

    #[test]
    fn the_line_names_what_can_be_supplied_and_how_much_is_missing() {
        let mut assessment = proved_but(Item::Debug, Some(C1));
        assessment.gap(
            ControlId::new(Item::Debug, 3),
            Gap::new("the class is not known", "name it with `--env-file`"),
        );
        let (got, reason) = debug(&assessment, &[]);
        assert_eq!(got, Verdict::NotVerified);
        assert_eq!(reason, "the class is not known: name it with `--env-file` (and 1 more)");
    }

    #[test]
    fn a_pass_at_a_higher_threshold_does_not_read_as_clean() {
        let medium = [weight(101, Severity::Medium, Confidence::Certain, Weighing::Counts); 2];
        let (got, reason) = verdict(Item::Debug, &proved_but(Item::Debug, None), &medium, Severity::High);
        assert_eq!((got, &*reason), (Verdict::Pass, "4 controls met, 2 medium below the threshold"));
    }

    #[test]
    fn a_finding_outweighs_a_gap() {
        let mut assessment = Assessment::default();
        assessment.gap(C1, Gap::new("unreadable", ""));
        let bad = [
            weight(101, Severity::High, Confidence::Firm, Weighing::Counts),
            weight(101, Severity::Critical, Confidence::Firm, Weighing::Counts),
            weight(126, Severity::High, Confidence::Tentative, Weighing::Counts),
        ];
        assert_eq!(debug(&assessment, &bad), (Verdict::Fail, "1 critical, 1 high".to_owned()));
    }

    #[test]
    fn advisory_controls_need_no_proof_but_their_findings_fail() {
        let proved = proved_but(Item::Debug, None);
        assert_eq!(debug(&proved, &[]), (Verdict::Pass, "4 controls met".to_owned()));
        let bad = [weight(126, Severity::Medium, Confidence::Firm, Weighing::Counts)];
        assert_eq!(debug(&proved, &bad).0, Verdict::Fail);
        let mut gap = proved_but(Item::Debug, None);
        gap.gap(C5, Gap::new("logging is configured elsewhere", ""));
        assert_eq!(debug(&gap, &[]).0, Verdict::Pass);
    }

    #[test]
    fn accepted_findings_do_not_fail_and_are_counted() {
        let proved = proved_but(Item::Debug, None);
        let accepted = [weight(101, Severity::Critical, Confidence::Certain, Weighing::Accepted)];
        assert_eq!(debug(&proved, &accepted), (Verdict::Pass, "4 controls met, 1 accepted".to_owned()));
    }

    #[test]
    fn the_baseline_alone_excuses_nothing_from_high_on() {
        let proved = proved_but(Item::Debug, None);
        let known = |severity| [weight(101, severity, Confidence::Certain, Weighing::Baselined)];
        assert_eq!(debug(&proved, &known(Severity::High)).0, Verdict::Fail);
        let (got, reason) = debug(&proved, &known(Severity::Medium));
        assert_eq!((got, &*reason), (Verdict::Pass, "4 controls met, 1 in the baseline"));
    }

    #[test]
    fn not_applicable_needs_every_required_control() {
        let mut assessment = Assessment::default();
        for control in Item::Debug.controls().filter(|control| control.required && control.id != C1) {
            assessment.not_applicable(control.id, "no Flask application");
        }
        assert_eq!(debug(&assessment, &[]).0, Verdict::NotVerified);
        assessment.not_applicable(C1, "no Flask application");
        assert_eq!(debug(&assessment, &[]), (Verdict::NotApplicable, "no Flask application".to_owned()));
        let bad = [weight(126, Severity::High, Confidence::Firm, Weighing::Counts)];
        assert_eq!(debug(&assessment, &bad).0, Verdict::Fail);
    }

    #[test]
    fn a_control_that_does_not_apply_does_not_keep_an_item_from_passing() {
        let mut assessment = proved_but(Item::Debug, Some(C1));
        assessment.not_applicable(C1, "nothing starts it");
        assert_eq!(debug(&assessment, &[]), (Verdict::Pass, "3 controls met".to_owned()));
    }

    #[test]
    fn an_item_without_rules_is_not_verified_whatever_was_seen() {
        let report = item_report(Item::Input, &Assessment::default(), &[], RULES, Severity::Medium);
        assert_eq!(report.verdict, Verdict::NotVerified);
        assert_eq!(report.reason, "none of its rules was selected");
        assert!(report.controls.iter().all(|control| control.state == ControlState::Unknown));
        assert!(report.controls.iter().all(|control| control.gaps.len() == 1));
    }

    #[test]
    fn the_strength_of_an_unseen_key_does_not_block() {
        let strength = ControlId::new(Item::Session, 2);
        let mut assessment = proved_but(Item::Session, Some(strength));
        assessment.gap(strength, Gap::new("the key comes from the environment", ""));
        let (got, reason) = verdict(Item::Session, &assessment, &[], Severity::Medium);
        assert_eq!((got, &*reason), (Verdict::Pass, "8 controls met, C3.2 not verified"));
    }

    #[test]
    fn file_modes_block_only_where_the_host_was_looked_at() {
        let modes = ControlId::new(Item::Host, 5);
        let mut assessment = proved_but(Item::Host, Some(modes));
        assert_eq!(verdict(Item::Host, &assessment, &[], Severity::Medium).0, Verdict::Pass);
        assessment.support(ControlId::new(Item::Host, 1), Evidence::general(Layer::Host, "ufw is active"));
        assert_eq!(verdict(Item::Host, &assessment, &[], Severity::Medium).0, Verdict::NotVerified);
    }

    #[test]
    fn a_rule_that_nobody_knows_fails_the_item_of_its_number() {
        let bad = [weight(199, Severity::High, Confidence::Firm, Weighing::Counts)];
        assert_eq!(debug(&proved_but(Item::Debug, None), &bad).0, Verdict::Fail);
    }
}
