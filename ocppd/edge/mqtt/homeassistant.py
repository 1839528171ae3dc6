"""What Home Assistant must be told of a station to find it by itself: MQTT discovery, one message a device.

A station with one EVSE is one device; with several, each EVSE is a further one, reached via the station. The
states that its entities read and the commands that they send are those of the MQTT API and no others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from ocppd import __version__
from ocppd.core.faults import DEFECTS
from ocppd.core.status import STATUSES
from ocppd.core.views import PUBLIC_EVENTS
from ocppd.edge.mqtt.topics import Scope, state_topic

if TYPE_CHECKING:
    from ocppd.core.station import Station

Json = dict[str, Any]

NAME: Final = "ocppd"
"""How the names of our devices begin, and who we are in each message."""

# Numbers that Home Assistant would not let anybody enter, or logs an error for when it reads them.
_MOST_AMPS = 1000
_MOST_WATTS = 10_000_000
_NO_TRANSACTION = "No transaction"
_CHARGING_STATES = ["Charging", "EVConnected", "SuspendedEV", "SuspendedEVSE", "Idle"]
_FLOWING = "['Charging', 'SuspendedEV', 'SuspendedEVSE']"
# An unknown value is None in a template, and Home Assistant takes that for what it is.
_OF_TX = "{{{{ value_json.tx.{0} if value_json.tx else None }}}}"


def device_names(st: Station) -> list[str]:
    """Names of a station's devices in discovery topics: its own, then its EVSEs' if it has several."""
    name, evses = f"{NAME}_{slug(st.id)}", st.description.hardware.evses
    several = range(1, len(evses) + 1) if len(evses) > 1 else ()
    return [name, *(f"{name}_evse{number}" for number in several)]


def devices(st: Station, base: str, daemon: str) -> dict[str, Json]:
    """The messages of a station's devices, by their names."""
    own = state_topic(base, Scope("daemon", daemon))
    around = {"availability": _availability(base, own, st), "availability_mode": "all"}
    entities = _station(_Place(Scope("station", st.id).topic(base)), own)
    name, *evses = device_names(st)
    device = _device(st, name)
    if not evses:
        return {name: _message(name, device, around, entities | _evse(st, base, 1))}
    messages = {name: _message(name, device, around, entities)}
    for number, evse in enumerate(evses, 1):
        said = {"identifiers": [evse], "name": f"{st.id} EVSE {number}", "via_device": name}
        found = _evse(st, base, number) | _operative(_Place(Scope("evse", st.id, number).topic(base)))
        messages[evse] = _message(evse, device | said, around, found)
    return messages


def _device(st: Station, name: str) -> Json:
    hardware, serial = st.description.hardware, st.description.serial
    return {
        "identifiers": [name],
        "name": st.id,
        "manufacturer": hardware.vendor,
        "model": hardware.model,
        "sw_version": st.firmware,
        **({"serial_number": serial} if serial else {}),
    }


def slug(identity: str) -> str:
    """The identity as Home Assistant allows it in a topic; no two are alike (`_` begins what is escaped)."""
    return quote(identity, safe="").translate({ord("%"): "_", **{ord(it): f"_{ord(it):02X}" for it in "_.~"}})


def config_topic(prefix: str, device: str) -> str:
    """Where Home Assistant looks for the device."""
    return f"{prefix}/device/{device}/config"


def _message(name: str, device: Json, around: Json, entities: dict[str, Json]) -> Json:
    named = {key: it | {"unique_id": f"{name}_{key}"} for key, it in entities.items()}
    return {"dev": device, "o": {"name": NAME, "sw_version": __version__}, **around, "cmps": named}


def _availability(base: str, daemon: str, st: Station) -> list[Json]:
    """The daemon and the mains of the station; what the CSMS thinks of it does not count."""
    return [{"topic": daemon}, {"topic": state_topic(base, Scope("station", st.id), "availability")}]


@dataclass(frozen=True, slots=True)
class _Place:
    """A station, EVSE or connector: its topics, and what the keys and names of its entities begin with."""

    topic: str
    key: str = ""
    name: str = ""

    def entity(self, platform: str, name: str, **options: Any) -> dict[str, Json]:
        """An entity, by its key."""
        full = f"{self.name} {name.lower()}" if self.name else name
        key = f"{self.key}{name.lower().replace(' ', '_')}"
        return {key: {"platform": platform, "name": full, **options}}

    def button(self, name: str, command: str, **options: Any) -> dict[str, Json]:
        """A button that presses a command."""
        return self.entity("button", name, **self.does(command), **options)

    def switch(self, name: str, command: str, leaf: str, truth: str, **options: Any) -> dict[str, Json]:
        """A switch that sends ON and OFF, and is on where the template `truth` is true of `leaf`."""
        return self.entity("switch", name, **self.does(command), **self.tells(leaf, _on(truth)), **options)

    def shows(self, name: str, leaf: str, template: str, **options: Any) -> dict[str, Json]:
        """A sensor."""
        return self.entity("sensor", name, **self.tells(leaf, template), **options)

    def does(self, command: str) -> Json:
        """Where to send a command."""
        return {"command_topic": f"{self.topic}/cmd/{command}"}

    def tells(self, leaf: str, template: str) -> Json:
        """Where to read, and what of it."""
        return {"state_topic": f"{self.topic}/{leaf}", "value_template": template}


