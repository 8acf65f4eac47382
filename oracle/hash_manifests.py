"""Lets Poetry, PDM and Pipenv compute the digests of manifests that their lock files carry.

    hash_manifests.py FOLDER

Reads `poetry-*.toml`, `pdm-*.toml` and `pipenv-*.toml` in a folder, and writes the digest into the first line of each,
which is a comment. Needs `poetry`, `pdm` and `pipenv` as `make_locks.py` names them, and no network; run by hand, when a
file is added. A test of flaskseal_deps reads the results.
"""

import io
import sys
import tempfile
import tomllib
from pathlib import Path


def poetry(text):
    from poetry.packages.locker import Locker

    return Locker(Path("poetry.lock"), tomllib.loads(text))._get_content_hash()


def pdm(text):
    from pdm.core import Core

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pyproject.toml").write_text(text)
        return "sha256:" + Core().create_project(folder).pyproject.content_hash("sha256")


def pipenv(text):
    from pipenv.vendor.plette import Pipfile

    return Pipfile.load(io.StringIO(text)).get_hash().value


for path in sorted(Path(sys.argv[1]).glob("*.toml")):
    lines = path.read_text().splitlines(keepends=True)
    text = "".join(lines[1:] if lines[0].startswith("# hash: ") else lines)
    tool = {"poetry": poetry, "pdm": pdm, "pipenv": pipenv}[path.stem.split("-")[0]]
    path.write_text(f"# hash: {tool(text)}\n{text}")
