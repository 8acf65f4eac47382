"""Boots a Flask application as its production command would, and writes down what real Flask made of it.

    python dump_app.py ENTRY OUTPUT

Runs in the project's folder with production's environment. ENTRY is a command line (`gunicorn "wsgi:app"`,
`flask --app shop run`, `python app.py`, `waitress-serve shop:app`) or a bare `module:callable`. The server's own
code finds and imports the application; the only thing replaced is the last step, which would open a socket.
OUTPUT receives JSON: configuration, routes and class. The encoding of values is described at `encode`, and read
by the crate flaskseal_oracle. This executes the application: it is a test tool and no part of `flaskseal check`.
"""

import datetime
import enum
import gc
import importlib
import json
import os
import pathlib
import runpy
import shlex
import sys
import sysconfig


def qualified(cls):
    return f"{cls.__module__}.{cls.__qualname__}"


def encode(value, depth=0):
    """Lossless for the types named here, by exact type; everything else is `{"opaque": "module.Type"}`."""
    kind = type(value)
    if depth > 20:
        return {"opaque": qualified(kind)}
    below = depth + 1
    if value is None:
        return "none"
    if kind is bool:
        return {"bool": value}
    if kind is int:
        return {"int": str(value)} if value.bit_length() < 10_000 else {"opaque": "builtins.int"}
    if kind is float:
        return {"float": repr(value)}
    if kind is str:
        try:
            value.encode()
        except UnicodeEncodeError:
            return {"opaque": "builtins.str"}
        return {"str": value}
    if kind in (bytes, bytearray):
        return {kind.__name__: list(value)}
    if kind in (list, tuple):
        return {kind.__name__: [encode(item, below) for item in value]}
    if kind in (set, frozenset):
        return {kind.__name__: sorted((encode(item, below) for item in value), key=json.dumps)}
    if kind is dict:
        return {"dict": [[encode(key, below), encode(item, below)] for key, item in value.items()]}
    if kind is datetime.timedelta:
        return {"timedelta": {"days": value.days, "seconds": value.seconds, "microseconds": value.microseconds}}
    if kind in (datetime.datetime, datetime.date, datetime.time):
        return {kind.__name__: value.isoformat()}
    if isinstance(value, pathlib.PurePath):
        return {"path": str(value)}
    if isinstance(value, enum.Enum):
        return {"enum": {"class": qualified(kind), "name": str(value.name), "value": encode(value.value, below)}}
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        fields = [[name, encode(item, below)] for name, item in zip(kind._fields, value)]
        return {"named_tuple": {"class": qualified(kind), "fields": fields}}
    return {"opaque": qualified(kind)}


def describe(app):
    routes = [
        {
            "rule": rule.rule,
            "methods": sorted(rule.methods or ()),
            "endpoint": rule.endpoint,
            "subdomain": rule.subdomain or None,
            "host": rule.host or None,
        }
        for rule in app.url_map.iter_rules()
    ]
    return {
        "root": os.getcwd(),
        "class": qualified(type(app)),
        "import_name": app.import_name,
        # Flask reads upper-case names only; other keys can still be put there by hand, and are shown.
        "config": {str(key): encode(value) for key, value in app.config.items()},
        "debug": encode(app.debug),
        "secret_key": encode(app.secret_key),
        "routes": routes,
    }


def flask_in(served):
    """The Flask application behind what the server was given, through middleware that keeps what it wraps."""
    from flask import Flask

    seen = set()
    layers = [served]
    while layers:
        layer = layers.pop(0)
        if isinstance(layer, Flask):
            return layer
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        for name in ("app", "wsgi_app", "application", "_app", "wrapped", "__wrapped__", "__self__"):
            inner = getattr(layer, name, None)
            if callable(inner):
                layers.append(inner)
        closure = getattr(layer, "__closure__", None) or ()
        for cell in closure:
            if callable(cell.cell_contents):
                layers.append(cell.cell_contents)
    raise SystemExit(f"no Flask application behind {served!r}")