def _on(truth: str) -> str:
    return f"{{{{ 'ON' if {truth} else 'OFF' }}}}"


def _measures(device_class: str, unit: str, state_class: str = "measurement") -> Json:
    return {"device_class": device_class, "unit_of_measurement": unit, "state_class": state_class}


def _station(place: _Place, daemon: str) -> dict[str, Json]:
    # A station without mains is not available: its switch must be, or nobody could give them back.
    alive = {"availability": [{"topic": daemon}]}
    connected = {**place.tells("state", _on("value_json.csms.connected")), "device_class": "connectivity"}
    told = place.tells("event", "{{ dict(value_json, event_type=value_json.event) | to_json }}")
    return {
        **place.switch("Mains", "power", "state", "value_json.power", **alive),
        **place.switch("Network", "network", "state", "value_json.network"),
        **_operative(place),
        **place.button("Reset", "reset", device_class="restart"),
        **place.button("Boot", "boot"),
        **place.entity("binary_sensor", "CSMS", **connected, entity_category="diagnostic"),
        **place.entity("event", "Event", **told, event_types=sorted(PUBLIC_EVENTS)),
    }


def _operative(place: _Place) -> dict[str, Json]:
    return place.switch("Operative", "operative", "state", "value_json.operative")


def _evse(st: Station, base: str, number: int) -> dict[str, Json]:
    place = _Place(Scope("evse", st.id, number).topic(base))
    entities = _transaction(place) | _meter(place) | _wishes(place)
    connectors = len(st.description.hardware.evses[number - 1].connectors)
    for connector in range(1, connectors + 1):
        topic = Scope("connector", st.id, number, connector).topic(base)
        only = connectors == 1
        entities |= _connector(
            _Place(topic) if only else _Place(topic, f"connector{connector}_", f"Connector {connector}")
        )
    return entities


def _transaction(place: _Place) -> dict[str, Json]:
    state = f"{{{{ value_json.tx.state if value_json.tx else '{_NO_TRANSACTION}' }}}}"
    options = [_NO_TRANSACTION, *_CHARGING_STATES]
    energy = _measures("energy", "Wh", "total_increasing")
    charging = place.tells("state", _on("value_json.tx and value_json.tx.state == 'Charging'"))
    flows = f"value_json.tx and value_json.tx.state in {_FLOWING}"
    return {
        **place.shows("Charging state", "state", state, device_class="enum", options=options),
        **place.shows("Session energy", "state", _OF_TX.format("energy_wh"), **energy),
        **place.shows("Session time", "state", _OF_TX.format("seconds"), **_measures("duration", "s")),
        **place.entity("binary_sensor", "Charging", **charging, device_class="battery_charging"),
        **place.switch("Charge", "charge", "state", flows),
    }


def _meter(place: _Place) -> dict[str, Json]:
    energy = _measures("energy", "Wh", "total_increasing")
    return {
        **place.shows("Power", "meter", "{{ value_json.power_w }}", **_measures("power", "W")),
        **place.shows("Energy", "meter", "{{ value_json.energy_wh }}", **energy),
        **place.shows("Current", "meter", "{{ value_json.current_a | max }}", **_measures("current", "A")),
        **place.shows("Voltage", "meter", "{{ value_json.voltage_v | max }}", **_measures("voltage", "V")),
        **place.shows("State of charge", "meter", "{{ value_json.soc }}", **_measures("battery", "%")),
    }


def _wishes(place: _Place) -> dict[str, Json]:
    """What the car, an energy manager and the driver want."""
    amps = {"min": 0, "max": _MOST_AMPS, "mode": "box", "unit_of_measurement": "A", "device_class": "current"}
    watts = {"min": 0, "max": _MOST_WATTS, "mode": "box", "unit_of_measurement": "W", "device_class": "power"}
    max_a = place.tells("state", "{{ value_json.ev.max_a if value_json.ev else None }}")
    said = {"command_template": '{"max_a": {{ value }}}'}
    limit = place.tells("state", "{{ value_json.limit_w }}")
    token = place.tells("state", "{{ (value_json.tx.id_token or '') if value_json.tx else '' }}")
    return {
        **place.entity("number", "EV current", **place.does("ev"), **said, **max_a, **amps),
        **place.entity("number", "Limit", **place.does("limit"), **limit, **watts),
        **place.button("Limit off", "limit", payload_press="OFF"),
        **place.entity("text", "Token", **place.does("authorize"), **token),
        **place.button("Authorize", "authorize"),
    }


def _connector(place: _Place) -> dict[str, Json]:
    plugged = place.tells("state", _on("value_json.plugged"))
    # A fault with a code of somebody's own is no option: Home Assistant would log an error.
    codes = ["OFF", *sorted(DEFECTS)]
    newest = f"{{% set it = (['OFF'] + value_json.faults)[-1] %}}{{{{ it if it in {codes} else None }}}}"
    fault = place.tells("state", newest)
    return {
        **place.entity(
            "sensor",
            "Status",
            state_topic=f"{place.topic}/status",
            device_class="enum",
            options=list(STATUSES),
        ),
        **place.entity("binary_sensor", "Plugged in", **plugged, device_class="plug"),
        **place.switch("Cable", "plug-in", "state", "value_json.plugged"),
        **place.entity("select", "Fault", **place.does("fault"), **fault, options=codes),
        **place.button("Unlock", "unlock"),
    }
