//! Three reports made by hand: one that passes, one that fails with a secret and a trail, one of several apps.

use flaskseal_core::{
    AppReport, Confidence, ControlId, ControlReport, ControlState, EntryReport, Evidence, FileId, Finding,
    Fix, FixAvailability, Gap, Gate, GateReport, Item, ItemReport, Layer, Ledger, LedgerEntry, LedgerKind,
    ReportedFinding, RuleId, RuleMeta, Severity, Span, Standing, Tree, Verdict,
};

pub(crate) const SECRET: &str = "s3cr3t-k3y-of-the-shop";

pub(crate) struct Case {
    pub(crate) report: GateReport,
    pub(crate) tree: Tree,
}

const fn meta(
    id: u16,
    name: &'static str,
    severity: Severity,
    cwe: &'static [u16],
    controls: &'static [ControlId],
) -> RuleMeta {
    RuleMeta {
        id: RuleId::new(id),
        name,
        summary: "One sentence that says what is wrong.",
        severity,
        confidence: Confidence::Certain,
        controls,
        layers: &[Layer::Source],
        cwe,
        owasp: Some("A05"),
        asvs: &[],
        fix: FixAvailability::None,
        page: "# FS000 a-rule\n\n## What it checks\nSomething.\n\n## Examples\n\n### One\n",
    }
}

static DEBUG: RuleMeta = meta(101, "debug-on", Severity::Critical, &[489], &[ControlId::new(Item::Debug, 1)]);
static KEY: RuleMeta =
    meta(301, "hardcoded-secret-key", Severity::High, &[798], &[ControlId::new(Item::Session, 1)]);
static SQL: RuleMeta =
    meta(401, "sql-injection", Severity::Critical, &[89], &[ControlId::new(Item::Input, 1)]);
static LOGS: RuleMeta = meta(126, "noisy-logs", Severity::Low, &[532], &[ControlId::new(Item::Debug, 5)]);

pub(crate) static RULES: &[&RuleMeta] = &[&DEBUG, &LOGS, &KEY, &SQL];

fn tree(texts: &[(&str, &str)]) -> Tree {
    Tree::from_texts(texts.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())))
}

/// The first occurrence of a text in a file.
fn at(tree: &Tree, path: &str, needle: &str) -> Span {
    let id = tree.find(path).expect("the fixture has the file");
    let start = tree.file(id).text.find(needle).expect("the fixture has the text") as u32;
    Span::new(id, start, start + needle.len() as u32)
}

fn item(item: Item, verdict: Verdict, reason: &str) -> ItemReport {
    let controls = item
        .controls()
        .map(|control| match verdict {
            Verdict::NotVerified => ControlReport {
                control: control.id,
                state: ControlState::Unknown,
                support: vec![],
                gaps: vec![Gap::new(
                    "no web server configuration found",
                    "pass `--deploy DIR` or `--url URL`",
                )],
                not_applicable: None,
            },
            Verdict::NotApplicable => ControlReport {
                control: control.id,
                state: ControlState::NotApplicable,
                support: vec![],
                gaps: vec![],
                not_applicable: Some("the question does not arise".to_owned()),
            },
            Verdict::Pass | Verdict::Fail => ControlReport {
                control: control.id,
                state: if verdict == Verdict::Fail && control.id.number == 1 {
                    ControlState::Violated
                } else {
                    ControlState::Met
                },
                support: vec![Evidence::general(Layer::Source, "seen in the configuration")],
                gaps: vec![],
                not_applicable: None,
            },
        })
        .collect();
    ItemReport { item, verdict, reason: reason.to_owned(), controls }
}

fn items(verdicts: [(Verdict, &str); 7]) -> Vec<ItemReport> {
    Item::ALL
        .into_iter()
        .zip(verdicts)
        .map(|(which, (verdict, reason))| item(which, verdict, reason))
        .collect()
}

fn stands(finding: Finding, fingerprint: &str) -> ReportedFinding {
    ReportedFinding {
        finding,
        standing: Standing::Counts,
        apps: vec![0],
        fingerprint: fingerprint.to_owned(),
    }
}

pub(crate) fn pass() -> Case {
    let tree = tree(&[
        ("Dockerfile", "FROM python\nCMD [\"gunicorn\", \"shop:create_app()\"]\n"),
        ("shop.py", "x = 1\n"),
    ]);
    let report = GateReport {
        root: "shop".to_owned(),
        apps: vec![AppReport {
            name: "shop".to_owned(),
            entries: vec![EntryReport {
                display: "gunicorn shop:create_app()".to_owned(),
                span: Some(at(&tree, "Dockerfile", "CMD")),
                found_by: "Dockerfile".to_owned(),
            }],
            items: items([
                (Verdict::Pass, "4 controls met"),
                (Verdict::Pass, "5 controls met"),
                (Verdict::Pass, "8 controls met, C3.2 not verified"),
                (Verdict::Pass, "3 controls met"),
                (Verdict::Pass, "5 controls met, 1 note"),
                (Verdict::NotApplicable, "no third-party dependency is declared"),
                (Verdict::Pass, "5 controls met"),
            ]),
        }],
        findings: vec![],
        ledger: Ledger {
            python_files: 1,
            python_lines: 1,
            deployment_files: 1,
            answers: 0,
            production_files: 1,
            ..Ledger::default()
        },
        gate: Gate { passed: true, fail_on: Severity::Medium, unverified_required: vec![] },
    };
    Case { report, tree }
}

