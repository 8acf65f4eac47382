//! Whole trees in, processes out.

use flaskseal_core::{Span, Tree};
use flaskseal_deploy::{Deployment, Mechanism, Process, ProcessKind, Server, Target, Value, read};

fn tree(files: &[(&str, &str)]) -> Tree {
    Tree::from_texts(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())))
}

fn deployed(files: &[(&str, &str)]) -> (Tree, Deployment) {
    let tree = tree(files);
    let deployment = read(&tree);
    (tree, deployment)
}

fn only(deployment: &Deployment) -> &Process {
    match deployment.processes.as_slice() {
        [process] => process,
        other => panic!("{} processes: {other:#?}", other.len()),
    }
}

fn module(process: &Process) -> String {
    match &process.target {
        Target::Module { module, callable, .. } => format!("{module}:{}", callable.as_deref().unwrap_or("")),
        Target::File { path, callable, .. } => format!("{path}|{}", callable.as_deref().unwrap_or("")),
        Target::FlaskApp { spec, .. } => spec.text().to_owned(),
        Target::Default => String::new(),
    }
}

fn slice(tree: &Tree, span: Span) -> &str {
    tree.file(span.file).slice(span.range)
}

fn env<'a>(process: &'a Process, name: &str) -> Option<&'a str> {
    process.env.get(name).and_then(|variable| variable.value.or_default())
}

#[test]
fn a_dockerfile_with_an_entrypoint_script() {
    let dockerfile = "FROM python:3.12-slim AS base\nWORKDIR /app\nCOPY src/ .\nCOPY docker/entrypoint.sh /entrypoint.sh\nENV FLASK_DEBUG=1\nUSER www\nENTRYPOINT [\"/entrypoint.sh\"]\nCMD [\"gunicorn\", \"-b\", \"0.0.0.0:8000\", \"shop:create_app()\"]\n";
    let script = "#!/bin/sh\nset -e\nflask db upgrade\nexec \"$@\"\n";
    let (tree, deployment) = deployed(&[
        ("Dockerfile", dockerfile),
        ("docker/entrypoint.sh", script),
        ("src/shop/__init__.py", ""),
        ("src/gunicorn.conf.py", "workers = 2\n"),
    ]);
    let process = only(&deployment);
    assert_eq!((process.kind, &process.server), (ProcessKind::Web, &Server::Gunicorn));
    assert_eq!(module(process), "shop:create_app()");
    assert_eq!(slice(&tree, process.source), "\"gunicorn\", \"-b\", \"0.0.0.0:8000\", \"shop:create_app()\"");
    assert_eq!(process.folder.as_deref(), Some("src"));
    assert_eq!(process.working_dir.as_deref(), Some("/app"));
    assert_eq!(process.config_file, tree.find("src/gunicorn.conf.py"));
    assert_eq!(process.user.as_ref().map(|(user, _)| user.as_str()), Some("www"));
    assert_eq!(env(process, "FLASK_DEBUG"), Some("1"));
    assert_eq!(slice(&tree, process.env.get("FLASK_DEBUG").unwrap().span), "FLASK_DEBUG=1");
    assert!(process.certain && !process.dev);
}

