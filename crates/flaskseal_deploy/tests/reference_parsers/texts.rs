//! Dockerfiles and YAML in the forms that people write them.

/// Without here-documents, empty lines inside an instruction, another escape character and `${X:-default}`, which the other parser does
/// not know.
pub(super) const DOCKERFILES: &[&str] = &[
    "FROM python:3.13-slim\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install --no-cache-dir -r requirements.txt\nCOPY . .\nEXPOSE 8000\nCMD [\"gunicorn\", \"-b\", \"0.0.0.0:8000\", \"app:app\"]\n",
    "# syntax=docker/dockerfile:1\nARG PYTHON=3.12\nFROM python:${PYTHON}-slim AS build\nARG PYTHON\nENV LANG=C.UTF-8 PIP_NO_CACHE_DIR=1\nRUN apt-get update && \\\n    apt-get install -y --no-install-recommends \\\n      build-essential \\\n      libpq-dev && \\\n    rm -rf /var/lib/apt/lists/*\nCOPY --chown=1000:1000 --link . /srv\nFROM build AS run\nCOPY --from=build /srv /srv\nUSER 1000:1000\nHEALTHCHECK --interval=30s --timeout=3s CMD curl -f http://localhost:8000/ || exit 1\nENTRYPOINT [\"/srv/run.sh\"]\nCMD [\"web\"]\n",
    "from debian\nmaintainer Somebody <a@b.example>\nrun echo one; \\\n# a comment inside\n  echo two\nenv A b c d\nenv B=1 C=\"two words\" D='three $A words' E=a\\ b\nlabel version=\"1.0\" \\\n  description=\"a # no comment\"\nexpose 80/tcp 443 8000-8010/udp\nvolume [\"/data\", \"/log\"]\nstopsignal SIGTERM\nshell [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nonbuild copy . /src\n",
    "FROM alpine\nENV A=1\nENV B=$A C=${A}2 D=x${A}y\nENV A=2 F=$A\nENV G=\"$B-$F\" H=\\$A I=a$A\n\n\n# the end\nCMD exec gunicorn --bind \"0.0.0.0:$PORT\" app:app\n",
    "FROM a AS one\nENV ONLY=one SHARED=1\nFROM b AS two\nENV SHARED=2\nFROM one\nENV SHARED=3 LAST=$ONLY\n",
    "  FROM   python  \n\tRUN   a   &&   b\t\n   # indented\nRUN --mount=type=secret,id=key --network=none cat /run/secrets/key\nADD --checksum=sha256:00 https://a.example/b.tar /b/\nCOPY [\"a b\", \"/c d/\"]\n",
    "ARG A=1\nARG B=$A\nFROM x:$B\nARG A\nARG C=c\nENV D=$A E=$C F=$B\nARG G\nENV H=$G\n",
    "FROM scratch\nCOPY --from=ghcr.io/astral-sh/uv:0.9 /uv /bin/\nRUN [\"/bin/uv\", \"sync\", \"--frozen\"]\nENV PATH=\"/app/.venv/bin:/bin\" \\\n    EMPTY= \\\n    QUOTED=\"\"\nUSER nobody\nCMD [\"flask\", \"run\", \"--host=0.0.0.0\"]",
];

pub(super) const YAML: &[&str] = &[
    "services:\n  web:\n    build: .\n    ports:\n      - \"127.0.0.1:8000:8000\"\n      - target: 80\n        published: \"8080\"\n        protocol: tcp\n    environment:\n      SECRET_KEY: ${SECRET_KEY:?set it}\n      DEBUG: \"false\"\n      EMPTY:\n    command: >-\n      gunicorn\n      --bind 0.0.0.0:8000\n      app:app\n    healthcheck:\n      test: [\"CMD\", \"curl\", \"-f\", \"http://localhost\"]\n    user: 1000:1000\n",
    "x-common: &common\n  restart: unless-stopped\n  logging: &logging {driver: json-file, options: {max-size: 10m}}\nx-env: &env\n  A: '1'\n  B: two\nservices:\n  a:\n    <<: *common\n    image: a\n    environment:\n      <<: *env\n      B: three\n  b:\n    <<: [*common, {image: c, restart: always}]\n    environment: *env\n    logging:\n      <<: *logging\n      driver: none\n",
    "services:\n  web:\n    ports: !override\n      - 80:80\n    privileged: !reset null\n    volumes: !reset\n      - .:/app\n    environment: !override {A: b}\n    command: !reset\n",
    "a: |\n  line one\n    indented\n  line two\nb: |-\n  no end\nc: >\n  folded\n  text\n\n  paragraph\nd: |2\n    two\ne: \"a\\tb\\u00e9\\\"\\n c\"\nf: 'it''s'\ng: \"over\n  two lines\"\nh: plain over\n  two lines\n",
    "---\na: 1\n---\n- 1\n- [2, 3]\n- {a: b, c: [d]}\n-\n- - nested\n  - list\n...\n---\n",
    "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: shop\n  labels: {app: shop}\nspec:\n  template:\n    spec:\n      securityContext:\n        runAsNonRoot: true\n      containers:\n      - name: shop\n        image: \"shop:1\" # a comment\n        args: [\"--bind\", \":8000\"]\n        env:\n        - {name: KEY, valueFrom: {secretKeyRef: {name: s, key: k}}}\n        - name: EMPTY\n          value: \"\"\n",
    "# a comment\nkey with spaces: value with spaces # and a comment\n\"quoted key\": ~\n? complex\n: simple\nurl: http://a.example:80/b#c\ntime: 12:30:45\nnumber: 0x1F\nyes: no\nnull: NULL\nlist:\n- a\n- b\nempty_list: []\nempty_map: {}\nstar: '*'\npercent: 100%\n",
    "한글: 값\n\"ключ\": [значение, '值']\nemoji: \"\\U0001F600\"\n",
    "{\"json\": {\"a\": [1, 2.5, true, null, \"x\"], \"b\": \"\\u0041\\/\"}}\n",
    "a: &x [1, 2]\nb: *x\nc: {d: *x, e: &y text}\nf: *y\n",
];
