"""Answers `POST /v1/query` as the service of the OSV project does, from OSV documents on disk.

    osv_service.py ARCHIVE|FOLDER

Prints the address as soon as it listens, and ends with its standard input. Versions are compared by Python's
`packaging`, so that what a scanner finds through this service owes nothing to flaskseal.
"""

import json
import os
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

ORDER = {"introduced": 0, "fixed": 1, "last_affected": 2}


def documents(place):
    if place.is_dir():
        for path in sorted(place.glob("*.json")):
            yield json.loads(path.read_bytes())
    else:
        with zipfile.ZipFile(place) as archive:
            for name in archive.namelist():
                if name.endswith(".json"):
                    yield json.loads(archive.read(name))


def is_in_range(version, events):
    """The algorithm of the OSV schema, section "Evaluation"."""
    series = []
    for event in events:
        for kind, at in event.items():
            if kind in ORDER:
                series.append((at != "0", Version("0" if at == "0" else at), ORDER[kind], kind, at))
    answer = False
    for _, bound, _, kind, at in sorted(series):
        if kind == "introduced" and (at == "0" or version >= bound):
            answer = True
        elif kind == "fixed" and version >= bound:
            answer = False
        elif kind == "last_affected" and version > bound:
            answer = False
    return answer


def is_listed(version, listed):
    return any(is_version(known) and Version(known) == version for known in listed)


def affects(document, name, version):
    for affected in document.get("affected", []):
        package = affected.get("package", {})
        if package.get("ecosystem") != "PyPI" or canonicalize_name(package["name"]) != name:
            continue
        if is_listed(version, affected.get("versions", [])):
            return True
        ranges = [one for one in affected.get("ranges", []) if one["type"] == "ECOSYSTEM"]
        if any(is_in_range(version, one["events"]) for one in ranges):
            return True
    return False


def make_readable(document):
    """Two documents in a thousand would end pip-audit with an exception instead of an answer."""
    # It reads times in UTC only, as the service writes them.
    if "published" in document:
        document["published"] = document["published"].replace("+00:00", "Z")
    # It reads no versions that are none. An end that nobody can read is none: more is affected, never less.
    for affected in document.get("affected", []):
        for one in affected.get("ranges", []):
            if one["type"] == "ECOSYSTEM":
                one["events"] = [event for event in one["events"] if all(map(is_version, event.values()))]


def is_version(text):
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    by_package = {}

    def do_POST(self):
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = canonicalize_name(query["package"]["name"])
        version = Version(Version(query["version"]).public)
        found = [one for one in self.by_package.get(name, []) if affects(one, name, version)]
        body = json.dumps({"vulns": found} if found else {}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def main():
    for document in documents(Path(sys.argv[1])):
        if "withdrawn" not in document:
            make_readable(document)
            names = {
                canonicalize_name(one["package"]["name"])
                for one in document.get("affected", [])
                if one.get("package", {}).get("ecosystem") == "PyPI"
            }
            for name in names:
                Handler.by_package.setdefault(name, []).append(document)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}/v1/query", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


main()
