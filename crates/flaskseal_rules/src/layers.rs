//! Where layers meet: what was observed decides over what files declare, rule by rule, and whoever loses is told.

use flaskseal_core::{Assessment, ControlId, Evidence, RuleMeta};

/// Places of the other side that a finding shows.
const MAX_SHOWN: usize = 3;

/// Joins what one rule concluded from a stronger layer with what it concluded from weaker ones (catalogue, section
/// 1.2). The scope is the rule: another rule of the same control asks another question.
pub(crate) fn settle(weaker: &mut Assessment, mut stronger: Assessment, meta: &RuleMeta) {
    let decides = |side: &Assessment, control: ControlId| {
        side.support.iter().any(|(known, _)| *known == control)
            || !side.findings.is_empty() && meta.controls.contains(&control)
    };
    let has_gap =
        |side: &Assessment, control: ControlId| side.gaps.iter().any(|(known, _)| *known == control);

    // Strong says met, weak says violated.
    let proof = stronger.support.iter().filter(|(control, _)| meta.controls.contains(control));
    let proof =
        proof.filter(|(control, _)| !has_gap(&stronger, *control)).map(|(_, evidence)| evidence).min();
    if let Some(proof) = proof.filter(|_| stronger.findings.is_empty()) {
        for finding in weaker.findings.iter_mut().filter(|finding| finding.primary.layer < proof.layer) {
            finding.overruled = Some(proof.clone());
        }
    }
    // Strong says violated, weak says met: the weak side is the likely place of the mistake.
    let declared: Vec<Evidence> = weaker
        .support
        .iter()
        .filter(|(control, _)| meta.controls.contains(control))
        .map(|(_, evidence)| Evidence {
            claim: format!("declared otherwise: {}", evidence.claim),
            ..evidence.clone()
        })
        .take(MAX_SHOWN)
        .collect();
    for finding in &mut stronger.findings {
        finding.trail.extend(declared.iter().cloned());
    }
    // One layer that could look is enough; what neither saw stays a gap.
    let weaker_decides: Vec<ControlId> = stronger
        .gaps
        .iter()
        .map(|(control, _)| *control)
        .filter(|control| decides(weaker, *control))
        .collect();
    weaker.gaps.retain(|(control, _)| !decides(&stronger, *control));
    let (support, findings) = (&stronger.support, &stronger.findings);
    let says_nothing = |control: ControlId| {
        !support.iter().any(|(known, _)| *known == control)
            && (findings.is_empty() || !meta.controls.contains(&control))
    };
    stronger.gaps.retain(|(control, _)| !(weaker_decides.contains(control) && says_nothing(*control)));
    weaker.absorb(stronger);
}

#[cfg(test)]
mod tests {
    use flaskseal_core::{Confidence, Finding, FixAvailability, Gap, Item, Layer, RuleId, Severity};

    use super::*;

    const CONTROL: ControlId = ControlId::new(Item::Host, 1);
    const META: RuleMeta = RuleMeta {
        id: RuleId::new(701),
        name: "rule",
        summary: "",
        severity: Severity::High,
        confidence: Confidence::Certain,
        controls: &[CONTROL],
        layers: &[Layer::Deploy, Layer::Host],
        cwe: &[],
        owasp: None,
        asvs: &[],
        fix: FixAvailability::None,
        page: "",
    };

    fn seen(layer: Layer) -> Evidence {
        Evidence::general(layer, "seen")
    }

    fn bad(layer: Layer) -> Assessment {
        let finding = Finding::new(META.id, Severity::High, Confidence::Certain, seen(layer), "bad");
        Assessment { findings: vec![finding], ..Assessment::default() }
    }

    fn good(layer: Layer) -> Assessment {
        Assessment { support: vec![(CONTROL, seen(layer))], ..Assessment::default() }
    }

    fn blind(reason: &str) -> Assessment {
        Assessment { gaps: vec![(CONTROL, Gap::new(reason, ""))], ..Assessment::default() }
    }

    fn joined(mut weaker: Assessment, stronger: Assessment) -> Assessment {
        settle(&mut weaker, stronger, &META);
        weaker
    }

    #[test]
    fn the_stronger_layer_decides_and_the_other_is_told() {
        let met = joined(bad(Layer::Deploy), good(Layer::Host));
        assert_eq!(met.findings[0].overruled, Some(seen(Layer::Host)));
        let violated = joined(good(Layer::Deploy), bad(Layer::Host));
        assert_eq!(violated.findings[0].overruled, None);
        assert_eq!(violated.findings[0].trail[0].claim, "declared otherwise: seen");
        assert!(
            joined(bad(Layer::Deploy), bad(Layer::Host)).findings.iter().all(|one| one.overruled.is_none())
        );
        // What was seen live is not overruled by what a file of the host says.
        assert_eq!(joined(bad(Layer::Live), good(Layer::Host)).findings[0].overruled, None);
    }

    #[test]
    fn a_gap_of_one_layer_is_closed_by_the_other_only() {
        let reasons = |joined: Assessment| -> Vec<String> {
            joined.gaps.into_iter().map(|(_, gap)| gap.reason).collect()
        };
        assert!(reasons(joined(blind("declared"), good(Layer::Host))).is_empty());
        assert!(reasons(joined(good(Layer::Deploy), blind("observed"))).is_empty());
        assert_eq!(reasons(joined(blind("declared"), blind("observed"))), ["declared", "observed"]);
        let mut half = good(Layer::Host);
        half.absorb(blind("half"));
        assert_eq!(reasons(joined(good(Layer::Deploy), half.clone())), ["half"]);
        assert_eq!(joined(bad(Layer::Deploy), half).findings[0].overruled, None);
    }

    #[test]
    fn the_rule_is_the_scope() {
        let mut elsewhere = good(Layer::Host);
        elsewhere.support[0].0 = ControlId::new(Item::Host, 2);
        assert_eq!(joined(bad(Layer::Deploy), elsewhere).findings[0].overruled, None);
    }
}