#[test]
fn compose_takes_the_image_and_overrides_its_environment() {
    let compose = "services:\n  web:\n    build: {context: ., args: {MODE: prod}}\n    environment:\n      SECRET_KEY: ${SECRET_KEY:-changeme}\n      DB: ${DB}\n      A: compose\n    env_file: [web.env]\n  db:\n    image: postgres:16\n    command: postgres -c x=y\n  worker:\n    build: .\n    command: celery -A shop.tasks worker\n";
    let dockerfile = "FROM python\nARG MODE=dev\nENV A=image B=image MODE=$MODE\nWORKDIR /srv\nCOPY . .\nCMD gunicorn \\\n  -w 4 shop:app\n";
    let (tree, deployment) = deployed(&[
        ("compose.yaml", compose),
        ("Dockerfile", dockerfile),
        (".env", "DB=sqlite://\n"),
        (".flaskenv", "FLASK_DEBUG=1\n"),
        (".dockerignore", ".env\n"),
        ("web.env", "B=file\n"),
        ("shop.py", ""),
    ]);
    let [web, worker] = deployment.processes.as_slice() else { panic!("{:#?}", deployment.processes) };
    assert_eq!((web.name.as_str(), web.found_by.as_str()), ("web", "compose.yaml"));
    assert_eq!(slice(&tree, web.source), "gunicorn \\\n  -w 4 shop:app");
    let key = &web.env.get("SECRET_KEY").unwrap().value;
    assert_eq!(
        key,
        &Value::External { written: "${SECRET_KEY:-changeme}".into(), default: Some("changeme".into()) }
    );
    assert_eq!(
        (env(web, "A"), env(web, "B"), env(web, "MODE"), env(web, "DB")),
        (Some("compose"), Some("file"), Some("prod"), Some("sqlite://"))
    );
    let db = web.env.get("DB").unwrap();
    assert_eq!(slice(&tree, db.via.unwrap()), "DB=sqlite://");
    let copied: Vec<_> =
        web.image.as_ref().unwrap().dotenv_files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(copied, [".flaskenv"]);
    assert_eq!((worker.kind, module(worker)), (ProcessKind::Worker, "shop.tasks:".to_owned()));
    assert_eq!(web.folder.as_deref(), Some(""));
}

#[test]
fn production_overrides_and_development_overrides() {
    let (_, deployment) = deployed(&[
        (
            "docker-compose.yml",
            "services:\n  web:\n    build: .\n    command: gunicorn app:app\n    environment: [A=1, B=1]\n",
        ),
        ("docker-compose.prod.yml", "services:\n  web:\n    environment: [B=2]\n"),
        ("docker-compose.override.yml", "services:\n  web:\n    command: flask run --debug\n"),
        ("Dockerfile", "FROM python\nCOPY . /app\nWORKDIR /app\n"),
        ("app.py", ""),
    ]);
    let [prod] = deployment.production().collect::<Vec<_>>()[..] else {
        panic!("{:#?}", deployment.processes)
    };
    assert_eq!(
        (prod.found_by.as_str(), env(prod, "A"), env(prod, "B")),
        ("docker-compose.prod.yml", Some("1"), Some("2"))
    );
    let dev = deployment.processes.iter().find(|process| process.dev).unwrap();
    assert_eq!(dev.server, Server::FlaskRun { debug: Some(true), debugger: None, reload: None });
}

