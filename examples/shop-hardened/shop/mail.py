"""Outgoing mail."""

import smtplib
import ssl
from email.message import EmailMessage

from flask import current_app


def send(to, subject, body):
    config = current_app.config
    if not config["MAIL_SERVER"]:
        current_app.logger.warning("MAIL_SERVER is not set, a message was dropped")
        return
    message = EmailMessage()
    message["From"] = config["MAIL_SENDER"]
    message["To"] = to
    message["Subject"] = subject
    message.set_content(body)
    with smtplib.SMTP(config["MAIL_SERVER"], 587, timeout=10) as server:
        server.starttls(context=ssl.create_default_context())
        server.login(config["MAIL_USERNAME"], config["MAIL_PASSWORD"])
        server.send_message(message)
