"""Private keys of stations: made here, and kept here, in files that nobody else may read.

What leaves is the name of a key and a certificate signing request for it (A02.FR.03, A02.FR.05).
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import structlog

if TYPE_CHECKING:
    from ocppd.edge.workshop import Report

log = structlog.get_logger()

_NAME = re.compile(r"key-[0-9a-f]{32}")


class KeyStore:
    """The keys in `folder`: a folder for each station, and in it a PEM file for each key.

    Its trade, "key", takes one of two orders: `make` with a subject (`common_name`, `organization` and, where
    it is not empty, `country`) is reported with the `name` of the key and its `csr`, in PEM; `keep` with
    names deletes all other keys of the station. What fails is reported as `error`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = asyncio.Lock()  # what is ordered later sees what was made before

    async def trade(self, station: str, data: Mapping[str, Any], report: Report) -> None:
        """Do one job; see `Workshop`."""
        done: dict[str, str] = {}
        async with self._lock:
            try:
                if "make" in data:
                    name, csr = await asyncio.to_thread(self.make, station, data["make"])
                    done = {"name": name, "csr": csr}
                else:
                    await asyncio.to_thread(self.keep, station, data["keep"])
            except (OSError, ValueError) as error:
                log.error("keys.failed", station=station, reason=str(error))  # noqa: TRY400 - not a bug
                done = {"error": str(error)}
        report(done)

    def make(self, station: str, subject: Mapping[str, str]) -> tuple[str, str]:
        """A new key, EC on P-256: its name, and the CSR for it (PKCS #10 in PEM).

        The key is on the disk when this returns. Raises OSError, or ValueError where the subject fits no
        certificate.
        """
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - 7 MB, for those with keys
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

        key = ec.generate_private_key(ec.SECP256R1())
        csr = _request(key, subject)
        name = f"key-{secrets.token_hex(16)}"
        plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        self._write(station, name, key.private_bytes(serialization.Encoding.PEM, *plain))
        return name, csr

    def keep(self, station: str, names: Iterable[str]) -> None:
        """Delete every key of the station but these. Raises OSError."""
        kept = {f"{name}.pem" for name in names}
        folder = self._folder_of(station)
        gone = [file for file in folder.glob("*") if file.name not in kept] if folder.is_dir() else []
        for file in gone:
            file.unlink()

    def forget(self, station: str) -> None:
        """Delete all keys of a station that is no more."""
        shutil.rmtree(self._folder_of(station), ignore_errors=True)

    def file_of(self, station: str, key: str) -> Path:
        """The path of a key of that station by its name, or by its path where it has one."""
        return self._folder_of(station) / f"{key}.pem" if _NAME.fullmatch(key) else Path(key)

    def _folder_of(self, station: str) -> Path:
        return self._folder / quote(station, safe="").replace(".", "%2E")  # ".." is an identity, too

    def _write(self, station: str, name: str, content: bytes) -> None:
        """Write the file beside its place and put it there when it is on the disk."""
        folder = self._folder_of(station)
        for it in (self._folder, folder):
            it.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = folder / f".{name}.new"
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(folder / f"{name}.pem")
        place = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)


def _request(key: Any, subject: Mapping[str, str]) -> str:
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415

    oid = x509.NameOID
    parts = [
        (oid.COUNTRY_NAME, subject.get("country")),
        (oid.ORGANIZATION_NAME, subject["organization"]),
        (oid.COMMON_NAME, subject["common_name"]),
    ]
    name = x509.Name([x509.NameAttribute(kind, text) for kind, text in parts if text])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return csr.public_bytes(serialization.Encoding.PEM).decode()
