"""Tokens: which are the same, and what is kept of what the CSMS says of them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from ocppd.core import schemas, tokens
from ocppd.core.description import Evse, Hardware
from ocppd.core.times import parse_time
from tests.bench import Bench, Json

STATION = Bench(Hardware(evses=(Evse(), Evse()))).station

TEXTS = some.text(max_size=36)
TOKENS = some.fixed_dictionaries({"idToken": TEXTS, "type": some.sampled_from(tokens.TYPES)})
MESSAGES = some.fixed_dictionaries(
    {"format": some.sampled_from(["ASCII", "HTML", "URI", "UTF8"]), "content": some.text(max_size=512)},
    optional={
        "language": some.text(max_size=8),
        "customData": some.just({"vendorId": "x" * 255, "a": ["b"] * 9}),
    },
)
INFOS = some.fixed_dictionaries(
    {"status": some.sampled_from(["Accepted", "Blocked", "Unknown"])},
    optional={
        "cacheExpiryDateTime": some.datetimes().map(lambda it: f"{it.isoformat('T', 'seconds')}.{'1' * 99}Z"),
        "chargingPriority": some.integers(-(2**63), 2**63 - 1),
        "language1": some.text(max_size=8),
        "language2": some.text(max_size=8),
        "evseId": some.lists(some.integers(-(2**63), 2**63 - 1), min_size=1, max_size=50),
        "groupIdToken": TOKENS.map(
            lambda it: it | {"additionalInfo": [{"additionalIdToken": "a", "type": "b"}] * 50}
        ),
        "personalMessage": MESSAGES,
    },
)
# Where a number of EVSEs comes in, most of them are not there.
NEAR = some.lists(some.integers(-1, 4), min_size=1, max_size=6)


@given(TOKENS, TOKENS)
def test_C01_FR_25_the_digest_is_the_same_for_the_same_token_alone(one: Json, other: Json) -> None:
    digests = [tokens.digest(STATION, it) for it in (one, other)]
    assert (digests[0] == digests[1]) == tokens.is_same(one, other)


@given(INFOS, some.booleans())
def test_what_is_kept_is_bounded_and_an_IdTokenInfoType(info: Json, with_message: bool) -> None:
    text = tokens.trimmed(STATION, info, with_message=with_message)
    assert len(text.encode()) < (4500 if with_message else 1000)
    kept = tokens.kept(text)
    assert kept is not None
    schemas.check_response("Authorize", {"idTokenInfo": kept})
    assert kept["status"] == info["status"]
    assert tokens.group_of(kept) == (tokens.group_of(info) or None)


@given(INFOS, NEAR)
def test_C01_FR_21_what_is_kept_lets_charge_where_the_CSMS_did(info: Json, evses: Any) -> None:
    info = info | {"evseId": evses}
    kept = tokens.kept(tokens.trimmed(STATION, info, with_message=False))
    assert kept is not None
    for evse in (1, 2):
        assert tokens.refusal(kept, evse) == tokens.refusal(info, evse)


@given(INFOS)
def test_C10_FR_13_the_moment_of_expiry_is_kept_to_the_millisecond(info: Json) -> None:
    kept = tokens.kept(tokens.trimmed(STATION, info, with_message=False))
    assert kept is not None
    told = parse_time(info.get("cacheExpiryDateTime", ""))
    if told is None:
        assert tokens.expiry(kept) is None
    else:
        assert abs((tokens.expiry(kept) or 0.0) - max(told, 0.0)) < 0.002


@given(some.text(max_size=50) | INFOS.map(str))
def test_what_is_no_info_is_not_believed(text: str) -> None:
    found = tokens.kept(text)
    assert found is None or "status" in found
