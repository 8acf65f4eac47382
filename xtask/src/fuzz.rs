//! `cargo xtask fuzz`: hostile input into every reader. The targets are in `fuzz/`; seeds are the rule pages, the
//! evaluator's pages and the examples.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use flaskseal_mdtest::Page;

use crate::step::{command, ensure_cargo_tool, files, root, run as run_step};

/// A fuzz target: its name, the longest input in bytes, and which files are seeds for it.
struct Target {
    name: &'static str,
    max_len: u32,
    seeds: Seeds,
}

enum Seeds {
    /// Files whose path contains one of the words, and these texts.
    Files(&'static [&'static str], &'static [&'static str]),
    /// Whole projects, in the form that `flaskseal_fuzz::tree` reads.
    Projects,
    /// These texts.
    Texts(&'static [&'static str]),
    /// These bytes.
    Bytes(&'static [&'static [u8]]),
}

const TARGETS: &[Target] = &[
    Target { name: "python", max_len: 8192, seeds: Seeds::Files(&[".py"], &[]) },
    Target { name: "project", max_len: 16384, seeds: Seeds::Projects },
    Target { name: "dockerfile", max_len: 4096, seeds: Seeds::Files(&["Dockerfile"], &[]) },
    Target { name: "compose", max_len: 4096, seeds: Seeds::Files(&["compose"], &[]) },
    Target { name: "kubernetes", max_len: 4096, seeds: Seeds::Files(&["k8s", "deployment.y"], MANIFESTS) },
    Target { name: "procfile", max_len: 2048, seeds: Seeds::Files(&["Procfile"], &[]) },
    Target { name: "systemd", max_len: 4096, seeds: Seeds::Files(&[".service"], &[]) },
    Target { name: "supervisor", max_len: 4096, seeds: Seeds::Files(&["supervisor"], SUPERVISORS) },
    Target { name: "uwsgi", max_len: 4096, seeds: Seeds::Files(&["uwsgi"], UWSGIS) },
    Target { name: "apache", max_len: 4096, seeds: Seeds::Files(&["apache", "httpd"], APACHES) },
    Target { name: "certificate", max_len: 4096, seeds: Seeds::Files(&[".pem"], &[]) },
    Target { name: "firewall", max_len: 4096, seeds: Seeds::Files(&["ufw", "sshd"], FIREWALLS) },
    Target { name: "caddy", max_len: 4096, seeds: Seeds::Files(&["Caddyfile"], CADDYFILES) },
    Target { name: "nginx", max_len: 4096, seeds: Seeds::Files(&["nginx"], NGINXES) },
    Target { name: "template", max_len: 4096, seeds: Seeds::Files(&[".html"], TEMPLATES) },
    Target { name: "dotenv", max_len: 2048, seeds: Seeds::Files(&[".env", ".flaskenv"], &[]) },
    Target { name: "shell", max_len: 4096, seeds: Seeds::Files(&[".sh", "Procfile"], SCRIPTS) },
    Target {
        name: "platform",
        max_len: 4096,
        seeds: Seeds::Files(
            &["app.y", "zappa", "serverless", "render.y", "fly.toml", "railway", "heroku"],
            PLATFORMS,
        ),
    },
    Target {
        name: "requirements",
        max_len: 4096,
        seeds: Seeds::Files(
            &["requirements", "pyproject.toml", "setup.cfg", "Pipfile"],
            MANIFESTS_OF_PACKAGES,
        ),
    },
    Target {
        name: "lock",
        max_len: 4096,
        seeds: Seeds::Files(&["uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock"], INVENTORIES),
    },
    Target { name: "osv", max_len: 2048, seeds: Seeds::Texts(ADVISORIES) },
    Target { name: "database", max_len: 256, seeds: Seeds::Texts(&["abcdef", "\u{0}\u{10}\u{7f}"]) },
    Target { name: "pattern", max_len: 256, seeds: Seeds::Texts(PATTERNS) },
    Target { name: "configuration", max_len: 2048, seeds: Seeds::Texts(CONFIGURATIONS) },
    Target { name: "baseline", max_len: 2048, seeds: Seeds::Texts(BASELINES) },
    Target { name: "suppression", max_len: 2048, seeds: Seeds::Texts(SUPPRESSIONS) },
    Target { name: "answer", max_len: 4096, seeds: Seeds::Bytes(ANSWERS) },
    Target { name: "live", max_len: 4096, seeds: Seeds::Texts(TRANSCRIPTS) },
    Target { name: "policy", max_len: 1024, seeds: Seeds::Texts(SERVED_POLICIES) },
    Target { name: "cookie", max_len: 2048, seeds: Seeds::Texts(COOKIES) },
    Target { name: "tls", max_len: 4096, seeds: Seeds::Bytes(FLIGHTS) },
];

