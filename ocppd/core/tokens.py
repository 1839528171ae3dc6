"""Tokens (IdTokenType), and what the CSMS has said of them (IdTokenInfoType) as the station keeps it.

What is kept of a token is the digest of it, and the info as JSON: a list of a thousand tokens is saved with
every change of the station, and texts are what costs least.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson

from ocppd.core import schemas
from ocppd.core.errors import CallError
from ocppd.core.times import format_time, parse_time

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Station

TYPES = ("Central", "eMAID", "ISO14443", "ISO15693", "KeyCode", "Local", "MacAddress", "NoAuthorization")
# The CSMS is never asked for these, and nothing is remembered of them (C02.FR.03, C03, C05).
NEVER_ASKED = ("Central", "NoAuthorization")
NO_TOKEN = {"idToken": "", "type": "NoAuthorization"}
ACCEPTED = {"status": "Accepted"}
LONGEST = 36
_KEPT = ("status", "language1", "language2")


@dataclass(frozen=True, slots=True)
class Word:
    """What the station knows of a token without the CSMS, an IdTokenInfoType.

    `final`: where it is not good, the CSMS is not to be asked for a better one (DisablePostAuthorize).
    """

    info: Payload
    source: str
    final: bool = False


def is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two IdTokenTypes are the same token, whatever their additionalInfo (C01.FR.25)."""
    return bool(one["type"] == other["type"] and one["idToken"].casefold() == other["idToken"].casefold())


def is_same_group(one: str | None, other: str | None) -> bool:
    """Whether two groupIdTokens match, and are not empty (part 2, C 1.2)."""
    return bool(one and other) and (one or "").casefold() == (other or "").casefold()


def group_of(info: Payload) -> str | None:
    """The group that an IdTokenInfoType tells."""
    group: str | None = info.get("groupIdToken", {}).get("idToken")
    return group


def priority_of(info: Payload) -> int | None:
    """The chargingPriority, -9 to 9; None where there is none that counts."""
    priority: int = info.get("chargingPriority", 10)
    return priority if -9 <= priority <= 9 else None


def refusal(info: Payload, evse: int) -> str | None:
    """Why that info lets nobody charge at the EVSE, in words; None where it does (C01.FR.21)."""
    if info["status"] != "Accepted":
        return f"id token is {info['status']}"
    return None if evse in info.get("evseId", [evse]) else f"the token is not for EVSE {evse}"


def shown(token: Payload) -> Payload:
    """The token as it may be shown: a PIN never is (C04.FR.04)."""
    return token | {"idToken": "***"} if token["type"] == "KeyCode" else token


# What is kept


def digest(st: Station, token: Payload) -> str:
    """What stands for the token in a store of this station; it does not tell the token (C10.FR.12)."""
    text = f"{token['type']}:{token['idToken'].casefold()}"
    return blake2b(text.encode(), key=st.state.nonce.encode()[:64], digest_size=12).hexdigest()


def trimmed(st: Station, info: Payload, *, with_message: bool) -> str:
    """The IdTokenInfoType, as JSON of a bounded length; a message that may tell a tariff only where wanted.

    Of the EVSEs those that the station has, of which 0 is none.
    """
    found = {key: info[key] for key in _KEPT if key in info}
    if (priority := priority_of(info)) is not None:
        found["chargingPriority"] = priority
    if (until := expiry(info)) is not None:
        found["cacheExpiryDateTime"] = format_time(until)
    if "evseId" in info:
        found["evseId"] = [evse for evse, _ in st.evses() if evse in info["evseId"]] or [0]
    if group := group_of(info):
        found["groupIdToken"] = {"idToken": group, "type": info["groupIdToken"]["type"]}
    if with_message and "personalMessage" in info:
        message = info["personalMessage"]
        found["personalMessage"] = {key: it for key, it in message.items() if key != "customData"}
    return orjson.dumps(found).decode()


def kept(text: str) -> Payload | None:
    """The info that `trimmed` has written; None where a state file says something else."""
    try:
        info = orjson.loads(text)
        schemas.check_response("Authorize", {"idTokenInfo": info})
    except (orjson.JSONDecodeError, CallError):
        return None
    return info  # type: ignore[no-any-return]


def expiry(info: Payload) -> float | None:
    """Its cacheExpiryDateTime on the station's own clock, in epoch seconds."""
    return parse_time(info.get("cacheExpiryDateTime", ""))
