"""What every visitor sees: products, search, reviews, the basket."""

from flask import (
    Blueprint,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    send_from_directory,
    session,
    url_for,
)
from flask_login import current_user, login_required

from .extensions import db
from .forms import EmptyForm, ReviewForm
from .models import Order, Product, Review

bp = Blueprint("catalogue", __name__)


@bp.get("/")
def index():
    products = db.paginate(db.select(Product).order_by(Product.name), per_page=12, max_per_page=48)
    return render_template("index.html", products=products.items, query="")


@bp.get("/search")
def search():
    query = request.args.get("q", "")[:80]
    found = db.select(Product).where(Product.name.icontains(query, autoescape=True))
    products = db.session.scalars(found.order_by(Product.name).limit(48)).all()
    return render_template("index.html", products=products, query=query)


@bp.get("/product/<int:product_id>")
def product(product_id):
    return show_product(db.get_or_404(Product, product_id), ReviewForm())


@bp.post("/product/<int:product_id>/review")
@login_required
def review(product_id):
    item = db.get_or_404(Product, product_id)
    form = ReviewForm()
    if not form.validate_on_submit():
        return show_product(item, form)
    db.session.add(Review(product=item, author=form.author.data, body=form.body.data))
    db.session.commit()
    flash("Thank you for your review.")
    return redirect(url_for("catalogue.product", product_id=item.id))


@bp.get("/basket")
@login_required
def basket():
    items = basket_items()
    total = sum(item.cents for item in items)
    return render_template("basket.html", items=items, total=total, form=EmptyForm())


@bp.post("/basket/<int:product_id>")
@login_required
def add_to_basket(product_id):
    item = db.get_or_404(Product, product_id)
    session["basket"] = [*session.get("basket", []), item.id][-20:]
    return redirect(url_for("catalogue.basket"))


@bp.post("/checkout")
@login_required
def checkout():
    items = basket_items()
    if items:
        db.session.add(Order(user=current_user, cents=sum(item.cents for item in items)))
        db.session.commit()
        session["basket"] = []
        flash("Your order is on its way.")
    return redirect(url_for("account.profile"))


@bp.get("/pictures/<name>")
def picture(name):
    return send_from_directory(current_app.config["UPLOAD_FOLDER"], name, mimetype="image/png")


@bp.get("/health")
def health():
    return {"status": "ok"}


def show_product(item, form):
    return render_template("product.html", product=item, form=form)


def basket_items():
    return [item for item in (db.session.get(Product, key) for key in session.get("basket", [])) if item]
