"""The configuration, through files and environment variables as a user gives them."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppd.core.description import (
    Car,
    Connector,
    Csms,
    Evse,
    Hardware,
    Preset,
    StationDescription,
    Tls,
    Token,
)
from ocppd.edge.mqtt import TargetError, parse_target
from ocppd.settings import Settings, SettingsError, describe_station, json_schema, load
from ocppd.settings.model import InputSettings
from ocppd.settings.presets import parse_name, parse_variable, spell
from ocppd.settings.templates import Templates
from tests.pems import pems

KNOWN = "known are: ac-11kw, ac-22kw, ac-22kw-dual, dc-150kw, dc-50kw"
CHECKOUT = Path(__file__).parent.parent
SECRET = "only-for-tests-0001"

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory and an environment in which nothing is configured."""
    for name in [name for name in os.environ if name.upper().startswith("OCPPD_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file into the working directory; gives its path relative to it."""

    def write_file(text: str, name: str = "config/ocppd.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return Path(name)

    return write_file


@pytest.fixture
def write_pems(write: Write) -> Callable[..., None]:
    """Write a root certificate, a certificate and its key into files of these names."""

    def write_files(**names: str) -> None:
        for kind, name in names.items():
            write(getattr(pems(), kind), name)

    return write_files


@pytest.fixture
def stations(write: Write) -> Callable[[str], list[StationDescription]]:
    """The stations that a configuration describes."""
    return lambda text: load([write(text)]).station_descriptions()


@pytest.fixture
def problems(write: Write) -> Callable[..., list[str]]:
    """The lines of the error that a configuration leads to."""

    def problems_of(text: str = "", name: str = "config/ocppd.yaml") -> list[str]:
        with pytest.raises(SettingsError) as error:
            load([write(text, name)])
        return str(error.value).splitlines()

    return problems_of


# Where settings come from


def test_nothing_given_leaves_the_defaults() -> None:
    settings = load()
    assert (settings.mqtt.host, settings.mqtt.port, settings.mqtt.enabled) == ("127.0.0.1", 1883, True)
    assert settings.mqtt.response_topics == ["reply/#", "ocppd/v1/reply/#"]
    assert settings.state.path == Path("charge_point_state.json")
    assert (settings.state.save_interval, settings.state.on_start) == (0, "power_up")
    assert (settings.daemon.metrics, settings.daemon.log.format, settings.clock.rate) == (None, "json", 1)
    assert settings.station_descriptions() == []


def test_the_daemon_is_called_like_its_host() -> None:
    assert load().daemon.id == socket.gethostname()


def test_the_file_in_the_working_directory_is_found(write: Write) -> None:
    write("mqtt: {host: found}")
    assert load().mqtt.host == "found"
    assert load([]).mqtt.host == "found"


def test_later_files_override_earlier_ones_key_by_key(write: Write) -> None:
    first = write("mqtt: {host: a, port: 1}\nstations: [{id: CP1}, {id: CP2}]")
    second = write("mqtt: {host: b}\nstations: [{id: CP3}]", "lab.yaml")
    settings = load([first, second])
    assert (settings.mqtt.host, settings.mqtt.port) == ("b", 1)
    assert [station.id for station in settings.stations] == ["CP3"]


def test_the_environment_overrides_files(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("mqtt: {host: a, port: 1}")
    write(pems().ca, "ca.pem")
    monkeypatch.setenv("OCPPD_MQTT__HOST", "broker")
    monkeypatch.setenv("OCPPD_DAEMON__LOG__LEVEL", "debug")
    monkeypatch.setenv("OCPPD_MQTT__TLS__CA", "ca.pem")
    monkeypatch.setenv("OCPPD_CSMS__SECURITY_PROFILE", "2")
    settings = load()
    assert (settings.mqtt.host, settings.mqtt.port, settings.daemon.log.level) == ("broker", 1, "debug")
    assert settings.csms.security_profile == 2
    assert settings.mqtt.tls is not None
    assert settings.mqtt.tls.ca == "ca.pem"


def test_lists_and_sections_in_the_environment_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCPPD_CSMS", '{"url": "ws://a/ocpp", "security_profile": 1, "password": "p"}')
    monkeypatch.setenv("OCPPD_CSMS__URL", "ws://b/ocpp")
    monkeypatch.setenv("OCPPD_STATIONS", '[{"id": "CP1"}]')
    [station] = load().station_descriptions()
    assert (station.csms.url, station.csms.security_profile) == ("ws://b/ocpp", 1)


def test_a_section_of_comments_alone_is_an_absent_one(write: Write) -> None:
    assert load([write("mqtt:\n  # host: a\nstations:\n")]).mqtt.host == "127.0.0.1"
    assert load([write("# nothing yet\n")]).stations == []


def test_words_and_digits_that_yaml_likes_to_convert_stay_text(stations: Callable, write: Write) -> None:
    text = "stations: [{id: 12345E67, default_token: {id_token: 04123456}, groups: [ON, 2024-01-31]}]"
    [station] = stations(text)
    assert station.id == "12345E67"
    assert station.hardware.default_token.id_token == "04123456"
    assert station.groups == ("ON", "2024-01-31")
    button = "mqtt: {inputs: [{topic: b, target: CP1/1/1, map: {ON: plug-in, 0: unplug}}]}"
    assert load([write(button)]).mqtt.inputs[0].map == {"ON": "plug-in", "0": "unplug"}


def test_anchors_and_merge_keys_of_yaml_work(stations: Callable) -> None:
    text = "stations:\n- &a {id: CP1, vendor: v, model: m}\n- {<<: *a, id: CP2, model: other}"
    first, second = stations(text)
    assert (first.hardware.vendor, first.hardware.model) == ("v", "m")
    assert (second.id, second.hardware.vendor, second.hardware.model) == ("CP2", "v", "other")


# Errors name file, key and reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mqtt: {hots: x}", "mqtt.hots: unknown key, did you mean 'host'?"),
        ("mqqt: {host: x}", "mqqt: unknown key, did you mean 'mqtt'?"),
        ("mqqt:", "mqqt: unknown key, did you mean 'mqtt'?"),
        ("mqtt: {base-topic: x}", "mqtt.base-topic: unknown key, did you mean 'base_topic'?"),
        ("clock: {xyz: 1}", "clock.xyz: unknown key, known are: rate"),
        ("stations: [{id: CP1, evse: []}]", "stations[0].evse: unknown key, did you mean 'evses'?"),
        (
            "stations: [{id: CP1, evses: [{}, {max_w: 0}]}]",
            "stations[0].evses[1].max_w: Input should be greater than or equal to 1",
        ),
        (
            "stations: [{id: CP1, evses: [{connectors: [{typ: x}]}]}]",
            "stations[0].evses[0].connectors[0].typ: unknown key, did you mean 'type'?",
        ),
        ("stations: [{vendor: x}]", "stations[0].id: this key is required"),
        ("stations: [{id: 5}]", "stations[0].id: Input should be a valid string (a number needs quotes)"),
        ("mqtt: [1]", "mqtt: Input should be a mapping of keys"),
        ("mqtt: {port: 70000}", "mqtt.port: Input should be less than or equal to 65535"),
        ("mqtt: {inputs: [{topic: a, target: b}]}", "mqtt.inputs[0]: either command or map must be given"),
        ("csms: {security_profile: 4}", "csms.security_profile: Input should be less than or equal to 3"),
        ("csms: {url: http://a}", "csms.url: String should match pattern '^wss?://[^/]+'"),
        ("clock: {rate: 0}", "clock.rate: Input should be greater than 0"),
        ("state: {on_start: x}", "state.on_start: Input should be 'power_up' or 'resume'"),
        (
            "stations: [{id: CP1, variables: {Power: x}}]",
            "stations[0].variables.Power: 'Power' is not of the form Component[instance].Variable[instance]",
        ),
        (
            "stations: [{id: CP1, variables: {A.B: {c: d}}}]",
            "stations[0].variables.A.B: Input should be text, a number, true, false, null or a list of these",
        ),
        (
            "stations: [{id: CP1, device_model: [{component: A, variable: 'B['}]}]",
            "stations[0].device_model[0].variable: 'B[' is neither a Name nor a Name[instance]",
        ),
        (
            "stations: [{id: CP1, device_model: [{component: A, variable: B, connector: 1}]}]",
            "stations[0].device_model[0].connector: a connector needs its evse",
        ),
        (
            "stations: [{id: CP1, device_model: [{component: A, variable: B, evse: 2}]}]",
            "stations[0].device_model[0].evse: there is no EVSE 2",
        ),
        (
            "fleet: [{id: 'CP{n}', device_model: [{component: A, variable: B, evse: 1, connector: 2}]}]",
            "fleet[0].device_model[0].connector: EVSE 1 has no connector 2",
        ),
        (
            "stations: [{id: CP1, template: ac-22kv}]",
            "stations[0].template: unknown template 'ac-22kv', did you mean 'ac-22kw'?",
        ),
        (
            "fleet: [{id: 'CP{n}', template: xyz}]",
            f"fleet[0].template: unknown template 'xyz', {KNOWN}",
        ),
        (
            "stations: [{id: CP1, template: ../../etc/passwd}]",
            f"stations[0].template: unknown template '../../etc/passwd', {KNOWN}",
        ),
        ("stations: [{id: A}, {id: A}]", "stations[1].id: 'A' is the id of stations[0] already"),
        (
            "stations: [{id: CP02}]\nfleet: [{id: 'CP{n:02}', count: 3}]",
            "fleet[0].id: 'CP02' is the id of stations[0] already",
        ),
        (
            "fleet: [{id: 'CP{n}', count: 3}, {id: 'CP{n}', first: 3}]",
            "fleet[1].id: 'CP3' is the id of fleet[0] already",
        ),
        (
            "fleet: [{id: CP, count: 2}]",
            "fleet[0].id: 'CP' must hold the number of the station once, as {n} or {n:05}",
        ),
        (
            "fleet: [{id: 'CP:{n}'}]",
            "fleet[0].id: 'CP:1' is no OCPP identity: 1 to 48 letters, digits and *-_=+|@.",
        ),
    ],
)
def test_a_wrong_key_is_named_with_its_file(problems: Callable, text: str, expected: str) -> None:
    assert problems(text, "config/x.yaml") == [f"config/x.yaml: {expected}"]


@pytest.mark.parametrize(
    ("key", "value", "bound"),
    [
        ("ev.soc", "-1", "greater than or equal to 0"),
        ("ev.soc", "100.1", "less than or equal to 100"),
        ("ev.capacity_wh", "0.5", "greater than or equal to 1"),
        ("ev.capacity_wh", "100000001", "less than or equal to 100000000"),
        ("ev.max_w", "0.5", "greater than or equal to 1"),
        ("ev.max_w", "10000001", "less than or equal to 10000000"),
        ("ev.max_a", "-1", "greater than or equal to 0"),
        ("ev.max_a", "100001", "less than or equal to 100000"),
        ("ev.ready_delay_s", "-1", "greater than or equal to 0"),
        ("ev.ready_delay_s", "1000001", "less than or equal to 1000000"),
        ("ev.soc", "nan", "a finite number"),
        ("ev.max_a", "inf", "a finite number"),
        ("evses[0].max_w", "0.5", "greater than or equal to 1"),
        ("evses[0].max_w", "10000001", "less than or equal to 10000000"),
        ("evses[0].voltage_v", "0.5", "greater than or equal to 1"),
        ("evses[0].voltage_v", "10001", "less than or equal to 10000"),
        ("evses[0].voltage_v", "nan", "a finite number"),
    ],
)
def test_numbers_that_no_car_and_no_evse_has_are_refused(
    problems: Callable, key: str, value: str, bound: str
) -> None:
    section, name = key.split(".")
    entry = f"ev: {{{name}: {value}}}" if section == "ev" else f"evses: [{{{name}: {value}}}]"
    assert problems(f"stations: [{{id: CP1, {entry}}}]") == [
        f"config/ocppd.yaml: stations[0].{key}: Input should be {bound}"
    ]


@pytest.mark.parametrize(
    "key", ["clock.rate", "mqtt.meter_interval", "state.save_interval", "transfers.timeout_s"]
)
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_no_number_of_the_daemon_is_infinite(problems: Callable, key: str, value: str) -> None:
    section, name = key.split(".")
    assert problems(f"{section}: {{{name}: {value}}}") == [
        f"config/ocppd.yaml: {key}: Input should be a finite number"
    ]


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (f"ws://user:{SECRET}@csms/ocpp", "must hold no user info, give csms.password"),
        (f"wss://{SECRET}@csms", "must hold no user info, give csms.password"),
        (f"ws://csms/ocpp?token={SECRET}", "must hold no query and no fragment: the identity is appended"),
        ("ws://csms/ocpp?", "must hold no query and no fragment: the identity is appended"),
        (f"ws://csms/ocpp#{SECRET}", "must hold no query and no fragment: the identity is appended"),
        (f"ws://csms:{SECRET}/ocpp", "must be ws://host[:port][/path] or wss://host[:port][/path]"),
        ("ws://csms:70000/ocpp", "must be ws://host[:port][/path] or wss://host[:port][/path]"),
        ("ws://:9000/ocpp", "must be ws://host[:port][/path] or wss://host[:port][/path]"),
        (f"ws://[{SECRET}/ocpp", "must be ws://host[:port][/path] or wss://host[:port][/path]"),
        (f"ws://{SECRET}℀/ocpp", "must be ws://host[:port][/path] or wss://host[:port][/path]"),
        ("ws://cs ms/ocpp", "must be ws://host[:port][/path] or wss://host[:port][/path]"),
        (f"http://{SECRET}@csms", "String should match pattern '^wss?://[^/]+'"),
        ("ws:///ocpp", "String should match pattern '^wss?://[^/]+'"),
    ],
)
def test_a_url_is_a_place_and_nothing_else(problems: Callable, url: str, problem: str) -> None:
    assert problems(f"csms: {{url: '{url}'}}") == [f"config/ocppd.yaml: csms.url: {problem}"]
    assert problems(f"stations: [{{id: CP1, csms: {{url: '{url}'}}}}]") == [
        f"config/ocppd.yaml: stations[0].csms.url: {problem}"
    ]


