"""The back office."""

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask_login import current_user, login_required

from .extensions import db
from .forms import EmptyForm, ProductForm
from .models import Order, Product
from .uploads import save_picture

bp = Blueprint("admin", __name__, url_prefix="/admin")


@bp.before_request
@login_required
def require_admin():
    if not current_user.is_admin:
        abort(403)


@bp.get("/")
def index():
    products = db.session.scalars(db.select(Product).order_by(Product.name)).all()
    orders = db.session.scalars(db.select(Order).order_by(Order.id.desc()).limit(50)).all()
    return render_template(
        "admin.html", products=products, orders=orders, form=ProductForm(), button=EmptyForm()
    )


@bp.post("/product")
def add_product():
    form = ProductForm()
    if form.validate_on_submit():
        image = save_picture(form.picture.data) if form.picture.data else None
        db.session.add(
            Product(
                name=form.name.data,
                description=form.description.data,
                cents=form.cents.data,
                image=image,
            )
        )
        db.session.commit()
    else:
        flash("The product is incomplete.")
    return redirect(url_for("admin.index"))


@bp.post("/product/<int:product_id>/delete")
def delete_product(product_id):
    db.session.delete(db.get_or_404(Product, product_id))
    db.session.commit()
    return redirect(url_for("admin.index"))
