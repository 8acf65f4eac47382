//! The scan against real servers: `openssl s_server`, nginx, and a server in Python for what OpenSSL lacks. sslyze gives a
//! second opinion on each, and `openssl verify` on certificates.

#![allow(clippy::disallowed_methods, reason = "tests that start real servers")]

mod certificates;
mod credentials;
mod openssl;
mod server;
mod sslyze;

use std::collections::BTreeSet;
use std::time::Instant;

use flaskseal_servers::Server;
use flaskseal_tls::{
    Key, Offer, Preference, Profile, Sni, Strength, Subject, TlsFacts, Trust, Version, deviations,
    roots_from_pem,
};

use self::credentials::{Credentials, Request, text};
use self::server::look;
use self::sslyze::{ChainOpinion, Opinion};

/// The name that all of them have.
const HOST: &str = "shop.example";

/// Arguments of `openssl s_server`; RSA, ECDSA, WEAK and ED25519 stand for a certificate and its key.
const OPENSSL: &[&str] = &[
    "RSA",
    "ECDSA",
    "RSA BOTH",
    "ED25519",
    "RSA -tls1_3",
    "RSA -tls1_2",
    "ECDSA -tls1_2",
    "ECDSA -tls1_3 -groups P-384",
    "RSA -no_tls1_3 -groups X448:P-521",
    "RSA -tls1_3 -groups ffdhe2048:X25519",
    "RSA -cipher ALL:COMPLEMENTOFALL:@SECLEVEL=0",
    "RSA BOTH -cipher ALL:@SECLEVEL=0 -serverpref",
    "RSA -tls1 -cipher ALL:COMPLEMENTOFALL:@SECLEVEL=0",
    "RSA -tls1_1 -cipher ALL:@SECLEVEL=0",
    "WEAK -cipher DEFAULT:@SECLEVEL=0",
    "RSA -no_tls1_2 -cipher DEFAULT:@SECLEVEL=0",
    "-nocert -cipher aNULL:@SECLEVEL=0",
    "RSA -no_tls1_3 -cipher eNULL:@SECLEVEL=0",
    "RSA -no_tls1_3 -cipher AES128-SHA",
    "RSA -no_tls1_3 -cipher AES256-SHA:AES128-SHA -serverpref",
    "RSA -cipher CAMELLIA:ARIA:SEED:@SECLEVEL=0",
    "RSA -cipher AESCCM -ciphersuites TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256:TLS_AES_256_GCM_SHA384",
    "RSA -cipher DHE:@SECLEVEL=0 -dhparam MODP1536 -no_tls1_3",
    "RSA -cipher DHE:ECDHE -dhparam MODP2048",
    "RSA -cipher ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20 -dhparam MODP2048",
    "RSA -no_ticket",
    "RSA -tls1_2 -no_ticket",
    "RSA -alpn h2,http/1.1",
    "RSA -serverpref -prioritize_chacha",
    "RSA -no_middlebox",
    "RSA -early_data",
];

/// Server blocks of nginx, by port.
const NGINX: &str = "
ssl_certificate rsa-chain.pem; ssl_certificate_key rsa.key;
server { listen PORT1 ssl; server_name shop.example; }
server { listen PORT2 ssl http2; server_name shop.example; ssl_protocols TLSv1.2 TLSv1.3;
  ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305;
  ssl_prefer_server_ciphers off; ssl_ecdh_curve X25519:prime256v1:secp384r1; }
server { listen PORT3 ssl; server_name shop.example; ssl_protocols TLSv1 TLSv1.1 TLSv1.2; ssl_ciphers ALL:@SECLEVEL=0;
  ssl_prefer_server_ciphers on; }
server { listen PORT4 ssl; server_name shop.example; ssl_protocols TLSv1.3; ssl_session_cache shared:a:1m; ssl_early_data on; }
server { listen PORT5 ssl; server_name shop.example; ssl_certificate ecdsa-chain.pem; ssl_certificate_key p256.key;
  ssl_certificate rsa-chain.pem; ssl_certificate_key rsa.key; ssl_session_cache shared:b:1m; ssl_session_tickets off; }
