"""Juniper, a small shop for house plants."""

import os

from flask import Flask, render_template

from .account import bp as account_bp
from .admin import bp as admin_bp
from .api import bp as api_bp
from .catalogue import bp as catalogue_bp
from .config import DevelopmentConfig, configs
from .extensions import csrf, db, login_manager
from .models import User, add_default_admin, add_sample_products


def create_app():
    app = Flask(__name__)
    app.config.from_object(configs.get(os.environ.get("FLASK_ENV"), DevelopmentConfig))

    db.init_app(app)
    csrf.init_app(app)
    login_manager.init_app(app)

    app.register_blueprint(catalogue_bp)
    app.register_blueprint(account_bp, url_prefix="/account")
    app.register_blueprint(admin_bp, url_prefix="/admin")
    app.register_blueprint(api_bp, url_prefix="/api")

    @app.errorhandler(404)
    def not_found(error):
        return render_template("error.html", name="Not found"), 404

    with app.app_context():
        db.create_all()
        add_sample_products()
        add_default_admin()
    return app


@login_manager.user_loader
def load_user(user_id):
    return User.query.get(int(user_id))
