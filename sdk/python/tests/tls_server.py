"""Somebody else in TLS: a server that takes every handshake, and remembers what it was told inside."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stint_sdk._tls import pin_of


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Signed by itself, and its key: PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(
        subject, subject, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(days=1)
    )
    certificate = builder.sign(key, hashes.SHA256())
    paths = folder / f"{name}.crt", folder / f"{name}.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    return paths


class TlsServer:
    """client_ca: who signs certificates of clients, which it then asks for."""

    def __init__(self, folder: Path, protocols: list[str], client_ca: Path | None = None) -> None:
        certificate, key = make_certificate(folder, "somebody")
        self.pin = pin_of(ssl.PEM_cert_to_DER_cert(certificate.read_text()))
        self.told, self.handshakes, self.refused = b"", 0, 0
        self.shown: list[bytes | None] = []  # certificates of clients
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._context.set_alpn_protocols(protocols)
        if client_ca is not None:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(client_ca)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(10)
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            with self._context.wrap_socket(connection, server_side=True) as inside:
                self.handshakes += 1
                self.shown.append(inside.getpeercert(True))
                while piece := inside.recv(65536):
                    self.told += piece
                    return  # enough: whoever speaks hears nothing
        except OSError:
            self.refused += 1

    def close(self) -> None:
        self._listener.close()