#[test]
fn kubernetes_with_config_maps_and_the_only_image() {
    let manifest = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n      - name: web\n        image: registry.example/shop:1\n        args: [\"--bind\", \":$(PORT)\", \"shop:app\"]\n        env:\n        - {name: PORT, value: '8000'}\n        - {name: GONE, valueFrom: {secretKeyRef: {name: vault, key: k}}}\n        envFrom: [{configMapRef: {name: cfg}}, {secretRef: {name: s}}]\n";
    let data = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cfg}\ndata: {FLASK_DEBUG: \"1\"}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {SECRET_KEY: ZGV2}\n";
    let (_, deployment) = deployed(&[
        ("k8s/web.yaml", manifest),
        ("k8s/data.yml", data),
        ("mkdocs.yml", "site_name: x\n"),
        ("Dockerfile", "FROM python\nWORKDIR /app\nCOPY . .\nENTRYPOINT [\"gunicorn\"]\nCMD [\"no:no\"]\n"),
        ("shop.py", ""),
    ]);
    let process = deployment.processes.iter().find(|process| process.found_by == "k8s/web.yaml").unwrap();
    assert_eq!(module(process), "shop:app");
    assert_eq!(process.options[0].value, Some(Value::known(":8000")));
    assert_eq!(
        (env(process, "FLASK_DEBUG"), env(process, "SECRET_KEY"), env(process, "GONE")),
        (Some("1"), Some("dev"), None)
    );
    assert!(deployment.env_facts.iter().any(|fact| fact.mechanism == Mechanism::KubernetesSecret && fact.value.as_known() == Some("dev")));
}

#[test]
fn a_unit_with_files() {
    let unit = "[Service]\nUser=www-data\nWorkingDirectory=/srv/shop\nEnvironment=\"FLASK_DEBUG=1\" B=unit PORT=80\nEnvironmentFile=-/srv/shop/.env\nExecStart=/srv/shop/venv/bin/gunicorn -c deploy/gunicorn.py --bind 127.0.0.1:${PORT} wsgi:app\n";
    let (tree, deployment) = deployed(&[
        ("deploy/shop.service", unit),
        ("deploy/gunicorn.py", ""),
        (".env", "B=file\n"),
        ("wsgi.py", ""),
    ]);
    let process = only(&deployment);
    assert_eq!((process.folder.as_deref(), process.working_dir.as_deref()), (Some(""), Some("/srv/shop")));
    assert_eq!((env(process, "B"), env(process, "FLASK_DEBUG")), (Some("file"), Some("1")));
    assert_eq!(process.config_file, tree.find("deploy/gunicorn.py"));
    let bind = process.options.iter().find(|option| option.name == "bind").unwrap();
    assert_eq!(bind.value, Some(Value::known("127.0.0.1:80")));
    assert_eq!(slice(&tree, bind.span), "--bind 127.0.0.1:${PORT}");
}

#[test]
fn other_sources() {
    let case = |files: &[(&str, &str)], server: Server, target: &str| {
        let (_, deployment) = deployed(files);
        let process = only(&deployment);
        assert_eq!((&process.server, module(process).as_str()), (&server, target), "{files:?}");
    };
    let run = Server::FlaskRun { debug: None, debugger: None, reload: None };
    case(&[("Procfile", "web: FLASK_APP=shop.py flask run -h 0.0.0.0\n")], run, "shop.py");
    case(&[("Procfile", "web: sh -c 'exec gunicorn app:app'")], Server::Gunicorn, "app:app");
    case(
        &[
            ("supervisord.conf", "[program:web]\ncommand=/venv/bin/uwsgi --ini uwsgi.ini\ndirectory=/srv\n"),
            ("uwsgi.ini", "[uwsgi]\nwsgi-file = wsgi.py\ncallable = app\n"),
        ],
        Server::Uwsgi,
        "wsgi.py|app",
    );
    case(&[("uwsgi.ini", "[uwsgi]\nmodule = wsgi:app\nenv = A=1\n")], Server::Uwsgi, "wsgi:app");
    case(
        &[("site.conf", "WSGIDaemonProcess s user=www home=/srv\nWSGIScriptAlias / /srv/shop.wsgi\n")],
        Server::ModWsgi,
        "/srv/shop.wsgi|",
    );
    case(&[("app.yaml", "runtime: python312\n")], Server::Gunicorn, "main:app");
    case(
        &[("zappa_settings.json", "{\"prod\": {\"app_function\": \"shop.web.app\"}}")],
        Server::Faas { platform: "zappa".into() },
        "shop.web:app",
    );
    case(&[("fly.toml", "[processes]\nweb = \"gunicorn app:app\"\n")], Server::Gunicorn, "app:app");
    case(
        &[("start.sh", "#!/bin/sh\nexport A=1\nexec waitress-serve --call shop:create_app\n")],
        Server::Waitress,
        "shop:create_app",
    );
    case(
        &[("Dockerfile", "FROM python\nCMD python app.py\n")],
        Server::Script { path: "app.py".into() },
        "app.py|",
    );
    case(
        &[(
            "Dockerfile",
            "FROM python\nENV GUNICORN_CMD_ARGS='--bind=:80 -w 2'\nENV FLASK_DEBUG=1\nCMD [\"sh\", \"-c\", \"gunicorn app:app\"]\n",
        )],
        Server::Gunicorn,
        "app:app",
    );
}

#[test]
fn lines_that_no_shell_runs_have_no_operators() {
    let (tree, deployment) =
        deployed(&[("supervisor.conf", "[program:web]\ncommand=gunicorn -b :80 shop:create_app()\n")]);
    assert_eq!(module(only(&deployment)), "shop:create_app()");
    assert_eq!(slice(&tree, only(&deployment).source), "gunicorn -b :80 shop:create_app()");
    let service = |command: &str| {
        let compose = format!("services:\n  web:\n    image: shop\n    command: {command}\n");
        let (_, deployment) = deployed(&[("compose.yml", &compose)]);
        let process = only(&deployment);
        (module(process), process.options.first().and_then(|option| option.value.clone()))
    };
    assert_eq!(service("${COMMAND:-gunicorn app:app}").0, "app:app");
    let bind = Value::External { written: ":${PORT:-80}".into(), default: Some(":80".into()) };
    assert_eq!(service("gunicorn -b :${PORT:-80} app:app"), ("app:app".to_owned(), Some(bind)));
    assert_eq!(service("sh -c \"flask db upgrade && gunicorn -w $$W app:app\"").0, "app:app");
}

#[test]
fn an_entrypoint_whose_arguments_the_tree_does_not_give() {
    let dockerfile = "FROM python AS production\nWORKDIR /app\nCOPY . .\nENTRYPOINT [\"./entrypoint.sh\"]\nFROM production AS test\nCMD [\"pytest\"]\n";
    let script = "case \"$1\" in\n  api)\n    exec gunicorn app:app\n    ;;\n  worker)\n    exec celery -A app worker\n    ;;\nesac\n";
    let (_, deployment) = deployed(&[("Dockerfile", dockerfile), ("entrypoint.sh", script), ("app.py", "")]);
    let found: Vec<_> = deployment.processes.iter().map(|process| (process.kind, process.certain)).collect();
    assert_eq!(
        found,
        [(ProcessKind::Worker, false), (ProcessKind::Web, false)].into_iter().rev().collect::<Vec<_>>()
    );
}

#[test]
fn gunicorn_takes_arguments_from_its_variable() {
    let (_, deployment) = deployed(&[(
        "Dockerfile",
        "FROM python\nENV GUNICORN_CMD_ARGS=\"--bind=:80 -w 2\"\nCMD gunicorn -w 4 app:app\n",
    )]);
    let options: Vec<_> = only(&deployment)
        .options
        .iter()
        .map(|option| (option.name.as_str(), option.value.as_ref().unwrap().text()))
        .collect();
    assert_eq!(options, [("bind", ":80"), ("workers", "4")]);
}

#[test]
fn supervisord_in_an_image() {
    let (_, deployment) = deployed(&[
        (
            "Dockerfile",
            "FROM python\nENV A=1\nWORKDIR /app\nCOPY . .\nCMD [\"supervisord\", \"-c\", \"supervisord.conf\"]\n",
        ),
        ("supervisord.conf", "[program:web]\ncommand=gunicorn app:app\n"),
        ("app.py", ""),
    ]);
    let process = only(&deployment);
    assert_eq!((env(process, "A"), process.folder.as_deref()), (Some("1"), Some("")));
}

#[test]
fn a_monorepo_keeps_its_folders_apart() {
    let dockerfile = "FROM python\nWORKDIR /app\nCOPY . .\nCMD [\"gunicorn\", \"app:app\"]\n";
    let (_, deployment) = deployed(&[
        (
            "compose.yml",
            "services:\n  a:\n    build: ./a\n  b:\n    build: {context: ., dockerfile: b/Dockerfile}\n    working_dir: /app/b\n",
        ),
        ("a/Dockerfile", dockerfile),
        ("a/app.py", ""),
        ("b/Dockerfile", dockerfile),
        ("b/app.py", ""),
    ]);
    let folders: Vec<_> =
        deployment.processes.iter().map(|process| process.folder.as_deref().unwrap()).collect();
    assert_eq!(folders, ["a", "b"]);
}

#[test]
fn documentation_and_other_programs_are_no_evidence() {
    let (_, deployment) = deployed(&[
        ("Dockerfile.example", "FROM python\nENV SECRET_KEY=x\nCMD flask run\n"),
        (".env.example", "SECRET_KEY=x\n"),
        ("docker-compose.sample.yml", "services: {web: {command: flask run}}\n"),
        ("openapi.yaml", "openapi: 3\n"),
        ("setup.cfg", "[x]\n"),
        ("Makefile", "run:\n\tflask run --debug\n"),
    ]);
    assert!(deployment.processes.is_empty() && deployment.env_facts.is_empty(), "{deployment:#?}");
}

#[test]
fn equal_input_gives_equal_output() {
    let files = [
        ("Dockerfile", "FROM python\nENV A=1\nCMD flask run\n"),
        ("Procfile", "web: gunicorn app:app\n"),
        ("x.service", "[Service\nExecStart=python app.py\n"),
    ];
    let text = |deployment: &Deployment| format!("{deployment:#?}");
    assert_eq!(text(&deployed(&files).1), text(&deployed(&files).1));
    assert!(!deployed(&files).1.problems.is_empty());
}

#[test]
fn a_compose_service_with_its_layers_as_a_container() {
    let base = "services:\n  web:\n    build: .\n    cap_add: [CHOWN]\n    ports: [\"8000:8000\"]\n    volumes: [\"./data:/data\", \"/etc:/host\"]\n    security_opt: [no-new-privileges=true]\n    networks: [back]\nnetworks:\n  back: {internal: true}\n";
    let over = "services:\n  web:\n    cap_add: [SYS_ADMIN]\n    ports:\n      - {target: 9000, published: 9001, host_ip: 127.0.0.1}\n    volumes:\n      - {type: bind, source: /srv/etc, target: /host, read_only: true}\n    privileged: ${PRIVILEGED:-true}\n    user: \"${APP_UID}\"\n";
    let (tree, deployment) = deployed(&[
        ("compose.yaml", base),
        ("compose.prod.yaml", over),
        ("Dockerfile", "FROM python:3.13\nUSER app\nCMD [\"gunicorn\", \"app:app\"]\n"),
        ("app.py", ""),
    ]);
    let [web] = deployment.host.containers.as_slice() else { panic!("{:#?}", deployment.host.containers) };
    let added: Vec<&str> = web.capabilities_added.iter().map(|said| said.value.as_str()).collect();
    assert_eq!(added, ["CHOWN", "SYS_ADMIN"]);
    let ports: Vec<_> = web.ports.iter().map(|port| (port.host, port.container, port.is_public())).collect();
    assert_eq!(
        ports,
        [(Some((8000, 8000)), Some((8000, 8000)), true), (Some((9001, 9001)), Some((9000, 9000)), false)]
    );
    let mounts: Vec<_> = web.mounts.iter().map(|mount| (mount.source.as_str(), mount.read_only)).collect();
    assert_eq!(mounts, [("./data", false), ("/srv/etc", true)]);
    assert_eq!(
        web.privileged.as_ref().map(|said| (said.value, slice(&tree, said.span))),
        Some((true, "${PRIVILEGED:-true}"))
    );
    assert_eq!(web.user.as_ref().and_then(|said| said.value.or_default()), None);
    assert_eq!(web.escalation.as_ref().map(|said| said.value), Some(false));
    assert_eq!(web.dockerfile, tree.find("Dockerfile"));
}

#[test]
fn what_an_image_is_built_on_and_runs_as() {
    let text = "ARG VERSION=3.13\nFROM python:${VERSION}-slim AS base\nUSER app\nHEALTHCHECK CMD true\nFROM base AS build\nUSER root\nRUN curl a | sh && chmod 777 /x; wget b\nFROM base\nCOPY --chown=app . /srv\nCMD gunicorn app:app\n";
    let (tree, deployment) =
        deployed(&[("Dockerfile", text), (".env", "A=1\n"), ("k.pem", ""), ("app.py", "")]);
    let [image] = deployment.host.images.as_slice() else { panic!("{:#?}", deployment.host.images) };
    assert_eq!(image.base.as_ref().and_then(|said| said.value.or_default()), Some("python:3.13-slim"));
    assert_eq!(image.user.as_ref().and_then(|said| said.value.as_known()), Some("app"));
    assert_eq!(slice(&tree, image.stage), "FROM base");
    assert_eq!(image.leaks.iter().map(|leak| leak.path.as_str()).collect::<Vec<_>>(), [".env", "k.pem"]);
    assert!(image.healthcheck.as_ref().is_some_and(|said| said.value) && !image.drops_root);
    let steps: Vec<Vec<&str>> = deployment
        .host
        .steps
        .iter()
        .map(|step| step.commands.iter().map(|command| command.program().0).collect())
        .collect();
    assert_eq!(steps, [vec!["curl", "sh"], vec!["chmod"], vec!["wget"]]);
    assert_eq!(slice(&tree, deployment.host.steps[1].commands[0].span), "chmod 777 /x");
}

#[test]
fn pods_say_for_their_containers_and_containers_for_themselves() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: a}}\nspec:\n  hostPID: true\n  securityContext: {runAsNonRoot: true, runAsUser: 10}\n  containers:\n  - name: a\n    image: x\n  - name: b\n    image: y\n    securityContext: {runAsUser: 0, privileged: true}\n    ports: [{containerPort: 80, hostPort: 8080}]\n";
    let (_, deployment) = deployed(&[("k8s/p.yaml", text)]);
    let [a, b] = deployment.host.containers.as_slice() else { panic!() };
    let user = |container: &flaskseal_deploy::host::Container| {
        container.user.as_ref().and_then(|said| said.value.as_known().map(str::to_owned))
    };
    assert_eq!((user(a).as_deref(), user(b).as_deref()), (Some("10"), Some("0")));
    assert!(b.non_root.as_ref().is_some_and(|said| said.value) && a.privileged.is_none());
    assert_eq!(a.shares.first().map(|said| said.span), b.shares.first().map(|said| said.span));
    assert_eq!((a.ports.len(), b.ports[0].host), (0, Some((8080, 8080))));
}

