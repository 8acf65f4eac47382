"""Juniper, a small shop for house plants."""

import os

from flask import Flask, render_template
from flask_login import current_user
from werkzeug.middleware.proxy_fix import ProxyFix

from . import account, admin, catalogue, cli
from .config import CONFIGS
from .extensions import (
    CONTENT_SECURITY_POLICY,
    PERMISSIONS_POLICY,
    csrf,
    db,
    limiter,
    login_manager,
    talisman,
)
from .models import User, add_sample_products


def create_app():
    app = Flask(__name__)
    app.config.from_object(CONFIGS[os.environ.get("SHOP_CONFIG", "production")])
    if len(app.config["SECRET_KEY"]) < 32:
        raise RuntimeError("SECRET_KEY must have at least 32 characters")

    # One proxy, nginx, appends to X-Forwarded-For and sets X-Forwarded-Proto.
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)

    db.init_app(app)
    csrf.init_app(app)
    limiter.init_app(app)
    login_manager.init_app(app)
    talisman.init_app(
        app,
        content_security_policy=CONTENT_SECURITY_POLICY,
        permissions_policy=PERMISSIONS_POLICY,
        frame_options="DENY",
        referrer_policy="strict-origin-when-cross-origin",
        strict_transport_security_max_age=31_536_000,
    )

    app.register_blueprint(catalogue.bp)
    app.register_blueprint(account.bp)
    app.register_blueprint(admin.bp)
    app.cli.add_command(cli.make_admin)

    app.after_request(add_isolation_headers)
    for status in (403, 404, 413, 429, 500):
        app.register_error_handler(status, show_error)

    app.config["UPLOAD_FOLDER"].mkdir(parents=True, exist_ok=True)
    with app.app_context():
        db.create_all()
        add_sample_products()
    return app


@login_manager.user_loader
def load_user(user_id):
    return db.session.get(User, int(user_id))


def add_isolation_headers(response):
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if current_user.is_authenticated:
        response.headers["Cache-Control"] = "no-store"
    return response


def show_error(error):
    return render_template("error.html", name=error.name), error.code
