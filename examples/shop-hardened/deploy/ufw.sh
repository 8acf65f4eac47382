#!/bin/sh
# The firewall of the host: web for everyone, SSH rate-limited, nothing else.
set -eu

ufw default deny incoming
ufw default allow outgoing
ufw limit 22/tcp
ufw allow 80/tcp
ufw allow 443/tcp
ufw --force enable
