"""Where a station calls: network connection profiles (B09, B10), their security (A05), the password (A01)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppd.core.description import Csms, Hardware, Preset, Tls
from ocppd.core.endpoint import Trust
from ocppd.core.station import Order
from ocppd.core.views import station_state
from tests.bench import START, Bench, Json, bugs_raise, with_presets
from tests.blocks.device_model import get, item, put, report, value_of
from tests.pems import pems

NewBench = Callable[..., Bench]
PASSWORD = "only-for-tests-0001"
NEW_PASSWORD = "only-for-tests-0002"
FIRST, SECOND, THIRD = (f"wss://{name}.test/ocpp" for name in ("one", "two", "three"))
ROOT = Tls(ca="ca.pem", roots=pems().ca)
BOTH = Tls("ca.pem", "cert.pem", "key.pem", pems().ca, pems().cert)


def csms(level: int = 2, tls: Tls = ROOT, password: str | None = PASSWORD, url: str = FIRST) -> Csms:
    return Csms(url, level, password, tls)


@pytest.fixture
def station(new_bench: NewBench) -> Bench:
    """A station of security profile 2, online with slot 1, which tries each slot once."""
    return station_with(new_bench)


def station_with(new_bench: NewBench, attempts: int = 1, **how: Any) -> Bench:
    hardware = with_presets(Hardware(), OCPPCommCtrlr__NetworkProfileConnectionAttempts=str(attempts))
    return new_bench(hardware, csms=csms(**how))


def data(url: str = SECOND, level: int = 2, **more: Any) -> Json:
    return {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": url,
        "messageTimeout": 30,
        "securityProfile": level,
        "ocppInterface": "Wired0",
        **more,
    }


def set_profile(bench: Bench, slot: int, url: str = SECOND, level: int = 2, **more: Any) -> str:
    """`Accepted`, or the reason code why not."""
    request = {"configurationSlot": slot, "connectionData": data(url, level, **more)}
    response = bench.csms("SetNetworkProfile", request)
    assert ("statusInfo" in response) == (response["status"] == "Rejected")
    return str(response["statusInfo"]["reasonCode"] if "statusInfo" in response else response["status"])


def prefer(bench: Bench, slots: str) -> str:
    """What comes of setting NetworkConfigurationPriority: the status, or the reason code why not."""
    (result,) = put(bench, item("OCPPCommCtrlr", "NetworkConfigurationPriority", slots))
    refused = result["attributeStatus"] == "Rejected"
    return str(result["attributeStatusInfo"]["reasonCode"] if refused else result["attributeStatus"])


def priority(bench: Bench) -> str:
    return value_of(bench, "OCPPCommCtrlr", "NetworkConfigurationPriority")


def level(bench: Bench) -> str:
    return value_of(bench, "SecurityCtrlr", "SecurityProfile")


def slot(bench: Bench) -> str:
    return value_of(bench, "OCPPCommCtrlr", "ActiveNetworkProfile")


def place(bench: Bench) -> str:
    """Where the next attempt goes, as one of the URLs above."""
    return bench.endpoint().url.removesuffix("/CP001")


def go_down(bench: Bench) -> None:
    """Reset, as far as to where the link is to connect."""
    assert bench.csms("Reset", {"type": "OnIdle"}) == {"status": "Accepted"}
    bench.advance(1)
    bench.drop("closed by the station: 1000 reset")
    bench.advance(5)


def reset(bench: Bench) -> None:
    go_down(bench)
    bench.connect()
    bench.settle()


def migrate(bench: Bench, url: str = SECOND, level: int = 2) -> None:
    assert set_profile(bench, 2, url, level) == "Accepted"
    assert prefer(bench, "2,1") == "RebootRequired"


def failing(bench: Bench, attempts: int) -> list[str]:
    """The places of so many attempts, which all fail."""
    seen = []
    for number in range(1, attempts + 1):
        seen.append(place(bench))
        bench.fail_to_connect(failures=number)
    return seen


# SetNetworkProfile (B09)


def test_B09_FR_01_a_valid_profile_is_kept_and_not_used_yet(station: Bench) -> None:
    assert set_profile(station, 2) == "Accepted"
    assert place(station) == FIRST
    assert station.orders == []
    assert prefer(station, "2") == "RebootRequired"  # so that it is there


def test_B09_what_the_slot_in_use_is_given_counts_from_the_next_boot(station: Bench) -> None:
    assert set_profile(station, 1, THIRD) == "Accepted"
    station.drop()
    assert place(station) == FIRST
    station.reconnect()
    go_down(station)
    assert place(station) == THIRD


def test_B09_the_latest_profile_for_a_slot_is_the_one_that_counts(station: Bench) -> None:
    migrate(station)
    assert set_profile(station, 1, THIRD) == "Accepted"  # in use: waits for the boot
    reset(station)
    assert set_profile(station, 2, THIRD) == "Accepted"  # in use
    station.drop()
    assert failing(station, 1) == [SECOND]
    station.reconnect()  # with slot 1
    assert set_profile(station, 2, FIRST) == "Accepted"  # no longer in use
    go_down(station)
    assert place(station) == FIRST


@pytest.mark.parametrize(
    "bad",
    [
        {"ocppTransport": "SOAP"},
        {"ocppVersion": "OCPP16"},
        {"ocppVersion": "OCPP12"},
        {"url": "https://two.test/ocpp"},
        {"url": "two.test"},
        {"url": "wss://user:secret@two.test/"},
        {"url": "wss://two.test/?station=1"},
        {"url": "wss://two.test:99999/"},
        {"url": "wss://two .test/"},
        {"url": f"wss://{'x' * 64}.test/"},
        {"url": ""},
        {"url": "ws://two.test/ocpp"},
        {"messageTimeout": 0},
        {"messageTimeout": -1},
        {"messageTimeout": 31_536_001},
        {"level": 4},
        {"level": -1},
    ],
    ids=str,
)
def test_B09_FR_02_what_no_station_can_call_with_is_rejected(station: Bench, bad: dict[str, Any]) -> None:
    assert set_profile(station, 2, **bad) == "InvalidNetworkConf"
    assert "secret" not in str(station.frames)
    assert prefer(station, "2") == "InvalidConfSlot"


@pytest.mark.parametrize("bad", [{"ocppCsmsUrl": "x" * 513}, {"apn": {"apn": "x"}}, {"vpn": {}}])
def test_B09_FR_02_what_is_no_profile_at_all_is_an_error(station: Bench, bad: Json) -> None:
    request = {"configurationSlot": 2, "connectionData": data() | bad}
    assert "error" in station.csms("SetNetworkProfile", request)


def test_B09_FR_02_a_profile_above_the_present_one_needs_no_wss_where_it_has_no_tls(
    new_bench: NewBench,
) -> None:
    bench = new_bench(csms=csms(0, url="ws://one.test"))
    assert set_profile(bench, 2, "ws://two.test", 1) == "Accepted"
    assert set_profile(bench, 3, "ws://two.test", 0) == "Accepted"


def test_B09_FR_04_TC_A_22_a_lower_security_profile_is_rejected(station: Bench) -> None:
    assert set_profile(station, 2, "ws://two.test", 1) == "NoSecurityDowngrade"
    assert set_profile(station, 2, "ws://two.test", 0) == "NoSecurityDowngrade"
    assert prefer(station, "2") == "InvalidConfSlot"


@pytest.mark.parametrize("number", [0, 4, -1, 999, 10**15])
def test_B09_FR_05_TC_B_43_there_are_only_the_slots_that_the_station_tells(
    station: Bench, number: int
) -> None:
    assert set_profile(station, number) == "InvalidConfSlot"


def test_B09_FR_06_there_are_three_slots(station: Bench) -> None:
    (found,) = [it for it in report(station) if it["variable"]["name"] == "NetworkConfigurationPriority"]
    assert found["variableCharacteristics"]["valuesList"] == "1,2,3"
    assert found["variableCharacteristics"]["dataType"] == "SequenceList"
    assert found["variableAttribute"][0]["value"] == "1"
    assert [set_profile(station, number) for number in (1, 2, 3)] == ["Accepted"] * 3


def test_B09_FR_31_only_from_3_to_2_and_only_where_it_is_allowed(new_bench: NewBench) -> None:
    bench = new_bench(csms=csms(3, BOTH))
    assert set_profile(bench, 2) == "NoSecurityDowngrade"
    bench.set("SecurityCtrlr.AllowSecurityProfileDowngrade", True)
    assert set_profile(bench, 2) == "Accepted"
    assert set_profile(bench, 3, level=1) == "NoSecurityDowngrade"


def test_B09_FR_31_never_from_2_to_1(station: Bench) -> None:
    station.set("SecurityCtrlr.AllowSecurityProfileDowngrade", True)
    assert set_profile(station, 2, level=1) == "NoSecurityDowngrade"


def test_B09_access_point_and_vpn_are_kept_and_not_shown(station: Bench) -> None:
    apn = {"apn": "internet", "apnPassword": "apn-secret", "simPin": 1234, "apnAuthentication": "PAP"}
    vpn = {"server": "v", "user": "u", "password": "vpn-secret", "key": "vpn-key", "type": "IKEv2"}
    odd = {"customData": {"vendorId": "x", "anything": ["x" * 99]}}
    more: Json = {"ocppInterface": "Wireless0", "apn": apn | odd, "vpn": vpn | odd}
    assert set_profile(station, 2, **more) == "Accepted"
    kept = station.state.profiles.stored[2]
    assert kept is not None
    assert (kept.interface, kept.apn, kept.vpn) == ("Wireless0", apn, vpn)
    assert not [it for it in station.events if "secret" in str(it) or "vpn-key" in str(it)]


_TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
_NUMBER = st.one_of(st.integers(-3, 5), st.integers(), st.sampled_from([1.0, 1e300]))
_DATA = st.fixed_dictionaries(
    {
        "ocppVersion": st.sampled_from(["OCPP20", "OCPP20", "OCPP16"]),
        "ocppTransport": st.sampled_from(["JSON", "JSON", "SOAP"]),
        "ocppCsmsUrl": st.one_of(
            st.sampled_from([SECOND, "ws://two.test"]), _TEXT, _TEXT.map(lambda text: f"wss://{text}")
        ),
        "messageTimeout": _NUMBER,
        "securityProfile": _NUMBER,
        "ocppInterface": st.sampled_from(["Wired0", "Any"]),
    },
    optional={"apn": st.dictionaries(_TEXT, _TEXT)},
)


@given(number=_NUMBER, found=_DATA)
def test_B09_whatever_the_csms_says_the_station_can_be_saved_and_called(number: Any, found: Json) -> None:
    with bugs_raise():
        bench = Bench(csms=csms())
        response = bench.csms("SetNetworkProfile", {"configurationSlot": number, "connectionData": found})
        if response.get("status") == "Accepted":
            assert prefer(bench, str(int(number))) in ("RebootRequired", "Accepted", "InvalidNetworkConf")
        bench.start_again(boots=True)
        assert bench.endpoint().url.startswith("wss://")


# NetworkConfigurationPriority (B10)


def test_B10_FR_01_slots_with_a_profile_are_taken_for_the_next_boot(station: Bench) -> None:
    assert set_profile(station, 3, THIRD) == "Accepted"
    assert prefer(station, "3,1") == "RebootRequired"
    assert priority(station) == "1"
    reset(station)
    assert priority(station) == "3,1"


@pytest.mark.parametrize("slots", ["2", "1,2", "2,1", "4", "0", "1,1", "", ",", "one"])
def test_B10_FR_02_a_slot_without_a_profile_is_rejected(station: Bench, slots: str) -> None:
    assert prefer(station, slots) in ("InvalidConfSlot", "InvalidValue", "ValueTooLow")
    go_down(station)
    assert failing(station, 2) == [FIRST, FIRST]


def test_B10_FR_04_B10_FR_06_TC_B_45_after_a_reset_the_first_slot_is_used(station: Bench) -> None:
    migrate(station)
    station.forget()
    assert station.csms("Reset", {"type": "OnIdle"}) == {"status": "Accepted"}
    station.advance(1)
    assert station.orders == [Order("close", 1000, "reset")]  # first of all, away from the old one
    assert not station.wanted
    station.drop()
    station.advance(5)
    assert station.wanted
    assert place(station) == SECOND
    station.connect()
    station.settle()
    (boot,) = station.sent("BootNotification")
    assert boot["reason"] == "RemoteReset"
    assert (slot(station), level(station)) == ("2", "2")


@pytest.mark.parametrize("how", ["power", "reset"])
def test_B10_FR_04_every_boot_begins_with_the_first_slot(station: Bench, how: str) -> None:
    migrate(station)
    go_down(station)
    assert failing(station, 1) == [SECOND]
    station.connect()
    station.settle()
    if how == "power":
        station.do("power", "OFF")
        station.drop()
        station.do("power", "ON")
    else:
        go_down(station)
    assert place(station) == SECOND


def test_B10_FR_03_TC_B_46_each_slot_has_its_attempts(new_bench: NewBench) -> None:
    bench = station_with(new_bench, attempts=2)
    migrate(bench)
    go_down(bench)
    assert failing(bench, 2) == [SECOND, SECOND]
    assert place(bench) == FIRST
    bench.connect()
    bench.settle()
    assert [it["reason"] for it in bench.sent("BootNotification")] == ["RemoteReset"]
    assert slot(bench) == "1"


def test_B10_FR_03_three_attempts_are_the_default(new_bench: NewBench) -> None:
    bench = new_bench(csms=csms())
    migrate(bench)
    go_down(bench)
    assert failing(bench, 4) == [SECOND, SECOND, SECOND, FIRST]


def test_B10_FR_03_after_the_loss_of_a_connection_the_first_slot_has_its_turn(station: Bench) -> None:
    migrate(station)
    go_down(station)
    assert failing(station, 1) == [SECOND]
    station.reconnect()
    station.drop()
    assert failing(station, 2) == [SECOND, FIRST]


def test_B10_FR_03_a_connection_in_between_makes_the_attempts_count_anew(new_bench: NewBench) -> None:
    bench = station_with(new_bench, attempts=2)
    migrate(bench)
    reset(bench)
    bench.drop()
    assert failing(bench, 1) == [SECOND]
    bench.reconnect()
    bench.drop()
    assert failing(bench, 3) == [SECOND, SECOND, FIRST]


def test_B10_FR_07_B10_FR_08_B10_FR_09_TC_B_49_when_all_have_failed_the_last_that_worked_comes_first(
    station: Bench,
) -> None:
    assert set_profile(station, 3, THIRD) == "Accepted"
    assert set_profile(station, 2) == "Accepted"
    assert prefer(station, "3,2,1") == "RebootRequired"
    go_down(station)
    assert failing(station, 3) == [THIRD, SECOND, FIRST]
    assert failing(station, 10) == [FIRST, THIRD, SECOND] * 3 + [FIRST]
    station.connect()
    station.settle()
    station.drop()
    assert failing(station, 4) == [THIRD, SECOND, FIRST, THIRD]


def test_B10_FR_07_the_last_that_worked_has_its_turn_even_where_it_is_not_listed(station: Bench) -> None:
    assert set_profile(station, 2) == "Accepted"
    assert prefer(station, "2") == "RebootRequired"
    go_down(station)
    assert failing(station, 5) == [SECOND, FIRST, FIRST, SECOND, FIRST]
    assert failing(station, 1) == [SECOND]
    station.connect()
    station.settle()
    assert (slot(station), priority(station)) == ("1", "2")


def test_B10_FR_09_a_single_profile_is_tried_for_ever(station: Bench) -> None:
    station.drop()
    assert failing(station, 20) == [FIRST] * 20


def test_B10_FR_10_with_another_profile_than_before_the_station_registers_anew(station: Bench) -> None:
    migrate(station)
    reset(station)
    station.drop()
    assert failing(station, 1) == [SECOND]
    station.forget()
    station.do("plug-in")
    station.silent.add("BootNotification")
    station.connect()
    station.settle()
    assert [action for action, _ in station.sent()] == ["BootNotification"]
    station.silent.clear()
    station.advance(60)
    boot, *rest = [action for action, _ in station.sent()]
    assert boot == "BootNotification"
    assert rest[0] == "StatusNotification"
    assert "SecurityEventNotification" not in rest  # it has not started
    assert station.state.boot.registration == "Accepted"


def test_B10_FR_10_with_the_same_profile_it_does_not(station: Bench) -> None:
    migrate(station)
    reset(station)
    station.forget()
    station.drop()
    station.reconnect(after=10)
    station.drop()
    assert failing(station, 2) == [SECOND, FIRST]
    assert place(station) == SECOND
    station.reconnect()
    assert station.sent("BootNotification") == []


def test_B10_FR_10_the_interval_of_the_csms_before_does_not_count(station: Bench) -> None:
    migrate(station)
    station.answers["BootNotification"] = lambda _: {
        "currentTime": "2025-01-01T10:00:00Z",
        "interval": 3600,
        "status": "Pending",
    }
    reset(station)
    station.drop()
    assert failing(station, 1) == [SECOND]
    station.forget()
    station.connect()
    (boot,) = station.sent("BootNotification")
    assert boot["reason"] == "RemoteReset"


def test_B10_a_restart_of_the_daemon_goes_on_where_it_was(station: Bench) -> None:
    migrate(station)
    go_down(station)
    assert failing(station, 1) == [SECOND]
    station.start_again()
    assert failing(station, 3) == [FIRST, FIRST, SECOND]


def test_B10_the_timeout_is_that_of_the_profile_in_use(new_bench: NewBench) -> None:
    hardware = with_presets(Hardware(), OCPPCommCtrlr__NetworkProfileConnectionAttempts="1")
    bench = new_bench(hardware, csms=csms())
    assert set_profile(bench, 2, messageTimeout=7) == "Accepted"
    assert prefer(bench, "2,1") == "RebootRequired"
    assert bench.endpoint().timeout == 30
    reset(bench)
    assert value_of(bench, "OCPPCommCtrlr", "MessageTimeout[Default]") == "7"
    assert bench.endpoint().timeout == 7
    bench.silent.add("DataTransfer")
    bench.do("call", action="DataTransfer", payload={"vendorId": "x"})
    bench.advance(6.9)
    assert bench.state.outbox.in_flight is not None
    bench.advance(0.2)
    assert bench.state.outbox.in_flight is None
    bench.drop()
    failing(bench, 1)
    assert bench.endpoint().timeout == 30
    bench.reconnect()
    assert value_of(bench, "OCPPCommCtrlr", "MessageTimeout[Default]") == "30"
    other = Preset("OCPPCommCtrlr", "MessageTimeout", "20", variable_instance="Default")
    bench.refit(replace(hardware, presets=(*hardware.presets, other)))
    assert bench.endpoint().timeout == 20


def test_B10_the_world_sees_the_url_in_use(station: Bench) -> None:
    assert station_state(station.station)["csms"]["url"] == FIRST
    migrate(station)
    reset(station)
    assert station_state(station.station)["csms"]["url"] == SECOND


# Security profiles (A05)


def test_A05_FR_02_TC_A_20_without_a_root_certificate_no_tls(new_bench: NewBench) -> None:
    bench = new_bench(csms=csms(1, Tls(), url="ws://one.test"))
    assert set_profile(bench, 2) == "Accepted"
    assert prefer(bench, "2,1") == "InvalidNetworkConf"
    assert (level(bench), bench.orders) == ("1", [])
    go_down(bench)
    assert place(bench) == "ws://one.test"


def test_A05_FR_03_TC_A_21_without_a_certificate_of_its_own_no_profile_3(station: Bench) -> None:
    assert set_profile(station, 2, level=3) == "Accepted"
    assert prefer(station, "2,1") == "InvalidNetworkConf"
    assert level(station) == "2"


@pytest.mark.parametrize("number", [2, 3])
def test_A05_FR_02_A05_FR_03_nor_with_certificates_that_have_expired(
    new_bench: NewBench, number: int
) -> None:
    bench = new_bench(csms=csms(1, BOTH))
    assert set_profile(bench, 2, level=number) == "Accepted"
    bench.clock.now = 40_000_000_000.0  # in the year 3237
    assert prefer(bench, "2,1") == "InvalidNetworkConf"
    bench.clock.now = START
    assert prefer(bench, "2,1") == "RebootRequired"


def test_A05_FR_03_nor_can_it_be_put_where_it_would_be_tried(station: Bench) -> None:
    migrate(station)
    assert set_profile(station, 2, level=3) == "InvalidNetworkConf"
    assert set_profile(station, 3, level=3) == "Accepted"
    reset(station)
    assert set_profile(station, 1, level=3) == "InvalidNetworkConf"


def test_A05_FR_04_without_a_password_no_basic_authentication(new_bench: NewBench) -> None:
    bench = new_bench(csms=csms(0, password=None, url="ws://one.test"))
    assert set_profile(bench, 2, "ws://two.test", level=1) == "Accepted"
    assert prefer(bench, "2,1") == "InvalidNetworkConf"
    bench.set("SecurityCtrlr.BasicAuthPassword", NEW_PASSWORD)
    assert prefer(bench, "2,1") == "RebootRequired"
    reset(bench)
    assert (level(bench), bench.endpoint().password) == ("1", NEW_PASSWORD)


@pytest.mark.parametrize("before", [1, 2])
def test_A05_FR_04_A05_FR_05_A05_FR_06_TC_A_19_a_higher_profile_is_there_to_stay(
    new_bench: NewBench, before: int
) -> None:
    bench = station_with(new_bench, level=before, tls=BOTH)
    migrate(bench, level=before + 1)
    assert level(bench) == str(before)
    go_down(bench)
    assert place(bench) == SECOND
    trust = bench.endpoint().trust
    assert trust == (Trust(BOTH.roots, BOTH.chain, BOTH.key) if before == 2 else Trust(BOTH.roots))
    assert (bench.endpoint().password is None) == (before == 2)
    assert level(bench) == str(before)  # not before the connection
    bench.connect()
    bench.settle()
    assert (level(bench), priority(bench), slot(bench)) == (str(before + 1), "2", "2")
    bench.drop()
    assert failing(bench, 5) == [SECOND] * 5  # and never the one before
    bench.reconnect()
    assert prefer(bench, "2,1") == "InvalidConfSlot"  # it is no longer there
    assert set_profile(bench, 1, level=before) == "NoSecurityDowngrade"


def test_A05_FR_06_all_that_is_lower_goes_and_what_is_not_remains(new_bench: NewBench) -> None:
    bench = new_bench(csms=csms(0, BOTH, url="ws://one.test"))
    assert set_profile(bench, 3, "ws://three.test", 1) == "Accepted"
    assert set_profile(bench, 2, SECOND, 2) == "Accepted"
    assert prefer(bench, "2,3,1") == "RebootRequired"
    reset(bench)
    assert priority(bench) == "2"
    assert [prefer(bench, slots) for slots in ("3", "1")] == ["InvalidConfSlot"] * 2
    assert [it.data["value"] for it in bench.happened_since("variable_changed") if _is_priority(it.data)] == [
        "2,3,1",  # set,
        "2,3,1",  # in effect,
        "2",  # and without the lower ones
    ]


def _is_priority(told: Mapping[str, Any]) -> bool:
    return bool(told["variable"] == "NetworkConfigurationPriority")


def test_A05_FR_06_what_waits_for_the_next_boot_is_looked_at_as_well(new_bench: NewBench) -> None:
    bench = station_with(new_bench, level=1, tls=BOTH)
    migrate(bench)
    go_down(bench)
    assert failing(bench, 1) == [SECOND]
    bench.reconnect()  # with slot 1 for now
    assert set_profile(bench, 1, "ws://three.test", 1) == "Accepted"
    assert set_profile(bench, 3, THIRD, 2) == "Accepted"
    assert prefer(bench, "1,3") == "RebootRequired"
    bench.drop()
    bench.reconnect()  # with slot 2
    assert (level(bench), priority(bench)) == ("2", "2")
    reset(bench)
    assert (slot(bench), priority(bench)) == ("3", "3")


def test_A05_a_higher_profile_that_does_not_work_changes_nothing(new_bench: NewBench) -> None:
    bench = station_with(new_bench, level=1)
    migrate(bench)
    go_down(bench)
    assert failing(bench, 1) == [SECOND]
    bench.connect()
    bench.settle()
    assert (level(bench), priority(bench), slot(bench)) == ("1", "2,1", "1")


def test_A05_FR_08_from_3_to_2_where_it_is_allowed(new_bench: NewBench) -> None:
    bench = station_with(new_bench, level=3, tls=BOTH)
    bench.set("SecurityCtrlr.AllowSecurityProfileDowngrade", True)
    migrate(bench)
    reset(bench)
    assert (level(bench), priority(bench)) == ("2", "2,1")
    assert bench.endpoint().password == PASSWORD


def test_A05_FR_09_never_to_1(new_bench: NewBench) -> None:
    bench = new_bench(csms=csms(1))
    assert set_profile(bench, 3, level=1) == "Accepted"
    assert set_profile(bench, 2) == "Accepted"
    bench.set("SecurityCtrlr.AllowSecurityProfileDowngrade", True)
    assert prefer(bench, "2") == "RebootRequired"
    reset(bench)
    assert prefer(bench, "3,2") == "InvalidConfSlot"
    assert level(bench) == "2"


def test_A05_FR_10_a_downgrade_that_is_no_longer_allowed_is_not_made(new_bench: NewBench) -> None:
    bench = station_with(new_bench, level=3, tls=BOTH)
    bench.set("SecurityCtrlr.AllowSecurityProfileDowngrade", True)
    assert set_profile(bench, 2) == "Accepted"
    bench.set("SecurityCtrlr.AllowSecurityProfileDowngrade", False)
    assert prefer(bench, "2,1") == "NoSecurityDowngrade"
    bench.set("SecurityCtrlr.AllowSecurityProfileDowngrade", True)
    assert prefer(bench, "2,1") == "RebootRequired"
    bench.set("SecurityCtrlr.AllowSecurityProfileDowngrade", False)
    go_down(bench)
    assert failing(bench, 3) == [FIRST] * 3


def test_A00_FR_005_the_configuration_may_lower_what_OCPP_may_not(station: Bench) -> None:
    station.refit(csms=csms(0, url="ws://one.test"))
    assert (level(station), place(station)) == ("0", "ws://one.test")


def test_A00_FR_004_before_the_first_connection_the_station_has_its_security_profile(
    new_bench: NewBench,
) -> None:
    for number, shown in enumerate([(None, None), (PASSWORD, None), (PASSWORD, None), (None, BOTH.chain)]):
        bench = new_bench(csms=csms(number, BOTH), boot=False)
        endpoint = bench.endpoint()
        assert (endpoint.password, endpoint.trust.chain) == shown
        assert bench.state.csms.connected is False


def test_A00_FR_001_the_security_profile_is_the_one_of_the_connection(new_bench: NewBench) -> None:
    for number in range(4):
        assert level(new_bench(csms=csms(number, BOTH))) == str(number)


# The password (A01)


def set_password(bench: Bench, password: str) -> str:
    (result,) = put(bench, item("SecurityCtrlr", "BasicAuthPassword", password))
    return str(result["attributeStatus"])


@pytest.mark.parametrize("number", [1, 2])
def test_A01_FR_01_TC_A_09_a_new_password_makes_the_station_connect_anew(
    new_bench: NewBench, number: int
) -> None:
    bench = new_bench(csms=csms(number))
    assert bench.endpoint().password == PASSWORD
    assert set_password(bench, NEW_PASSWORD) == "Accepted"
    assert bench.orders == []  # the CSMS must have the answer first
    bench.advance(1)
    assert bench.orders == [Order("close", 1000, "new password")]
    assert bench.wanted
    assert bench.endpoint().password == NEW_PASSWORD
    bench.drop()
    bench.reconnect()
    assert bench.sent("BootNotification") == []


@pytest.mark.parametrize("password", ["x" * 15, "x" * 65, ""])
def test_A01_TC_A_10_a_refused_password_changes_nothing(station: Bench, password: str) -> None:
    assert set_password(station, password) == "Rejected"
    assert (station.orders, station.endpoint().password) == ([], PASSWORD)


def test_A01_FR_11_the_change_of_the_password_is_in_the_security_log(station: Bench) -> None:
    set_password(station, NEW_PASSWORD)
    entry = station.state.security_log[-1]
    assert (entry.type, entry.info) == ("ReconfigurationOfSecurityParameters", "BasicAuthPassword")


@pytest.mark.parametrize("password", ["x" * 16, "x" * 64, "pässwörter sind €€"])
def test_A00_FR_205_A00_FR_304_a_password_has_16_to_64_characters_of_any_kind(
    station: Bench, password: str
) -> None:
    assert set_password(station, password) == "Accepted"


def test_A01_FR_03_a_password_that_the_csms_refuses_is_kept_and_it_is_told(station: Bench) -> None:
    set_password(station, NEW_PASSWORD)
    station.drop()
    station.forget()
    for failures in range(1, 6):
        station.fail_to_connect("FailedToAuthenticateAtCsms", "401 Unauthorized", failures)
    assert station.endpoint().password == NEW_PASSWORD
    (told,) = station.happened_since("security")
    assert told.data["type"] == "FailedToAuthenticateAtCsms"
    done = station.do("set-variable", component="SecurityCtrlr", variable="BasicAuthPassword", value=PASSWORD)
    assert done is not None  # the way out for whoever stands before the station
    assert done.error is None
    assert station.endpoint().password == PASSWORD


def test_A01_FR_12_the_password_is_not_told(station: Bench) -> None:
    set_password(station, NEW_PASSWORD)
    (read,) = get(station, item("SecurityCtrlr", "BasicAuthPassword"))
    assert read["attributeStatus"] == "Rejected"
    assert NEW_PASSWORD not in str(station.events) + str(station.frames)


def test_A01_the_station_comes_back_to_the_slot_whose_password_was_changed(station: Bench) -> None:
    migrate(station)
    go_down(station)
    assert failing(station, 1) == [SECOND]
    station.connect()
    station.settle()
    set_password(station, NEW_PASSWORD)
    station.advance(1)
    station.drop("closed by the station: 1000 new password")
    assert place(station) == FIRST
    station.reconnect()
    station.drop()  # another time it is looked for from the first slot on
    assert place(station) == SECOND


@pytest.mark.parametrize("number", [0, 3])
def test_A01_a_password_that_is_not_in_use_does_not_disturb_the_connection(
    new_bench: NewBench, number: int
) -> None:
    bench = new_bench(csms=csms(number, BOTH))
    assert set_password(bench, NEW_PASSWORD) == "Accepted"
    bench.advance(5)
    assert (bench.orders, bench.endpoint().password) == ([], None)


def test_A01_a_connection_that_ends_before_is_not_ended_once_more(station: Bench) -> None:
    set_password(station, NEW_PASSWORD)
    station.drop()
    station.connect()
    station.settle()
    station.advance(5)
    assert station.orders == []


@pytest.mark.parametrize("boots", [False, True])
def test_A01_nor_is_one_that_the_daemon_has_ended(station: Bench, boots: bool) -> None:
    set_password(station, NEW_PASSWORD)
    station.start_again(boots=boots)
    station.reconnect()
    station.advance(5)
    assert station.orders == []
    assert station.endpoint().password == NEW_PASSWORD


def test_A01_where_there_is_no_connection_the_next_attempt_comes_at_once(station: Bench) -> None:
    station.drop()
    station.do("set-variable", component="SecurityCtrlr", variable="BasicAuthPassword", value=NEW_PASSWORD)
    assert station.orders == [Order("close", 1000, "new password")]


# SecurityCtrlr


def test_the_station_tells_its_identity_and_keeps_its_organization(new_bench: NewBench) -> None:
    bench = new_bench(with_presets(Hardware(), SecurityCtrlr__OrganizationName="Charge & Co"))
    assert value_of(bench, "SecurityCtrlr", "Identity") == "CP001"
    assert value_of(bench, "SecurityCtrlr", "OrganizationName") == "Charge & Co"
    bench.set("SecurityCtrlr.OrganizationName", "Other")
    assert value_of(bench, "SecurityCtrlr", "OrganizationName") == "Other"
    (result,) = put(bench, item("SecurityCtrlr", "OrganizationName", ""))
    assert result["attributeStatus"] == "Rejected"