@pytest.mark.parametrize("url", ["ws://a", "wss://a:443/", "ws://[::1]:9000/ocpp", "ws://a/b@c/d%20e"])
def test_a_url_may_have_a_port_and_a_path(stations: Callable, url: str) -> None:
    [station] = stations(f"stations: [{{id: CP1, csms: {{url: '{url}'}}}}]")
    assert station.csms.url == url


@pytest.mark.parametrize(
    "text", ["", "a/#/b", "#/a", "a#", "a/b#", "a+", "a/+b/c", "++", "a\\0b", "x" * 65536]
)
def test_a_filter_that_mqtt_forbids_is_refused(problems: Callable, text: str) -> None:
    entry = f'{{topic: "{text}", target: CP1, command: plug-in}}'
    [problem] = problems(f"mqtt: {{inputs: [{entry}]}}")
    assert problem.startswith("config/ocppd.yaml: mqtt.inputs[0].topic: ")
    [problem] = problems(f'mqtt: {{response_topics: [reply/#, "{text}"]}}')
    assert problem.startswith("config/ocppd.yaml: mqtt.response_topics[1]: ")


def test_an_error_about_a_filter_says_what_is_allowed(problems: Callable) -> None:
    [problem] = problems("mqtt: {response_topics: [a/#/b]}")
    assert problem == (
        "config/ocppd.yaml: mqtt.response_topics[0]: 'a/#/b' is no MQTT topic filter:"
        " + and # are a whole level each, and # is the last one"
    )


