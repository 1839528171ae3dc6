"""PEM files: certificates, and the private key that belongs to them, which is never read into anything."""

from __future__ import annotations

import os
import re
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
_KEY = re.compile(r"-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----")
_ENCRYPTED = re.compile(r"-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED", re.MULTILINE)
_LARGEST = 2**22  # bytes of a file; the trust store of an operating system has a quarter of a million


class PemError(ValueError):
    """What is wrong with a certificate or a key, in words for people."""


def read_certificates(path: str | Path) -> str:
    """The certificates in the file, in their order and without the text around them.

    Raises PemError where there are none, or a private key beside them: certificates are shown around.
    """
    text = _text(path)
    if _KEY.search(text):
        raise PemError("holds a private key, which belongs in a file of its own")
    found = "".join(f"{block}\n" for block in _CERTIFICATE.findall(text))
    if not found:
        raise PemError("holds no certificate")
    try:
        trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), found)
    except PemError as error:
        raise PemError(f"holds a certificate that {error}") from None
    return found


def check_key(path: str | Path) -> None:
    """Raise PemError where the file holds no private key that can be used without a password."""
    text = _text(path)
    if not _KEY.search(text):
        raise PemError("holds no private key")
    if _ENCRYPTED.search(text):
        raise PemError("holds an encrypted key, and nobody is there to type its password")


def check_pair(chain: str, key: str | Path) -> None:
    """Raise PemError where the key in the file does not belong to the first certificate of `chain`."""
    present(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), chain, key)


def trust(context: ssl.SSLContext, roots: str) -> None:
    """Have `context` trust these certificates. Raises PemError."""
    try:
        context.load_verify_locations(cadata=roots)
    except (ssl.SSLError, ValueError):
        raise PemError("cannot be read") from None


def present(context: ssl.SSLContext, chain: str, key: str | Path) -> None:
    """Have `context` show `chain`, with the key in the file. Raises PemError, of the key."""
    with _file_of(chain) as file:
        try:
            # A password, even if it is wrong: without one OpenSSL would ask the terminal for it.
            context.load_cert_chain(file, key, password="")
        except ssl.SSLError as error:
            if error.reason in {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"}:
                raise PemError("does not belong to the certificate") from None
            words = (error.reason or str(error)).replace("_", " ").lower()
            raise PemError(f"cannot be used with the certificate: {words}") from None
        except OSError as error:
            raise PemError(f"cannot be read: {error.strerror}") from None


def _text(path: str | Path) -> str:
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise PemError(f"cannot be read: {error.strerror}") from None
    if len(data) > _LARGEST:
        raise PemError(f"is longer than {_LARGEST} bytes")
    return data.decode("ascii", errors="replace")


@contextmanager
def _file_of(text: str) -> Iterator[str]:
    """The path of a file with that text, as OpenSSL reads nothing else; in memory where that is possible."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("chain.pem"), "w") as file:
            file.write(text)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(text)
            file.flush()
            yield file.name
