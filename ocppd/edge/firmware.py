"""Firmware images: fetched, hashed, and looked at, as a station does before it installs one (L01, L02).

Any file will do for an image. One that begins as below is checked, and tells its version; of others the
version is what their name says, or what their hash begins with.

    ocppd-firmware
    version: 2.0.0
    sha256: (of all that follows the empty line, in hexadecimal)

"""

from __future__ import annotations

import asyncio
import hashlib
import re
import tempfile
from base64 import b64decode
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import structlog

from ocppd.edge.transfer import TransferError, download

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ocppd.edge.transfer import Rules
    from ocppd.edge.workshop import Report

log = structlog.get_logger()

_MAGIC = b"ocppd-firmware\n"
_LONGEST_HEADER = 1000
_CHUNK = 1 << 20
_VERSION = re.compile(r"\d+(?:\.\d+)+(?:-[a-z]+(?:\.?\d+)*)?", re.ASCII | re.IGNORECASE)
_LONGEST_VERSION = 50
_FIELD = re.compile(rb"^(version|sha256): ([!-~]{1,64})$", re.ASCII | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Image:
    """What is known of an image: its `version`, what is wrong with it, and its SHA-256."""

    version: str
    flaw: str
    digest: bytes


class Firmware:
    """The trade "firmware"; what it fetches lies in `folder` for a moment."""

    def __init__(self, rules: Rules, folder: Path) -> None:
        self._rules = rules
        self._folder = folder

    async def trade(self, station: str, data: Mapping[str, Any], report: Report) -> None:
        """Fetch the image at `url`, trusting `roots`, and compare its `signature` with that of `certificate`.

        Reports `status` Downloaded with `version`, `flaw` and `signed`; or DownloadFailed with a `reason`.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._folder) as file:
                await download(data["url"], file, self._rules, data["roots"])
                name = unquote(urlsplit(data["url"]).path).rpartition("/")[2]
                image = await asyncio.to_thread(look_at, file, name)
        except (TransferError, OSError) as error:
            reason = str(error) if isinstance(error, TransferError) else "there is no room for it"
            log.warning("firmware.failed", station=station, reason=reason)
            report({"status": "DownloadFailed", "reason": reason})
            return
        signature, certificate = data["signature"], data["certificate"]
        signed = signature is not None and is_signed(image.digest, signature, certificate or "")
        report({"status": "Downloaded", "version": image.version, "flaw": image.flaw, "signed": signed})


def look_at(file: IO[bytes], name: str) -> Image:
    """The image in `file`, from its beginning on; `name` is how the file was called."""
    file.seek(0)
    start = file.read(_LONGEST_HEADER)
    header, empty_line, _ = start.partition(b"\n\n")
    has_header = start.startswith(_MAGIC)
    whole, content = hashlib.sha256(), hashlib.sha256()
    file.seek(0)
    if has_header:
        whole.update(file.read(len(header) + len(empty_line)))
    while chunk := file.read(_CHUNK):
        whole.update(chunk)
        content.update(chunk)
    digest = whole.digest()
    if not has_header:
        return Image(_version(name, digest), "" if start else "it is empty", digest)
    fields = dict(_FIELD.findall(header))
    flaw = "" if fields.get(b"sha256", b"").decode() == content.hexdigest() else "its checksum is wrong"
    version = fields.get(b"version", b"").decode() or _version(name, digest)
    return Image(version[:_LONGEST_VERSION], flaw, digest)


def _version(name: str, digest: bytes) -> str:
    found = _VERSION.search(name)
    return found.group()[:_LONGEST_VERSION] if found else digest.hex()[:12]


def is_signed(digest: bytes, signature: str, certificate: str) -> bool:
    """Whether the signature, in base64, is that of the first certificate over this SHA-256 (L01.FR.04).

    RSA-PSS or ECDSA; the standard's ECSchnorr is known to no library that serves here.
    """
    from cryptography import x509  # noqa: PLC0415 - 7 MB, for those alone whose firmware is signed
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils  # noqa: PLC0415

    algorithm = utils.Prehashed(hashes.SHA256())
    try:
        raw = b64decode("".join(signature.split()), validate=True)
        key = x509.load_pem_x509_certificates(certificate.encode())[0].public_key()
        if isinstance(key, rsa.RSAPublicKey):
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
            key.verify(raw, digest, pss, algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(raw, digest, ec.ECDSA(algorithm))
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True