/// What servers send first: a flight of TLS 1.2 with a certificate on P-256 that was made for this, a choice and a retry of
/// TLS 1.3 with no more than they need, an alert, and a greeting of SSL 2.
const FLIGHTS: &[&[u8]] = &[
    include_bytes!("../../fuzz/seeds/tls_1_2_flight.bin"),
    b"\x16\x03\x03\x00\x38\x02\x00\x00\x34\x03\x03rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr\x00\x13\x01\x00\x00\x0c\x00\x2b\x00\x02\x03\x04\x00\x33\x00\x02\x00\x1d",
    b"\x15\x03\x01\x00\x02\x02\x28",
    b"\x80\x11\x04\x00\x01\x00\x02\x00\x00\x00\x06\x00\x00\x01\x00\x80\x07\x00\xc0",
];

/// A body with a length, one in chunks behind an interim answer, and `<p>` packed with gzip.
const ANSWERS: &[&[u8]] = &[
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 3\r\n\r\n<p>",
    b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.0 302 Found\r\nLocation: /b\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xb3\x29\xb0\x03\x00\xbb\xa1\x6e\x3c\x03\x00\x00\x00",
];

const TRANSCRIPTS: &[&str] = &[
    "GET https://a/ (start)\nHTTP/1.1 200 OK\nServer: Werkzeug/3\nContent-Type: text/html\nContent-Security-Policy: script-src 'nonce-a' *\nX-Frame-Options: A\nSet-Cookie: session=a.b.c; Path=/; SameSite=None\nCache-Control: public\n\n<script src=//b/c.js integrity></script>\n####\nGET http://a/ (plain)\nHTTP/1.1 302 F\nLocation: https://b\n####\nGET https://a/.env (listed)\nHTTP/1.1 200 OK\n\nA=b\n",
    "GET https://a/ (foreign-origin)\n> Origin: https://b\nHTTP/1.1 200 OK\nAccess-Control-Allow-Origin: https://b\nAccess-Control-Allow-Credentials: true\n\nTraceback (most recent call last)\n  File \"a\", line 1, in b\n",
];

const SERVED_POLICIES: &[&str] = &[
    "default-src 'self' 'unsafe-inline' https: data:; script-src-elem 'strict-dynamic' 'nonce-ab=='; sandbox allow-scripts, frame-ancestors *\nobject-src 'none'; base-uri",
    "max-age=\"31536000\"; includeSubDomains; preload; x=\"a;\\\"\"",
];

const COOKIES: &[&str] = &[
    "__Host-session=eyJhIjoxfQ.ZAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAA; Secure; HttpOnly; Path=/; SameSite=Lax; Max-Age=-1; Domain=.a; Expires=Thu, 01 Jan 1970",
    "__Http-a=b; Partitioned; Domain=co.uk; Max-Age=+9; Expires=Thu, 01-Jan-70 00:00:01 GMT",
    ".eJyrVkrOyS9OVbIyrAUAF5AEJg.ZAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAA",
];

const MANIFESTS_OF_PACKAGES: &[&str] = &[
    "-r b.txt\n-c c.txt\n--extra-index-url http://own/simple\nflask[async]>=2,<3 ; python_version < \"3.9\" \\\n  --hash=sha256:ab\n    # via\n    #   -r x.in\n-e git+https://x/y@main#egg=y\n",
    "[tool.poetry.dependencies]\npython = \"^3.9\"\nflask = [{ version = \"~2.0\", markers = \"os_name == 'nt'\" }]\n[dependency-groups]\na = [{ include-group = \"a\" }, \"pytest\"]\n",
];