def test_home_assistant_is_spoken_to_where_it_is_said_and_under_its_prefix(write: Write) -> None:
    assert load([write("mqtt: {host: b}")]).mqtt.discovery is None
    found = load([write("mqtt: {discovery: {}}")]).mqtt.discovery
    assert found is not None
    assert (found.enabled, found.prefix) == (True, "homeassistant")
    found = load([write("mqtt: {discovery: {enabled: false, prefix: home/ha}}")]).mqtt.discovery
    assert found is not None
    assert (found.enabled, found.prefix) == (False, "home/ha")


def test_a_prefix_that_is_no_topic_is_refused(problems: Callable) -> None:
    [problem] = problems("mqtt: {discovery: {prefix: 'home/#'}}")
    assert problem.startswith("config/ocppd.yaml: mqtt.discovery.prefix: ")


@pytest.mark.parametrize("text", ["#", "+", "/", "a//b", "+/a/+", "a/+/#", "$SYS/#", "é" * 32767])
def test_a_filter_that_mqtt_allows_is_taken(write: Write, text: str) -> None:
    entry = f"{{topic: '{text}', target: CP1, command: plug-in}}"
    mqtt = load([write(f"mqtt: {{inputs: [{entry}], response_topics: ['{text}']}}")]).mqtt
    assert (mqtt.inputs[0].topic, mqtt.response_topics) == (text, [text])


@pytest.mark.parametrize("target", ["CP001/x", "CP001/0", "CP001/1/2/3", "/1", "daemon/", "group/a/b"])
def test_a_target_that_is_none_is_refused(problems: Callable, target: str) -> None:
    [problem] = problems(f"mqtt: {{inputs: [{{topic: a, target: {target}, command: plug-in}}]}}")
    assert problem == (
        f"config/ocppd.yaml: mqtt.inputs[0].target: '{target}' is no target:"
        " STATION, STATION/EVSE, STATION/EVSE/CONNECTOR, daemon/ID, group/NAME or all"
    )


TARGETS = st.lists(st.sampled_from(["CP1", "all", "daemon", "group", "0", "1", "12", "x", ""]), max_size=4)


@given(TARGETS.map("/".join) | st.text())
def test_a_target_is_what_the_edge_takes_for_one(text: str) -> None:
    try:
        parse_target(text)
    except TargetError:
        with pytest.raises(ValueError, match="target"):
            InputSettings(topic="a", target=text, command="plug-in")
    else:
        assert InputSettings(topic="a", target=text, command="plug-in").target == text


@pytest.mark.parametrize("identity", ["CP:1", "CP 1", "CP/1", "Käfer", "", "x" * 49])
def test_an_identity_that_ocpp_forbids_is_refused(problems: Callable, identity: str) -> None:
    [problem] = problems(f"stations: [{{id: '{identity}'}}]")
    assert problem.startswith(f"config/ocppd.yaml: stations[0].id: '{identity}' is no OCPP identity")


def test_an_identity_may_hold_all_that_ocpp_allows(stations: Callable) -> None:
    identity = "aZ09*-_=+|@." + "x" * 36
    assert [station.id for station in stations(f"stations: [{{id: '{identity}'}}]")] == [identity]


def test_every_problem_has_a_line_of_its_own(problems: Callable) -> None:
    assert problems("mqtt: {hots: x}\nclock: {rate: -1}") == [
        "config/ocppd.yaml: mqtt.hots: unknown key, did you mean 'host'?",
        "config/ocppd.yaml: clock.rate: Input should be greater than 0",
    ]


