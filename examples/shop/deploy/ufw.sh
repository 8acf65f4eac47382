#!/bin/sh
# The firewall of the host.
apt-get install -y ufw

ufw allow 22
ufw allow 80
ufw allow 443
ufw enable
