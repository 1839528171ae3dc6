"""TLS as a client: contexts that are shared, and errors that name the key and the file."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ocppd.edge.reasons import LinkError, reason_of

if TYPE_CHECKING:
    from ocppd.core.description import Tls


def tls_context(tls: Tls) -> ssl.SSLContext:
    """A client's context, shared by all stations of the same `tls`: TLS 1.2 at least, host name checked.

    A changed file is loaded anew. Raises LinkError, which names key and file, when one cannot be loaded.
    """
    changed = []
    for key, path in (("ca", tls.ca), ("cert", tls.cert), ("key", tls.key)):
        try:
            changed.append(Path(path).stat().st_mtime_ns if path is not None else 0)
        except OSError as exc:
            raise LinkError(f"tls.{key} {path}: {reason_of(exc)}") from exc
    return _load(tls, tuple(changed))


@lru_cache(maxsize=128)
def _load(tls: Tls, _changed: tuple[int, ...]) -> ssl.SSLContext:
    file = f"tls.ca {tls.ca}"
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        if tls.cert is not None:
            file = f"tls.cert {tls.cert} with tls.key {tls.key}"
            # A password, even if it is wrong: without one OpenSSL would ask the terminal for it.
            context.load_cert_chain(tls.cert, tls.key, password="")
    except OSError as exc:
        raise LinkError(f"{file}: {reason_of(exc)}") from exc
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
