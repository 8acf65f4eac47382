"""The object that the container serves: ``gunicorn wsgi:app``."""

from shop import create_app

app = create_app()
app.secret_key = "your-secret-key"

if __name__ == "__main__":
    # Try the Secure cookie locally.
    app.run(ssl_context="adhoc")