def finish(served, output):
    """Writes the dump and ends the process here, whatever threads or handlers the application has started."""
    text = json.dumps(describe(flask_in(served)))
    partial = f"{output}.partial"
    with open(partial, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(partial, output)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def stop_servers(output):
    """Every server that a script may start itself stops here, with its configuration as it is at that moment."""
    import flask.cli
    import werkzeug
    import werkzeug.serving

    def run_simple(hostname, port, application, *args, **kwargs):
        finish(application, output)

    for module in (werkzeug, werkzeug.serving, flask.cli):
        module.run_simple = run_simple
    try:
        import waitress
    except ImportError:
        return
    waitress.serve = lambda app, **kwargs: finish(app, output)


def boot_gunicorn(arguments, output):
    from gunicorn.app.wsgiapp import WSGIApplication

    sys.path[0] = sysconfig.get_path("scripts")
    sys.argv = ["gunicorn", *arguments]
    server = WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]", prog="gunicorn")
    os.environ.update(server.cfg.env)  # gunicorn's arbiter does this before it loads the application
    finish(server.wsgi(), output)


def boot_flask(arguments, output):
    from flask.cli import main

    sys.path[0] = sysconfig.get_path("scripts")
    sys.argv = ["flask", *arguments]
    main()


def boot_waitress(arguments, output):
    """waitress-serve: `module:attribute.path`, and `--call` for a factory."""
    sys.path[0] = sysconfig.get_path("scripts")
    sys.path.insert(0, os.getcwd())
    call = "--call" in arguments
    target = [argument for argument in arguments if not argument.startswith("-")][-1]
    module, _, path = target.partition(":")
    served = importlib.import_module(module)
    for name in path.split("."):
        served = getattr(served, name)
    finish(served() if call else served, output)


def boot_script(arguments, output):
    """`python FILE ...` and `python -m MODULE ...`."""
    while arguments and arguments[0].startswith("-") and arguments[0] != "-m":
        arguments = arguments[1:]  # flags of the interpreter, such as -u
    if arguments[0] == "-m":
        module, rest = arguments[1], arguments[2:]
        if module in SERVERS:
            return SERVERS[module](rest, output)
        sys.path[0] = os.getcwd()
        sys.argv = [module, *rest]
        left = runpy.run_module(module, run_name="__main__", alter_sys=True)
    else:
        script = os.path.abspath(arguments[0])
        sys.path[0] = os.path.dirname(script)
        sys.argv = arguments
        left = runpy.run_path(script, run_name="__main__")
    # The script served nothing (or something unknown): judge the application it has made.
    from flask import Flask

    apps = [value for value in left.values() if isinstance(value, Flask)]
    apps = apps or [value for value in gc.get_objects() if isinstance(value, Flask)]
    if not apps:
        raise SystemExit("the script made no Flask application")
    finish(apps[0], output)


SERVERS = {"gunicorn": boot_gunicorn, "flask": boot_flask, "waitress": boot_waitress}


def main():
    entry, output = sys.argv[1], os.path.abspath(sys.argv[2])
    words = shlex.split(entry)
    while words and "=" in words[0] and words[0].split("=", 1)[0].isidentifier():
        name, value = words.pop(0).split("=", 1)
        os.environ[name] = value
    if words and words[0] == "exec":
        words.pop(0)
    if not words:
        raise SystemExit("the entry names no command")
    stop_servers(output)
    command = os.path.basename(words[0])
    if command in ("gunicorn", "flask"):
        SERVERS[command](words[1:], output)
    elif command == "waitress-serve":
        boot_waitress(words[1:], output)
    elif command.startswith("python"):
        boot_script(words[1:], output)
    elif len(words) == 1:
        boot_gunicorn([entry.strip()], output)
    else:
        raise SystemExit(f"no way to boot {command!r}")
    raise SystemExit("the command ended without serving an application")


if __name__ == "__main__":
    main()
