"""Monitors of variables (N04, N07, N08): what may be monitored how, and when a monitor is triggered.

type                    watches                          triggers
UpperThreshold          integer, decimal                 once when the value rises above, once when it is back
LowerThreshold          integer, decimal                 the same below
Delta                   everything                       a change by more than the value; of no number, any
TargetDelta             numbers with a Target            once when the value misses it by more than that
TargetDeltaRelative     numbers with a Target            the same, by more than that share of it
Periodic                everything but dateTime          every so many seconds
PeriodicClockAligned    everything but dateTime          at the multiples of so many seconds
"""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import TYPE_CHECKING

from ocppd.core.state import Monitor
from ocppd.core.times import parse_time
from ocppd.core.variables import Slot

if TYPE_CHECKING:
    from ocppd.core import description
    from ocppd.core.description import Hardware
    from ocppd.core.variables import Model

THRESHOLDS = ("UpperThreshold", "LowerThreshold")
TARGETS = ("TargetDelta", "TargetDeltaRelative")  # of OCPP 2.1
PERIODICS = ("Periodic", "PeriodicClockAligned")
NUMBERS = ("integer", "decimal")
# Those that the hardware brings have the ids below.
FIRST_CUSTOM_ID = 1001

_SHORTEST, _LONGEST = 1, 31_536_000  # seconds; the longest is a year, as for every variable that counts them
_MOST = 1e18  # no value of a variable has more digits
_INSTANT = 1e-3  # a timer rings at its moment, give or take what the sum of two floats loses


# What may be monitored


def is_supported(slot: Slot, kind: str) -> bool:
    """Whether a monitor of that type can watch the variable (N04.FR.05; Part 1, 4.4)."""
    variable = slot.variable
    if not variable.supports_monitoring or kind not in (*THRESHOLDS, "Delta", *TARGETS, *PERIODICS):
        return False
    if kind in TARGETS:
        return variable.data_type in NUMBERS and "Target" in slot.attributes
    if kind in THRESHOLDS:
        return variable.data_type in NUMBERS
    return kind == "Delta" or variable.data_type != "dateTime"


def refusal(slot: Slot, kind: str, value: float, severity: int) -> str | None:
    """The reason code why there can be no such monitor, None where there can (N04.FR.06, N04.FR.14)."""
    if not 0 <= severity <= 9 or abs(value) > _MOST:
        return "ValueOutOfRange"
    if kind in THRESHOLDS:
        return None if _is_in_range(slot, value) else "ValueOutOfRange"
    if kind in ("Delta", *TARGETS):
        return "ValuePositiveOnly" if value < 0 else None
    if value <= 0:
        return "ValuePositiveOnly"
    return None if _SHORTEST <= value <= _LONGEST else "ValueOutOfRange"


def _is_in_range(slot: Slot, value: float) -> bool:
    minimum, maximum = slot.variable.minimum, slot.maximum
    return (minimum is None or value >= minimum) and (maximum is None or value <= maximum)


# What the hardware brings


def factory(hardware: Hardware, model: Model) -> list[Monitor]:
    """The hard-wired and the preconfigured monitors, as they are before anything has happened.

    Raises:
        ValueError: one that there cannot be; the text begins with its key, `monitors[0]`.
    """
    found: list[Monitor] = []
    for index, it in enumerate(hardware.monitors):
        slot = _slot(model, it)
        problem = slot if isinstance(slot, str) else _problem(slot, it)
        if problem is None and isinstance(slot, Slot):
            monitor = _made(index + 1, slot, it)
            problem = None if double(found, monitor) is None else "there is another of this type and severity"
            found.append(monitor)
        if problem is not None:
            raise ValueError(f"monitors[{index}]: {it.component}.{it.variable}: {problem}")
    return found


def _slot(model: Model, it: description.Monitor) -> Slot | str:
    place = {} if it.evse is None else {"id": it.evse}
    place |= {} if it.connector is None else {"connectorId": it.connector}
    component = {"name": it.component, "instance": it.component_instance, "evse": place}
    variable = {"name": it.variable, "instance": it.variable_instance}
    return model.find(component, variable)


def _problem(slot: Slot, it: description.Monitor) -> str | None:
    if not is_supported(slot, it.type):
        return f"UnsupportedMonitorType: {it.type}"
    return refusal(slot, it.type, it.value, it.severity)


def _made(number: int, slot: Slot, it: description.Monitor) -> Monitor:
    kind = "HardWiredMonitor" if it.hard_wired else "PreconfiguredMonitor"
    return Monitor(number, slot.key, it.type, it.value, it.severity, it.transaction, kind)


def double(monitors: list[Monitor], new: Monitor) -> Monitor | None:
    """The active one of the same type and severity on the same variable, if it has another id (N04.FR.10)."""
    wanted = (new.variable, new.type, new.severity)
    for it in monitors:
        if it.active and it.id != new.id and (it.variable, it.type, it.severity) == wanted:
            return it
    return None


# What triggers


def passes_threshold(monitor: Monitor, value: str | None) -> bool | None:
    """Whether the value lies beyond the threshold, not on it (N07.FR.16, N07.FR.17); None: not known."""
    now = _number(value)
    if now is None:
        return None
    limit = Decimal(str(monitor.value))
    return now > limit if monitor.type == "UpperThreshold" else now < limit


def seen(slot: Slot, value: str | None) -> str:
    """What a Delta remembers of a value: of a secret not more than it takes to notice a change."""
    if slot.variable.mutability != "WriteOnly":
        return value or ""
    return sha256((value or "").encode()).hexdigest()[:16]


def has_changed(slot: Slot, monitor: Monitor, before: str, now: str) -> bool:
    """Whether a Delta is triggered (N07.FR.18, N07.FR.19); of times the value is in seconds."""
    kind = slot.variable.data_type
    if kind not in (*NUMBERS, "dateTime") or slot.variable.mutability == "WriteOnly":
        return now != before
    read = _moment if kind == "dateTime" else _number
    old, new = read(before), read(now)
    if old is None or new is None:
        return False  # there is no difference to nothing
    return abs(new - old) > Decimal(str(monitor.value))


def misses_target(monitor: Monitor, value: str | None, target: str | None) -> bool:
    """Whether a TargetDelta is beyond what it may differ by; of what is not known, there is no difference."""
    now, wanted = _number(value), _number(target)
    if now is None or wanted is None:
        return False
    allowed = Decimal(str(monitor.value)) * (abs(wanted) if monitor.type == "TargetDeltaRelative" else 1)
    return abs(now - wanted) > allowed


def _number(text: str | None) -> Decimal | None:
    """Exact, so that from 0.3 to 0.4 it is 0.1 and no more."""
    try:
        number = Decimal(text or "")
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _moment(text: str) -> Decimal | None:
    moment = parse_time(text)
    return None if moment is None else Decimal(str(moment))


def first_due(monitor: Monitor, clock: float) -> float:
    """When a periodic monitor that is set now comes first, on that clock (N08.FR.06, N08.FR.07)."""
    if monitor.type == "Periodic":
        return clock + monitor.value
    return (math.floor((clock + _INSTANT) / monitor.value) + 1) * monitor.value


def is_due(monitor: Monitor, clock: float) -> bool:
    """Whether the time of a periodic monitor has come; it then is to come next, the missed ones left out."""
    due = monitor.due
    if due is None or due - clock > monitor.value + _INSTANT:  # new, or the clock was set back
        monitor.due = first_due(monitor, clock)
        return False
    late = clock + _INSTANT - due
    if late < 0:
        return False
    monitor.due = due + monitor.value * (1 + math.floor(late / monitor.value))
    return True
