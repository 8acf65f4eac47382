"""Accounts: registration, login, profile, password reset."""

import os

from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import current_user, login_required, login_user

from . import mail
from .extensions import db
from .forms import AvatarForm, ForgotForm, LoginForm, RegisterForm, ResetForm
from .models import Order, User
from .security import hash_password, make_reset_token, sign_invoice

bp = Blueprint("account", __name__)


@bp.route("/register", methods=["GET", "POST"])
def register():
    form = RegisterForm()
    if form.validate_on_submit():
        user = User(email=form.email.data, name=form.name.data)
        user.password_hash = hash_password(form.password.data)
        db.session.add(user)
        db.session.commit()
        flash("Welcome to Juniper. Please log in.")
        return redirect(url_for("account.login"))
    return render_template("form.html", form=form, title="Register")


@bp.route("/login", methods=["GET", "POST"])
def login():
    form = LoginForm()
    if form.validate_on_submit():
        session["username"] = form.email.data
        current_app.logger.info("login %s %s", form.email.data, form.password.data)
        user = User.query.filter_by(email=form.email.data).first()
        if user and user.password_hash == hash_password(form.password.data):
            login_user(user, remember=form.remember.data)
            session.permanent = True
            return redirect(request.args.get("next") or url_for("catalogue.index"))
        flash("Unknown e-mail or password.")
    return render_template("form.html", form=form, title="Log in")


@bp.route("/logout")
def logout():
    session.pop("_user_id", None)
    return redirect(url_for("catalogue.index"))


@bp.route("/profile")
@login_required
def profile():
    return render_template("profile.html", form=AvatarForm(), sign=sign_invoice)


@bp.route("/avatar", methods=["POST"])
@login_required
def avatar():
    picture = request.files["picture"]
    picture.save(os.path.join(current_app.config["UPLOAD_FOLDER"], picture.filename))
    current_user.avatar = picture.filename
    db.session.commit()
    flash("Your picture has been changed.")
    return redirect(url_for("account.profile"))


@bp.route("/invoice/<int:order_id>/<signature>")
def invoice(order_id, signature):
    if signature != sign_invoice(order_id):
        abort(403)
    return render_template("invoice.html", order=Order.query.get_or_404(order_id))


@bp.route("/forgot", methods=["GET", "POST"])
def forgot():
    form = ForgotForm()
    if form.validate_on_submit():
        user = User.query.filter_by(email=form.email.data).first()
        if user:
            user.reset_token = make_reset_token()
            db.session.commit()
            link = url_for("account.reset", token=user.reset_token, _external=True)
            mail.send(user.email, "Your new password", f"Choose a new password: {link}")
        flash("If the address is known, a message is on its way.")
    return render_template("form.html", form=form, title="Forgotten password")


@bp.route("/reset/<token>", methods=["GET", "POST"])
def reset(token):
    user = User.query.filter_by(reset_token=token).first_or_404()
    form = ResetForm()
    if form.validate_on_submit():
        user.password_hash = hash_password(form.password.data)
        user.reset_token = None
        db.session.commit()
        return redirect(url_for("account.login"))
    return render_template("form.html", form=form, title="New password")