def test_of_several_files_the_one_with_the_wrong_key_is_named(write: Write) -> None:
    first = write("mqtt: {hots: x, port: 1}\nstations: [{id: CP1}]", "a.yaml")
    second = write("mqtt: {port: 0}\nstations: [{}]", "b.yaml")
    with pytest.raises(SettingsError) as error:
        load([first, second])
    assert sorted(error.value.problems) == [
        "a.yaml: mqtt.hots: unknown key, did you mean 'host'?",
        "b.yaml: mqtt.port: Input should be greater than or equal to 1",
        "b.yaml: stations[0].id: this key is required",
    ]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("OCPPD_MQTT__HOTS", "x", "mqtt.hots: unknown key, did you mean 'host'?"),
        ("OCPPD_MQQT__HOST", "x", "mqqt: unknown key, did you mean 'mqtt'?"),
        ("OCPPD_CLOCKS", "1", "clocks: unknown key, did you mean 'clock'?"),
        (
            "OCPPD_MQTT__PORT",
            "x",
            "mqtt.port: Input should be a valid integer, unable to parse string as an integer",
        ),
        ("OCPPD_CSMS__PROTOCOLS", "ocpp2.0.1", "must be JSON, as it is a list or a section"),
        ("OCPPD_STATIONS__0__ID", "CP1", "stations: Input should be a valid list"),
    ],
)
def test_a_wrong_environment_variable_is_named(
    problems: Callable, monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(name, value)
    assert problems("mqtt: {host: a, port: 1}") == [f"{name}: {expected}"]


def test_a_syntax_error_is_named_with_its_line(problems: Callable) -> None:
    assert problems("mqtt:\n  host: a: b\n") == [
        "config/ocppd.yaml:2: mapping values are not allowed here",
    ]


def test_a_key_that_stands_twice_is_refused(problems: Callable) -> None:
    text = "mqtt:\n  host: a\n  port: 1\n  host: b\n"
    assert problems(text) == ["config/ocppd.yaml:4: the key host stands twice in one mapping"]


@pytest.mark.parametrize(
    ("text", "kind"), [("- a\n", "list"), ("text", "str"), ("5", "int"), ("a: 1\n---\nb: 2\n", None)]
)
def test_a_file_must_be_one_mapping(problems: Callable, text: str, kind: str | None) -> None:
    [problem] = problems(text)
    expected = f": must be a mapping of keys, not a {kind}" if kind else ":2: but found another document"
    assert problem == f"config/ocppd.yaml{expected}"


@pytest.mark.parametrize(
    "text", ["? [a]\n: b\n", "a: \0", "a: !!int x", "a: &a [*a]", "a: !!python/name:os.system"]
)
def test_odd_yaml_is_refused(problems: Callable, text: str) -> None:
    assert problems(text)[0].startswith("config/ocppd.yaml:")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^nowhere\.yaml: cannot be read: No such file or directory$"):
        load([Path("nowhere.yaml")])
    Path("latin1.yaml").write_bytes("vendor: Käfer".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"^latin1\.yaml: is not UTF-8 text$"):
        load([Path("latin1.yaml")])


# Secrets


def test_a_password_is_read_from_a_file_beside_the_configuration(stations: Callable, write: Write) -> None:
    write(f"{SECRET}\n", "config/secrets/csms")
    [station] = stations("csms: {password_file: secrets/csms}\nstations: [{id: CP1}]")
    assert station.csms.password == SECRET


def test_a_password_file_in_the_environment_is_relative_to_the_working_directory(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(f" {SECRET} \n\n", "mqtt-secret")
    write("mqtt: {username: u}")
    monkeypatch.setenv("OCPPD_MQTT__PASSWORD_FILE", "mqtt-secret")
    assert load().mqtt.secret() == f" {SECRET} \n"


def test_without_a_password_there_is_none() -> None:
    assert load().mqtt.secret() is None


def test_a_password_takes_back_the_password_file_of_a_lower_layer(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    stations = "stations: [{id: CP1, csms: {password: own}}]"
    write(f"mqtt: {{password_file: /nowhere}}\ncsms: {{password_file: pw}}\n{stations}")
    write("common", "config/pw")
    monkeypatch.setenv("OCPPD_MQTT__PASSWORD", SECRET)
    settings = load()
    assert settings.mqtt.secret() == SECRET
    assert settings.station_descriptions()[0].csms.password == "own"


@pytest.mark.parametrize("section", ["mqtt", "csms"])
def test_a_password_in_both_spellings_is_refused(problems: Callable, write: Write, section: str) -> None:
    write("x", "config/pw")
    assert problems(f"{section}: {{password: {SECRET}, password_file: pw}}") == [
        f"config/ocppd.yaml: {section}.password_file: password is given too, and only one of them can be"
    ]


def test_both_spellings_in_the_environment_are_refused(
    problems: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCPPD_MQTT__PASSWORD", SECRET)
    monkeypatch.setenv("OCPPD_MQTT__PASSWORD_FILE", "x")
    assert problems() == [
        "OCPPD_MQTT__PASSWORD_FILE: OCPPD_MQTT__PASSWORD is set too, and only one of them can be"
    ]


def test_a_password_file_that_cannot_be_read_is_named(problems: Callable, write: Write) -> None:
    where = "config/ocppd.yaml: stations[0].csms.password_file: "
    text = "stations: [{id: CP1, csms: {password_file: pw}}]"
    assert problems(text) == [f"{where}config/pw cannot be read: No such file or directory"]
    write("\n", "config/pw")
    assert problems(text) == [f"{where}config/pw is empty"]
    Path("config/pw").write_bytes(b"\xff" * 20)
    assert problems(text) == [f"{where}config/pw is not UTF-8 text"]


@pytest.mark.parametrize(
    "text",
    [
        f"mqtt: {{password: [{SECRET}]}}",
        f"mqtt: {{password: {{{SECRET}: 1}}}}",
        f"mqtt: {{password: {SECRET}, hots: x}}",
        f"mqtt: {{password: {SECRET}}}\ncsms: {SECRET}",
        f"mqtt: {{password: *{SECRET}}}",
        f"mqtt: {{password: !{SECRET} x}}",
        f"mqtt: {{password: !it's-{SECRET} x}}",
        f"mqtt: {{password: !{SECRET}!x y}}",
        f'mqtt: {{password: "{SECRET}}}',
        f"mqtt:\n  password: {SECRET}: x",
        f"mqtt:\n  password: @{SECRET}",
        f"mqtt:\n  password: {SECRET}\n host: x",
        f"stations: [{{id: CP1, variables: {{SecurityCtrlr.BasicAuthPassword: {SECRET}}}}}]",
        f"stations: [{{id: CP1, csms: {{password: {SECRET}}}, template: x}}]",
    ],
)
def test_an_error_never_shows_a_secret(problems: Callable, text: str) -> None:
    assert SECRET not in "".join(problems(text))


def test_an_error_about_the_environment_never_shows_a_secret(
    problems: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCPPD_CSMS", f'{{"password": "{SECRET}"')
    assert problems() == ["OCPPD_CSMS: must be JSON, as it is a list or a section"]


def test_neither_repr_nor_dump_shows_a_secret(write: Write) -> None:
    write(SECRET, "config/pw")
    text = (
        f"mqtt: {{password: {SECRET}}}\n"
        "csms: {password_file: pw}\n"
        f"stations: [{{id: CP1, csms: {{password: {SECRET}}}}}]\n"
        "fleet: [{id: 'F{n}', csms: {password_file: pw}}]"
    )
    settings = load([write(text)])
    stations = settings.station_descriptions()
    assert {station.csms.password for station in stations} == {SECRET}
    shown = (repr(settings), str(settings.model_dump()), settings.model_dump_json(), repr(stations))
    assert all(SECRET not in text for text in shown)


@pytest.mark.parametrize(
    ("preset", "where"),
    [
        (
            "variables: {securityctrlr.basicauthpassword: x}",
            "variables.securityctrlr.basicauthpassword",
        ),
        (
            "device_model: [{component: SecurityCtrlr, variable: BasicAuthPassword, value: x}]",
            "device_model[0].variable",
        ),
    ],
)
def test_a_password_is_no_variable(problems: Callable, preset: str, where: str) -> None:
    assert problems(f"stations: [{{id: CP1, {preset}}}]") == [
        f"config/ocppd.yaml: stations[0].{where}: a password is given as csms.password or csms.password_file"
    ]


# Stations


def test_every_key_of_a_station_reaches_its_description(
    stations: Callable, write_pems: Callable[..., None], tmp_path: Path
) -> None:
    write_pems(ca="config/ca.pem", cert="station.pem", key="config/station.key")
    cert = str(tmp_path / "station.pem")
    text = """
stations:
  - id: CP001
    groups: [lab]
    vendor: ocppd
    model: sim-ac22
    serial: SN0001
    firmware: 2.0.0
    csms:
      url: wss://csms/ocpp
      security_profile: 3
      password: only-for-tests-0001
      tls: {ca: ca.pem, cert: CERT, key: station.key}
      protocols: [ocpp2.0.1, ocpp2.1]
    evses:
      - {phases: 3, max_w: 22080, connectors: [{type: cType2}, {type: sType2}]}
      - {phases: 0, max_w: 50000, voltage_v: 400, connectors: [{type: cCCS2}]}
    ev: {soc: 30, capacity_wh: 50000, max_w: 7400, max_a: 32, phases: 1, ready_delay_s: 2}
    default_token: {id_token: DE-8AA-1234567, type: eMAID}
    variables: {TxCtrlr.TxStartPoint: PowerPathClosed}
    device_model: [{component: EVSE, evse: 1, variable: Power, attribute: MaxSet, value: 22080}]
""".replace("CERT", cert)
    hardware = Hardware(
        vendor="ocppd",
        model="sim-ac22",
        firmware="2.0.0",
        evses=(
            Evse(3, 22080, 230, (Connector("cType2"), Connector("sType2"))),
            Evse(0, 50000, 400, (Connector("cCCS2"),)),
        ),
        ev=Car(soc=30, capacity_wh=50000, max_w=7400, max_a=32, phases=1, ready_delay_s=2),
        default_token=Token("DE-8AA-1234567", "eMAID"),
        presets=(
            Preset("TxCtrlr", "TxStartPoint", "PowerPathClosed"),
            Preset("EVSE", "Power", "22080", evse=1, attribute="MaxSet"),
        ),
    )
    csms = Csms(
        url="wss://csms/ocpp",
        security_profile=3,
        password="only-for-tests-0001",
        tls=Tls("config/ca.pem", cert, "config/station.key", roots=pems().ca, chain=pems().cert),
        protocols=("ocpp2.0.1", "ocpp2.1"),
    )
    assert stations(text) == [StationDescription("CP001", hardware, csms, "SN0001", ("lab",))]


def test_protocols_are_those_that_the_station_speaks_each_once(problems: Callable) -> None:
    (wrong,) = problems("stations: [{id: CP1}]\ncsms: {protocols: [ocpp1.6]}")
    assert "csms.protocols[0]" in wrong
    (double,) = problems("stations: [{id: CP1}]\ncsms: {protocols: [ocpp2.1, ocpp2.1]}")
    assert "each protocol once" in double


def test_a_bare_station_is_the_core_s_default(stations: Callable) -> None:
    assert stations("stations: [{id: CP1}]") == [StationDescription("CP1", serial="SN-CP1")]


def test_a_serial_made_from_a_long_identity_fits_into_ocpp(stations: Callable) -> None:
    [station] = stations(f"stations: [{{id: {'x' * 40}00012345}}]")
    assert station.serial == "SN-" + "x" * 14 + "00012345"


def test_defaults_for_every_station_can_be_overridden_key_by_key(stations: Callable) -> None:
    text = """
csms: {url: ws://all/ocpp, security_profile: 1, password: common-password}
default_token: {id_token: AAAA}
stations: [{id: CP1}, {id: CP2, csms: {url: ws://own/ocpp}, default_token: {id_token: BBBB}}]
"""
    first, second = stations(text)
    assert first.csms == Csms("ws://all/ocpp", 1, "common-password")
    assert second.csms == Csms("ws://own/ocpp", 1, "common-password")
    assert first.hardware.default_token == Token("AAAA")
    assert second.hardware.default_token == Token("BBBB")


@pytest.mark.parametrize(
    ("template", "phases", "max_w", "connector"),
    [("ac-11kw", 3, 11040, "cType2"), ("ac-22kw", 3, 22080, "cType2"), ("dc-50kw", 0, 50000, "cCCS2")],
)
def test_templates_ship_with_the_package(
    stations: Callable, template: str, phases: int, max_w: float, connector: str
) -> None:
    [station] = stations(f"stations: [{{id: CP1, template: {template}}}]")
    [evse] = station.hardware.evses
    assert (evse.phases, evse.max_w, evse.connectors) == (phases, max_w, (Connector(connector),))


def test_a_template_that_does_not_exist_cannot_be_had() -> None:
    with pytest.raises(KeyError):
        Templates()["../secrets"]


def test_a_template_beside_the_first_file_is_preferred(write: Write) -> None:
    write("model: mine", "a/templates/ac-22kw.yaml")
    write("model: not-mine", "b/templates/ac-22kw.yaml")
    first = write("stations: [{id: CP1, template: ac-22kw}]", "a/one.yaml")
    second = write("clock: {rate: 2}", "b/two.yaml")
    [station] = load([first, second]).station_descriptions()
    assert station.hardware.model == "mine"


def test_a_station_s_own_keys_win_over_its_template(stations: Callable, write: Write) -> None:
    write(
        "vendor: V\nmodel: M\ngroups: [a, b]\nev: {soc: 50, max_w: 7000}\nevses: [{}, {}]\n"
        "csms: {password_file: pw, security_profile: 1}\nvariables: {A.B: 1, A.C: 2}",
        "config/templates/t.yaml",
    )
    write("from-the-template", "config/templates/pw")
    text = """
csms: {url: ws://all/ocpp, password: from-the-defaults}
stations:
  - {id: CP1, template: t}
  - {id: CP2, template: t, model: X, groups: [c], ev: {soc: 1}, evses: [{max_w: 1}], variables: {A.C: 3}}
"""
    first, second = stations(text)
    assert first.csms == second.csms == Csms("ws://all/ocpp", 1, "from-the-template")
    assert (first.hardware.model, first.groups, len(first.hardware.evses)) == ("M", ("a", "b"), 2)
    assert (second.hardware.vendor, second.hardware.model, second.groups) == ("V", "X", ("c",))
    assert second.hardware.ev == Car(soc=1, max_w=7000)
    assert second.hardware.evses == (Evse(max_w=1),)
    assert second.hardware.presets == (Preset("A", "B", "1"), Preset("A", "C", "3"))


def test_an_error_in_a_template_names_the_template_s_file(problems: Callable, write: Write) -> None:
    write("evses: [{max_w: -1}]\nserial: x", "config/templates/t.yaml")
    known = (
        "csms, data_transfer, default_token, device_model, ev, evses, firmware, groups, max_w, model, "
        "monitors, variables, vendor"
    )
    assert sorted(problems("stations: [{id: CP1, template: t}]")) == [
        "config/templates/t.yaml: evses[0].max_w: Input should be greater than or equal to 1",
        f"config/templates/t.yaml: serial: unknown key, known are: {known}",
    ]


def test_a_fleet_follows_the_stations(stations: Callable) -> None:
    fleet = 'fleet: [{id: "CP{n:05}", first: 9, count: 2, template: ac-22kw, groups: [fleet]}]'
    alone, *many = stations(f"stations: [{{id: CP1}}]\n{fleet}")
    assert alone.id == "CP1"
    assert [(station.id, station.serial, station.groups) for station in many] == [
        ("CP00009", "SN-CP00009", ("fleet",)),
        ("CP00010", "SN-CP00010", ("fleet",)),
    ]


def test_an_empty_fleet_is_no_station(stations: Callable) -> None:
    assert stations('fleet: [{id: "CP{n}", count: 0}]') == []


def test_stations_that_are_alike_share_their_hardware_and_csms(write: Write) -> None:
    text = """
stations:
  - {id: A, template: ac-22kw}
  - {id: B, template: ac-22kw, groups: [other]}
  - {id: C, template: ac-22kw, ev: {soc: 99}, csms: {url: ws://own/ocpp}}
fleet: [{id: "CP{n}", count: 100, template: ac-22kw}]
"""
    settings = load([write(text)])
    first, second, other, *fleet = settings.station_descriptions()
    late = describe_station(settings, {"id": "D", "template": "ac-22kw"}, "state file")
    assert {id(station.hardware) for station in (second, *fleet, late)} == {id(first.hardware)}
    assert {id(station.csms) for station in (second, *fleet, late)} == {id(first.csms)}
    assert (other.hardware, other.csms) != (first.hardware, first.csms)


# The device model


def test_variables_become_presets_in_ocpp_s_spelling(stations: Callable) -> None:
    text = """
stations:
  - id: CP1
    variables:
      TxCtrlr.TxStartPoint: [PowerPathClosed, Authorized]
      OCPPCommCtrlr.MessageTimeout[Default]: 30
      OCPPCommCtrlr[Authorize.idToken].FieldLength: 255
      A[x.y].B[z]: true
      A.Small: 0.00001
      A.Unknown: null
      A.Text: "007"
"""
    [station] = stations(text)
    assert station.hardware.presets == (
        Preset("TxCtrlr", "TxStartPoint", "PowerPathClosed,Authorized"),
        Preset("OCPPCommCtrlr", "MessageTimeout", "30", variable_instance="Default"),
        Preset("OCPPCommCtrlr", "FieldLength", "255", component_instance="Authorize.idToken"),
        Preset("A", "B", "true", component_instance="x.y", variable_instance="z"),
        Preset("A", "Small", "0.00001"),
        Preset("A", "Unknown", None),
        Preset("A", "Text", "007"),
    )


def test_the_long_form_carries_every_characteristic(stations: Callable) -> None:
    text = """
stations:
  - id: CP1
    device_model:
      - {component: "Cooler[left]", variable: "Speed[max]", evse: 1, connector: 1, attribute: Target,
         value: 3, data_type: OptionList, mutability: ReadWrite, unit: rpm, min: 0, max: 9,
         values: [1, 3, true], supports_monitoring: false}
"""
    [station] = stations(text)
    assert station.hardware.presets == (
        Preset(
            component="Cooler",
            component_instance="left",
            variable="Speed",
            variable_instance="max",
            evse=1,
            connector=1,
            attribute="Target",
            value="3",
            data_type="OptionList",
            mutability="ReadWrite",
            unit="rpm",
            min=0,
            max=9,
            values=("1", "3", "true"),
            supports_monitoring=False,
        ),
    )


NAMES = st.from_regex(r"[A-Za-z0-9*\-_=:+|@]{1,50}", fullmatch=True)
INSTANCES = st.none() | st.text(st.characters(exclude_characters="[]"), min_size=1, max_size=50)


def written(name: str, instance: str | None) -> str:
    return name if instance is None else f"{name}[{instance}]"


@given(NAMES, INSTANCES, NAMES, INSTANCES)
def test_what_is_written_is_what_is_parsed(
    component: str, component_instance: str | None, variable: str, variable_instance: str | None
) -> None:
    left, right = written(component, component_instance), written(variable, variable_instance)
    assert parse_name(left) == (component, component_instance)
    assert parse_variable(f"{left}.{right}") == (component, component_instance, variable, variable_instance)


@given(st.text() | st.from_regex(r"[A-B.\[\]]{0,9}", fullmatch=True))
def test_any_text_is_parsed_to_what_it_says_or_refused(text: str) -> None:
    try:
        component, component_instance, variable, variable_instance = parse_variable(text)
    except ValueError:
        return
    assert text == f"{written(component, component_instance)}.{written(variable, variable_instance)}"


@pytest.mark.parametrize(
    "text", ["", "A[", "A[]", "A]", "A[b]c", "A[b][c]", "A b", "A" * 51, f"A[{'b' * 51}]"]
)
def test_a_malformed_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is neither a Name nor a Name\[instance\]"):
        parse_name(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_spelled_without_exponent_and_without_loss(number: float) -> None:
    spelled = spell(number)
    assert spelled is not None
    assert "e" not in spelled.lower()
    assert float(spelled) == number


@pytest.mark.parametrize("value", [{}, [[]], [None], float("nan"), float("inf"), b"x"])
def test_what_ocpp_cannot_spell_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="Input should be text, a number"):
        spell(value)


# One station from elsewhere: the state file, a command


def test_a_station_from_elsewhere_has_the_same_defaults_and_templates(write: Write) -> None:
    write("model: mine", "config/templates/t.yaml")
    settings = load([write("csms: {url: ws://all/ocpp}")])
    station = describe_station(settings, {"id": "CP9", "template": "t"}, "charge_point_state.json")
    assert (station.id, station.serial, station.hardware.model) == ("CP9", "SN-CP9", "mine")
    assert station.csms.url == "ws://all/ocpp"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"id": "CP9", "vendr": "x"}, "vendr: unknown key, did you mean 'vendor'?"),
        ({"id": "CP:9"}, "id: 'CP:9' is no OCPP identity: 1 to 48 letters, digits and *-_=+|@."),
        ({}, "id: this key is required"),
        ({"id": "CP9", "template": "ac-22"}, "template: unknown template 'ac-22', did you mean 'ac-22kw'?"),
        (
            {"id": "CP9", "device_model": [{"component": "A", "variable": "B", "evse": 7}]},
            "device_model[0].evse: there is no EVSE 7",
        ),
    ],
)
def test_an_error_in_a_station_from_elsewhere_says_where(values: dict[str, object], expected: str) -> None:
    with pytest.raises(SettingsError) as error:
        describe_station(Settings(), values, "charge_point_state.json")
    assert str(error.value) == f"charge_point_state.json: {expected}"


def test_a_command_cannot_have_a_file_sent_as_a_password(write: Write) -> None:
    values = {"id": "CP9", "csms": {"password_file": str(write(SECRET, "pw"))}}
    assert describe_station(Settings(), values, "state file").csms.password == SECRET
    with pytest.raises(SettingsError, match=r"^add-station: csms\.password_file: is not allowed here"):
        describe_station(Settings(), values, "add-station", secret_files=False)


OWN_CSMS = {"url": "ws://own/ocpp"}


@pytest.mark.parametrize("template", [{}, {"template": "t"}])
@pytest.mark.parametrize("tls", [{}, {"tls": {}}, {"tls": {"ca": None}}])
@pytest.mark.parametrize("secret", ["password: from-the-settings", "password_file: pw"])
def test_a_command_with_a_csms_of_its_own_inherits_no_secret(
    write: Write, template: dict[str, object], tls: dict[str, object], secret: str
) -> None:
    write(SECRET, "config/pw")
    for name in ("a", "templates/x"):
        write(pems().ca, f"config/{name}")
    write(pems().cert, "config/b")
    write(pems().key, "config/c")
    write("csms: {password: of-the-template, tls: {ca: x}}", "config/templates/t.yaml")
    settings = load([write(f"csms: {{url: ws://all, {secret}, tls: {{ca: a, cert: b, key: c}}}}")])
    values = {"id": "CP9", "csms": OWN_CSMS | tls, **template}
    assert describe_station(settings, values, "x", secret_files=False).csms == Csms("ws://own/ocpp")
    given = {**values, "csms": OWN_CSMS | tls | {"password": "its-own"}}
    assert describe_station(settings, given, "x", secret_files=False).csms.password == "its-own"


def test_a_command_without_one_inherits_all(write: Write) -> None:
    text = "csms: {url: ws://all/ocpp, password: p, tls: {ca: a}}"
    write(pems().ca, "config/a")
    values = {"id": "CP9", "csms": {"protocols": ["ocpp2.0.1"]}}
    station = describe_station(load([write(text)]), values, "add-station", secret_files=False)
    assert station.csms == Csms("ws://all/ocpp", password="p", tls=Tls("config/a", roots=pems().ca))


@pytest.mark.parametrize("key", ["ca", "cert", "key"])
@pytest.mark.parametrize("url", [{}, OWN_CSMS])
def test_a_command_names_no_tls_files_and_none_is_opened(key: str, url: dict[str, str]) -> None:
    values = {"id": "CP9", "csms": {**url, "tls": {key: "/not/there.pem"}}}
    with pytest.raises(SettingsError) as error:
        describe_station(Settings(), values, "add-station", secret_files=False)
    assert str(error.value) == f"add-station: csms.tls.{key}: is not allowed here"


# TLS


def tls_of(kind: str, tls: str) -> str:
    return f"{kind}: {{tls: {{{tls}}}}}\nstations: [{{id: CP1}}]"


@pytest.mark.parametrize("section", ["csms", "mqtt"])
@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        ("ca: none", "ca: config/none cannot be read: No such file or directory"),
        ("cert: none, key: key", "cert: config/none cannot be read: No such file or directory"),
        ("cert: cert, key: none", "key: config/none cannot be read: No such file or directory"),
        ("ca: text", "ca: config/text holds no certificate"),
        ("ca: key", "ca: config/key holds a private key, which belongs in a file of its own"),
        ("cert: both, key: key", "cert: config/both holds a private key, which belongs in a file of its own"),
        ("ca: broken", "ca: config/broken holds a certificate that cannot be read"),
        ("cert: cert, key: cert", "key: config/cert holds no private key"),
        (
            "cert: cert, key: locked",
            "key: config/locked holds an encrypted key, and nobody is there to type its password",
        ),
        ("cert: cert, key: other", "key: config/other does not belong to the certificate"),
        ("cert: cert", "key: is needed for the certificate in config/cert"),
        ("key: key", "cert: is needed for the key in config/key"),
        ("ca: [x]", "ca: Input should be a path"),
        ("key: 5", "key: Input should be a path"),
    ],
)
def test_a_tls_file_that_will_not_do_is_named_with_its_key_and_the_reason(
    problems: Callable, write: Write, section: str, tls: str, expected: str
) -> None:
    write("no certificate", "config/text")
    write(pems().cert, "config/cert")
    write(pems().key, "config/key")
    write(pems().cert + pems().key, "config/both")
    write(pems("CP002").key, "config/other")
    write(pems().key.replace("BEGIN EC", "BEGIN ENCRYPTED"), "config/locked")
    write(pems().ca.replace("M", "N", 3), "config/broken")
    assert problems(tls_of(section, tls)) == [f"config/ocppd.yaml: {section}.tls.{expected}"]


