//! The way from assessments to the report: merge, fingerprint, silence, weigh, decide.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use flaskseal_core::{
    AppAssessment, AppReport, EntryReport, FileId, Finding, Gate, GateReport, Ledger, LedgerEntry,
    LedgerKind, ReportedFinding, RuleId, RuleMeta, Span, Standing, TextRange, Tree, Verdict,
};

use crate::fingerprint::Fingerprints;
use crate::suppression::Suppressions;
use crate::verdict::{self, Weighing, Weight};
use crate::{Baseline, BaselineEntry, Date, Policy};

/// Judges the assessments of every application. `rules` are the rules that ran; `comment_ranges` gives the comments
/// of a file whose syntax is known, so that a suppression in a string is none.
#[expect(
    clippy::too_many_arguments,
    reason = "each is a different thing, and a struct would only repeat them"
)]
pub fn judge(
    tree: &Tree,
    apps: Vec<AppAssessment>,
    ledger: Ledger,
    rules: &[&'static RuleMeta],
    policy: &Policy,
    baseline: Option<&Baseline>,
    today: Date,
    comment_ranges: &dyn Fn(FileId) -> Option<Vec<TextRange>>,
) -> GateReport {
    let mut suppressions = Suppressions::read(tree, rules, policy, today, comment_ranges);
    let apps = sorted(apps);
    let divided = |findings: &[Finding]| -> Vec<Finding> {
        findings.iter().flat_map(|finding| suppressions.divided(tree, finding)).collect()
    };
    let per_app: Vec<BTreeMap<Place, Finding>> =
        apps.iter().map(|app| merged(&divided(&app.assessment.findings))).collect();

    let mut all: BTreeMap<&Place, (Finding, Vec<usize>)> = BTreeMap::new();
    for (index, findings) in per_app.iter().enumerate() {
        for (place, finding) in findings {
            match all.get_mut(place) {
                Some((known, apps)) => {
                    *known = worse(known.clone(), finding.clone());
                    apps.push(index);
                }
                None => {
                    all.insert(place, (finding.clone(), vec![index]));
                }
            }
        }
    }

    let mut known = Known::new(baseline);
    let mut fingerprints = Fingerprints::default();
    let mut weighing: BTreeMap<&Place, Weighing> = BTreeMap::new();
    let mut findings = Vec::with_capacity(all.len());
    // In the order of rule and place, so that findings that read the same are numbered from top to bottom. Of the parts of
    // one, those that nobody silenced come first: they stay in a baseline that knew it as a whole.
    let all = all.into_iter().map(|(place, (finding, apps))| {
        let silence = suppressions.silence(tree, &finding);
        (place, finding, apps, silence)
    });
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|(place, _, _, silence)| (place.rule, place.span, silence.is_some()));
    for (place, finding, apps, silence) in all {
        let fingerprint = fingerprints.of(tree, &finding);
        let entry = known.find(&fingerprint);
        let standing = match (silence, entry) {
            (Some(silence), _) => {
                Standing::Suppressed { reason: silence.reason, by: silence.by, span: silence.span }
            }
            (None, entry) => match (&finding.overruled, entry) {
                (Some(by), _) => Standing::Overruled { by: by.clone() },
                (None, Some(entry)) => Standing::Baselined { accepted: entry.accepted().map(str::to_owned) },
                (None, None) => Standing::Counts,
            },
        };
        weighing.insert(
            place,
            match &standing {
                Standing::Counts => Weighing::Counts,
                Standing::Baselined { accepted: None } => Weighing::Baselined,
                Standing::Baselined { accepted: Some(_) } | Standing::Suppressed { .. } => Weighing::Accepted,
                Standing::Overruled { .. } => Weighing::Overruled,
            },
        );
        findings.push(ReportedFinding { finding, standing, apps, fingerprint });
    }
    findings.sort_by(|a, b| worst_first(tree, &a.finding, &b.finding));

    let mut reports = Vec::with_capacity(apps.len());
    for (app, findings) in apps.into_iter().zip(&per_app) {
        let weights: Vec<Weight> = findings
            .iter()
            .map(|(place, finding)| Weight {
                rule: finding.rule,
                severity: finding.severity,
                confidence: finding.confidence,
                standing: weighing.get(place).copied().unwrap_or(Weighing::Counts),
            })
            .collect();
        reports.push(AppReport {
            name: if app.name.is_empty() { root_name(&policy.root) } else { app.name },
            entries: app.entries,
            items: verdict::items(&app.assessment, &weights, rules, policy.fail_on),
        });
    }

    let mut ledger = ledger;
    ledger.entries.extend(suppressions.into_complaints());
    ledger.entries.extend(known.into_vanished(rules));
    ledger.entries.sort_by(|a, b| ledger_key(tree, a).cmp(&ledger_key(tree, b)).then_with(|| a.cmp(b)));
    ledger.entries.dedup();

    GateReport { root: policy.root.clone(), gate: gate(&reports, policy), apps: reports, findings, ledger }
}

