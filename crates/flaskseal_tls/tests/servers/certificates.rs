//! Chains: what is said of them, beside what `openssl verify` says of the same files on the same day.

use std::net::IpAddr;
use std::process::Command;

use flaskseal_core::Date;
use flaskseal_servers::Server;
use flaskseal_tls::{Chain, Key, Trust, roots_from_pem};

use crate::credentials::{Credentials, Request, text};
use crate::server::look;

/// A chain as a server sends it: names of certificates, the host that is asked for, and how many days later.
struct Case {
    sent: &'static [&'static str],
    host: &'static str,
    later: i64,
    /// What has to come out.
    trust: Expected,
    covers_host: bool,
    /// What `openssl verify` says at the end of its complaint; `OK` for none.
    openssl: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expected {
    Trusted,
    SelfSigned,
    UnknownRoot,
    Incomplete,
    Refused(&'static str),
}

const fn case(
    sent: &'static [&'static str],
    host: &'static str,
    later: i64,
    trust: Expected,
    covers_host: bool,
    openssl: &'static str,
) -> Case {
    Case { sent, host, later, trust, covers_host, openssl }
}

use Expected::{Incomplete, Refused, SelfSigned, Trusted, UnknownRoot};

const NAME: &str = "shop.example";
const MISMATCH: &str = "hostname mismatch";
const NO_ISSUER: &str = "unable to get local issuer certificate";

const CASES: &[Case] = &[
    case(&["good", "middle"], NAME, 0, Trusted, true, "OK"),
    case(&["good", "middle"], "SHOP.example.", 0, Trusted, true, "OK"),
    case(&["good", "middle", "root"], NAME, 0, Trusted, true, "OK"),
    case(&["ecdsa", "middle"], NAME, 0, Trusted, true, "OK"),
    case(&["good", "middle"], "other.example", 0, Trusted, false, MISMATCH),
    case(&["good", "middle"], "example", 0, Trusted, false, MISMATCH),
    case(&["wildcard", "middle"], "www.shop.example", 0, Trusted, true, "OK"),
    case(&["wildcard", "middle"], "shop.example", 0, Trusted, false, MISMATCH),
    case(&["wildcard", "middle"], "a.www.shop.example", 0, Trusted, false, MISMATCH),
    case(&["address", "middle"], "127.0.0.1", 0, Trusted, true, "OK"),
    case(&["address", "middle"], "::1", 0, Trusted, true, "OK"),
    case(&["address", "middle"], "127.0.0.2", 0, Trusted, false, "IP address mismatch"),
    case(&["good", "middle"], NAME, 89, Trusted, true, "OK"),
    case(&["good", "middle"], NAME, 91, Trusted, true, "certificate has expired"),
    case(&["good", "middle"], NAME, -2, Trusted, true, "certificate is not yet valid"),
    case(&["below-short", "short-middle"], NAME, 20, Trusted, true, "certificate has expired"),
    case(&["good"], NAME, 0, Incomplete, true, NO_ISSUER),
    case(&["no-address"], NAME, 0, UnknownRoot, true, NO_ISSUER),
    case(&["self-signed"], NAME, 0, SelfSigned, true, "self-signed certificate"),
    case(&["self-signed"], NAME, 400, SelfSigned, true, "self-signed certificate"),
    case(&["self-made-authority"], NAME, 0, SelfSigned, true, "self-signed certificate"),
    case(
        &["strange", "stranger"],
        NAME,
        0,
        UnknownRoot,
        true,
        "self-signed certificate in certificate chain",
    ),
    case(&["strange"], NAME, 0, UnknownRoot, true, NO_ISSUER),
    case(&["good", "root", "middle"], NAME, 0, Trusted, true, "OK"),
    case(&["good", "stranger"], NAME, 0, Incomplete, true, NO_ISSUER),
    case(
        &["client-only", "middle"],
        NAME,
        0,
        Refused("not for servers"),
        true,
        "unsuitable certificate purpose",
    ),
    case(&["poisoned", "middle"], NAME, 0, Refused("precertificate"), true, "unhandled critical extension"),
    case(
        &["below-leaf", "good", "middle"],
        NAME,
        0,
        Refused("may not issue"),
        true,
        "invalid CA certificate",
    ),
    case(&["weak", "middle"], NAME, 0, Trusted, true, "OK"),
    // Browsers are stricter than `openssl verify` from here on.
    case(&["sha1", "middle"], NAME, 0, Refused("SHA-1"), true, "OK"),
    case(&["only-common-name", "middle"], "only-common-name", 0, Trusted, false, "OK"),
];