server { listen PORT6 ssl default_server; ssl_reject_handshake on; }
server { listen PORT6 ssl; server_name shop.example; }
server { listen PORT7 ssl default_server; ssl_certificate other.pem; ssl_certificate_key p256.key; }
server { listen PORT7 ssl; server_name shop.example; ssl_stapling on; ssl_stapling_file staple.der; }
";

/// Oldest and newest version by their second number, and ciphers, of the server in Python.
const OLD: &[[&str; 3]] = &[
    ["0", "0", "aes128,aes256,3des,rc4"],
    ["0", "1", "rc4,3des"],
    ["0", "3", "aes128,3des"],
    ["1", "3", "aes128gcm,aes256,chacha20-poly1305"],
];

#[test]
fn sslyze_finds_the_same() {
    let credentials = credentials();
    let (nginx, nginx_ports) = Server::nginx(credentials.folder(), NGINX, 7);
    let mut servers: Vec<(String, u16, Option<Server>)> = Vec::new();
    for line in OPENSSL {
        let server = start(&credentials, line);
        servers.push((format!("openssl {line}"), server.port, Some(server)));
    }
    for [oldest, newest, ciphers] in OLD {
        let server = server::old(
            &credentials.path("rsa-own.pem"),
            &credentials.path("rsa.key"),
            oldest,
            newest,
            ciphers,
        );
        servers.push((format!("old {oldest} {newest} {ciphers}"), server.port, Some(server)));
    }
    for (number, port) in nginx_ports.iter().enumerate() {
        servers.push((format!("nginx {}", number + 1), *port, None));
    }
    let ports: Vec<u16> = servers.iter().map(|(_, port, _)| *port).collect();
    let opinions = sslyze::opinions(credentials.folder(), &ports);
    let roots = roots_from_pem(&credentials.read("root.pem"));
    let (mut wrong, mut suites) = (Vec::new(), 0);
    for (name, port, _) in &servers {
        let begin = Instant::now();
        match look(*port, HOST, credentials.today(), &roots) {
            Ok(facts) => {
                println!("{name}: {} connections, {} ms", facts.connections, begin.elapsed().as_millis());
                suites += facts.suites().count();
                wrong.extend(
                    differences(&facts, &opinions[port], *port)
                        .into_iter()
                        .map(|line| format!("{name}: {line}")),
                );
            }
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    println!("{} servers, {suites} suites", servers.len());
    drop(nginx);
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    assert!(servers.len() >= 40, "only {} servers", servers.len());
}

/// Where the two disagree, in words. sslyze knows some suites only from an OpenSSL that lacks newer keys and curves: what
/// it does not find counts as a difference unless `openssl s_client` really uses it.
fn differences(facts: &TlsFacts, opinion: &Opinion, port: u16) -> Vec<String> {
    let mut out = Vec::new();
    for one in &facts.versions {
        let ours: BTreeSet<String> = one.suites.iter().map(|suite| suite.name.to_owned()).collect();
        let theirs = opinion.suites.get(&one.version).cloned().unwrap_or_default();
        let missing: Vec<&String> = theirs.difference(&ours).collect();
        let beyond: Vec<&String> =
            ours.difference(&theirs).filter(|name| !openssl::uses_suite(port, one.version, name)).collect();
        if !missing.is_empty() || !beyond.is_empty() {
            out.push(format!(
                "{}: only here: {beyond:?}; only sslyze: {missing:?}; {:?}",
                one.version, one.offer
            ));
        }
    }
    let mut compare = |what: &str, ours: Option<bool>, theirs: Option<bool>| {
        if let (Some(ours), Some(theirs)) = (ours, theirs)
            && ours != theirs
        {
            out.push(format!("{what}: {ours}, sslyze: {theirs}"));
        }
    };
    compare("compression", facts.compression, opinion.compression);
    compare("secure renegotiation", facts.secure_renegotiation, opinion.secure_renegotiation);
    compare("early data", facts.early_data, opinion.early_data);
    compare("stapling", facts.stapling, opinion.stapling);
    compare("fallback protection", facts.fallback_protection, opinion.fallback_protection);
    // sslyze resumes no version older than TLS 1.2 beside TLS 1.3.
    if facts.accepts(Version::Tls12) == Some(true) {
        compare("tickets", facts.resumption.tickets, opinion.tickets);
        compare("session ids", facts.resumption.ids, opinion.ids);
    }
    if let Some(curves) = &opinion.curves
        && facts.versions.iter().any(|one| one.suites.iter().any(|suite| suite.is_ephemeral_curve()))
    {
        // sslyze asks for no finite fields, and not for those of TLS 1.3 by their new numbers.
        let ours: BTreeSet<String> = facts
            .groups
            .iter()
            .filter(|group| !group.is_prime() && !group.is_hybrid && !group.name.ends_with("tls13"))
            .map(|group| group.name.to_ascii_lowercase())
            .collect();
        let unconfirmed = |name: &&String| !openssl::uses_group(port, name);
        if !ours.is_superset(curves) || ours.difference(curves).any(|name| unconfirmed(&name)) {
            out.push(format!("curves: {ours:?}, sslyze: {curves:?}"));
        }
    }
    out.extend(differing_chains(facts, opinion));
    out
}

fn differing_chains(facts: &TlsFacts, opinion: &Opinion) -> Vec<String> {
    let mut out = Vec::new();
    for chain in &facts.chains {
        let Some(own) = chain.own() else { continue };
        let key = kind(&own.key);
        let Some(said) = opinion.chains.get(key) else {
            out.push(format!("a chain with {key}, which sslyze does not see"));
            continue;
        };
        let ours = ChainOpinion {
            is_trusted: chain.trust == Trust::Trusted && chain.verifies_today && chain.covers_host,
            is_in_order: said.is_in_order.map(|_| chain.is_in_order),
            length: chain.certificates.len(),
        };
        // Its verifier knows no Ed25519, which OpenSSL and browsers of today take or leave.
        if ours != *said && key != "Ed25519PublicKey" {
            out.push(format!("the chain with {key}: {ours:?}, sslyze: {said:?}"));
        }
    }
    if facts.chains.len() < opinion.chains.len() {
        out.push(format!("{} chains, sslyze: {:?}", facts.chains.len(), opinion.chains));
    }
    out
}

/// The kind of a key, as sslyze calls it.
fn kind(key: &Key) -> &'static str {
    match key {
        Key::Rsa(_) => "RSAPublicKey",
        Key::Elliptic(_) => "ECPublicKey",
        Key::Edwards => "Ed25519PublicKey",
        Key::Other => "another",
    }
}

pub(crate) fn credentials() -> Credentials {
    let credentials = Credentials::make();
    let names = "DNS:shop.example,DNS:www.shop.example,IP:127.0.0.1";
    for (name, key) in
        [("rsa-own", "rsa"), ("ecdsa-own", "p256"), ("weak-own", "weak"), ("ed25519-own", "ed25519")]
    {
        credentials.certificate(&Request::new(name, key, "middle", names));
    }
    credentials.certificate(&Request::new("other", "p256", "middle", "DNS:other.example"));
    credentials.bundle("rsa-chain.pem", &["rsa-own", "middle"]);
    credentials.bundle("ecdsa-chain.pem", &["ecdsa-own", "middle"]);
    // Any bytes do: servers hand them on unread.
    std::fs::write(credentials.path("staple.der"), [0x30, 0x03, 0x0a, 0x01, 0x06])
        .expect("a file can be written");
    for bits in ["1536", "2048"] {
        let file = credentials.path(&format!("MODP{bits}.pem"));
        let group = format!("group:modp_{bits}");
        credentials::openssl(&[
            "genpkey",
            "-genparam",
            "-algorithm",
            "DH",
            "-pkeyopt",
            &group,
            "-out",
            text(&file),
        ]);
    }
    credentials
}

/// Starts `openssl s_server` from a line of [`OPENSSL`].
fn start(credentials: &Credentials, line: &str) -> Server {
    let mut words: Vec<String> = Vec::new();
    for word in line.split(' ') {
        let pair = |flags: [&str; 2], name: &str, key: &str| {
            let [certificate, secret] = flags.map(str::to_owned);
            let file = |name: String| text(&credentials.path(&name)).to_owned();
            vec![certificate, file(format!("{name}-own.pem")), secret, file(format!("{key}.key"))]
        };
        match word {
            "RSA" => words.extend(pair(["-cert", "-key"], "rsa", "rsa")),
            "ECDSA" => words.extend(pair(["-cert", "-key"], "ecdsa", "p256")),
            "WEAK" => words.extend(pair(["-cert", "-key"], "weak", "weak")),
            "ED25519" => words.extend(pair(["-cert", "-key"], "ed25519", "ed25519")),
            "BOTH" => words.extend(pair(["-dcert", "-dkey"], "ecdsa", "p256")),
            "MODP1536" | "MODP2048" => words.push(text(&credentials.path(&format!("{word}.pem"))).to_owned()),
            _ => words.push(word.to_owned()),
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Server::openssl(&words)
}

#[test]
fn nginx_is_described_as_it_is_configured() {
    let credentials = credentials();
    let (_nginx, ports) = Server::nginx(credentials.folder(), NGINX, 7);
    let roots = roots_from_pem(&credentials.read("root.pem"));
    let at = |number: usize| {
        look(ports[number - 1], HOST, credentials.today(), &roots)
            .unwrap_or_else(|error| panic!("nginx {number}: {error}"))
    };
    let versions = |facts: &TlsFacts| -> Vec<Version> {
        facts.versions.iter().filter(|one| one.offer == Offer::Accepted).map(|one| one.version).collect()
    };

    // TLS 1.3 is no default before nginx 1.23.4; TLS 1.0 and 1.1 are, but OpenSSL refuses them.
    let plain = at(1);
    let has_tls13 = plain.accepts(Version::Tls13) == Some(true);
    assert_eq!(versions(&plain).first(), Some(&Version::Tls12));
    let chain = plain.chain().expect("a chain");
    assert_eq!((&chain.trust, chain.covers_host, chain.is_in_order), (&Trust::Trusted, true, true));
    assert_eq!((plain.chains.len(), chain.certificates.len()), (1, 2));
    assert_eq!((&plain.without_name, &plain.wrong_name), (&Sni::SameChain, &Sni::SameChain));
    assert_eq!((plain.compression, plain.secure_renegotiation), (Some(false), Some(true)));
    assert_eq!((plain.fallback_protection, plain.stapling), (has_tls13.then_some(true), Some(false)));
    assert_eq!(plain.gaps, [""; 0]);
    assert!(plain.suites().any(|(_, suite)| suite.strength() == Strength::Weak));
    let subjects: Vec<Subject> =
        deviations(&plain, Profile::Intermediate).iter().map(|one| one.subject).collect();
    let missing = (!has_tls13).then_some(Subject::Version);
    let wanted: Vec<Subject> = [Subject::Suite].into_iter().chain(missing).chain([Subject::Group]).collect();
    assert_eq!(subjects, wanted, "{:?}", deviations(&plain, Profile::Intermediate));

    let good = at(2);
    assert_eq!(good.protocols.first_chunk(), Some(&["h2".to_owned(), "http/1.1".to_owned()]));
    assert!(good.suites().all(|(_, suite)| suite.strength() == Strength::Good));
    assert!(good.versions.iter().all(|one| one.preference != Some(Preference::Server)));
    let names: Vec<&str> = good.groups.iter().map(|group| group.name).collect();
    assert_eq!(names, ["x25519", "secp256r1", "secp384r1"]);
    assert_eq!(deviations(&good, Profile::Intermediate), []);
    assert!(deviations(&good, Profile::Modern).iter().any(|one| one.message == "TLS 1.2 is accepted"));

    let old = at(3);
    assert_eq!(versions(&old), [Version::Tls10, Version::Tls11, Version::Tls12]);
    assert!(old.versions.iter().all(|one| one.preference != Some(Preference::Client)));
    assert!(old.suites().any(|(_, suite)| suite.strength() == Strength::Broken));
    let messages: Vec<String> =
        deviations(&old, Profile::Intermediate).into_iter().map(|one| one.message).collect();
    for wanted in ["TLS 1.0 is accepted", "TLS 1.1 is accepted", "TLS 1.3 is not offered"] {
        assert!(messages.iter().any(|message| message == wanted), "{messages:?}");
    }

    let newest = at(4);
    assert_eq!(versions(&newest), [Version::Tls13]);
    assert_eq!(newest.chain().map(|chain| &chain.trust), Some(&Trust::Trusted));
    assert_eq!((newest.resumption.tls13, newest.resumption.tickets), (Some(true), None));
    assert_eq!(newest.wrong_name, Sni::SameChain);
    assert_eq!((newest.early_data, good.early_data), (Some(true), Some(false)));

    let two = at(5);
    assert_eq!(two.chains.len(), 2, "one for each key");
    assert!(two.chains.iter().all(|chain| chain.trust == Trust::Trusted && chain.covers_host));
    assert_eq!((two.resumption.tickets, two.resumption.ids), (Some(false), Some(true)));

    let strict = at(6);
    assert_eq!(strict.chain().map(|chain| chain.covers_host), Some(true));
    assert!(matches!(&strict.without_name, Sni::Refused(reason) if reason.contains("unrecognized_name")));
    assert!(matches!(&strict.wrong_name, Sni::Refused(_)));

    let shared = at(7);
    assert_eq!((shared.stapling, shared.chains.len()), (Some(true), 1));
    let Sni::OtherChain(other) = &shared.wrong_name else { panic!("{:?}", shared.wrong_name) };
    assert!(!other.covers_host && other.own().is_some_and(|own| own.names == ["other.example"]));
}

#[test]
fn configurations_of_openssl_show() {
    let credentials = credentials();
    let see = |line: &str| {
        let server = start(&credentials, line);
        look(server.port, HOST, credentials.today(), &[]).unwrap_or_else(|error| panic!("{line}: {error}"))
    };
    assert_eq!(see("RSA -cipher DHE:@SECLEVEL=0 -dhparam MODP1536 -no_tls1_3").prime_bits, Some(1536));
    assert_eq!(see("RSA -cipher DHE:ECDHE -dhparam MODP2048").prime_bits, Some(2048));
    let both = see("RSA BOTH");
    assert_eq!(both.chains.len(), 2);
    let order = |line: &str| {
        let facts = see(line);
        facts.versions.iter().find(|one| one.version == Version::Tls12).and_then(|one| one.preference)
    };
    assert_eq!(order("RSA -no_tls1_3 -cipher AES256-SHA:AES128-SHA -serverpref"), Some(Preference::Server));
    assert_eq!(order("RSA -no_tls1_3 -cipher AES256-SHA:AES128-SHA"), Some(Preference::Client));
    let anonymous = see("-nocert -no_tls1_3 -cipher aNULL:@SECLEVEL=0");
    assert!(
        anonymous.chains.is_empty()
            && anonymous.suites().all(|(_, suite)| suite.strength() == Strength::Broken)
    );
    assert!(matches!(anonymous.without_name, Sni::Unknown(_)));
}
