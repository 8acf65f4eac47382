"""Tables."""

from datetime import datetime

from flask_login import UserMixin

from .extensions import db
from .security import hash_password


class User(UserMixin, db.Model):
    id = db.Column(db.Integer, primary_key=True)
    email = db.Column(db.String(120), unique=True, nullable=False)
    name = db.Column(db.String(80), nullable=False)
    password_hash = db.Column(db.String(64), nullable=False)
    is_admin = db.Column(db.Boolean, nullable=False, default=False)
    avatar = db.Column(db.String(120))
    reset_token = db.Column(db.String(20))
    orders = db.relationship("Order", backref="user")


class Product(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(80), nullable=False)
    description = db.Column(db.Text, nullable=False)
    cents = db.Column(db.Integer, nullable=False)
    image = db.Column(db.String(120))
    reviews = db.relationship("Review", backref="product", cascade="all, delete-orphan")


class Review(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    product_id = db.Column(db.ForeignKey("product.id"), nullable=False)
    author = db.Column(db.String(80), nullable=False)
    body = db.Column(db.Text, nullable=False)


class Order(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.ForeignKey("user.id"), nullable=False)
    cents = db.Column(db.Integer, nullable=False)
    placed_at = db.Column(db.DateTime, nullable=False, default=datetime.now)


def add_sample_products():
    if Product.query.first() is None:
        db.session.add_all(
            [
                Product(name="Juniper bonsai", description="Twelve years old, patient.", cents=8900),
                Product(name="Monstera", description="Large leaves, small demands.", cents=3400),
                Product(name="Snake plant", description="Survives every holiday.", cents=1900),
                Product(name="Terracotta pot", description="Eighteen centimetres.", cents=1200),
            ]
        )
        db.session.commit()


def add_default_admin():
    if User.query.filter_by(is_admin=True).first() is None:
        admin = User(email="admin@juniper.example", name="Admin", is_admin=True)
        admin.password_hash = hash_password("admin")
        db.session.add(admin)
        db.session.commit()