#[test]
fn docker_run_in_a_script() {
    let text = "sudo docker run -dit --name shop -p8000:80 -v /var/run/docker.sock:/s:ro --user=1000 --cap-add ALL --read-only reg/shop:1 gunicorn -b :80\ndocker ps\n";
    let (_, deployment) = deployed(&[("deploy.sh", text)]);
    let [shop] = deployment.host.containers.as_slice() else { panic!("{:#?}", deployment.host.containers) };
    assert_eq!(
        (shop.name.as_str(), shop.image.as_ref().map(|said| said.value.as_str())),
        ("shop", Some("reg/shop:1"))
    );
    assert_eq!((shop.ports[0].host, shop.mounts[0].read_only), (Some((8000, 8000)), true));
    assert_eq!(shop.user.as_ref().and_then(|said| said.value.as_known()), Some("1000"));
    assert_eq!(shop.command.len(), 3);
}

#[test]
fn the_last_word_of_a_firewall_script_counts() {
    let text = "ufw default allow incoming\nufw default deny incoming\nufw allow 5432/tcp\nufw delete allow 5432/tcp\nif true; then ufw allow 443; fi\nufw --force enable\n";
    let (tree, deployment) = deployed(&[("ufw.sh", text), ("status.rules", "Status: inactive\n")]);
    let [status, script] = deployment.host.firewalls.as_slice() else {
        panic!("{:#?}", deployment.host.firewalls)
    };
    assert_eq!(status.enabled.as_ref().map(|said| said.value), Some(false));
    assert_eq!(
        script.incoming.as_ref().map(|said| slice(&tree, said.span)),
        Some("ufw default deny incoming")
    );
    assert_eq!(
        script.rules.iter().map(|rule| slice(&tree, rule.span)).collect::<Vec<_>>(),
        ["ufw allow 443"]
    );
    assert_eq!([443, 5432].map(|port| script.lets_in(port)), [Some(true), Some(false)]);
}

