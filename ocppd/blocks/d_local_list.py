"""D. The local authorization list: what the CSMS says of tokens beforehand (D01, D02, C13, C14)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from ocppd.core import on, tokens
from ocppd.core.state import LocalList
from ocppd.core.variables import boolean, integer

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Station

MOST = 1000
MOST_BYTES = 500_000
_GREATEST_VERSION = 2**31 - 1

AVAILABLE = boolean("LocalAuthListCtrlr", "Available", True)
ENABLED = boolean("LocalAuthListCtrlr", "Enabled", True, mutability="ReadWrite")
ENTRIES = integer(
    "LocalAuthListCtrlr",
    "Entries",
    minimum=0,
    maximum=MOST,
    persistent=True,
    read=lambda st, _e, _c: str(len(_entries(st))),
)
STORAGE = integer(
    "LocalAuthListCtrlr",
    "Storage",
    unit="B",
    minimum=0,
    maximum=MOST_BYTES,
    persistent=True,
    read=lambda st, _e, _c: str(_bytes(_entries(st))),
)
ITEMS_PER_MESSAGE = integer("LocalAuthListCtrlr", "ItemsPerMessage", 100)
BYTES_PER_MESSAGE = integer("LocalAuthListCtrlr", "BytesPerMessage", 65_536)
DISABLE_POST_AUTHORIZE = boolean("LocalAuthListCtrlr", "DisablePostAuthorize", False, mutability="ReadWrite")
SUPPORTS_EXPIRY = boolean("LocalAuthListCtrlr", "SupportsExpiryDateTime", True)


def is_on(st: Station) -> bool:
    """Whether it is used (D01.FR.13)."""
    return st.get(AVAILABLE) and st.get(ENABLED)


def find(st: Station, token: Payload) -> tokens.Word | None:
    """What the list says of the token.

    Whose cacheExpiryDateTime has passed counts as Expired: offline it is known and refused (C13.FR.05,
    C13.FR.06), online the CSMS is asked, as if it were not there (C14.FR.05).
    """
    text = st.state.local_list.entries.get(tokens.digest(st, token)) if st.state.local_list else None
    info = tokens.kept(text) if text is not None and is_on(st) else None
    if info is None:
        return None
    until = tokens.expiry(info) if st.get(SUPPORTS_EXPIRY) else None
    if until is not None and until < st.clock:
        return tokens.Word(info | {"status": "Expired"}, "list")
    return tokens.Word(info, "list", st.get(DISABLE_POST_AUTHORIZE))


@on.call("SendLocalList")
def send_local_list(st: Station, request: Payload) -> Payload:
    """Replace or change the list, all of it or nothing (D01.FR.02), and keep its version (D01.FR.01)."""
    refusal = _refusal(st, request)
    if refusal is not None:
        return refusal
    entries = {} if request["updateType"] == "Full" else dict(_entries(st))
    for item in request.get("localAuthorizationList", ()):
        key = tokens.digest(st, item["idToken"])
        if "idTokenInfo" in item:  # D01.FR.15, D01.FR.16
            entries[key] = tokens.trimmed(st, item["idTokenInfo"], with_message=True)
        else:  # D01.FR.17
            entries.pop(key, None)
    if len(entries) > MOST or _bytes(entries) > MOST_BYTES:
        return _failed("OutOfStorage", f"there is room for {MOST} tokens and {MOST_BYTES} bytes")
    st.state.local_list = LocalList(request["versionNumber"], entries)
    return {"status": "Accepted"}


def _refusal(st: Station, request: Payload) -> Payload | None:
    items: list[Any] = request.get("localAuthorizationList", [])
    is_full, version = request["updateType"] == "Full", request["versionNumber"]
    if not is_on(st):
        return _failed("NotEnabled", "LocalAuthListCtrlr.Enabled is false")
    if not 0 < version <= _GREATEST_VERSION:  # D01.FR.18
        return _failed("InvalidValue", f"versionNumber: 1 to {_GREATEST_VERSION}")
    if not is_full and version <= _version(st):  # D01.FR.19
        return {"status": "VersionMismatch"}
    return _too_large(st, request) or _contradictory(st, items, is_full=is_full)


def _too_large(st: Station, request: Payload) -> Payload | None:
    """D01.FR.11."""
    if len(request.get("localAuthorizationList", ())) > st.get(ITEMS_PER_MESSAGE):
        return _failed("TooManyElements", f"at most {st.get(ITEMS_PER_MESSAGE)} entries a message")
    if len(orjson.dumps(request)) > st.get(BYTES_PER_MESSAGE):
        return _failed("TooLargeElement", f"at most {st.get(BYTES_PER_MESSAGE)} bytes a message")
    return None


def _contradictory(st: Station, items: list[Any], *, is_full: bool) -> Payload | None:
    if len({tokens.digest(st, it["idToken"]) for it in items}) < len(items):  # D01.FR.06
        return _failed("InvalidValue", "localAuthorizationList: a token stands there twice")
    if is_full and not all("idTokenInfo" in it for it in items):
        return _failed("MissingParam", "localAuthorizationList: a Full list needs every idTokenInfo")
    return None


def _failed(code: str, text: str) -> Payload:
    return {"status": "Failed", "statusInfo": {"reasonCode": code, "additionalInfo": text}}


@on.call("GetLocalListVersion")
def get_local_list_version(st: Station, _request: Payload) -> Payload:
    """The version (D02.FR.01), 0 where there is no list (D02.FR.02) or it is not in use (D02.FR.03)."""
    return {"versionNumber": _version(st) if is_on(st) else 0}


def known_about(st: Station, token: Payload) -> Payload | None:
    """The IdTokenInfoType in the list (N09); it is the CSMS's, who alone changes it (D01.FR.09)."""
    text = _entries(st).get(tokens.digest(st, token))
    return None if text is None else tokens.kept(text)


def _version(st: Station) -> int:
    return st.state.local_list.version if st.state.local_list else 0


def _entries(st: Station) -> dict[str, str]:
    return st.state.local_list.entries if st.state.local_list else {}


def _bytes(entries: dict[str, str]) -> int:
    return sum(len(key) + len(text.encode()) for key, text in entries.items())
