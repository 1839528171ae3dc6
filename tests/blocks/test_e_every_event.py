"""What every TransactionEvent of its kind has in it, whichever way the transaction goes (E01 to E12, E15)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.bench import Bench, Json
from tests.blocks.transactions import (
    ID_TOKEN,
    TOKEN,
    check_story,
    contexts,
    energies,
    points,
    refused,
    told,
)

Story = Callable[[Bench], None]


def arrive(bench: Bench, *, first: str = "plug-in") -> None:
    bench.do("plug-in") if first == "plug-in" else bench.do("authorize", TOKEN)
    bench.advance(5)
    bench.do("authorize", TOKEN) if first == "plug-in" else bench.do("plug-in")
    bench.advance(130)


def leave(bench: Bench) -> None:
    bench.do("authorize", TOKEN)
    bench.do("unplug")


def cable_first(bench: Bench) -> None:
    arrive(bench)
    leave(bench)


def token_first(bench: Bench) -> None:
    arrive(bench, first="authorize")
    leave(bench)


def started_offline(bench: Bench) -> None:
    bench.drop()
    arrive(bench)
    bench.reconnect()
    leave(bench)


def denied(bench: Bench) -> None:
    bench.answers["TransactionEvent"] = refused
    arrive(bench)


def stopped_offline(bench: Bench) -> None:
    arrive(bench)
    bench.drop()
    leave(bench)
    bench.reconnect()


def unplugged(bench: Bench) -> None:
    arrive(bench)
    bench.do("unplug")


def came_back(bench: Bench) -> None:
    bench.set("TxCtrlr.StopTxOnEVSideDisconnect", False)
    arrive(bench)
    bench.do("unplug")
    bench.do("plug-in")
    bench.advance(130)
    leave(bench)


def cut_off(bench: Bench) -> None:
    arrive(bench)
    bench.drop()
    bench.advance(130)
    bench.reconnect()
    leave(bench)


def offline(bench: Bench) -> None:
    bench.drop()
    arrive(bench)
    leave(bench)
    bench.reconnect()


def car_ends(bench: Bench) -> None:
    arrive(bench)
    bench.do("stop", "StoppedByEV")


STORIES: dict[str, Story] = {
    "E02": cable_first,
    "E03": token_first,
    "E04": started_offline,
    "E05": denied,
    "E08": stopped_offline,
    "E09": unplugged,
    "E10": came_back,
    "E11": cut_off,
    "E12": offline,
    "E15": car_ends,
}
every_story = pytest.mark.parametrize("story", list(STORIES.values()), ids=list(STORIES))


def play(bench: Bench, story: Story, **settings: object) -> list[Json]:
    """The events of the one transaction in the story."""
    points(bench, "EVConnected,Authorized", "Authorized")
    bench.set("AuthCtrlr.OfflineTxForUnknownIdEnabled", True)
    bench.set("SampledDataCtrlr.TxUpdatedInterval", 60)
    for name, value in settings.items():
        bench.set(f"SampledDataCtrlr.{name}", value)
    story(bench)
    bench.advance(60)
    events = next(iter(told(bench).values()))
    assert events[-1]["eventType"] == "Ended"
    return events


@every_story
def test_E01_FR_07_E02_FR_07_E03_FR_06_E04_FR_04_E05_FR_04_E06_FR_14_seqNo_has_no_gaps(
    bench: Bench, story: Story
) -> None:
    events = play(bench, story)
    assert [it["seqNo"] for it in events] == list(range(len(events)))


@every_story
def test_E07_FR_11_E08_FR_08_E09_FR_04_E10_FR_03_seqNo_is_that_of_the_moment(
    bench: Bench, story: Story
) -> None:
    events = play(bench, story)
    assert [it["timestamp"] for it in events] == sorted(it["timestamp"] for it in events)


@every_story
def test_E01_FR_09_E02_FR_09_E03_FR_07_E04_FR_05_E05_FR_05_the_start_has_the_values_of_the_beginning(
    bench: Bench, story: Story
) -> None:
    begin, *rest = play(bench, story)
    assert contexts(begin) == ["Transaction.Begin"]
    assert energies(begin) == [0]
    assert not any("Transaction.Begin" in contexts(it) for it in rest if it["eventType"] == "Updated")


@every_story
def test_E06_FR_11_E07_FR_08_E08_FR_09_E09_FR_05_E10_FR_04_E12_FR_07_E15_FR_01_the_end_has_its_values(
    bench: Bench, story: Story
) -> None:
    end = play(bench, story, TxEndedInterval=60)[-1]
    found = contexts(end)
    assert (found[0], found[-1]) == ("Transaction.Begin", "Transaction.End")
    assert found.count("Sample.Periodic") == len(found) - 2
    assert energies(end) == sorted(energies(end))
    assert energies(end)[-1] > 0 or story is denied


@every_story
def test_E02_FR_10_E03_FR_08_E04_FR_06_E11_FR_03_E12_FR_03_samples_come_every_interval(
    bench: Bench, story: Story
) -> None:
    events = play(bench, story, TxUpdatedMeasurands="Energy.Active.Import.Register,Voltage")
    samples = [it for it in events if it["triggerReason"] == "MeterValuePeriodic"]
    assert len(samples) >= (0 if story is denied else 2)
    for it in samples:
        assert set(contexts(it)) == {"Sample.Periodic"}
        names = [value["measurand"] for value in it["meterValue"][0]["sampledValue"]]
        assert set(names) == {"Energy.Active.Import.Register", "Voltage"}


@every_story
def test_E02_FR_14_E03_FR_10_E04_FR_10_E05_FR_06_E07_FR_12_every_reading_can_be_signed(
    bench: Bench, story: Story
) -> None:
    assert unsigned(play(bench, story, SignReadings=True)) == []


@every_story
def test_E08_FR_12_E09_FR_08_E10_FR_07_E11_FR_08_E12_FR_10_the_readings_for_the_end_as_well(
    bench: Bench, story: Story
) -> None:
    assert unsigned(play(bench, story, SignReadings=True, TxEndedInterval=30)[-1:]) == []


def unsigned(events: list[Json]) -> list[Json]:
    readings = [value for it in events for one in it.get("meterValue", []) for value in one["sampledValue"]]
    assert readings
    return [it for it in readings if "signedMeterValue" not in it]


@every_story
def test_E06_FR_12_E07_FR_09_E08_FR_10_E09_FR_06_E10_FR_05_E12_FR_08_E15_FR_02_the_end_is_bounded(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, story: Story
) -> None:
    monkeypatch.setattr("ocppd.blocks.e_samples.MOST_SAMPLES", 8)
    end = play(bench, story, TxEndedInterval=10)[-1]
    assert len(end["meterValue"]) <= 8 + 2


@every_story
def test_E06_FR_13_E07_FR_10_E08_FR_11_E09_FR_07_E10_FR_06_E12_FR_09_E15_FR_03_those_between_go_first(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, story: Story
) -> None:
    monkeypatch.setattr("ocppd.blocks.e_samples.MOST_SAMPLES", 4)
    end = play(bench, story, TxEndedInterval=10)[-1]
    assert (contexts(end)[0], contexts(end)[-1]) == ("Transaction.Begin", "Transaction.End")
    moments = [it["timestamp"] for it in end["meterValue"]]
    assert moments == sorted(moments)
    if story is not denied:  # which ends within 10 s
        first, last = end["meterValue"][1]["timestamp"], end["meterValue"][-2]["timestamp"]
        assert first < last  # neither the beginning nor the end of the series is gone
        assert first[:19] <= "2025-01-01T10:00:10"


@every_story
def test_E01_FR_08_E02_FR_08_no_id_is_used_twice(bench: Bench, story: Story) -> None:
    for _ in range(2):
        play(bench, story)
        bench.do("unplug")
        bench.answers["TransactionEvent"] = {}
    ids = list(told(bench))
    assert len(ids) >= 2
    assert len(ids) == len(set(ids))


@every_story
def test_E01_FR_15_E01_FR_16_E01_FR_18_each_is_told_once_and_when_it_changes(
    bench: Bench, story: Story
) -> None:
    events = play(bench, story)
    check_story(events)
    assert next(it["idToken"] for it in events if "idToken" in it) == ID_TOKEN


@every_story
def test_E02_FR_18_E02_FR_19_E03_FR_13_E03_FR_14_the_phases_are_told_once(bench: Bench, story: Story) -> None:
    events = play(bench, story)
    phases = [it for it in events if "numberOfPhasesUsed" in it]
    assert [it["numberOfPhasesUsed"] for it in phases] == [3]
    assert phases[0]["transactionInfo"]["chargingState"] == "Charging"


@pytest.mark.parametrize("first", ["plug-in", "authorize"])
def test_E01_FR_13_E02_FR_03_E03_FR_03_the_reservation_is_told_once(bench: Bench, first: str) -> None:
    reservation = {"id": 5, "expiryDateTime": "2025-01-02T10:00:00Z", "idToken": ID_TOKEN, "evseId": 1}
    assert bench.csms("ReserveNow", reservation) == {"status": "Accepted"}
    bench.forget()
    arrive(bench, first=first)
    leave(bench)
    events = bench.tx()
    [it] = [it for it in events if "reservationId" in it]
    assert it["reservationId"] == 5
    assert it is next(it for it in events if "idToken" in it)


def test_E06_FR_05_DataSigned_is_no_stop_point(bench: Bench) -> None:
    with pytest.raises(AssertionError, match="Rejected"):
        bench.set("TxCtrlr.TxStopPoint", "DataSigned")
