"""What stands on the displays of a station on the bench, and somebody who charges there."""

from __future__ import annotations

from typing import Any

from tests.bench import Bench, Json


def lines(bench: Bench) -> list[Json]:
    """What the displays show."""
    answer = bench.do("get", fields=["display"])
    assert answer is not None
    assert answer.done is not None
    result: Any = answer.done.result
    found: list[Json] = result["display"]
    return found


def texts(bench: Bench, about: str) -> list[str]:
    """The texts on the displays that are about that."""
    return [line["content"] for line in lines(bench) if line["about"] == about]


def charge(bench: Bench, evse: int = 1) -> str:
    """Begin to charge; the id of the transaction."""
    bench.do("plug-in", evse=evse, connector=1)
    bench.do("authorize", evse=evse, id_token="AA11")
    bench.advance(1)
    tx = bench.state.evses[evse - 1].transaction
    assert tx is not None
    assert tx.charging_state == "Charging"
    return tx.id


def leave(bench: Bench, evse: int = 1) -> None:
    """Stop charging, and unplug."""
    bench.do("authorize", evse=evse, id_token="AA11")
    bench.do("unplug", evse=evse, connector=1)
    assert bench.state.evses[evse - 1].transaction is None
