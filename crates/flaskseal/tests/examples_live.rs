//! Both example shops as they are deployed: gunicorn as the unit starts it, nginx with the example's own configuration
//! in front, a certificate of the test's own authority. `flaskseal check EXAMPLE --url` has to see what was planted, and
//! nothing where nothing is.

#![allow(clippy::disallowed_methods, reason = "tests copy the examples and start real servers")]

use std::process::{Command, Stdio};

use flaskseal_servers::{Shop, example};
use serde_json::Value;
use wait4::Wait4 as _;

#[test]
fn the_hardened_shop_passes_with_all_layers() {
    let shop = Shop::hardened(&|text| text);
    let report = check("shop-hardened", &shop, &[shop.trust()]);
    assert_eq!(report["findings"], Value::Array(Vec::new()), "{report:#}");
    assert_eq!(missed(&report), [""; 0], "everything was asked and answered, within the default bounds");
    for item in ["debug", "https", "session", "headers"] {
        assert_eq!(verdict(&report, item), "pass", "{item}: {report:#}");
    }
    // What a client sees rests on what was seen, and what files declare agrees with it.
    for (control, declared) in [
        ("C2.1", "deploy"),
        ("C2.2", "deploy"),
        ("C2.5", "deploy"),
        ("C3.3", "source"),
        ("C3.4", "source"),
        ("C3.5", "source"),
        ("C5.1", "source"),
        ("C5.2", "source"),
        ("C5.3", "source"),
        ("C5.4", "source"),
    ] {
        let layers = layers(&report, control);
        for layer in ["live", declared] {
            assert!(
                layers.iter().any(|known| known == layer),
                "{control} does not rest on {layer}: {layers:?}"
            );
        }
    }
    // A whole probe stays within its memory.
    let mut probe = Command::new(env!("CARGO_BIN_EXE_flaskseal"));
    probe.args(["probe", &Shop::url(), &shop.trust()]).args(shop.way()).stdout(Stdio::null());
    let ended = probe.spawn().and_then(|mut child| child.wait4()).expect("it starts and ends");
    assert!(ended.status.success() && ended.rusage.maxrss < 60 << 20, "{ended:?}");
    // Trust is a matter of the handshake alone: without the authority the certificate is nobody's.
    let strangers = check("shop-hardened", &shop, &[]);
    assert_eq!(verdict(&strangers, "https"), "fail");
    assert!(rules(&strangers).iter().any(|rule| rule == "FS207"), "{strangers:#}");
}

#[test]
fn the_shop_shows_what_was_planted() {
    let shop = Shop::usual();
    let report = check("shop", &shop, &[shop.trust()]);
    // The default bound leaves a few pages out, says so, and is enough for all that follows.
    let missed = missed(&report);
    let [bound] = &missed[..] else { panic!("{missed:?}") };
    for part in ["60 requests were made, and no more are allowed; not asked: GET /", "(`--max-requests 6"] {
        assert!(bound.contains(part), "{bound}");
    }
    for item in ["debug", "https", "session", "headers"] {
        assert_eq!(verdict(&report, item), "fail", "{item}");
    }
    // What only the running site can show, and what it confirms, each at a place of the answer.
    for (rule, severity, part) in LIVE {
        let found = findings(&report).any(|finding| {
            finding["rule"] == *rule
                && finding["severity"] == *severity
                && finding["primary"]["layer"] == "live"
                && finding.to_string().contains(part)
        });
        assert!(found, "{rule} {severity} {part:?} was not seen live: {:#?}", seen(&report));
    }
    // A key that the code holds forges the sessions of the running site, and is printed nowhere.
    assert!(!report.to_string().contains("default_key") && !report.to_string().contains("your-secret-key"));
}

/// Rules, severities and a part of what is said, of the flaws of `examples/shop/planted.toml` that a client sees.
const LIVE: &[(&str, &str, &str)] = &[
    ("FS122", "critical", "/debug/config"),
    ("FS138", "low", "header `Server`"),
    ("FS309", "critical", "session"),
    ("FS321", "medium", "session"),
    ("FS323", "medium", "session"),
    ("FS501", "medium", "Content-Security-Policy"),
    ("FS511", "medium", "fram"),
    ("FS513", "medium", "nosniff"),
    ("FS514", "low", "Referrer-Policy"),
    ("FS515", "low", "Permissions-Policy"),
    ("FS521", "medium", "Strict-Transport-Security"),
];