def test_the_certificates_are_what_the_files_hold_when_the_settings_are_read(
    write: Write, stations: Callable
) -> None:
    text = tls_of("csms", "ca: ca.pem")
    write(f"Root of the laboratory, Zürich\n{pems().ca}", "config/ca.pem")
    [before] = stations(text)
    assert before.csms.tls.roots == pems().ca
    write(pems("other").ca + pems().ca, "config/ca.pem")
    [after] = stations(text)
    assert after.csms.tls.roots == pems("other").ca + pems().ca
    assert after != before  # which is what makes a reload follow


def test_a_file_that_is_gone_later_is_no_matter_for_what_was_read(write: Write) -> None:
    path = write(pems().ca, "config/ca.pem")
    settings = load([write(tls_of("csms", "ca: ca.pem"))])
    path.unlink()
    assert settings.station_descriptions()[0].csms.tls.roots == pems().ca


def test_stations_of_the_same_files_share_what_they_hold(write: Write, stations: Callable) -> None:
    write(pems().ca, "config/ca.pem")
    kinds = "stations: [{id: CP1, csms: {password: a}}, {id: CP2, csms: {password: b}}]"
    first, second = stations(f"csms: {{tls: {{ca: ca.pem}}}}\n{kinds}")
    assert first.csms.tls.roots is second.csms.tls.roots


