"""Forms and what they accept."""

from flask_wtf import FlaskForm
from flask_wtf.file import FileAllowed, FileField, FileRequired
from wtforms import EmailField, IntegerField, PasswordField, StringField, TextAreaField
from wtforms.validators import DataRequired, EqualTo, Length, NumberRange, Regexp

EMAIL = [DataRequired(), Length(max=120), Regexp(r"^[^@\s]{1,64}@[^@\s]{1,255}\Z")]
NEW_PASSWORD = [DataRequired(), Length(min=12, max=128)]
IMAGE = FileAllowed(["png", "jpg", "jpeg", "webp"], "Only pictures, please.")


class LoginForm(FlaskForm):
    email = EmailField("E-mail", validators=EMAIL)
    password = PasswordField("Password", validators=[DataRequired(), Length(max=128)])


class RegisterForm(FlaskForm):
    email = EmailField("E-mail", validators=EMAIL)
    name = StringField("Name", validators=[DataRequired(), Length(max=80)])
    password = PasswordField("Password", validators=NEW_PASSWORD)
    repeat = PasswordField("Repeat password", validators=[EqualTo("password")])


class ForgotForm(FlaskForm):
    email = EmailField("E-mail", validators=EMAIL)


class ResetForm(FlaskForm):
    password = PasswordField("New password", validators=NEW_PASSWORD)


class AvatarForm(FlaskForm):
    picture = FileField("Picture", validators=[FileRequired(), IMAGE])


class ReviewForm(FlaskForm):
    author = StringField("Name", validators=[DataRequired(), Length(max=80)])
    body = TextAreaField("Review", validators=[DataRequired(), Length(max=2000)])


class ProductForm(FlaskForm):
    name = StringField("Name", validators=[DataRequired(), Length(max=80)])
    description = TextAreaField("Description", validators=[DataRequired(), Length(max=2000)])
    cents = IntegerField("Price in cents", validators=[DataRequired(), NumberRange(1, 1_000_000)])
    picture = FileField("Picture", validators=[IMAGE])


class EmptyForm(FlaskForm):
    """A button: nothing but the CSRF token."""
