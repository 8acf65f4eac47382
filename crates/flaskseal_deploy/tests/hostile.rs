//! Every prefix of each sample, and random changes to it, through every reader: no panic, and ranges inside the text.

use flaskseal_core::Tree;
use flaskseal_deploy::{
    Problem, apache, caddy, certificate, compose, dockerfile, dotenv, ini, kubernetes, nginx, platform,
    procfile, read, shell, supervisor, systemd, uwsgi, yaml,
};

const SAMPLES: &[(&str, &str)] = &[
    (
        "Dockerfile",
        "# escape=\\\nARG V=3\nFROM python:${V:-3} AS b\nWORKDIR /app\nCOPY --chown=a . \\\n # c\n .\nRUN <<EOF\nx\nEOF\nENV A=\"b c\" D='$e' F=\\$g\nONBUILD RUN x\nFROM b\nCOPY --from=b /app /app\nENTRYPOINT [\"./e.sh\", \"é\"]\nCMD gunicorn -b :${PORT:-80} app:app\n",
    ),
    (
        "compose.yaml",
        "x: &x {A: 1}\nservices:\n  웹:\n    build: {context: ., args: [A]}\n    command: sh -c \"gunicorn $${X} ${Y:-z} app:app\"\n    environment:\n      <<: *x\n      K: ${K?no}\n    env_file: [{path: .env, required: false}]\n    volumes: [\".:/app\"]\n    extends: 웹\n",
    ),
    (
        "k.yaml",
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: a}\n  spec: {template: {spec: {containers: [{name: c, command: [gunicorn, \"$(A)\"], env: [{name: A, value: \"é\"}]}]}}}\n- {apiVersion: v1, kind: Secret, metadata: {name: s}, data: {K: ZGV2}}\n",
    ),
    (
        "ufw.sh",
        "ufw default deny incoming\nufw allow in on é proto tcp from 10.0.0.0/8 port 1 to any port 80,443\nufw delete allow 22\nufw insert 1 limit ssh/tcp comment 'x'\nufw route allow 1\niptables -A INPUT -p tcp -m state --state NEW ! -s é --dport 1:2 -j ACCEPT\niptables -P INPUT DROP\ndocker run -dit --rm -p127.0.0.1:1:2 -v /:/h:ro --mount type=bind,src=/é,dst=/ --privileged=false img:é x | sudo -u é bash -s\n",
    ),
    (
        "etc/ufw/user.rules",
        "### tuple ### allow any 80 0.0.0.0/0 any 0.0.0.0/0 é - in\n# ufw\nIPV6=é\nENABLED=no\n",
    ),
    (
        "status.rules",
        "Status: active\nDefault: deny (incoming), é\n\nTo  Action  From\n--  ------  ----\n80,443/tcp (é)  ALLOW IN  Anywhere (v6)\n[ 1] 22 on é  LIMIT IN  10.0.0.0/8 # é\n",
    ),
    (
        "rules.v4",
        "*filter\n:INPUT é [0:0]\n-A INPUT -j a\n-A a -j a\n-A INPUT -p tcp --dports 1,é:3 -j DROP\n-A DOCKER-USER -j RETURN\nCOMMIT\n",
    ),
    (
        "x.nft",
        "table inet é {\n chain c { type filter hook input priority 0; policy drop;\n tcp dport { 1, 2-é } accept # x\n ip saddr { 10.0.0.0/8 } limit rate 1/minute accept }\n}\n",
    ),
    ("sshd_config", "Port 22\nPermitRootLogin=é\nMatch all\n"),
    ("a.service.d/b.conf", "[Service]\nUser=é\n"),
    (
        "stack.yml",
        "services:\n  é:\n    image: x\n    ports: [1, \"${A:-é}:2/udp\", {target: é, published: 1-2}]\n    security_opt: [a=é]\n    volumes: [\":\", \"é:/x\", {source: ~/é, target: /}]\n    networks: {é: }\n",
    ),
    ("Procfile", "web: A=é gunicorn app:app # c\nworker: celery -A x worker\n"),
    (
        "a.service",
        "[Unit]\n[Service]\nEnvironment=\"A=b c\" 'D=é'\nEnvironmentFile=-/x/.env\nExecStart=-@/v/gunicorn n \\\n # c\n ${A} wsgi:app\n",
    ),
    (
        "supervisord.conf",
        "[supervisord]\nenvironment=A=\"é\",B=c\n[program:w]\ncommand=gunicorn \"a b\" ; c\n  app:app\n",
    ),
    ("uwsgi.ini", "[uwsgi]\nmodule = é:app\nenv = A=1\n"),
    ("uwsgi.xml", "<uwsgi><module>é</module><master/><!-- c --></uwsgi>\n"),
    (
        "e.sh",
        "#!/bin/sh\nset -a; . ./.env\nif [ \"$A\" = é ]; then exec flask run; elif x; then :; else B=${C:-\"d\"}; fi\ncase $1 in a|b) f ;; *) exec \"$@\" ;; esac\nf() { cat <<-EOF | g & }\n\tx\n\tEOF\nwhile x; do y; done\n`z` $(w) $((1+2)) && a || b\n",
    ),
    (".env", "export A='b' # c\nD=\"é\\n${A}\"\nE\nF=${G:-h}\n"),
    (
        "s.conf",
        "<VirtualHost *:80>\nWSGIScriptAlias / \\\n \"/srv/é.wsgi\"\nWSGIDaemonProcess s user=w\n</VirtualHost>\n",
    ),
    (
        "nginx/site.conf",
        "map $http_upgrade $c { default é; '' ~^(?<n>[^/]+)$; }\nserver {\n  listen 443 ssl;\n  location ~* ^/a/(.*)\\.(php|\"é\")$ { set $x \"b\\\"c\"; if ($x !~ '^[a-z]+$') { return 301 https://${host}$1; } proxy_pass http://$n; }\n  include site.conf; include e2.sh;\n  content_by_lua_block { x = '}' -- }\n }\n}\n",
    ),
    (
        "Caddyfile",
        "{\n\temail é\n}\n(s) {\n\theader -Server\n}\na.example, http://é:80 {\n\timport s\n\theader X \"a \\\"b\"\n\thandle /x/* {\n\t\tfile_server\n\t}\n\tredir https://c{uri} permanent\n\treverse_proxy app:8000 # c\n}\n",
    ),
    (
        "h.conf",
        "<VirtualHost *:443>\nServerName é\nSSLEngine on\nSSLProtocol all -TLSv1\nHeader always set A \"b\"\nRewriteRule ^(.*)$ https://é [R=301]\nProxyPass /x http://é:1/\n</VirtualHost>\n",
    ),
    ("app.yaml", "runtime: python3\nentrypoint: gunicorn é:app\nenv_variables: {A: 1}\n"),
    ("fly.toml", "[env]\nA = \"é\"\n[processes]\nweb = '''gunicorn app:app'''\n"),
    (
        "zappa_settings.json",
        "{\"p\": {\"app_function\": \"é.app\", \"environment_variables\": {\"A\": \"b\"}}}",
    ),
];

fn through_every_reader(path: &str, text: &str) {
    let inside = |problems: Vec<Problem>| {
        for problem in problems {
            let (start, end) = (problem.range.start as usize, problem.range.end as usize);
            assert!(start <= end && end <= text.len(), "{problem:?} in {text:?}");
            assert!(text.get(start..end).is_some(), "{problem:?} splits a character of {text:?}");
        }
    };
    inside(dockerfile::parse(text).problems);
    inside(compose::parse(text).problems);
    inside(kubernetes::parse(text).problems);
    inside(procfile::parse(text).problems);
    inside(systemd::parse(text).problems);
    inside(supervisor::parse(text).problems);
    inside(uwsgi::parse(text).problems);
    inside(ini::parse(text).problems);
    inside(shell::parse(text).problems);
    inside(dotenv::parse(text).problems);
    inside(apache::parse(text).problems);
    inside(yaml::parse(text).problems);
    inside(certificate::parse(text).problems);
    inside(caddy::parse(text).problems);
    inside(nginx::parse(flaskseal_core::FileId(0), text).problems);
    for kind in [
        flaskseal_deploy::FileKind::Fly,
        flaskseal_deploy::FileKind::Zappa,
        flaskseal_deploy::FileKind::Render,
        flaskseal_deploy::FileKind::Serverless,
    ] {
        inside(platform::parse(text, kind).problems);
    }
    let tree = Tree::from_texts([(path.to_owned(), text.to_owned()), ("e2.sh".to_owned(), text.to_owned())]);
    let deployment = read(&tree);
    for fact in &deployment.env_facts {
        let range = fact.span.range;
        assert!(range.start <= range.end && range.end as usize <= text.len(), "{fact:?}");
    }
    for process in &deployment.processes {
        assert!(process.source.range.end as usize <= text.len(), "{process:?}");
    }
    let host = &deployment.host;
    let containers = host.containers.iter().flat_map(|container| {
        let ports = container.ports.iter().map(|port| port.span);
        let mounts = container.mounts.iter().map(|mount| mount.span);
        ports.chain(mounts).chain([container.span, container.whole])
    });
    let rules = host.firewalls.iter().flat_map(|firewall| firewall.rules.iter().map(|rule| rule.span));
    let settings =
        host.services.iter().flat_map(|service| service.settings.iter().map(|(_, said)| said.span));
    let commands = host.steps.iter().flat_map(|step| step.commands.iter().map(|command| command.span));
    let images = host.images.iter().flat_map(|image| [Some(image.stage), image.command]).flatten();
    let sshd = host.sshd.iter().map(|said| said.span);
    for span in containers.chain(rules).chain(settings).chain(commands).chain(images).chain(sshd) {
        let (start, end) = (span.range.start as usize, span.range.end as usize);
        assert!(text.get(start..end).is_some(), "{span:?} is no range of {text:?}");
    }
}

#[test]
fn every_prefix() {
    for (path, text) in SAMPLES {
        for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
            through_every_reader(path, &text[..end]);
        }
    }
}

#[test]
fn random_changes() {
    // A fixed linear congruential generator: the same changes in every run.
    let mut state = 42_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    let alphabet: Vec<char> = "\"'\\`${}[]()<>&|;#=:-!%@*\n\r\t \u{feff}é\0,./aA1".chars().collect();
    for (path, text) in SAMPLES {
        for _ in 0..150 {
            let mut characters: Vec<char> = text.chars().collect();
            for _ in 0..=next(6) {
                let at = next(characters.len());
                match next(3) {
                    0 => characters[at] = alphabet[next(alphabet.len())],
                    1 => characters.insert(at, alphabet[next(alphabet.len())]),
                    _ => {
                        let end = (at + next(8)).min(characters.len());
                        characters.drain(at..end);
                        if characters.is_empty() {
                            characters.push('x');
                        }
                    }
                }
            }
            through_every_reader(path, &characters.into_iter().collect::<String>());
        }
    }
}

#[test]
fn large_repetitions_end_soon() {
    for (path, _) in SAMPLES {
        for piece in [
            "${",
            "$(",
            "`",
            "\"",
            "'",
            "[",
            "{",
            "- ",
            "<<A\n",
            "\\\n",
            "FROM a AS b\n",
            "A=1 ",
            "&a *a ",
            "if ",
            "( ",
            "<",
            "[x]\n",
            "ENV A=$A$A\n",
            "case a in ",
        ] {
            through_every_reader(path, &piece.repeat(20_000 / piece.len()));
        }
    }
}

#[test]
fn growth_by_repetition_is_bounded() {
    let doubling =
        |line: &str| format!("{}{}", line.replace("$A$A", "x").replace("${A}${A}", "x"), line.repeat(200));
    through_every_reader(
        "Dockerfile",
        &format!("FROM a\nENV A=x\n{}CMD gunicorn $A\n", "ENV A=$A$A\n".repeat(200)),
    );
    through_every_reader(".env", &doubling("A=${A}${A}\n"));
    through_every_reader("start.sh", &format!("{}exec gunicorn $A a:b\n", doubling("export A=$A$A\n")));
    through_every_reader(
        "start.sh",
        &format!("{}exec \"$@\"\n", "set -- gunicorn \"$@\" \"$@\"\n".repeat(200)),
    );
    let services = (0..20_000).map(|n| format!("  s{n}: *s")).collect::<Vec<_>>().join("\n");
    let env = (0..20_000).map(|n| format!("A{n}: 1")).collect::<Vec<_>>().join(", ");
    let compose = format!("x: &s {{command: gunicorn a:b, environment: {{{env}}}}}\nservices:\n{services}");
    through_every_reader("compose.yaml", &compose);
    let objects = "- *o\n".repeat(20_000);
    let manifest = format!(
        "apiVersion: v1\nkind: List\nx: &o {{apiVersion: v1, kind: Secret, metadata: {{name: a}}, stringData: {{{env}}}}}\nitems:\n{objects}"
    );
    through_every_reader("k.yaml", &manifest);
}
