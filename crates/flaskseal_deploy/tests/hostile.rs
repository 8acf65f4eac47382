//! Every prefix of each sample, and random changes to it, through every reader: no panic, and ranges inside the text.

use flaskseal_core::Tree;
use flaskseal_deploy::{
    Problem, apache, certificate, compose, dockerfile, dotenv, ini, kubernetes, nginx, platform, procfile,
    read, shell, supervisor, systemd, uwsgi, yaml,
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
