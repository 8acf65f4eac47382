"""Start the shop on this computer: ``python run.py``."""

from shop import create_app

if __name__ == "__main__":
    create_app().run(debug=True)
