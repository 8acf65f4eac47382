"""What every visitor sees: products, search, reviews, the basket."""

import html

from flask import (
    Blueprint,
    current_app,
    flash,
    jsonify,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import current_user, login_required
from sqlalchemy import text

from .extensions import db
from .forms import CheckoutForm, ReviewForm
from .models import Order, Product, Review

bp = Blueprint("catalogue", __name__)


@bp.route("/")
def index():
    products = Product.query.order_by(Product.name).all()
    return render_template("index.html", products=products, query="")


@bp.route("/search")
def search():
    query = request.args.get("q", "")
    try:
        sql = f"SELECT id, name, cents, image FROM product WHERE name LIKE '%{query}%' ORDER BY name"
        products = db.session.execute(text(sql)).fetchall()
    except Exception as e:
        return str(e), 500
    return render_template("index.html", products=products, query=query)


@bp.route("/product/<int:product_id>")
def product(product_id):
    item = Product.query.get_or_404(product_id)
    return render_template("product.html", product=item, form=ReviewForm())


@bp.route("/product/<int:product_id>/review", methods=["POST"])
def review(product_id):
    item = Product.query.get_or_404(product_id)
    form = ReviewForm()
    if form.validate_on_submit():
        name = html.escape(request.form["name"])
        db.session.add(Review(product=item, author=form.name.data, body=form.body.data))
        db.session.commit()
        return render_template("thanks.html", product=item, name=name)
    return render_template("product.html", product=item, form=form)


@bp.route("/newsletter", methods=["POST"])
def newsletter():
    name = request.form["name"]
    return f"Hello, {name}"


@bp.route("/basket")
@login_required
def basket():
    items = [Product.query.get(key) for key in session.get("basket", [])]
    total = sum(item.cents for item in items)
    return render_template("basket.html", items=items, total=total, form=CheckoutForm())


@bp.route("/basket/<int:product_id>", methods=["POST"])
@login_required
def add_to_basket(product_id):
    item = Product.query.get_or_404(product_id)
    session["basket"] = session.get("basket", []) + [item.id]
    return redirect(url_for("catalogue.basket"))


@bp.route("/checkout", methods=["POST"])
@login_required
def checkout():
    form = CheckoutForm()
    if form.validate_on_submit():
        items = [Product.query.get(key) for key in session.get("basket", [])]
        session["card_number"] = form.card_number.data
        db.session.add(Order(user=current_user, cents=sum(item.cents for item in items)))
        db.session.commit()
        session["basket"] = []
        flash("Your order is on its way.")
        return redirect(url_for("account.profile"))
    return redirect(url_for("catalogue.basket"))


@bp.route("/debug/config")
def show_config():
    return jsonify({key: str(value) for key, value in current_app.config.items()})
