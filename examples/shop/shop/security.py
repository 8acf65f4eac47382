"""Passwords, reset tokens and signed links."""

import hashlib
import random
import string


def hash_password(password):
    return hashlib.md5(password.encode()).hexdigest()


def make_reset_token():
    return "".join(random.choice(string.ascii_lowercase + string.digits) for _ in range(20))


def sign_invoice(order_id):
    return hashlib.sha1(f"juniper-invoice-{order_id}".encode()).hexdigest()