pub(crate) fn fail() -> Case {
    let config = format!(
        "class Base:\n    SECRET_KEY = \"{SECRET}\"  # 키: 비밀\n\n\nclass Test(Base):\n    BACKUP = [\"{SECRET}\"]\n"
    );
    let search = "def search():\n    q = request.args[\"q\"]\n    like = clean(q)\n    이름 = '한국어'; cur.execute(f\"... LIKE '%{like}%'\")\n";
    let views = "def clean(text):\n    return text.strip()\n";
    let app =
        "from config import Base\napp.config.from_object(Base)\napp.run(debug=True)\nprint(app.config)\n";
    let tree = tree(&[
        ("app.py", app),
        ("config.py", &config),
        ("shop/search.py", search),
        ("shop/text utils.py", views),
        ("old.py", "print 'x'\n"),
    ]);
    let source =
        |path: &str, needle: &str, claim: &str| Evidence::at(Layer::Source, at(&tree, path, needle), claim);
    let sql = Finding::new(
        SQL.id,
        Severity::Critical,
        Confidence::Certain,
        source("shop/search.py", "cur.execute", "reaches the statement here, inside a quoted string"),
        "SQL injection: query parameter `q` reaches `sqlite3.Cursor.execute` inside a quoted string",
    )
    .with_trail([
        source("shop/search.py", "request.args[\"q\"]", "query parameter `q`"),
        source("shop/text utils.py", "text.strip()", "passes through `clean` with every character"),
        source("shop/search.py", "like = clean(q)", "assigned to `like`"),
    ])
    .with_scope("search")
    .with_fix(Fix::advice("pass the value as a parameter: `cur.execute(\"... LIKE ?\", (f\"%{like}%\",))`"));
    let key_span = at(&tree, "config.py", &format!("\"{SECRET}\""));
    let secret = at(&tree, "config.py", SECRET);
    let key = Finding::new(
        KEY.id,
        Severity::High,
        Confidence::Certain,
        Evidence::at(Layer::Source, key_span, "a literal"),
        "`SECRET_KEY` is a literal in the code",
    )
    .with_trail([
        source("app.py", "app.config.from_object(Base)", "loaded here"),
        source("config.py", &format!("BACKUP = [\"{SECRET}\"]"), "and used again here"),
        Evidence::general(Layer::Deploy, "no environment variable replaces it"),
    ])
    .with_scope("Base")
    .with_redacted([secret])
    .with_fix(Fix::advice("read the key from the environment: `os.environ[\"SECRET_KEY\"]`"));
    let debug = Finding::new(
        DEBUG.id,
        Severity::Medium,
        Confidence::Firm,
        source("app.py", "debug=True", "switched on here"),
        "debug mode is on",
    );
    let logs = Finding::new(
        LOGS.id,
        Severity::Low,
        Confidence::Certain,
        source("app.py", "print(app.config)", "printed here"),
        "the whole configuration is printed at start",
    );
    let mut findings =
        vec![stands(sql, "0a"), stands(key.clone(), "0b"), stands(debug.clone(), "0c"), stands(logs, "0d")];
    findings.push(ReportedFinding {
        finding: Finding { primary: source("app.py", "app.run", "here"), ..debug },
        standing: Standing::Suppressed {
            reason: "only on this laptop".to_owned(),
            by: "comment".to_owned(),
            span: Some(at(&tree, "app.py", "app.run(debug=True)")),
        },
        apps: vec![0],
        fingerprint: "0e".to_owned(),
    });
    findings.push(ReportedFinding {
        finding: key,
        standing: Standing::Baselined { accepted: Some("rotated in spring".to_owned()) },
        apps: vec![0],
        fingerprint: "0f".to_owned(),
    });
    let entry = |kind, path: &str, span, message: &str| LedgerEntry {
        kind,
        path: path.to_owned(),
        span,
        message: message.to_owned(),
    };
    let report = GateReport {
        root: "examples/shop".to_owned(),
        apps: vec![AppReport {
            name: "shop".to_owned(),
            entries: vec![EntryReport {
                display: "python app.py".to_owned(),
                span: None,
                found_by: "guessed".to_owned(),
            }],
            items: items([
                (Verdict::Fail, "1 medium"),
                (
                    Verdict::NotVerified,
                    "no web server configuration found: pass `--deploy DIR` or `--url URL` (and 5 more)",
                ),
                (Verdict::Fail, "1 high"),
                (Verdict::Fail, "1 critical"),
                (Verdict::NotVerified, "this version has no rules for this item yet"),
                (Verdict::NotVerified, "this version has no rules for this item yet"),
                (Verdict::NotVerified, "this version has no rules for this item yet"),
            ]),
        }],
        findings,
        ledger: Ledger {
            python_files: 38,
            python_lines: 4210,
            deployment_files: 0,
            answers: 0,
            production_files: 12,
            calls_resolved: 1200,
            calls_unresolved: 96,
            entries: vec![
                entry(
                    LedgerKind::Unreadable,
                    "old.py",
                    Some(at(&tree, "old.py", "'x'")),
                    "does not parse: Python 2",
                ),
                entry(LedgerKind::Unreadable, "blob.bin", None, "larger than 10 MB"),
                entry(LedgerKind::MissingLayer, "", None, "live: pass `--url URL`"),
                entry(LedgerKind::LeftOut, "tests/test_shop.py", None, "test code"),
                entry(
                    LedgerKind::Suppression,
                    "",
                    Some(at(&tree, "app.py", "print")),
                    "`ignore[FS126]` silences nothing: remove it",
                ),
            ],
        },
        gate: Gate { passed: false, fail_on: Severity::Medium, unverified_required: vec![] },
    };
    Case { report, tree }
}

