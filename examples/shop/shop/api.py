"""What the mobile app calls."""

import jwt
from flask import Blueprint, abort, jsonify, request
from flask_login import current_user, login_required

from .models import Order

bp = Blueprint("api", __name__)


@bp.route("/token")
@login_required
def token():
    claims = {"user": current_user.id}
    encoded = jwt.encode(claims, "juniper-mobile", algorithm="HS256")
    response = jsonify(token=encoded)
    response.set_cookie("api_token", encoded)
    return response


@bp.route("/orders")
def orders():
    encoded = request.cookies.get("api_token") or abort(401)
    claims = jwt.decode(encoded, options={"verify_signature": False})
    found = Order.query.filter_by(user_id=claims["user"]).all()
    return jsonify([{"id": order.id, "cents": order.cents} for order in found])
