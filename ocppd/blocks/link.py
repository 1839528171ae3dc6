"""The box and its line: power, network, the connection, its pings, and calls in the raw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Gt, Le

from ocppd.core import comm, on
from ocppd.core.errors import CommandError, ErrorCode, as_command_error
from ocppd.core.station import LATER, UNCHANGED, Done, Later
from ocppd.core.views import whole_state

if TYPE_CHECKING:
    from ocppd.core.station import Event, Station

Switch = bool | Literal["toggle"]
Seconds = Annotated[float, Gt(0)]
CloseCode = Annotated[int, Ge(1000), Le(4999)]
_GOING_AWAY = 1001
# What RFC 6455 (7.4) keeps for itself or has not given away: no close frame may carry it.
_UNSENDABLE = (1004, 1005, 1006, *range(1015, 3000))


@on.command("power")
def power(
    st: Station,
    on: Switch = True,
    for_s: Seconds | None = None,
    code: CloseCode = _GOING_AWAY,
    silent: bool = False,
) -> Done:
    """Switch the mains of the station.

    OFF drops the connection with close `code`, or `silent`, without a word on the wire; the station then
    does nothing until ON, or for `for_s` seconds, and boots with reason PowerUp.
    """
    _refuse_unsendable(code)
    wanted = (not st.state.power) if on == "toggle" else on
    if wanted == st.state.power:
        return UNCHANGED
    if wanted:
        _power_up(st)
    else:
        st.state.power = False
        st.forget_timers("network", "chaos", "fault", "late")  # the rest is the station's own doing
        _go_dark(st, code, silent)
        st.emit("power", on=False)
    _for_a_while(st, "power", for_s, wanted)
    return Done()


def _power_up(st: Station) -> None:
    st.state.power = True
    st.order("thaw")
    st.emit("power", on=True)
    st.emit("power_up", reason="PowerUp")


@on.command("network")
def network(
    st: Station,
    on: Switch = True,
    for_s: Seconds | None = None,
    code: CloseCode = _GOING_AWAY,
    silent: bool = False,
) -> Done:
    """Plug or pull the network of the station.

    OFF closes the connection with `code`, or `silent`, as a pulled cable does, without FIN; the station
    goes on offline until ON, or for `for_s` seconds.
    """
    _refuse_unsendable(code)
    wanted = (not st.state.network) if on == "toggle" else on
    if wanted == st.state.network:
        return UNCHANGED
    st.state.network = wanted
    if wanted:
        st.order("thaw")
    else:
        _go_dark(st, code, silent)
    st.emit("network", on=wanted)
    _for_a_while(st, "network", for_s, wanted)
    return Done()


def _refuse_unsendable(code: int) -> None:
    if code in _UNSENDABLE:
        raise CommandError("invalid_argument", "code: no close frame may carry this one")


def _go_dark(st: Station, code: int, silent: bool) -> None:
    st.order("freeze" if silent else "close", code)


def _for_a_while(st: Station, timer: str, for_s: float | None, wanted: bool) -> None:
    st.cancel(timer)
    if not wanted and for_s is not None:
        st.after(for_s, timer)


@on.timer("power")
def power_back(st: Station) -> None:
    """The power cut is over."""
    _power_up(st)


@on.timer("network")
def network_back(st: Station) -> None:
    """The network is back."""
    st.state.network = True
    st.order("thaw")
    st.emit("network", on=True)


@on.command("connect")
def connect(st: Station) -> Done | Later:
    """Connect to the CSMS, and stay connected."""
    if not (st.state.power and st.state.network):
        raise CommandError("invalid_state", "the station has no power or no network")
    st.state.wanted = True
    return UNCHANGED if st.state.csms.connected else LATER


@on.event("csms_connected")
def is_connected(st: Station, _event: Event) -> None:
    """Answer whoever asked for the connection, and start to ping (Part 4, 5.4)."""
    for key in [key for key, request in st.state.requests.items() if request.command == "connect"]:
        st.finish(key, Done())
    _arm_ping(st)


@on.command("disconnect")
def disconnect(st: Station) -> Done:
    """Close the connection and stay offline until `connect`."""
    if not st.state.wanted:
        return UNCHANGED
    st.state.wanted = False
    return Done()


@on.timer("ping")
def ping(st: Station) -> None:
    """Ping, and look whether the last ping was answered."""
    if st.state.csms.connected:
        st.order("ping")
        _arm_ping(st)


@on.event("variable_changed")
def ping_interval_changed(st: Station, event: Event) -> None:
    """A new WebSocketPingInterval counts at once."""
    if event.data["key"] == comm.PING_INTERVAL.station_key and st.state.csms.connected:
        _arm_ping(st)


def _arm_ping(st: Station) -> None:
    st.cancel("ping")
    if interval := st.get(comm.PING_INTERVAL):
        st.after(interval, "ping")


@on.command("call")
def call(st: Station, action: str, payload: dict[str, Any] | None = None) -> Later:
    """Send any OCPP request as it is, valid or not, and answer with the CSMS's response."""
    if not st.state.csms.connected or st.request is None:
        raise CommandError("not_connected", "there is no connection to the CSMS")
    context = {"request": st.request.key}
    st.send(action, payload or {}, context=context, while_pending=True, checked=False)
    return LATER


@on.event("answered")
def answered(st: Station, event: Event) -> None:
    """The CSMS has answered a call that a command waits for."""
    st.finish(event.data["request"], Done(result={"response": event.data["response"]}))


@on.event("unanswered")
def unanswered(st: Station, event: Event) -> None:
    """The CSMS has refused or not answered a call that a command waits for."""
    st.finish(event.data["request"], as_command_error(event.data["failure"]))


@on.command("get")
def get(st: Station, *, fields: list[str] | None = None) -> Done:
    """Tell the whole state of the station, or only the `fields` of it that are named."""
    known: dict[str, Any] = {**whole_state(st)}
    unknown = sorted(set(fields or ()) - set(known))
    if unknown:
        raise CommandError("invalid_argument", f"fields: no such field: {', '.join(unknown)}")
    return Done(changed=False, result={name: known[name] for name in fields or known})


@on.timer("call")
def call_timed_out(st: Station) -> None:
    """No answer within MessageTimeout."""
    st.call_timed_out()


@on.timer("retry")
def retry(_st: Station) -> None:
    """A call that waited may leave; the outbox looks after every input."""


@on.timer("late")
def late(st: Station, key: int) -> None:
    """A command has waited long enough."""
    request = st.state.requests.get(key)
    code: ErrorCode = "csms_timeout" if st.state.csms.connected else "not_connected"
    if request is not None and request.command == "connect":
        code = "timeout"
    st.finish(key, CommandError(code, "there was no outcome in time"))