/// The gate fails with any item that fails, and with any required item that could not be verified.
fn gate(apps: &[AppReport], policy: &Policy) -> Gate {
    let items = || apps.iter().flat_map(|app| &app.items);
    let required: BTreeSet<_> = policy.require.iter().copied().collect();
    let unverified_required: Vec<_> = required
        .into_iter()
        .filter(|&item| {
            apps.is_empty()
                || items().any(|report| report.item == item && report.verdict == Verdict::NotVerified)
        })
        .collect();
    let failed = items().any(|report| report.verdict == Verdict::Fail);
    Gate { passed: !failed && unverified_required.is_empty(), fail_on: policy.fail_on, unverified_required }
}

/// What makes two findings the same. Findings without a place differ by what they say, and those about published flaws
/// by which.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    rule: RuleId,
    span: Option<Span>,
    message: Option<String>,
    flaws: Vec<Vec<String>>,
}

impl Place {
    fn of(finding: &Finding) -> Self {
        let span = finding.primary.span;
        let mut flaws: Vec<Vec<String>> = finding.flaws.list.iter().map(|flaw| flaw.names.clone()).collect();
        flaws.sort();
        Self { rule: finding.rule, span, message: span.is_none().then(|| finding.message.clone()), flaws }
    }
}

fn merged(findings: &[Finding]) -> BTreeMap<Place, Finding> {
    let mut merged = BTreeMap::new();
    for finding in findings {
        let place = Place::of(finding);
        let worst = match merged.remove(&place) {
            Some(known) => worse(known, finding.clone()),
            None => finding.clone(),
        };
        merged.insert(place, worst);
    }
    merged
}

/// The worse of two findings at one place: one that nothing contradicts before one that something does. What either
/// wants hidden stays hidden.
fn worse(a: Finding, b: Finding) -> Finding {
    let order = (b.severity, b.confidence)
        .cmp(&(a.severity, a.confidence))
        .then_with(|| a.overruled.cmp(&b.overruled))
        .then_with(|| a.message.cmp(&b.message))
        .then_with(|| a.primary.cmp(&b.primary))
        .then_with(|| a.trail.cmp(&b.trail))
        .then_with(|| a.scope.cmp(&b.scope));
    let (mut kept, other) = if order == Ordering::Greater { (b, a) } else { (a, b) };
    if other.overruled.is_none() {
        kept.overruled = None;
    }
    kept.redact.extend(other.redact);
    kept.redact.sort();
    kept.redact.dedup();
    kept
}

fn worst_first(tree: &Tree, a: &Finding, b: &Finding) -> Ordering {
    let path = |finding: &Finding| {
        let file = finding.primary.span.and_then(|span| tree.get(span.file));
        file.map(|file| &*file.path)
    };
    b.severity
        .cmp(&a.severity)
        .then_with(|| a.rule.cmp(&b.rule))
        .then_with(|| path(a).cmp(&path(b)))
        .then_with(|| a.primary.span.cmp(&b.primary.span))
        .then_with(|| a.message.cmp(&b.message))
}

fn ledger_key<'a>(tree: &'a Tree, entry: &'a LedgerEntry) -> (LedgerKind, &'a str, Option<Span>) {
    let file = entry.span.and_then(|span| tree.get(span.file));
    (entry.kind, file.map_or(&*entry.path, |file| &*file.path), entry.span)
}

/// Applications in the order of the place of their first entry, with their entries and names in order.
fn sorted(mut apps: Vec<AppAssessment>) -> Vec<AppAssessment> {
    let entry_key = |entry: &EntryReport| {
        (entry.span.is_none(), entry.span, entry.display.clone(), entry.found_by.clone())
    };
    for app in &mut apps {
        app.entries.sort_by_key(entry_key);
        app.entries.dedup_by(|a, b| entry_key(a) == entry_key(b));
    }
    apps.sort_by_cached_key(|app| {
        (app.entries.is_empty(), app.entries.first().map(entry_key), app.name.clone())
    });
    // One application is one checklist, however many assessments arrived for it.
    let mut joined: Vec<AppAssessment> = Vec::with_capacity(apps.len());
    for app in apps {
        match joined.iter_mut().find(|known| known.name == app.name) {
            Some(known) => {
                known.entries.extend(app.entries);
                known.assessment.absorb(app.assessment);
            }
            None => joined.push(app),
        }
    }
    joined
}

fn root_name(root: &str) -> String {
    let name = root.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or(root);
    if name.is_empty() { root.to_owned() } else { name.to_owned() }
}

/// The entries of the baseline, and which of them were met again.
struct Known<'a> {
    entries: BTreeMap<&'a str, (&'a BaselineEntry, bool)>,
}

