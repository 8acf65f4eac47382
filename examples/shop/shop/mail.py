"""Outgoing mail."""

import smtplib
from email.message import EmailMessage

from flask import current_app


def send(to, subject, body):
    config = current_app.config
    if not config["MAIL_SERVER"]:
        return
    message = EmailMessage()
    message["From"] = config["MAIL_USERNAME"]
    message["To"] = to
    message["Subject"] = subject
    message.set_content(body)
    with smtplib.SMTP(config["MAIL_SERVER"]) as server:
        server.login(config["MAIL_USERNAME"], config["MAIL_PASSWORD"])
        server.send_message(message)
