"""Lets uv, Poetry, PDM and Pipenv lock the same small project, and lists what each of them would install from its lock.

    make_locks.py FOLDER

Writes a folder for each tool: the manifest, the lock files, and `main.txt`, `extra.txt` and `all.txt`: what the tool
itself exports for production, with the extra `mail`, and with the group for developers, as `name==version` for CPython
3.11 on Linux. Fetches the tools and the metadata of the packages from the public index; run by hand, when a format
changes. The tests of flaskseal_deps read the results.
"""

import os
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

TOOLS = {
    "uv": ["uv==0.13.9"],
    "poetry": ["poetry==2.5.1", "poetry-plugin-export==1.10.1"],
    "pdm": ["pdm==2.29.4", "hishel==1.4.0"],
    "pipenv": ["pipenv==2026.10.3"],
}

MAIN = [
    "flask[async]>=2.2,<2.3",
    "werkzeug<3",
    "gunicorn>=20",
    "celery[redis]>=5.3,<5.4",
    "pywin32>=300 ; sys_platform == 'win32'",
    "tomli>=2 ; python_version < '3.11'",
]
EXTRA = ["flask-mail>=0.9"]
DEVELOPMENT = ["pytest>=7,<8", "pytest-flask<1.3"]

ENVIRONMENT = {
    "implementation_name": "cpython",
    "implementation_version": "3.11.7",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "6.1",
    "platform_system": "Linux",
    "platform_version": "1",
    "python_full_version": "3.11.7",
    "python_version": "3.11",
    "sys_platform": "linux",
    "extra": "",
}


def pyproject(build):
    def quoted(requirements):
        return "[" + ", ".join(f'"{one}"' for one in requirements) + "]"

    return (
        f'[project]\nname = "shop"\nversion = "1.0"\nrequires-python = ">=3.10,<4"\ndependencies = {quoted(MAIN)}\n\n'
        f"[project.optional-dependencies]\nmail = {quoted(EXTRA)}\n\n"
        f"[dependency-groups]\ndev = {quoted(DEVELOPMENT)}\n{build}"
    )


def pipfile():
    def entry(requirement):
        name = requirement.split("[")[0].split(">")[0].split("<")[0]
        extras = requirement.partition("[")[2].partition("]")[0]
        version = requirement.removeprefix(f"{name}[{extras}]" if extras else name)
        fields = [f'version = "{version}"']
        fields += [f'extras = ["{extras}"]'] if extras else []
        return f'{name} = {{ {", ".join(fields)} }}\n'

    return (
        '[[source]]\nname = "pypi"\nurl = "https://pypi.org/simple"\nverify_ssl = true\n\n[packages]\n'
        # Pipenv gives up on packages that do not suit the machine it runs on.
        + "".join(entry(one) for one in MAIN if ";" not in one)
        + "\n[dev-packages]\n"
        + "".join(map(entry, DEVELOPMENT))
    )


class Tool:
    def __init__(self, name, work, out):
        self.name, self.work, self.out = name, work / name, out / name
        self.work.mkdir()
        self.out.mkdir(parents=True, exist_ok=True)
        folder = work / f"{name}-venv"
        venv.create(folder, with_pip=True)
        self.bin = folder / "bin"
        self.run(self.bin / "python", "-m", "pip", "install", "--quiet", *TOOLS[name])

    def run(self, *words):
        # Nothing of this machine's settings for packages gets into the results.
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_FIND", "PIP_INDEX", "UV_"))}
        kept |= {"PIPENV_VENV_IN_PROJECT": "1", "POETRY_VIRTUALENVS_IN_PROJECT": "true", "PDM_CHECK_UPDATE": "0"}
        kept |= {"PATH": f"{self.bin}:{kept['PATH']}"}
        done = subprocess.run(list(map(str, words)), cwd=self.work, env=kept, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout

    def __call__(self, *words):
        return self.run(self.bin / self.name, *words)

    def write(self, name, text):
        (self.work / name).write_text(text)

    def keep(self, *names):
        for name in names:
            (self.out / name).write_text((self.work / name).read_text())

    def listed(self, name, exported):
        (self.out / name).write_text("".join(f"{line}\n" for line in installed(exported)))


def installed(exported):
    """The lines of a requirements file that apply, as `name==version`."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found = set()
    for line in exported.splitlines():
        line = line.strip().removesuffix("\\").strip()
        if not line or line.startswith(("#", "-")):
            continue
        one = Requirement(line)
        if one.marker is None or one.marker.evaluate(ENVIRONMENT):
            found.add(f"{canonicalize_name(one.name)}{one.specifier}")
    return sorted(found)


def main():
    out = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        uv = Tool("uv", work, out)
        uv.write("pyproject.toml", pyproject(""))
        uv("lock", "--no-cache")
        export = ["export", "--quiet", "--frozen", "--no-hashes", "--no-emit-project", "--no-annotate"]
        uv.write("pylock.toml", uv("export", "--quiet", "--frozen", "--no-dev", "--format", "pylock.toml"))
        uv.keep("pyproject.toml", "uv.lock", "pylock.toml")
        uv.listed("main.txt", uv(*export, "--no-dev"))
        uv.listed("extra.txt", uv(*export, "--no-dev", "--extra", "mail"))
        uv.listed("all.txt", uv(*export))

        poetry = Tool("poetry", work, out)
        # The index by its pages, which every mirror of it serves.
        source = '\n[[tool.poetry.source]]\nname = "simple"\nurl = "https://pypi.org/simple/"\npriority = "primary"\n'
        poetry.write("pyproject.toml", pyproject(f"\n[tool.poetry]\npackage-mode = false\n{source}"))
        poetry("lock", "--no-interaction")
        export = ["export", "--without-hashes", "--no-interaction"]
        poetry("export", "--no-interaction", "--only", "main", "--format", "pylock.toml", "--output", "pylock.toml")
        poetry.keep("pyproject.toml", "poetry.lock", "pylock.toml")
        poetry.listed("main.txt", poetry(*export, "--only", "main"))
        poetry.listed("extra.txt", poetry(*export, "--only", "main", "--extras", "mail"))
        poetry.listed("all.txt", poetry(*export, "--with", "dev"))

        pdm = Tool("pdm", work, out)
        pdm.write("pyproject.toml", pyproject("\n[tool.pdm]\ndistribution = false\n"))
        pdm("lock", "--group", ":all")
        export = ["export", "--without-hashes"]
        pdm.keep("pyproject.toml", "pdm.lock")
        pdm.listed("main.txt", pdm(*export, "--prod"))
        pdm.listed("extra.txt", pdm(*export, "--prod", "--group", "mail"))
        pdm.listed("all.txt", pdm(*export, "--dev"))

        pipenv = Tool("pipenv", work, out)
        pipenv.write("Pipfile", pipfile())
        pipenv("lock")
        pipenv.keep("Pipfile", "Pipfile.lock")
        pipenv.listed("main.txt", pipenv("requirements"))
        pipenv.listed("all.txt", pipenv("requirements", "--dev"))
    for path in out.glob("*/*lock*"):
        text = path.read_text()
        tomllib.loads(text) if path.name != "Pipfile.lock" else None
        assert "://pypi.org/" in text or "://files.pythonhosted.org/" in text or "://" not in text, path


main()