# Security profiles


@pytest.mark.parametrize(
    ("csms", "expected"),
    [
        ("security_profile: 1", ["password: security profile 1 needs a password"]),
        ("security_profile: 1, password: ''", ["password: security profile 1 needs a password"]),
        ("security_profile: 2, url: wss://a", ["password: security profile 2 needs a password"]),
        ("security_profile: 2, password: x", ["url: security profile 2 needs a wss:// URL"]),
        (
            "security_profile: 3",
            [
                "url: security profile 3 needs a wss:// URL",
                "tls.cert: security profile 3 needs the station's certificate",
                "tls.key: security profile 3 needs the key of the station's certificate",
            ],
        ),
        (
            "security_profile: 3, url: wss://a, tls: {cert: c}",
            ["tls.key: is needed for the certificate in config/c"],
        ),
    ],
)
def test_a_security_profile_without_what_it_needs_is_refused(
    problems: Callable, write: Write, csms: str, expected: list[str]
) -> None:
    write(pems().cert, "config/c")
    own = [f"config/ocppd.yaml: stations[0].csms.{line}" for line in expected]
    assert problems(f"stations: [{{id: CP1, csms: {{{csms}}}}}]") == own
    assert problems(f"fleet: [{{id: 'CP{{n}}', csms: {{{csms}}}}}]") == [
        line.replace("stations", "fleet") for line in own
    ]
    inherited = [f"config/ocppd.yaml: csms.{line}" for line in expected]
    assert problems(f"csms: {{{csms}}}\nstations: [{{id: CP1}}, {{id: CP2}}]\nfleet: [{{id: 'F{{n}}'}}]") == (
        inherited
    )


