"""Forms and what they accept."""

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import BooleanField, IntegerField, PasswordField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length


class LoginForm(FlaskForm):
    email = StringField("E-mail", validators=[DataRequired()])
    password = PasswordField("Password", validators=[DataRequired()])
    remember = BooleanField("Stay logged in")


class RegisterForm(FlaskForm):
    email = StringField("E-mail", validators=[DataRequired(), Length(max=120)])
    name = StringField("Name", validators=[DataRequired(), Length(max=80)])
    password = PasswordField("Password", validators=[DataRequired(), Length(min=4)])


class ForgotForm(FlaskForm):
    email = StringField("E-mail", validators=[DataRequired()])


class ResetForm(FlaskForm):
    password = PasswordField("New password", validators=[DataRequired()])


class AvatarForm(FlaskForm):
    picture = FileField("Picture")


class ReviewForm(FlaskForm):
    name = StringField("Name", validators=[DataRequired(), Length(max=80)])
    body = TextAreaField("Review", validators=[DataRequired()])


class CheckoutForm(FlaskForm):
    card_number = StringField("Card number", validators=[DataRequired(), Length(max=19)])


class ProductForm(FlaskForm):
    name = StringField("Name", validators=[DataRequired(), Length(max=80)])
    description = TextAreaField("Description", validators=[DataRequired()])
    cents = IntegerField("Price in cents", validators=[DataRequired()])
