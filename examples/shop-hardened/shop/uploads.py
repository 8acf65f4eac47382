"""Pictures: verified, drawn anew as PNG, stored outside the served tree under random names."""

import secrets

from flask import current_app
from PIL import Image, UnidentifiedImageError

Image.MAX_IMAGE_PIXELS = 20_000_000


def save_picture(upload):
    """Stores an uploaded picture and returns its file name, or None if it is not a picture."""
    try:
        with Image.open(upload.stream, formats=["PNG", "JPEG", "WEBP"]) as picture:
            picture.thumbnail((800, 800))
            copy = picture.convert("RGBA")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError):
        return None
    name = f"{secrets.token_hex(16)}.png"
    copy.save(current_app.config["UPLOAD_FOLDER"] / name, "PNG")
    return name
