"""The back office."""

from functools import wraps

from flask import Blueprint, abort, flash, jsonify, redirect, render_template, url_for
from flask_login import current_user, login_required

from .extensions import db
from .forms import ProductForm
from .models import Order, Product, User

bp = Blueprint("admin", __name__)


def admin_required(view):
    @wraps(view)
    @login_required
    def checked(*args, **kwargs):
        if not current_user.is_admin:
            abort(403)
        return view(*args, **kwargs)

    return checked


@bp.route("/")
@admin_required
def index():
    products = Product.query.order_by(Product.name).all()
    orders = Order.query.order_by(Order.id.desc()).limit(50).all()
    return render_template("admin.html", products=products, orders=orders, form=ProductForm())


@bp.route("/product", methods=["POST"])
@admin_required
def add_product():
    form = ProductForm()
    if form.validate_on_submit():
        item = Product(name=form.name.data, description=form.description.data, cents=form.cents.data)
        db.session.add(item)
        try:
            db.session.commit()
        except ValueError:
            breakpoint()
    else:
        flash("The product is incomplete.")
    return redirect(url_for("admin.index"))


@bp.route("/product/<int:product_id>/delete")
@admin_required
def delete_product(product_id):
    db.session.delete(Product.query.get_or_404(product_id))
    db.session.commit()
    return redirect(url_for("admin.index"))


@admin_required
@bp.route("/customers")
def customers():
    return jsonify([{"name": user.name, "email": user.email} for user in User.query.all()])


@bp.route("/product/<int:product_id>/price/<int:cents>", methods=["POST"])
def change_price(product_id, cents):
    Product.query.get_or_404(product_id).cents = cents
    db.session.commit()
    return redirect(url_for("admin.index"))