const INVENTORIES: &[&str] = &[
    "<bom xmlns=\"http://cyclonedx.org/schema/bom/1.6\"><metadata><component bom-ref=\"a\"/></metadata><components><component bom-ref=\"f\"><purl>pkg:pypi/flask@2.0</purl><scope>excluded</scope><components/></component></components><dependencies><dependency ref=\"a\"><dependency ref=\"f\"/></dependency></dependencies></bom>",
    "SPDXVersion: SPDX-2.3\nPackageName: x\nSPDXID: SPDXRef-x\nPackageComment: <text>a\nb</text>\nExternalRef: PACKAGE-MANAGER purl pkg:pypi/x@1\nRelationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-x\n",
    "[metadata]\nlock_version = \"4.5\"\n[[package]]\nname = \"flask\"\nversion = \"2.0\"\ngroups = [\"default\", \"x\"]\ndependencies = [\"click>=8; os_name == 'nt'\"]\n",
    "{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"1.6\", \"components\": [{\"bom-ref\": \"a\", \"purl\": \"pkg:pypi/flask@2.0%2Bcpu\"}], \"dependencies\": [{\"ref\": \"a\", \"dependsOn\": [\"a\"]}]}",
    "{\"spdxVersion\": \"SPDX-2.3\", \"packages\": [{\"SPDXID\": \"a\", \"externalRefs\": [{\"referenceType\": \"purl\", \"referenceLocator\": \"pkg:pypi/x@1\"}]}], \"relationships\": []}",
    "# a.dist-info\nName: Flask\nVersion: 2.0.1\nRequires-Dist: Werkzeug (>=2.0) ; extra == 'x'\nDirect-Url: file:///a\n",
];

const ADVISORIES: &[&str] = &[
    "{\"meta\": {\"api-version\": \"1.1\"}, \"name\": \"a\", \"files\": [{\"filename\": \"a-1.0-py3-none-any.whl\", \"yanked\": \"why\"}, {\"filename\": \"a-1.0.tar.gz\", \"yanked\": true}]}",
    "{\"id\": \"A\", \"schema_version\": \"1.6.0\", \"modified\": \"2024-01-01T\", \"aliases\": [\"CVE-1\"], \"severity\": [{\"type\": \"CVSS_V3\", \"score\": \"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H\"}], \"affected\": [{\"package\": {\"ecosystem\": \"PyPI\", \"name\": \"a\"}, \"ranges\": [{\"type\": \"ECOSYSTEM\", \"events\": [{\"introduced\": \"0\"}, {\"fixed\": \"1.2\"}, {\"introduced\": \"2\"}, {\"last_affected\": \"2!3rc1\"}, {\"limit\": \"*\"}]}], \"versions\": [\"1\"]}]}",
];

const FIREWALLS: &[&str] = &[
    "ufw default deny incoming\nufw allow in on eth0 proto tcp from 10.0.0.0/8 to any port 80,443\nufw delete allow 22\nufw insert 1 limit ssh/tcp\n\
     iptables -A INPUT -p tcp -m state --state NEW --dport 1:2 -j ACCEPT\niptables -P INPUT DROP\ndocker run -d -p127.0.0.1:1:2 -v /:/h:ro a:b x\n",
    "### tuple ### allow tcp 80,443 0.0.0.0/0 any 0.0.0.0/0 Nginx%20Full - in\n# ufw\n",
    "Status: active\nDefault: deny (incoming)\n\nTo  Action  From\n--  ------  ----\n80,443/tcp (a)  ALLOW IN  Anywhere (v6)\n",
    "*filter\n:INPUT DROP [0:0]\n-A INPUT -j a\n-A a -p tcp --dports 1,2:3 -j ACCEPT\nCOMMIT\n",
    "table inet f {\n chain c { type filter hook input priority 0; policy drop;\n tcp dport { 1, 2-3 } accept\n }\n}\n",
    "Port 22\nPermitRootLogin yes\nMatch all\n",
];

const CADDYFILES: &[&str] = &[
    "{\n\temail a@b\n}\n(s) {\n\theader -Server\n}\na.example, http://b:80 {\n\timport s\n\theader X \"a b\"\n\thandle /x/* {\n\t\tfile_server\n\t}\n\t\
     redir https://c{uri} permanent\n\treverse_proxy app:8000 # c\n}\n",
];

const NGINXES: &[&str] = &[
    "map $a $b { default ''; ~^(?<n>[^/]+)$ $n; }\nserver { listen 443 ssl; server_name ~^(.+)\\.a$;\n  location ~* \\.(js|css)$ { \
     add_header A $1 always; }\n  if ($b != \"x\") { return 301 https://$host$request_uri; }\n  location /s { alias /srv/; } }\n",
];

const TEMPLATES: &[&str] = &[
    "{% extends 'a' %}{% block b %}<a href={{ x|e }} onclick=\"f('{{ y }}')\">{% if z %}<script>{% endif %}`${ {{ s }} }`\
     </script>{{ super() }}{% endblock %}{% raw %}{{{% endraw %}{% macro m(a, b=[1, {'k': 2}]) -%}<!-- {{ a[1:] }} -->{%- endmacro %}",
];

const PATTERNS: &[&str] =
    &["^[a-z0-9_-]{1,40}$", r"(?P<n>\w+\s?)*(?:a|b)\1(?=c)", "(?x) a # b", "[^]\\d-]+?", "(?i:k)++|\\Z"];

