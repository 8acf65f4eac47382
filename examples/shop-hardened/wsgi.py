"""The object that gunicorn serves: ``gunicorn wsgi:app``."""

from shop import create_app

app = create_app()
