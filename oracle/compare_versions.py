"""Answers questions about versions with Python's own `packaging`: a JSON list a line in, one answer a line out.

["compare", a, b] -> "<", "=", ">" or "?" where one is no version
["contains", specifiers, version] -> true, false or "?"
["affected", [[kind, version], ...], version] -> true, false or "?": the algorithm of the OSV schema
"""

import json
import sys

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version


def affected(events, version):
    answer = False
    version = Version(Version(version).public)
    key = {"introduced": 0, "fixed": 1, "last": 2}
    events = [(None if at == "0" and kind == "introduced" else Version(at), kind) for kind, at in events]
    for at, kind in sorted(events, key=lambda e: (e[0] is not None, e[0] or Version("0"), key[e[1]])):
        if kind == "introduced" and (at is None or version >= at):
            answer = True
        elif kind == "fixed" and version >= at:
            answer = False
        elif kind == "last" and version > at:
            answer = False
    return answer


def answer(question):
    try:
        if question[0] == "compare":
            a, b = Version(question[1]), Version(question[2])
            return "<" if a < b else ">" if a > b else "="
        if question[0] == "contains":
            # Parsed here: newer versions of `packaging` call text that is no version "not contained".
            return SpecifierSet(question[1]).contains(Version(question[2]), prereleases=True)
        return affected(question[1], question[2])
    except (InvalidVersion, InvalidSpecifier):
        return "?"


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))))