const MANIFESTS: &[&str] = &[
    "apiVersion: v1\nkind: List\nitems:\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: a}\n  spec:\n    \
     template:\n      spec:\n        containers:\n        - name: c\n          command: [gunicorn, \"$(A)\"]\n          \
     env: [{name: A, value: \"app:app\"}]\n          envFrom: [{configMapRef: {name: m}}]\n\
     - {apiVersion: v1, kind: ConfigMap, metadata: {name: m}, data: {K: v}}\n\
     - {apiVersion: v1, kind: Secret, metadata: {name: s}, data: {K: ZGV2}}\n",
];

const SUPERVISORS: &[&str] = &[
    "[supervisord]\nenvironment=A=\"b\",B=c\n[program:w]\ndirectory=/srv\ncommand=gunicorn \"a b\" ; c\n  app:app\n",
];

const UWSGIS: &[&str] = &[
    "[uwsgi]\nmodule = app:app\nenv = A=1\nchdir = %d/x\nif-env = B\nplugin = python3\nendif =\n",
    "uwsgi:\n  module: app:app\n  env: A=1\n",
    "{\"uwsgi\": {\"wsgi-file\": \"app.py\", \"callable\": \"app\"}}",
    "<uwsgi><module>app</module><master/><!-- c --></uwsgi>\n",
];

const APACHES: &[&str] = &["<VirtualHost *:80>\nWSGIScriptAlias / \\\n \"/srv/app.wsgi\"\nSetEnv A b\n\
     WSGIDaemonProcess s user=w python-path=/srv\n</VirtualHost>\n"];

const PLATFORMS: &[&str] = &[
    "runtime: python3\nentrypoint: gunicorn app:app\nenv_variables: {A: 1}\n",
    "[env]\nA = \"b\"\n[processes]\nweb = \"gunicorn app:app\"\n",
    "{\"p\": {\"app_function\": \"app.app\", \"environment_variables\": {\"A\": \"b\"}}}",
    "services:\n- type: web\n  startCommand: gunicorn app:app\n  envVars: [{key: A, value: b}]\n",
    "custom: {wsgi: {app: app.app}}\nprovider: {environment: {A: b}}\n",
    "{\"deploy\": {\"startCommand\": \"gunicorn app:app\"}}",
    "setup:\n  config: {A: b}\nrun: {web: gunicorn app:app}\n",
];

const SCRIPTS: &[&str] = &[
    "#!/bin/sh\nset -a; . ./.env\nif [ \"$A\" = b ]; then exec flask run; elif x; then :; else B=${C:-\"d\"}; fi\n\
     case $1 in a|b) f ;; *) exec \"$@\" ;; esac\nf() { cat <<-EOF | g & }\n\tx\n\tEOF\nwhile x; do y; done\n\
     `z` $(w) $((1+2)) && a || b\n",
    "sh -c 'exec gunicorn -b :${PORT:-80} -w 4 \"shop:create_app()\"'",
];

const CONFIGURATIONS: &[&str] = &[
    "entry = ['gunicorn shop:app']\nenv-file = ['a.env']\nenv-complete = true\nonly = ['session']\nskip = ['FS101']\n\
     fail-on = 'high'\nrequire = ['debug']\nbaseline = 'b.toml'\nexclude = ['*.gen.py']\nproduction-paths = ['a/**']\n\
     aside-paths = ['b/**']\nsession-lifetime-hours = 24\n[[ignore]]\nrule = 'FS301'\npath = 'x/**'\nreason = 'y'\n\
     until = 2027-01-31\n",
    "[project]\nname = 'shop'\n[tool.flaskseal]\nfail-on = 'low'\n",
];

const BASELINES: &[&str] = &[
    "version = 1\n[[finding]]\npath = 'app.py'\nrule = 'FS101'\nfingerprint = '00ff'\nmessage = 'm'\naccepted = 'why'\n",
    "version = 1\n",
];

const SUPPRESSIONS: &[&str] = &[
    "app.run(debug=True)  # flaskseal: ignore[FS101,FS106] the demo runs here alone until=2027-03-31\n",
    "# flaskseal: ignore[hardcoded-secret-key] why\nx = 1\n",
    "{# flaskseal: ignore[FS501] why #}\n<!-- flaskseal: ignore[FS501] why -->\n; flaskseal: ignore[FS101] why\n",
];

/// What the command line asks for.
struct Options {
    targets: Vec<&'static Target>,
    seconds: u32,
}

