"""What the tests of blocks C and D share: tokens, what is said of them, and a station to present them at."""

from __future__ import annotations

from typing import Any

from ocppd.core.description import Evse, Hardware
from tests.bench import Bench, Json, with_presets

TOKEN = "04A2B3C4"
ID_TOKEN = {"idToken": TOKEN, "type": "ISO14443"}
OTHER = {"idToken": "BB22", "type": "ISO14443"}
# The start point leaves it to the token alone whether anything is told.
POINTS = {
    "TxCtrlr__TxStartPoint": "PowerPathClosed",
    "TxCtrlr__TxStopPoint": "Authorized",
    "SampledDataCtrlr__TxUpdatedInterval": "0",
}
BY_TOKEN = with_presets(Hardware(), **POINTS)
TWO_BY_TOKEN = with_presets(Hardware(evses=(Evse(), Evse())), **POINTS)
STARTS = ["Started Authorized EVConnected", "Updated ChargingStateChanged Charging"]


def said(status: str = "Accepted", group: str | None = None, **more: Any) -> Json:
    """An IdTokenInfoType."""
    found: Json = {"status": status, **more}
    return found | ({"groupIdToken": {"idToken": group, "type": "Central"}} if group else {})


def answer(bench: Bench, status: str = "Accepted", group: str | None = None, **more: Any) -> None:
    """What the CSMS answers from now on to every question for a token."""
    bench.answers["Authorize"] = {"idTokenInfo": said(status, group, **more)}


def result(found: Any) -> Any:
    assert found is not None
    assert found.error is None, found.error.message
    return found.done.result


def error(found: Any) -> str:
    assert found is not None
    assert found.error is not None
    return found.error.code  # type: ignore[no-any-return]


def names(bench: Bench) -> list[str]:
    return [name for name, _ in bench.sent()]


def present(bench: Bench, token: Json = ID_TOKEN, **more: Any) -> Any:
    return bench.do("authorize", id_token=token["idToken"], type=token["type"], **more)


def is_authorized(bench: Bench, evse: int = 1) -> bool:
    return bench.state.evses[evse - 1].authorization is not None


def remember(bench: Bench, token: Json = ID_TOKEN, info: Json | None = None, evse: int = 1) -> None:
    """Have the station learn of the token what the CSMS says, and forget that it was there."""
    before = bench.answers["Authorize"]
    bench.answers["Authorize"] = {"idTokenInfo": info or said()}
    present(bench, token, evse=evse)
    if is_authorized(bench, evse):
        present(bench, token, evse=evse)
    bench.answers["Authorize"] = before
    bench.forget()


def send_list(bench: Bench, *tokens: tuple[Json, Json | None], version: int = 1, full: bool = True) -> Json:
    """The answer to a SendLocalList; an info of None takes the token out."""
    items = [{"idToken": token} | ({"idTokenInfo": info} if info else {}) for token, info in tokens]
    request: Json = {"versionNumber": version, "updateType": "Full" if full else "Differential"}
    return bench.csms("SendLocalList", request | ({"localAuthorizationList": items} if items else {}))


def version(bench: Bench) -> int:
    return int(bench.csms("GetLocalListVersion", {})["versionNumber"])
