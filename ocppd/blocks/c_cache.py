"""C. The authorization cache: what the CSMS has said of the tokens that were presented here (C10 to C12)."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING

import orjson

from ocppd.core import on, tokens
from ocppd.core.variables import boolean, integer, option

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Event, Station

# All of it is saved with every change of the station.
MOST = 100
MOST_BYTES = 32_000

AVAILABLE = boolean("AuthCacheCtrlr", "Available", True)
ENABLED = boolean("AuthCacheCtrlr", "Enabled", True, mutability="ReadWrite")
LIFE_TIME = integer("AuthCacheCtrlr", "LifeTime", 86_400, mutability="ReadWrite", unit="s", minimum=0)
STORAGE = integer(
    "AuthCacheCtrlr",
    "Storage",
    unit="B",
    minimum=0,
    maximum=MOST_BYTES,
    persistent=True,
    read=lambda st, _e, _c: str(_bytes(st.state.token_cache or {})),
)
POLICY = option("AuthCacheCtrlr", "Policy", "LRU", ("LRU", "LFU", "FIFO"), mutability="ReadWrite")
DISABLE_POST_AUTHORIZE = boolean("AuthCacheCtrlr", "DisablePostAuthorize", False, mutability="ReadWrite")


@dataclass(frozen=True, slots=True)
class Entry:
    """What the CSMS has said of a token at the moment `updated`, as `tokens.trimmed` writes it.

    `used` is when the token was last presented, `uses` how often.
    """

    info: str
    updated: float
    used: float
    uses: int

    @classmethod
    def read(cls, text: str) -> Entry | None:
        """What `write` has written; None where a state file says something else."""
        try:
            found: object = orjson.loads(text)
        except orjson.JSONDecodeError:
            return None
        match found:
            case [str(info), float(updated), float(used), int(uses)]:
                return cls(info, updated, used, uses)
        return None

    def write(self) -> str:
        """As it stands in the state: a text costs a tenth of what an object costs to save."""
        return orjson.dumps(astuple(self)).decode()


def is_on(st: Station) -> bool:
    """Whether it is used (C10.FR.11)."""
    return st.get(AVAILABLE) and st.get(ENABLED)


def find(st: Station, token: Payload) -> tokens.Word | None:
    """What the cache says of the token; one whose time is over counts as gone (C10.FR.10, C10.FR.13)."""
    entry = _entry(st, token)
    info = _info(st, entry) if entry is not None and is_on(st) else None
    return None if info is None else tokens.Word(info, "cache", st.get(DISABLE_POST_AUTHORIZE))


def _entry(st: Station, token: Payload) -> Entry | None:
    cache = st.state.token_cache
    text = cache.get(tokens.digest(st, token)) if cache else None
    return None if text is None else Entry.read(text)


def _info(st: Station, entry: Entry) -> Payload | None:
    info = tokens.kept(entry.info)
    if info is None:
        return None
    until = tokens.expiry(info)
    if until is None:  # C10.FR.08: since it was last updated
        return info if st.now < entry.updated + st.get(LIFE_TIME) else None
    return info if st.clock <= until else None


@on.event("transaction_event_answered")
def learn_from_transaction(st: Station, event: Event) -> None:
    """The CSMS has told of a token that a TransactionEvent told it (C10.FR.05)."""
    request, response = event.data["request"], event.data["response"]
    if "idToken" in request and "idTokenInfo" in response:
        learn(st, request["idToken"], response["idTokenInfo"])


def learn(st: Station, token: Payload, info: Payload) -> None:
    """Keep what the CSMS says, whatever it is (C10.FR.01, C12.FR.06), but no tariff (C10.FR.09)."""
    if token["type"] in tokens.NEVER_ASKED or not is_on(st):
        return
    cache = st.state.token_cache = st.state.token_cache or {}
    before, key = _entry(st, token), tokens.digest(st, token)
    text = tokens.trimmed(st, info, with_message=False)
    entry = Entry(text, st.now, st.now, 1 if before is None else before.uses + 1)
    cache[key] = entry.write()
    if _info(st, entry) is None:  # C10.FR.13: its time is over already
        del cache[key]
    while len(cache) > MOST or _bytes(cache) > MOST_BYTES:
        del cache[min((it for it in cache if it != key), key=lambda it: _worth(st, cache[it]))]


def _worth(st: Station, text: str) -> tuple[bool, bool, float]:
    """Who is worth least goes first: whose time is over, who is not Accepted, then as Policy says.

    Of several alike it is the one that came first: that is FIFO (C10.FR.07).
    """
    entry = Entry.read(text)
    info = None if entry is None else _info(st, entry)
    if entry is None or info is None:
        return False, False, 0.0
    return True, info["status"] == "Accepted", {"LRU": entry.used, "LFU": entry.uses}.get(st.get(POLICY), 0.0)


def use(st: Station, token: Payload) -> None:
    """Somebody was let charge, or stop, because the cache says so."""
    entry = _entry(st, token)
    if entry is not None and st.state.token_cache is not None:
        used = replace(entry, used=st.now, uses=entry.uses + 1)
        st.state.token_cache[tokens.digest(st, token)] = used.write()


@on.call("ClearCache")
def clear_cache(st: Station, _request: Payload) -> Payload:
    """Forget every token (C11.FR.03), unless there is no cache in use (C11.FR.04)."""
    if not is_on(st):
        return {"status": "Rejected", "statusInfo": {"reasonCode": "NotEnabled"}}
    st.state.token_cache = None
    return {"status": "Accepted"}


# What is known of a customer (N09, N10)


def known_about(st: Station, token: Payload) -> Payload | None:
    """The IdTokenInfoType that is kept for the token, also while the cache is not in use."""
    entry = _entry(st, token)
    return None if entry is None else tokens.kept(entry.info)


def forget(st: Station, token: Payload) -> None:
    """Keep nothing of the token any more (N10)."""
    if st.state.token_cache is not None:
        st.state.token_cache.pop(tokens.digest(st, token), None)


def _bytes(cache: dict[str, str]) -> int:
    return sum(len(key) + len(text.encode()) for key, text in cache.items())