/// Runs every target, or those that are named, for a minute each or as many as `--minutes` says.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let options = Options::read(arguments)?;
    ensure_cargo_tool("fuzz")?;
    let seeds = Sources::read()?;
    let mut failed = Vec::new();
    for target in options.targets {
        let corpus = seeds.write(target)?;
        let limits = [
            format!("-max_total_time={}", options.seconds),
            format!("-max_len={}", target.max_len),
            // A second a file is the promise; the instrumented build is several times slower.
            "-timeout=5".to_owned(),
            "-rss_limit_mb=1024".to_owned(),
            "-print_final_stats=1".to_owned(),
        ];
        // Nothing here is unsafe, so a sanitizer would only cost time and blur the limit on memory.
        let mut fuzz = command("cargo");
        fuzz.args(["fuzz", "run", "--sanitizer", "none", target.name, &corpus, "--"]).args(limits);
        if let Err(error) = run_step(fuzz.env("RUSTC_BOOTSTRAP", "1")) {
            eprintln!("xtask: {error:#}");
            failed.push(target.name);
        }
    }
    ensure!(failed.is_empty(), "findings in: {}; their inputs are below fuzz/artifacts", failed.join(", "));
    Ok(())
}

impl Options {
    fn read(arguments: &[String]) -> Result<Self> {
        let mut options = Self { targets: Vec::new(), seconds: 60 };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            if word == "--minutes" {
                let minutes = words.next().context("`--minutes` needs a number")?;
                let minutes: f32 = minutes.parse().with_context(|| format!("`{minutes}` is no number"))?;
                ensure!(minutes > 0.0 && minutes < 10_000.0, "`--minutes` must be between 0 and 10000");
                #[expect(clippy::cast_sign_loss, reason = "it is positive")]
                let seconds = (minutes * 60.0) as u32;
                options.seconds = seconds.max(1);
            } else if let Some(target) = TARGETS.iter().find(|target| target.name == word) {
                options.targets.push(target);
            } else {
                let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
                bail!("there is no fuzz target `{word}`; the targets are {}", names.join(", "));
            }
        }
        if options.targets.is_empty() {
            options.targets = TARGETS.iter().collect();
        }
        Ok(options)
    }
}

/// Where seeds are taken from.
struct Sources {
    /// Small projects: the cases of all pages, and the examples.
    projects: Vec<Vec<(String, String)>>,
}

impl Sources {
    fn read() -> Result<Self> {
        let mut projects = Vec::new();
        for page in files("crates", "md")? {
            let text = fs::read_to_string(&page)?;
            // Not every Markdown file is a page of tests.
            if let Ok(page) = Page::parse(&text) {
                projects.extend(page.cases.into_iter().map(|case| case.files));
            }
        }
        for example in ["examples/shop", "examples/shop-hardened"] {
            let mut project = Vec::new();
            for file in files(example, "")? {
                if let Ok(text) = fs::read_to_string(&file) {
                    let path = file.strip_prefix(root().join(example)).unwrap_or(&file);
                    project.push((path.display().to_string(), text));
                }
            }
            projects.push(project);
        }
        Ok(Self { projects })
    }

    /// Writes the seeds of a target and returns the folder, relative to the workspace.
    fn write(&self, target: &Target) -> Result<String> {
        let folder = format!("fuzz/corpus/{}", target.name);
        fs::create_dir_all(root().join(&folder)).with_context(|| format!("cannot create {folder}"))?;
        for (number, seed) in self.of(target).into_iter().enumerate() {
            let path = root().join(&folder).join(format!("seed-{number:04}"));
            fs::write(&path, seed).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(folder)
    }

    fn of(&self, target: &Target) -> Vec<Vec<u8>> {
        match &target.seeds {
            Seeds::Texts(texts) => texts.iter().map(|text| text.as_bytes().to_vec()).collect(),
            Seeds::Bytes(all) => all.iter().map(|bytes| bytes.to_vec()).collect(),
            Seeds::Projects => self.projects.iter().map(|files| marked(files).into_bytes()).collect(),
            Seeds::Files(words, texts) => {
                let wanted = |path: &str| words.iter().any(|word| path.contains(word));
                let found = self.projects.iter().flatten().filter(|(path, _)| wanted(path));
                let texts = texts.iter().map(|text| text.as_bytes().to_vec());
                found.map(|(_, text)| text.clone().into_bytes()).chain(texts).collect()
            }
        }
    }
}

/// One text for a whole project.
fn marked(files: &[(String, String)]) -> String {
    files.iter().flat_map(|(path, text)| ["#### ", path, "\n", text, "\n"]).collect()
}
