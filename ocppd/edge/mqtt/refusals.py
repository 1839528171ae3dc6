"""Why there is no connection to a broker, in words for people; of TLS, with the key of the settings."""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

import aiomqtt

if TYPE_CHECKING:
    from ocppd.edge.mqtt.wire import Broker

# OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH.
_OF_ANOTHER = (62, 64)


def reason_of(error: BaseException) -> str:
    """Without the numbers, and without the library's own words for them where the broker has said why."""
    if (words := _tls_words(error)) is not None:
        return words
    if isinstance(error, aiomqtt.MqttCodeError):
        return str(error.args[0]) if error.args else str(error).partition("] ")[2]
    return re.sub(r"\[Errno \d+\] ", "", str(error))


def _tls_words(error: BaseException) -> str | None:
    """What failed of TLS; None where it is something else. The MQTT library has the error as its context."""
    found = error if isinstance(error, ssl.SSLError) else error.__context__
    if isinstance(found, ssl.SSLCertVerificationError):
        key = "mqtt.host" if found.verify_code in _OF_ANOTHER else "mqtt.tls.ca"
        return f"{key}: the certificate of the broker is refused: {found.verify_message}"
    if not isinstance(found, ssl.SSLError):
        return None
    words = (found.reason or str(found)).replace("_", " ").lower()
    if "alert certificate required" in words:
        return "mqtt.tls.cert: the broker wants a certificate"
    if "alert" in words and ("certificate" in words or "unknown ca" in words):
        return f"mqtt.tls.cert: the broker refuses the certificate: {words.partition('alert ')[2]}"
    return f"mqtt.tls: {words}"


async def unheard(broker: Broker, patience_s: float) -> ssl.SSLError | None:
    """What the broker has against our certificate, or None.

    With TLS 1.3 it says so after the handshake, where the MQTT library does not listen and just times out:
    this connects once more and listens.
    """
    if broker.tls is None:
        return None
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(patience_s):
            reader, writer = await asyncio.open_connection(broker.host, broker.port, ssl=broker.tls)
            try:
                await reader.read(1)
            except ssl.SSLError as error:
                return error
            finally:
                writer.transport.abort()
    return None