#[test]
fn compose_files_are_laid_over_each_other() {
    let base = "services:\n  web:\n    build: ./app\n    privileged: true\n    ports: ['8000:8000', '9000:9000']\n    volumes: ['.:/srv', './data:/data']\n    environment: {A: base, B: base, C: base}\n    healthcheck: {test: [NONE]}\n  db:\n    image: postgres\n    ports: ['5432:5432']\n  tool:\n    image: adminer\n    ports: ['8080:8080']\n";
    let over = "services:\n  web:\n    privileged: !reset null\n    ports: !override ['127.0.0.1:8000:8000']\n    volumes: ['./live:/srv:ro']\n    environment: {B: prod, C: !reset null}\n  db:\n    ports: ['5432:5432', {target: 5432, published: 5433, host_ip: 127.0.0.1, protocol: udp}]\n  tool: !reset null\n";
    let (tree, deployment) = deployed(&[
        ("docker-compose.yml", base),
        ("docker-compose.prod.yml", over),
        ("app/Dockerfile", "FROM python\nCMD gunicorn app:app\n"),
    ]);
    let [web, db] = deployment.host.containers.as_slice() else {
        panic!("{:#?}", deployment.host.containers)
    };
    assert!(web.privileged.is_none() && !web.healthcheck.as_ref().unwrap().value);
    assert_eq!(web.dockerfile, tree.find("app/Dockerfile"));
    assert_eq!(web.ports.len(), 1);
    assert_eq!(web.ports[0].address.as_deref(), Some("127.0.0.1"));
    let mounts: Vec<_> =
        web.mounts.iter().map(|mount| (mount.source.as_str(), mount.target.as_str())).collect();
    assert_eq!(mounts, [("./data", "/data"), ("./live", "/srv")]);
    let variables: Vec<_> =
        web.variables.iter().map(|said| (said.value.0.as_str(), said.value.1.text())).collect();
    assert_eq!(variables, [("A", "base"), ("B", "prod")]);
    assert_eq!(
        db.ports.iter().map(|port| (port.host, port.is_udp)).collect::<Vec<_>>(),
        [(Some((5432, 5432)), false), (Some((5433, 5433)), true)]
    );
}

