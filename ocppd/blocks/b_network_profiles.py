"""B. Where the station calls: network profiles (B09, B10), their security (A05) and the password (A01)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.blocks import b_device_model
from ocppd.core import comm, network, on
from ocppd.core.endpoint import url_problem
from ocppd.core.schemas import OCPP_201
from ocppd.core.state import Boot, NetworkProfile
from ocppd.core.variables import AT_REBOOT

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Event, Station

_LONGEST_TIMEOUT = 31_536_000  # a year, as for every variable that counts seconds
_PARTING_SECONDS = 1
_SHORTEST_PASSWORD = 16  # A00.FR.205
_WITH_PASSWORD = (1, 2)
_WITH_TLS = (2, 3)
_PRIORITY = network.NETWORK_CONFIGURATION_PRIORITY
_PRIORITY_AT_BOOT = f"{_PRIORITY.station_key}#{AT_REBOOT}"


# SetNetworkProfile (B09)


@on.call("SetNetworkProfile")
def set_network_profile(st: Station, request: Payload) -> Payload:
    """Keep a valid profile in its slot (B09.FR.01); what is there in use goes on until the next boot."""
    slot, data = request["configurationSlot"], request["connectionData"]
    refusal = _slot_problem(slot) or _data_problem(st, data) or _security_problem(st, slot, data)
    if refusal is not None:
        code, why = refusal
        return {"status": "Rejected", "statusInfo": {"reasonCode": code, "additionalInfo": why}}
    own = st.state.profiles
    own.waiting.pop(slot, None)
    (own.waiting if slot == own.slot else own.stored)[int(slot)] = _profile(data)
    return {"status": "Accepted"}


def _slot_problem(slot: int) -> tuple[str, str] | None:
    """The reason code and the words why there is no such slot (B09.FR.05)."""
    if slot in network.SLOTS:
        return None
    return "InvalidConfSlot", f"the slots are {', '.join(map(str, network.SLOTS))}"


def _data_problem(st: Station, data: Payload) -> tuple[str, str] | None:
    """The reason code and the words why this is no profile for this station (B09.FR.02).

    OCPP 2.1 ignores ocppVersion, as each handshake negotiates it.
    """
    level, url = data["securityProfile"], data["ocppCsmsUrl"]
    problem = None
    if data["ocppTransport"] != "JSON" or (st.version == OCPP_201 and data["ocppVersion"] != "OCPP20"):
        problem = "the station speaks OCPP20 over JSON alone"
    elif not 0 <= level <= _WITH_TLS[-1]:
        problem = "securityProfile: 1, 2 or 3"
    elif "basicAuthPassword" in data and len(data["basicAuthPassword"]) < _SHORTEST_PASSWORD:
        problem = f"basicAuthPassword: {_SHORTEST_PASSWORD} characters at least"
    elif not 1 <= data["messageTimeout"] <= _LONGEST_TIMEOUT:
        problem = f"messageTimeout: 1 to {_LONGEST_TIMEOUT} s"
    elif url_problem(url):
        problem = f"ocppCsmsUrl {url_problem(url)}"
    elif level in _WITH_TLS and not url.startswith("wss:"):
        problem = f"security profile {level} needs a wss:// URL"
    return None if problem is None else ("InvalidNetworkConf", problem)


def _security_problem(st: Station, slot: int, data: Payload) -> tuple[str, str] | None:
    """The reason code and the words why the station may not have this profile in this slot.

    Not lower than now (B09.FR.04, B09.FR.31). In a slot that is tried at the next boot already, it needs what
    NetworkConfigurationPriority would ask for (A05.FR.02, A05.FR.03).
    """
    level = int(data["securityProfile"])
    if network.is_downgrade(st, level):
        return "NoSecurityDowngrade", f"security profile {network.security_profile(st)} is in use"
    missing = network.lacks(st, level, data.get("basicAuthPassword"))
    if missing and str(int(slot)) in _priority_at_boot(st):
        return "InvalidNetworkConf", missing
    return None


def _priority_at_boot(st: Station) -> tuple[str, ...]:
    waiting = st.state.variables.get(_PRIORITY_AT_BOOT)
    return network.priority(st) if waiting is None else _PRIORITY.parse(waiting)


def _profile(data: Payload) -> NetworkProfile:
    return NetworkProfile(
        data["ocppCsmsUrl"],
        int(data["securityProfile"]),
        int(data["messageTimeout"]),
        data["ocppInterface"],
        _without_custom_data(data.get("apn")),
        _without_custom_data(data.get("vpn")),
        data.get("identity"),
        data.get("basicAuthPassword"),
    )


def _without_custom_data(found: Payload | None) -> Payload | None:
    """Without what the schema does not limit."""
    return found and {name: value for name, value in found.items() if name != "customData"}


# Which slot is in use (B10)


@on.event("power_up")
def begin_with_the_first(st: Station, _event: Event) -> None:
    """What was set counts from now, and the first slot has its turn (B10.FR.04, A05.FR.05)."""
    own = st.state.profiles
    own.stored |= own.waiting
    own.waiting.clear()
    own.reconnect, own.exhausted = None, False
    _use(st, network.round_of(st)[0])


@on.event("csms_disconnected")
def begin_again(st: Station, _event: Event) -> None:
    """After the loss of a connection the first slot has its turn, too (B10.FR.03)."""
    own = st.state.profiles
    if own.reconnect is None:
        _use(st, network.round_of(st)[0])
    own.reconnect = None
    st.cancel("reconnect")


@on.event("connect_failed")
def try_the_next(st: Station, _event: Event) -> None:
    """After NetworkProfileConnectionAttempts the next slot has its turn, for ever (B10.FR.03, B10.FR.09)."""
    own = st.state.profiles
    own.failures += 1
    if own.failures < st.get(network.CONNECTION_ATTEMPTS):
        return
    slots = network.round_of(st)
    place = slots.index(own.slot) + 1 if own.slot in slots else 0
    if place < len(slots):
        _use(st, slots[place])
    else:
        own.exhausted = True
        st.emit("no_profile_worked")
        _use(st, network.round_of(st)[0])
    if len(slots) > 1:
        st.emit("next_profile")


@on.event("started")
def nothing_to_stay_with(st: Station, _event: Event) -> None:
    """The connection that was to be made anew has ended with the daemon."""
    st.state.profiles.reconnect = None
    st.cancel("reconnect")


def reconnect(st: Station, reason: str) -> None:
    """Have the connection made anew, with the same profile; after a moment in which answers can arrive."""
    if st.state.csms.connected:
        st.state.profiles.reconnect = reason
        st.after(_PARTING_SECONDS, "reconnect")
    else:
        st.order("close", reason=reason)  # no attempt with what was before


@on.timer("reconnect")
def hang_up(st: Station) -> None:
    """The answer to the message that wants it has arrived: a CSMS that misses it expects what was before."""
    st.order("close", reason=st.state.profiles.reconnect or "")


def _use(st: Station, slot: int) -> None:
    """Connect with that slot from now on; its messageTimeout is the station's."""
    own = st.state.profiles
    had_its_own = own.stored.get(own.slot) is not None
    own.slot, own.failures = slot, 0
    timeout = str(network.in_use(st).message_timeout)
    is_own = own.stored.get(slot) is not None
    if (is_own or had_its_own) and timeout != str(st.get(comm.MESSAGE_TIMEOUT)):
        b_device_model.put(st, comm.MESSAGE_TIMEOUT, timeout)
    if not is_own and had_its_own:
        st.state.variables.pop(comm.MESSAGE_TIMEOUT.station_key, None)  # the configuration may change it


