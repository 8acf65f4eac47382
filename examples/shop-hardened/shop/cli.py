"""Commands for the operator."""

import click
from flask.cli import with_appcontext

from .extensions import db
from .models import User


@click.command("make-admin")
@click.argument("email")
@with_appcontext
def make_admin(email):
    """Give a registered user access to the back office."""
    user = db.session.query(User).filter_by(email=email).one()
    user.is_admin = True
    db.session.commit()
