"""Parses Dockerfiles and YAML with other people's parsers: a JSON list of {"kind": "dockerfile" | "yaml", "text": ...}
in, a JSON list of what they read out, null where they refuse a text.

A Dockerfile is its instructions with the lines where they begin and end and the words behind them, and the variables of
its last stage. YAML is its documents with every scalar as text, as Compose's types make of it what they want; null stays
null, merge keys are merged, and what stands under `!reset` is null.
"""

import io
import json
import sys

import yaml
from dockerfile_parse import DockerfileParser


def dockerfile(text):
    parser = DockerfileParser(fileobj=io.BytesIO(text.encode()))
    instructions = [
        [one["instruction"], one["startline"], one["endline"], one["value"].split()]
        for one in parser.structure
        if one["instruction"] != "COMMENT"
    ]
    return {"instructions": instructions, "variables": parser.envs}


class Loader(yaml.SafeLoader):
    """Scalars stay text, except null."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag.endswith((":null", ":merge"))]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def tagged(loader, suffix, node):
    if suffix == "reset" or node.value == "" and node.style is None:
        return None
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


Loader.add_multi_constructor("!", tagged)


def answer(one):
    try:
        if one["kind"] == "dockerfile":
            return dockerfile(one["text"])
        return list(yaml.load_all(one["text"], Loader))
    except (yaml.YAMLError, ValueError, TypeError):
        return None


json.dump([answer(one) for one in json.load(sys.stdin)], sys.stdout)