@on.event("csms_connected")
def has_worked(st: Station, _event: Event) -> None:
    """With another profile than before, the station registers anew (B10.FR.10)."""
    own = st.state.profiles
    own.failures, own.exhausted = 0, False
    if own.worked not in (None, own.slot):
        _register_anew(st)
    own.worked = own.slot
    _keep_the_level(st)


@on.event("version_changed")
def other_version(st: Station, _event: Event) -> None:
    """A CSMS that speaks another OCPP than before knows nothing of this station yet."""
    _register_anew(st)


def _register_anew(st: Station) -> None:
    # There was no reboot, and OCPP has no word for this.
    st.state.boot = Boot(due=st.state.boot.due or "Unknown")
    for timer in ("heartbeat", "boot"):
        st.cancel(timer)


# Security profiles (A05)


def _keep_the_level(st: Station) -> None:
    """A higher level is there to stay: profiles of a lower one are removed (A05.FR.06)."""
    own = st.state.profiles
    before, level = network.security_profile(st), network.in_use(st).security_profile
    own.security_profile = level
    if level != before:
        st.emit("security_parameter_changed", info=f"SecurityProfile: {level}")
    if level > before:
        _remove_below(st, level)


def _remove_below(st: Station, level: int) -> None:
    """Remove what is of a lower level, and its slots from NetworkConfigurationPriority."""
    own = st.state.profiles
    removed = {slot for slot, it in network.stored(st).items() if it.security_profile < level}
    own.stored.update(dict.fromkeys(removed))
    own.waiting = {slot: it for slot, it in own.waiting.items() if it.security_profile >= level}
    empty = removed - set(own.waiting)
    now = network.priority(st)
    if empty & set(map(int, now)):
        b_device_model.put(st, _PRIORITY, _left(st, now, empty))
    if (waiting := st.state.variables.get(_PRIORITY_AT_BOOT)) is not None:
        st.state.variables[_PRIORITY_AT_BOOT] = _left(st, _PRIORITY.parse(waiting), empty)


def _left(st: Station, slots: tuple[str, ...], empty: set[int]) -> str:
    left = [slot for slot in slots if int(slot) not in empty]
    return ",".join(left or [str(st.state.profiles.slot)])


# The password (A01)


@on.event("variable_changed")
def password_changed(st: Station, event: Event) -> None:
    """Connect anew with the new password; the one before is not used again (A01.FR.03, A01.FR.11)."""
    if event.data["key"] != comm.BASIC_AUTH_PASSWORD.station_key:
        return
    st.emit("security_parameter_changed", info="BasicAuthPassword")
    own = st.state.profiles.stored.get(st.state.profiles.slot)
    if own is not None:
        own.password = None
    if network.in_use(st).security_profile in _WITH_PASSWORD:
        reconnect(st, "new password")