impl<'a> Known<'a> {
    fn new(baseline: Option<&'a Baseline>) -> Self {
        let entries = baseline.map_or(&[][..], Baseline::entries);
        Self { entries: entries.iter().map(|entry| (&*entry.fingerprint, (entry, false))).collect() }
    }

    fn find(&mut self, fingerprint: &str) -> Option<&'a BaselineEntry> {
        self.entries.get_mut(fingerprint).map(|(entry, met)| {
            *met = true;
            *entry
        })
    }

    fn into_vanished(self, rules: &[&'static RuleMeta]) -> impl Iterator<Item = LedgerEntry> {
        let gone = self.entries.into_values().filter(|(entry, met)| !met && entry.rule_ran(rules));
        gone.map(|(entry, _)| LedgerEntry {
            kind: LedgerKind::Suppression,
            path: entry.path.clone(),
            span: None,
            message: format!(
                "the baseline's {} is gone: remove it with `flaskseal baseline prune`",
                if entry.rule.is_empty() { &entry.fingerprint } else { &entry.rule }
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use flaskseal_core::{
        Assessment, CONTROLS, Confidence, ControlId, Evidence, FixAvailability, Flaw, Flaws, Item, Layer,
        Severity,
    };

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

    static DEBUG_ON: RuleMeta = meta(101, &[ControlId::new(Item::Debug, 1)]);
    static KEY: RuleMeta = meta(301, &[ControlId::new(Item::Session, 1)]);
    static RULES: &[&RuleMeta] = &[&DEBUG_ON, &KEY];
    const TODAY: Date = Date { year: 2026, month: 11, day: 22 };

    fn tree(text: &str) -> Tree {
        Tree::from_texts([("app.py".to_owned(), text.to_owned())])
    }

    fn finding(rule: u16, severity: Severity, start: u32) -> Finding {
        let primary = Evidence::at(Layer::Source, Span::new(FileId(0), start, start + 1), "here");
        Finding::new(
            RuleId::new(rule),
            severity,
            Confidence::Certain,
            primary,
            format!("{} thing", severity.key()),
        )
    }

    fn app(name: &str, findings: Vec<Finding>) -> AppAssessment {
        let mut assessment = Assessment { findings, ..Assessment::default() };
        for control in CONTROLS {
            assessment.support(control.id, Evidence::general(Layer::Source, "seen"));
        }
        AppAssessment { name: name.to_owned(), entries: Vec::new(), assessment }
    }

    fn run(
        tree: &Tree,
        apps: Vec<AppAssessment>,
        policy: &Policy,
        baseline: Option<&Baseline>,
    ) -> GateReport {
        judge(tree, apps, Ledger::default(), RULES, policy, baseline, TODAY, &|_| None)
    }

    fn verdict_of(report: &GateReport, app: usize, item: Item) -> Verdict {
        report.apps[app].items.iter().find(|report| report.item == item).unwrap().verdict
    }

    #[test]
    fn everything_proved_passes() {
        let report = run(&tree("x\n"), vec![app("", vec![])], &Policy::default(), None);
        assert!(report.gate.passed);
        assert!(report.apps[0].items.iter().all(|item| item.verdict == Verdict::Pass));
    }

    #[test]
    fn one_thing_seen_from_two_apps_is_one_finding_and_each_app_has_its_own_verdict() {
        let tree = tree("x = 1\n");
        let apps = vec![
            app("api", vec![finding(101, Severity::Low, 0)]),
            app("web", vec![finding(101, Severity::Critical, 0), finding(101, Severity::Low, 0)]),
        ];
        let report = run(&tree, apps, &Policy::default(), None);
        assert_eq!(report.findings.len(), 1);
        assert_eq!(report.findings[0].finding.severity, Severity::Critical);
        assert_eq!(report.findings[0].apps, [0, 1]);
        assert_eq!(verdict_of(&report, 0, Item::Debug), Verdict::Pass);
        assert_eq!(verdict_of(&report, 1, Item::Debug), Verdict::Fail);
        assert!(!report.gate.passed);
    }

    #[test]
    fn the_order_of_arrival_does_not_matter() {
        let tree = tree("a = 1\nb = 2\n");
        let findings = vec![
            finding(301, Severity::High, 6),
            finding(301, Severity::High, 0),
            finding(101, Severity::Critical, 0),
            finding(101, Severity::Low, 6),
        ];
        let backwards = findings.iter().rev().cloned().collect();
        let one = run(&tree, vec![app("a", findings), app("b", vec![])], &Policy::default(), None);
        let other = run(&tree, vec![app("b", vec![]), app("a", backwards)], &Policy::default(), None);
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
        let order: Vec<_> =
            one.findings.iter().map(|f| (f.finding.rule.number(), f.finding.severity)).collect();
        assert_eq!(
            order,
            [(101, Severity::Critical), (301, Severity::High), (301, Severity::High), (101, Severity::Low)]
        );
    }

    #[test]
    fn a_suppressed_finding_stays_in_the_report() {
        let tree = tree("x = 1  # flaskseal: ignore[FS101] a demo\n");
        let report =
            run(&tree, vec![app("", vec![finding(101, Severity::Critical, 0)])], &Policy::default(), None);
        assert!(report.gate.passed);
        assert!(
            matches!(&report.findings[0].standing, Standing::Suppressed { reason, .. } if reason == "a demo")
        );
        assert!(report.ledger.entries.is_empty());
    }

    #[test]
    fn a_baseline_excuses_medium_and_what_was_accepted() {
        let tree = tree("a = 1\nb = 2\n");
        let apps = || vec![app("", vec![finding(101, Severity::High, 0), finding(301, Severity::Medium, 6)])];
        let first = run(&tree, apps(), &Policy::default(), None);
        let mut baseline = Baseline::from_report(&first, &tree);
        assert_eq!(baseline.entries().len(), 2);

        let second = run(&tree, apps(), &Policy::default(), Some(&baseline));
        assert_eq!(verdict_of(&second, 0, Item::Debug), Verdict::Fail);
        assert_eq!(verdict_of(&second, 0, Item::Session), Verdict::Pass);

        baseline.accept("known to all");
        let third = run(&tree, apps(), &Policy::default(), Some(&baseline));
        assert!(third.gate.passed);
        assert_eq!(Baseline::from_report(&third, &tree), baseline);

        let fixed = run(
            &tree,
            vec![app("", vec![finding(301, Severity::Medium, 6)])],
            &Policy::default(),
            Some(&baseline),
        );
        assert_eq!(fixed.ledger.entries.len(), 1);
        assert!(fixed.ledger.entries[0].message.contains("baseline's FS101 is gone"));
        assert_eq!(baseline.clone().prune(&fixed, &[&KEY]), [], "a rule that did not run says nothing");
        let gone = baseline.prune(&fixed, RULES);
        assert!(gone.len() == 1 && gone[0].rule == "FS101" && baseline.entries().len() == 1);
    }

    /// A finding on line 1 of flaws of these names.
    fn of_flaws(names: &[&str]) -> Finding {
        let flaw = |name: &&str| Flaw {
            names: vec![(*name).to_owned()],
            severity: Severity::Medium,
            claim: Evidence::general(Layer::Deps, *name),
        };
        let flaws = Flaws { thing: "`flask` 2.0.1".to_owned(), list: names.iter().map(flaw).collect() };
        let place = Evidence::at(Layer::Source, Span::new(FileId(0), 0, 1), "here");
        Finding::of_flaws(KEY.id, Confidence::Certain, place, flaws)
    }

    #[test]
    fn what_is_left_of_a_finding_stays_in_the_baseline() {
        let tree = tree("flask==2.0.1\n");
        let apps = || vec![app("", vec![of_flaws(&["CVE-2023-1", "CVE-2024-2"])])];
        let first = run(&tree, apps(), &Policy::default(), None);
        assert!(!first.gate.passed);
        let baseline = Baseline::from_report(&first, &tree);
        for accepted in ["CVE-2023-1", "CVE-2024-2"] {
            let ignore = crate::Ignore {
                what: accepted.to_owned(),
                path_glob: "**".to_owned(),
                reason: "why".to_owned(),
                until: None,
                origin: "pyproject.toml".to_owned(),
            };
            let policy = Policy { ignores: vec![ignore], ..Policy::default() };
            let report = run(&tree, apps(), &policy, Some(&baseline));
            assert_eq!(report.findings.len(), 2);
            assert!(report.gate.passed, "{accepted}: {:?}", report.findings);
            assert!(report.ledger.entries.is_empty(), "{:?}", report.ledger.entries);
        }
    }

    #[test]
    fn a_required_item_must_be_verified() {
        let mut unproved = app("", vec![]);
        unproved.assessment.support.retain(|(control, _)| control.item != Item::Https);
        let policy = Policy { require: vec![Item::Https, Item::Debug], ..Policy::default() };
        let report = run(&tree("x\n"), vec![unproved], &policy, None);
        assert_eq!(report.gate.unverified_required, [Item::Https]);
        assert!(!report.gate.passed);
        let lenient = run(&tree("x\n"), vec![app("", vec![])], &policy, None);
        assert!(lenient.gate.passed);
        assert!(!run(&tree("x\n"), vec![], &policy, None).gate.passed);
    }

    #[test]
    fn the_root_lends_its_name() {
        assert_eq!(root_name("/srv/shop/"), "shop");
        assert_eq!(root_name("."), ".");
        assert_eq!(root_name("/"), "/");
    }
}