fn make(credentials: &Credentials) {
    let shop = "DNS:shop.example,DNS:www.shop.example";
    let fetch = "authorityInfoAccess=caIssuers;URI:http://authority.example/middle.crt";
    let plain = |name, key, issuer| Request::new(name, key, issuer, shop);
    for request in [
        Request { extensions: &[fetch], ..plain("good", "other-rsa", "middle") },
        plain("ecdsa", "p256", "middle"),
        plain("no-address", "p256", "middle"),
        Request::new("wildcard", "p256", "middle", "DNS:*.shop.example"),
        Request::new("address", "p256", "middle", "IP:127.0.0.1,IP:::1"),
        plain("below-short", "p256", "short-middle"),
        Request { days: 365, ..plain("self-signed", "p256", "") },
        Request {
            extensions: &["basicConstraints=critical,CA:TRUE"],
            ..plain("self-made-authority", "p256", "")
        },
        plain("strange", "p256", "stranger"),
        Request { extensions: &["extendedKeyUsage=clientAuth"], ..plain("client-only", "p256", "middle") },
        Request {
            extensions: &["1.3.6.1.4.1.11129.2.4.3=critical,DER:0500"],
            ..plain("poisoned", "p256", "middle")
        },
        plain("below-leaf", "p256", "good"),
        plain("weak", "weak", "middle"),
        Request { digest: "-sha1", ..plain("sha1", "p256", "middle") },
        Request::new("only-common-name", "p256", "middle", ""),
    ] {
        credentials.certificate(&request);
    }
}

