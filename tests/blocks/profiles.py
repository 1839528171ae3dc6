"""Charging profiles, said shortly."""

from __future__ import annotations

from typing import Any

from ocppd.core.times import format_time
from tests.bench import START, Bench, Json

DEFAULT = "TxDefaultProfile"
MAXIMUM = "ChargingStationMaxProfile"
TX = "TxProfile"


def schedule(*periods: tuple[float, ...], unit: str = "A", start: float | None = START, **more: Any) -> Json:
    """A ChargingScheduleType: periods are (startPeriod, limit) or (startPeriod, limit, numberPhases)."""
    names = ("startPeriod", "limit", "numberPhases")
    found = [dict(zip(names, it, strict=False)) for it in periods]
    begins = {} if start is None else {"startSchedule": format_time(start)}
    return {"id": 1, "chargingRateUnit": unit, "chargingSchedulePeriod": found} | begins | more


def profile(
    number: int, purpose: str, *schedules: Json, level: int = 0, kind: str = "Absolute", **more: Any
) -> Json:
    """A ChargingProfileType."""
    return {
        "id": number,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": list(schedules) or [schedule((0, 6))],
    } | more


def flat(number: int, purpose: str, limit: float, unit: str = "A", **more: Any) -> Json:
    """A profile with one limit, from the beginning on."""
    return profile(number, purpose, schedule((0, limit), unit=unit), **more)


def put(bench: Bench, evse: int, wanted: Json) -> str:
    """The status of a SetChargingProfile, with the reason code of a refusal: `Rejected TxNotFound`."""
    answer = bench.csms("SetChargingProfile", {"evseId": evse, "chargingProfile": wanted})
    if "error" in answer:
        return str(answer["error"])
    return " ".join([answer["status"], *answer.get("statusInfo", {}).values()])


def composite(bench: Bench, evse: int = 1, duration: int = 600, unit: str = "A") -> list[tuple[int, float]]:
    """The periods of a GetCompositeSchedule, as (startPeriod, limit)."""
    request = {"evseId": evse, "duration": duration, "chargingRateUnit": unit}
    answer = bench.csms("GetCompositeSchedule", request)
    assert answer["status"] == "Accepted", answer
    return [(it["startPeriod"], it["limit"]) for it in answer["schedule"]["chargingSchedulePeriod"]]


def reported(bench: Bench, evse: int | None = None, **criteria: Any) -> list[Json]:
    """The ReportChargingProfiles that a GetChargingProfiles leads to."""
    bench.sent()
    request: Json = {"requestId": 5, "chargingProfile": criteria}
    bench.csms("GetChargingProfiles", request | ({} if evse is None else {"evseId": evse}))
    return bench.sent("ReportChargingProfiles")


def charge(bench: Bench, evse: int = 1) -> str:
    """A transaction that charges; its id."""
    bench.do("plug-in", evse=evse, connector=1)
    bench.do("authorize", evse=evse, id_token="04A2B3C4")
    bench.advance(1)
    tx = bench.state.evses[evse - 1].transaction
    assert tx is not None
    return tx.id


def power(bench: Bench, evse: int = 1) -> int:
    """What the EVSE's meter shows, in W."""
    answer = bench.do("get")
    assert answer is not None
    assert answer.done is not None
    found: Json = answer.done.result  # type: ignore[assignment]
    return int(found["evses"][evse - 1]["meter"]["power_w"])