#[test]
fn an_extended_service_keeps_the_paths_of_its_file() {
    let (tree, deployment) = deployed(&[
        (
            "compose.yml",
            "services:\n  web:\n    extends: {file: shared/base.compose.yml, service: app}\n    ports: ['80:80']\n",
        ),
        ("shared/base.compose.yml", "services:\n  app:\n    build: ./image\n    env_file: app.env\n"),
        ("shared/app.env", "SECRET_KEY=x\n"),
        ("shared/image/Dockerfile", "FROM python\nCMD gunicorn app:app\n"),
    ]);
    let web = deployment.host.containers.iter().find(|container| container.name == "web").unwrap();
    assert_eq!(web.dockerfile, tree.find("shared/image/Dockerfile"));
    let process = deployment.processes.iter().find(|process| process.name == "web").unwrap();
    assert!(process.env.get("SECRET_KEY").is_some());
}

#[test]
fn compose_files_are_known_by_their_content() {
    let kinds = |text: &str| deployed(&[("stack.yml", text)]).1.host.containers.len();
    assert_eq!(kinds("version: '3'\nservices:\n  web:\n    image: x\n"), 1);
    assert_eq!(kinds("services:\n  - docker:dind\nimage: x\n"), 0);
    assert_eq!(kinds("jobs:\n  a:\n    services:\n      db:\n        image: x\n"), 0);
    assert_eq!(kinds("services:\n  App\\Mailer: ~\n"), 0);
}