def test_a_template_with_half_a_security_profile_is_laid_to_its_station(
    problems: Callable, write: Write
) -> None:
    write("csms: {security_profile: 1}", "config/templates/t.yaml")
    assert problems("stations: [{id: CP1, template: t}]") == [
        "config/ocppd.yaml: stations[0].csms.password: security profile 1 needs a password"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "csms: {security_profile: 1}\nstations: [{id: CP1, csms: {password: x}}]",
        "csms: {security_profile: 1, password_file: pw}\nstations: [{id: CP1}]",
        "csms: {password: x}\nstations: [{id: CP1, csms: {security_profile: 2, url: wss://a}}]",
        "stations: [{id: CP1, csms: {security_profile: 3, url: wss://a, tls: {cert: c, key: k}}}]",
        "stations: [{id: CP1, csms: {url: wss://a}}]",
        "stations: [{id: CP1, csms: {url: wss://a, security_profile: 1, password: x}}]",
        "csms: {security_profile: 1}",
    ],
)
def test_what_a_security_profile_needs_may_be_inherited(stations: Callable, write: Write, text: str) -> None:
    write(SECRET, "config/pw")
    write(pems().cert, "config/c")
    write(pems().key, "config/k")
    assert [it.id for it in stations(text)] == ["CP1"][: text.count("id:")]


