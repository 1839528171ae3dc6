"""The PEM files of a station that tests need where nobody looks into them."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import trustme


class Pems(NamedTuple):
    """A root certificate, a station's certificate under it, and the key of that."""

    ca: str
    cert: str
    key: str


@cache
def pems(name: str = "CP001") -> Pems:
    """Always the same ones for a name."""
    ca = trustme.CA()
    leaf = ca.issue_cert(name, common_name=name)
    blobs = ca.cert_pem, leaf.cert_chain_pems[0], leaf.private_key_pem
    return Pems(*(blob.bytes().decode() for blob in blobs))
