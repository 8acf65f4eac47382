"""A server with what OpenSSL no longer has: SSL 3, RC4, 3DES. Arguments: certificate, key, oldest and newest version, ciphers.

Prints its port, then serves until it is ended."""

import socket
import sys
import threading

from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey

with open(sys.argv[1]) as file:
    chain = X509CertChain()
    chain.parsePemList(file.read())
with open(sys.argv[2]) as file:
    key = parsePEMKey(file.read(), private=True, implementations=["python"])

settings = HandshakeSettings()
settings.minVersion = (3, int(sys.argv[3]))
settings.maxVersion = (3, int(sys.argv[4]))
settings.cipherNames = sys.argv[5].split(",")
settings.macNames = ["sha", "sha256", "md5", "sha384", "aead"]


def serve(connection):
    connection.settimeout(5)
    try:
        TLSConnection(connection).handshakeServer(certChain=chain, privateKey=key, settings=settings)
    except Exception:
        pass
    connection.close()


listener = socket.create_server(("127.0.0.1", 0), backlog=64)
print(listener.getsockname()[1], flush=True)
while True:
    peer, _ = listener.accept()
    threading.Thread(target=serve, args=[peer], daemon=True).start()