def test_a_station_from_elsewhere_needs_it_too() -> None:
    with pytest.raises(SettingsError) as error:
        describe_station(Settings(), {"id": "CP9", "csms": {"security_profile": 1}}, "add-station")
    assert str(error.value) == "add-station: csms.password: security profile 1 needs a password"


# Transfers


def test_transfers_go_to_places_that_are_named(write: Write) -> None:
    known = write("files.lab ssh-ed25519 AAAA", "config/keys/known_hosts")
    allow = ["169.254.10.0/24", "::1", "127.0.0.1", "files.lab", "printer_1"]
    text = f"transfers: {{allow: {json.dumps(allow)}, known_hosts: keys/known_hosts, max_bytes: 5}}"
    settings = load([write(text)]).transfers
    assert (settings.allow, settings.allow_loopback, settings.max_bytes) == (allow, False, 5)
    assert settings.known_hosts is not None
    assert settings.known_hosts.samefile(known)  # relative to the file that names it


@pytest.mark.parametrize(
    ("entry", "key"),
    [
        ("allow: [169.254.0.1/16]", "allow[0]"),
        ("allow: [10.0.0.256]", "allow[0]"),
        ("allow: ['http://files.lab/']", "allow[0]"),
        ("allow: ['']", "allow[0]"),
        ("max_bytes: 0", "max_bytes"),
        ("timeout_s: 0", "timeout_s"),
        ("known_hosts: missing", "known_hosts"),
        ("known_hosts: .", "known_hosts"),
    ],
)
def test_what_no_transfer_can_go_by_is_refused(problems: Callable, entry: str, key: str) -> None:
    (problem,) = problems(f"transfers: {{{entry}}}")
    assert problem.startswith(f"config/ocppd.yaml: transfers.{key}: ")


# What ships


@pytest.mark.parametrize("name", ["systemd", "docker"])
def test_the_settings_of_the_packages_are_valid(write: Write, name: str) -> None:
    text = (CHECKOUT / name / "ocppd.yaml").read_text(encoding="utf-8")
    write(SECRET, "config/secret")
    folders = (
        "/run/credentials/ocppd.service/csms",
        "/run/credentials/ocppd.service/mqtt",
        "/run/ocppd/ocppd",
    )
    for path in folders:
        text = text.replace(path, "secret")
    assert [it.id for it in load([write(text)]).station_descriptions()] == ["CP001"]


def test_the_example_of_the_checkout_is_valid() -> None:
    settings = load([CHECKOUT / "config/ocppd.yaml"])
    assert settings.station_descriptions() == []  # charge_point_state.json has it
    assert settings.csms.describe() == Csms("ws://127.0.0.1:9000/ocpp")
    assert (settings.mqtt.host, settings.mqtt.port) == ("127.0.0.1", 1883)
    assert settings.state.path == Path("charge_point_state.json")


def test_what_the_example_shows_in_comments_is_valid_too(
    write: Write, write_pems: Callable[..., None]
) -> None:
    example = (CHECKOUT / "config/ocppd.yaml").read_text(encoding="utf-8")
    head, body = example.split("\n\n", 1)
    assert all(line.startswith("#") for line in head.splitlines())
    lines = (
        line.replace("# ", "", 1) if line.lstrip().startswith("# ") else line for line in body.splitlines()
    )
    text = "\n".join(line for line in lines if not line.lstrip().startswith("All that follows"))
    text = text.replace("inputs: []", "inputs:").replace(
        "/run/credentials/ocppd.service/mqtt", "secrets/csms"
    )
    write(SECRET, "config/secrets/csms")
    write("files.lab ssh-ed25519 AAAA", "config/known_hosts")
    write_pems(ca="config/ca.pem", cert="config/client.pem", key="config/client.key")
    write_pems(ca="config/csms-root.pem", cert="config/station.pem", key="config/station.key")
    settings = load([write(text)])
    assert len(settings.station_descriptions()) == 1001
    assert [entry.command for entry in settings.mqtt.inputs] == ["authorize", None]


def test_the_json_schema_knows_every_section() -> None:
    schema = json_schema()
    assert json.loads(json.dumps(schema)) == schema
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(Settings.model_fields)


def test_settings_do_not_change_once_they_are_read() -> None:
    mqtt = load().mqtt
    with pytest.raises(ValueError, match="frozen"):
        mqtt.host = "other"
