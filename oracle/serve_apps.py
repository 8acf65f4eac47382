"""Serves small Flask applications on loopback, each in a process of its own, and says what each request did.

    python serve_apps.py FOLDER

Every folder in FOLDER has an `app.py` with `app`. On standard output comes one line of JSON, from folder to port, once
all of them answer; where one cannot be imported, to the error's text. Everything ends when standard input does.

An answer has one header more, `X-Observed`: JSON with `raised`, the exception that nothing caught, and `connects`, the
hosts to which the application opened a connection. No connection leaves this machine: whatever the application asks for
is answered here. Nothing is written outside of its folder: it gets a PermissionError. The programs that it may start are
looked for in FOLDER/bin first, and it has ten seconds of CPU time.
"""

import http.server
import importlib
import json
import os
import resource
import signal
import socket
import sys
import threading
import time

import flask
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import run_wsgi_app


def main():
    folder = os.path.realpath(sys.argv[1])
    os.environ["PATH"] = os.path.join(folder, "bin") + os.pathsep + os.environ["PATH"]
    children = []
    for name in sorted(os.listdir(folder)):
        if os.path.exists(os.path.join(folder, name, "app.py")):
            reader, writer = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(reader)
                serve(os.path.join(folder, name), writer)
                os._exit(0)
            os.close(writer)
            children.append((name, child, reader))
    ready = {}
    for name, _, reader in children:
        with os.fdopen(reader) as pipe:
            ready[name] = json.loads(pipe.readline() or '"it ended before it answered"')
    print(json.dumps(ready), flush=True)
    sys.stdin.read()
    for _, child, _ in children:
        os.kill(child, signal.SIGKILL)


def serve(folder, writer):
    parent = os.getppid()
    threading.Thread(target=end_with, args=(parent,), daemon=True).start()
    resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
    os.chdir(folder)
    os.environ["FOLDER"] = folder
    sys.path.insert(0, folder)
    output = os.open("output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.dont_write_bytecode = True
    sys.addaudithook(lambda event, arguments: keep_writes_here(folder, event, arguments))
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(16)
    try:
        app = importlib.import_module("app").app
    except BaseException as error:
        tell(writer, f"{type(error).__name__}: {error}")
        return
    observed = Observed(app)
    keep_connections_here(observed)
    server = make_server(
        "127.0.0.1", 0, observed, threaded=True, request_handler=Quiet, fd=listener.fileno()
    )
    tell(writer, listener.getsockname()[1])
    server.serve_forever()


# What changes the file system, by the positions of the paths among the arguments.
CHANGES = {
    "os.chmod": [0],
    "os.chown": [0],
    "os.link": [0, 1],
    "os.mkdir": [0],
    "os.remove": [0],
    "os.rename": [0, 1],
    "os.rmdir": [0],
    "os.symlink": [1],
    "os.truncate": [0],
    "shutil.rmtree": [0],
}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def keep_writes_here(folder, event, arguments):
    if event == "open":
        path, _, flags = arguments
        paths = [path] if isinstance(flags, int) and flags & WRITES else []
    else:
        paths = [arguments[position] for position in CHANGES.get(event, [])]
    for path in paths:
        if isinstance(path, int):
            continue
        real = os.path.realpath(os.fsdecode(path))
        if real != os.devnull and os.path.commonpath([real, folder]) != folder:
            raise PermissionError(f"outside of its folder: {real}")


def tell(writer, what):
    with os.fdopen(writer, "w") as pipe:
        pipe.write(json.dumps(what) + "\n")


def end_with(parent):
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(0)


class Quiet(WSGIRequestHandler):
    def log(self, *_):
        pass


class Observed:
    """The application, with what each request did in a header of its answer."""

    def __init__(self, app):
        self.app = app
        self.raised = None
        self.connects = []
        flask.got_request_exception.connect(self.note, app)

    def note(self, _, exception, **__):
        self.raised = f"{type(exception).__module__}.{type(exception).__qualname__}: {exception}"

    def __call__(self, environ, start_response):
        self.raised, self.connects = None, []
        try:
            body, status, headers = run_wsgi_app(self.app, environ)
            body = b"".join(body)
        except Exception as error:
            self.note(None, error)
            body, status, headers = b"", "500 Internal Server Error", []
        seen = json.dumps({"raised": self.raised, "connects": self.connects})
        start_response(status, [*headers, ("X-Observed", seen)])
        return [body]


class Answer(http.server.BaseHTTPRequestHandler):
    """What stands for every other host."""

    def do_GET(self):
        body = f"answered {self.headers['Host']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


def keep_connections_here(observed):
    stand_in = []
    real_connect = socket.socket.connect
    real_getaddrinfo = socket.getaddrinfo

    def connect(self, address):
        if self.family != socket.AF_INET:
            return real_connect(self, address)
        observed.connects.append(address[0])
        if not stand_in:
            stand_in.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer))
            threading.Thread(target=stand_in[0].serve_forever, daemon=True).start()
        return real_connect(self, stand_in[0].server_address)

    def getaddrinfo(host, port, *_, **__):
        try:
            socket.inet_aton(host)
        except OSError:
            observed.connects.append(host)
            host = "127.0.0.1"
        return real_getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)

    socket.socket.connect = connect
    socket.getaddrinfo = getaddrinfo


if __name__ == "__main__":
    main()