#[test]
fn a_promise_that_is_not_kept_names_both_places() {
    // nginx takes away what the application promises, and answers where its file says that it redirects.
    let spoiled = |text: String| {
        text.replace("return 308 https://$host$request_uri;", "return 200 here;").replace(
            "proxy_set_header Host $host;",
            "proxy_hide_header Strict-Transport-Security; proxy_hide_header Content-Security-Policy;\n\
             proxy_hide_header X-Frame-Options; proxy_hide_header X-Content-Type-Options;\n\
             proxy_hide_header Referrer-Policy; proxy_hide_header Permissions-Policy;\n\
             proxy_cookie_flags ~ nosecure nohttponly nosamesite;\nproxy_set_header Host $host;",
        )
    };
    let shop = Shop::hardened(&spoiled);
    // The files are those of the example, which promise all of it.
    let report = check("shop-hardened", &shop, &[shop.trust()]);
    for (rule, file) in [
        ("FS202", "nginx/shop.conf"),
        ("FS321", "shop/"),
        ("FS322", "shop/"),
        ("FS323", "shop/"),
        ("FS501", "shop/"),
        ("FS511", "shop/"),
        ("FS513", "shop/"),
        ("FS514", "shop/"),
        ("FS515", "shop/"),
        ("FS521", "shop/"),
    ] {
        let finding = findings(&report)
            .find(|finding| finding["rule"] == rule && finding["primary"]["layer"] == "live")
            .unwrap_or_else(|| panic!("{rule} is missing: {:#?}", seen(&report)));
        assert!(
            finding["primary"]["location"]["path"].as_str().is_some_and(|path| path.contains(Shop::HOST))
        );
        let declared = finding["trail"].as_array().into_iter().flatten().find(|step| {
            step["claim"].as_str().is_some_and(|claim| claim.starts_with("declared otherwise"))
                && step["location"]["path"].as_str().is_some_and(|path| path.starts_with(file))
        });
        assert!(declared.is_some(), "{rule} does not name {file}: {finding:#}");
    }
}

/// The report on an example and its site together, with the authority or without.
fn check(name: &str, shop: &Shop, more: &[String]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_flaskseal"))
        .arg("check")
        .arg(example(name))
        .args(["--url", &Shop::url(), "--isolated", "--format", "json"])
        .args(["--only", "debug,https,session,headers"])
        .args(shop.way())
        .args(more)
        .output()
        .expect("the command runs");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn item<'r>(report: &'r Value, key: &str) -> &'r Value {
    let items = report["apps"][0]["items"].as_array().expect("an application has items");
    items.iter().find(|known| known["key"] == key).expect("every item is there")
}

fn verdict<'r>(report: &'r Value, key: &str) -> &'r str {
    item(report, key)["verdict"].as_str().expect("a verdict is text")
}

/// The layers that a control's evidence comes from.
fn layers(report: &Value, control: &str) -> Vec<String> {
    let items = report["apps"][0]["items"].as_array().expect("an application has items");
    let controls = items.iter().flat_map(|item| item["controls"].as_array().expect("an item has controls"));
    let control = controls.into_iter().find(|known| known["id"] == control).expect("the control is there");
    let evidence = control["support"].as_array().expect("a control has support");
    evidence.iter().map(|one| one["layer"].as_str().expect("evidence has a layer").to_owned()).collect()
}

fn findings(report: &Value) -> impl Iterator<Item = &Value> {
    report["findings"].as_array().expect("a report lists its findings").iter()
}

fn rules(report: &Value) -> Vec<String> {
    findings(report).map(|finding| finding["rule"].as_str().expect("a rule").to_owned()).collect()
}

/// What failed, in short.
fn seen(report: &Value) -> Vec<String> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or("").to_owned();
    findings(report)
        .map(|finding| {
            let layer = finding["primary"]["layer"].as_str().unwrap_or("");
            format!(
                "{layer} {}[{}] {}",
                text(finding, "severity"),
                text(finding, "rule"),
                text(finding, "message")
            )
        })
        .collect()
}

/// What the survey could not ask.
fn missed(report: &Value) -> Vec<String> {
    let entries = report["ledger"]["entries"].as_array().into_iter().flatten();
    let entries = entries.filter(|entry| {
        entry["kind"] == "incomplete" && entry["path"].as_str().is_some_and(|path| path.contains(Shop::HOST))
    });
    entries.map(|entry| entry["message"].as_str().unwrap_or("").to_owned()).collect()
}
