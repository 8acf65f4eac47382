"""Settings. Production is the default; another choice has to be made by name."""

import os
from datetime import timedelta
from pathlib import Path

DATA_DIR = Path(os.environ.get("SHOP_DATA", "/var/lib/juniper"))


class Config:
    SECRET_KEY = os.environ["SECRET_KEY"]

    SQLALCHEMY_DATABASE_URI = f"sqlite:///{DATA_DIR / 'shop.db'}"
    UPLOAD_FOLDER = DATA_DIR / "uploads"
    MAX_CONTENT_LENGTH = 4 * 1024 * 1024

    SESSION_COOKIE_NAME = "__Host-session"
    SESSION_COOKIE_SECURE = True
    SESSION_COOKIE_HTTPONLY = True
    SESSION_COOKIE_SAMESITE = "Lax"
    PERMANENT_SESSION_LIFETIME = timedelta(hours=8)

    PREFERRED_URL_SCHEME = "https"
    TRUSTED_HOSTS = ["juniper.example", "www.juniper.example"]
    RATELIMIT_STORAGE_URI = "memory://"  # one worker process, see gunicorn.conf.py

    MAIL_SERVER = os.environ.get("MAIL_SERVER")
    MAIL_USERNAME = os.environ.get("MAIL_USERNAME")
    MAIL_PASSWORD = os.environ.get("MAIL_PASSWORD")
    MAIL_SENDER = "hello@juniper.example"


class ProductionConfig(Config):
    DEBUG = False
    TESTING = False


class DevelopmentConfig(Config):
    DEBUG = True
    SESSION_COOKIE_NAME = "session"
    SESSION_COOKIE_SECURE = False
    PREFERRED_URL_SCHEME = "http"
    TRUSTED_HOSTS = ["localhost", "127.0.0.1"]


class TestingConfig(Config):
    TESTING = True
    WTF_CSRF_ENABLED = False
    SQLALCHEMY_DATABASE_URI = "sqlite:///:memory:"


CONFIGS = {
    "production": ProductionConfig,
    "development": DevelopmentConfig,
    "testing": TestingConfig,
}