#[test]
fn chains_are_judged_as_openssl_does() {
    let credentials = Credentials::make();
    make(&credentials);
    let roots = roots_from_pem(&credentials.read("root.pem"));
    let mut wrong = Vec::new();
    for (number, case) in CASES.iter().enumerate() {
        let day = later(credentials.today(), case.later);
        let chain = served(&credentials, number, case, day, &roots);
        let found = match &chain.trust {
            Trust::Trusted => Trusted,
            Trust::SelfSigned => SelfSigned,
            Trust::UnknownRoot { .. } => UnknownRoot,
            Trust::Incomplete { .. } => Incomplete,
            Trust::Refused(reason) => match case.trust {
                Refused(word) if reason.contains(word) => case.trust,
                _ => Refused("something else"),
            },
        };
        if (found, chain.covers_host) != (case.trust, case.covers_host) {
            wrong
                .push(format!("{:?} for {}: {:?}, {}", case.sent, case.host, chain.trust, chain.covers_host));
        }
        let said = verify(&credentials, case, day);
        if said != case.openssl {
            wrong.push(format!("{:?} for {}: openssl says {said}", case.sent, case.host));
        }
        // One verdict from all that is known, against that of openssl, where browsers are not stricter.
        let own = chain.own().expect("it can be read");
        let is_good = chain.verifies_today && chain.covers_host;
        let is_stricter = own.weak_signature.is_some() || own.names.is_empty();
        if is_good != (said == "OK") && !is_stricter {
            wrong.push(format!("{:?} for {}: {is_good}, openssl says {said}", case.sent, case.host));
        }
    }
    println!("{} chains", CASES.len());
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

/// Starts a server with the chain and looks at it.
fn served(credentials: &Credentials, number: usize, case: &Case, day: Date, roots: &[Vec<u8>]) -> Chain {
    let (own, rest) = case.sent.split_first().expect("a chain has a certificate");
    let certificate = text(&credentials.path(&format!("{own}.pem"))).to_owned();
    let key = key_of(own);
    let key = text(&credentials.path(&format!("{key}.key"))).to_owned();
    let chain = credentials.bundle(&format!("chain-{number}.pem"), rest);
    // Both ways to read a chain: in clear, and from a whole handshake.
    let version = if number.is_multiple_of(2) { "-tls1_2" } else { "-tls1_3" };
    let mut arguments = vec!["-cert", &certificate, "-key", &key, version, "-cipher", "DEFAULT:@SECLEVEL=0"];
    if !rest.is_empty() {
        arguments.extend(["-cert_chain", text(&chain)]);
    }
    let server = Server::openssl(&arguments);
    let facts = look(server.port, case.host, day, roots)
        .unwrap_or_else(|error| panic!("{:?} with {version}: {error}", case.sent));
    facts.chain().unwrap_or_else(|| panic!("{:?} with {version}: {facts:?}", case.sent)).clone()
}

fn key_of(name: &str) -> &str {
    match name {
        "good" => "other-rsa",
        "weak" => "weak",
        _ => "p256",
    }
}

/// The first complaint of `openssl verify`.
fn verify(credentials: &Credentials, case: &Case, day: Date) -> String {
    let (own, rest) = case.sent.split_first().expect("a chain has a certificate");
    let noon = day.days_since(Date { year: 1970, month: 1, day: 1 }) * 86_400 + 86_399;
    let mut command = Command::new("openssl");
    command.args([
        "verify",
        "-attime",
        &noon.to_string(),
        "-purpose",
        "sslserver",
        "-no-CApath",
        "-no-CAstore",
    ]);
    command.arg("-CAfile").arg(credentials.path("root.pem"));
    let host = case.host.trim_end_matches('.');
    let is_address = host.parse::<IpAddr>().is_ok();
    command.args([if is_address { "-verify_ip" } else { "-verify_hostname" }, host]);
    if !rest.is_empty() {
        command.arg("-untrusted").arg(credentials.bundle("untrusted.pem", rest));
    }
    let output = command.arg(credentials.path(&format!("{own}.pem"))).output().expect("openssl starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        return "OK".to_owned();
    }
    // `error 10 at 0 depth lookup: certificate has expired`.
    let line =
        said.lines().find_map(|line| line.split_once("lookup: ")).map(|(_, reason)| reason.trim().to_owned());
    line.unwrap_or(said)
}

fn later(day: Date, days: i64) -> Date {
    let near = |year: u16| {
        (1..=12).flat_map(move |month| (1..=31).filter_map(move |day| Date::new(year, month, day)))
    };
    (day.year - 1..=day.year + 3)
        .flat_map(near)
        .find(|found| found.days_since(day) == days)
        .expect("the day is near")
}

#[test]
fn keys_and_signatures_are_named() {
    let credentials = Credentials::make();
    make(&credentials);
    let today = credentials.today();
    let own = |name: &'static str| {
        let sent: &'static [&'static str] = match name {
            "weak" => &["weak", "middle"],
            "sha1" => &["sha1", "middle"],
            _ => &["good", "middle"],
        };
        served(&credentials, 0, &case(sent, NAME, 0, Trusted, true, "OK"), today, &[])
    };
    let good = own("good");
    let certificate = good.own().expect("it can be read");
    assert_eq!(
        (certificate.key, certificate.signature.as_str()),
        (Key::Rsa(2048), "sha256WithRSAEncryption")
    );
    assert_eq!((certificate.lifetime(), certificate.not_after.days_since(today)), (90, 90));
    assert!(certificate.names_issuer_address);
    // Without our root it is not trusted.
    assert!(matches!(&good.trust, Trust::UnknownRoot { issuer } if issuer == "CN=root"), "{:?}", good.trust);
    assert_eq!(own("weak").own().map(|own| own.key), Some(Key::Rsa(1024)));
    assert_eq!(own("sha1").own().and_then(|own| own.weak_signature), Some("SHA-1"));
}
