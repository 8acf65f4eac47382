"""Accounts: registration, login, profile, password reset."""

import hashlib
import secrets
from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, session, url_for
from flask_login import current_user, login_required, login_user, logout_user
from werkzeug.security import check_password_hash, generate_password_hash

from . import mail
from .extensions import db, limiter
from .forms import AvatarForm, ForgotForm, LoginForm, RegisterForm, ResetForm
from .models import PasswordReset, User
from .uploads import save_picture

bp = Blueprint("account", __name__, url_prefix="/account")

# Checked for unknown addresses, so that the answer takes as long as for known ones.
NOBODY = generate_password_hash(secrets.token_hex())


@bp.route("/register", methods=["GET", "POST"])
@limiter.limit("20 per hour", methods=["POST"])
def register():
    form = RegisterForm()
    if form.validate_on_submit():
        if find_user(form.email.data) is None:
            user = User(email=form.email.data, name=form.name.data)
            user.set_password(form.password.data)
            db.session.add(user)
            db.session.commit()
            flash("Welcome to Juniper. Please log in.")
            return redirect(url_for("account.login"))
        flash("This address cannot be registered.")
    return render_template("form.html", form=form, title="Register")


@bp.route("/login", methods=["GET", "POST"])
@limiter.limit("10 per minute", methods=["POST"])
def login():
    form = LoginForm()
    if form.validate_on_submit():
        user = find_user(form.email.data)
        password_hash = user.password_hash if user else NOBODY
        if check_password_hash(password_hash, form.password.data) and user:
            session.clear()
            session.permanent = True
            login_user(user)
            return redirect(url_for("catalogue.index"))
        flash("Unknown e-mail or password.")
    return render_template("form.html", form=form, title="Log in")


@bp.post("/logout")
@login_required
def logout():
    logout_user()
    session.clear()
    return redirect(url_for("catalogue.index"))


@bp.get("/profile")
@login_required
def profile():
    return render_template("profile.html", form=AvatarForm())


@bp.post("/avatar")
@login_required
def avatar():
    form = AvatarForm()
    name = save_picture(form.picture.data) if form.validate_on_submit() else None
    if name is None:
        flash("Please choose a PNG, JPEG or WebP picture.")
    else:
        current_user.avatar = name
        db.session.commit()
        flash("Your picture has been changed.")
    return redirect(url_for("account.profile"))


@bp.route("/forgot", methods=["GET", "POST"])
@limiter.limit("5 per hour", methods=["POST"])
def forgot():
    form = ForgotForm()
    if form.validate_on_submit():
        user = find_user(form.email.data)
        if user is not None:
            token = secrets.token_urlsafe(32)
            db.session.add(PasswordReset(digest=digest_of(token), user=user))
            db.session.commit()
            link = url_for("account.reset", token=token, _external=True)
            mail.send(user.email, "Your new password", f"Choose a new password: {link}")
        flash("If the address is known, a message is on its way.")
    return render_template("form.html", form=form, title="Forgotten password")


@bp.route("/reset/<token>", methods=["GET", "POST"])
@limiter.limit("10 per hour", methods=["POST"])
def reset(token):
    entry = db.get_or_404(PasswordReset, digest_of(token))
    form = ResetForm()
    if entry.expires_at < datetime.now():
        flash("This link has expired.")
        return redirect(url_for("account.forgot"))
    if form.validate_on_submit():
        entry.user.set_password(form.password.data)
        db.session.delete(entry)
        db.session.commit()
        return redirect(url_for("account.login"))
    return render_template("form.html", form=form, title="New password")


def find_user(email):
    return db.session.scalar(db.select(User).filter_by(email=email))


def digest_of(token):
    return hashlib.sha256(token.encode()).hexdigest()