pub(crate) fn several() -> Case {
    let tree = tree(&[
        ("admin/app.py", "import os\nKEY = os.environ.get('KEY', 'dev')\n"),
        (
            "docker-compose.yml",
            "services:\n  shop:\n    command: gunicorn shop:app\n  worker:\n    command: celery -A shop\n",
        ),
    ]);
    let secret = at(&tree, "admin/app.py", "dev");
    let key = Finding::new(
        KEY.id,
        Severity::High,
        Confidence::Tentative,
        Evidence::at(Layer::Source, at(&tree, "admin/app.py", "'dev'"), "a fallback that anybody knows"),
        "`SECRET_KEY` falls back to a well-known value",
    )
    .with_redacted([secret]);
    let entry = |display: &str, needle: &str| EntryReport {
        display: display.to_owned(),
        span: Some(at(&tree, "docker-compose.yml", needle)),
        found_by: "docker-compose.yml".to_owned(),
    };
    let unseen = (Verdict::NotVerified, "no start command found: name it with `--entry MODULE:CALLABLE`");
    let report = GateReport {
        root: ".".to_owned(),
        apps: vec![
            AppReport {
                name: "shop".to_owned(),
                entries: vec![entry("gunicorn shop:app", "gunicorn"), entry("celery -A shop", "celery")],
                items: items([(Verdict::Pass, "4 controls met"); 7]),
            },
            AppReport { name: "admin".to_owned(), entries: vec![], items: items([unseen; 7]) },
        ],
        findings: vec![ReportedFinding {
            apps: vec![0, 1],
            standing: Standing::Baselined { accepted: None },
            ..stands(key, "1a")
        }],
        ledger: Ledger { python_files: 2, python_lines: 1_234_567, production_files: 1, ..Ledger::default() },
        gate: Gate { passed: false, fail_on: Severity::High, unverified_required: vec![Item::Https] },
    };
    Case { report, tree }
}

pub(crate) fn all() -> [(&'static str, Case); 3] {
    [("pass", pass()), ("fail", fail()), ("several", several())]
}

/// A report whose spans point nowhere and whose texts try everything.
pub(crate) fn hostile() -> Case {
    let tree =
        tree(&[("a\u{1b}[31m\n::error::.py", "\u{feff}x = '\u{1b}[2J\u{202e}\u{9b}31m'\r\n\0\u{3000}é")]);
    let mut findings = Vec::new();
    for file in [0, 7] {
        for (start, end) in [(0, 0), (0, 1), (5, 4), (9, 10), (3, 999), (u32::MAX, u32::MAX), (0, u32::MAX)] {
            let span = Span::new(FileId(file), start, end);
            let evidence = Evidence::at(Layer::Source, span, "a\u{1b}]0;title\u{7}\nb");
            findings.push(stands(
                Finding::new(
                    DEBUG.id,
                    Severity::High,
                    Confidence::Firm,
                    evidence.clone(),
                    "m\r\n::error::\u{1b}[2J",
                )
                .with_trail([evidence.clone(), evidence])
                .with_redacted([span]),
                "ff",
            ));
        }
    }
    let report = GateReport { findings, ..pass().report };
    Case { report, tree }
}
