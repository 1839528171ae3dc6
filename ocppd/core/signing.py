"""Signed meter readings: OCMF 1.0 (Open Charge Metering Format) with ECDSA over SECP256R1 and SHA-256.

Signatures are deterministic (RFC 6979), so that a reloaded station says the same.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

METHOD = "ECDSA-secp256r1-SHA256"
# What a reading is taken for, by the OCPP context it is told in: begin, end, or charging in between.
_TRANSACTION = {"Transaction.Begin": "B", "Transaction.End": "E"}
_FORGED_WH = 1000.0
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class Reading:
    """What the meter says: register in Wh at `moment` (epoch seconds), for whom, counted by `page`.

    `context` is a ReadingContextEnumType, None where there is no transaction.
    """

    energy_wh: float
    moment: float
    context: str | None
    page: int
    serial: str
    token: str | None = None
    token_type: str | None = None


def sign(secret: int, reading: Reading, *, forges: bool = False) -> str:
    """The OCMF text with its signature, in base64 as `signedMeterData` carries it.

    One that `forges` says more than what it has signed.
    """
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    payload = orjson.dumps(_payload(reading)).decode()
    signature = _key(secret).sign(payload.encode(), ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    if forges:
        payload = orjson.dumps(_payload(replace(reading, energy_wh=reading.energy_wh + _FORGED_WH))).decode()
    tail = orjson.dumps({"SA": METHOD, "SD": signature.hex()}).decode()
    return base64.b64encode(f"OCMF|{payload}|{tail}".encode()).decode()


def public_key(secret: int) -> str:
    """The key to verify with: a DER SubjectPublicKeyInfo in base64, as `publicKey` carries it."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = _key(secret).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def _key(secret: int) -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.derive_private_key(secret % (_ORDER - 1) + 1, ec.SECP256R1())


def _payload(reading: Reading) -> dict[str, object]:
    moment = datetime.fromtimestamp(reading.moment, UTC).isoformat(timespec="milliseconds")
    return {
        "FV": "1.0",
        "GI": "ocppd",
        "GS": reading.serial,
        "PG": f"{'F' if reading.context is None else 'T'}{reading.page}",
        "MS": reading.serial,
        "IS": reading.token is not None,
        "IT": reading.token_type or "NONE",
        "ID": reading.token or "",
        "RD": [
            {
                # 2025-01-01T10:00:00,000+0000 S: the S says that the clock is synchronised.
                "TM": moment.replace(".", ",").replace("+00:00", "+0000") + " S",
                **({} if reading.context is None else {"TX": _TRANSACTION.get(reading.context, "C")}),
                "RV": round(reading.energy_wh, 1),
                "RI": "1-b:1.8.0",
                "RU": "Wh",
                "ST": "G",
            }
        ],
    }
