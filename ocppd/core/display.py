"""What stands on the displays: a function of the state and the time, and the variables that decide it.

A display shows its lines in turn: the CSMS's messages of the highest priority that there is now, and after
them what the drivers are told of tariff and cost, which only AlwaysFront suppresses (O01, O02, I01 to I06).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from msgspec.structs import replace

from ocppd.core.state import Display, DisplayMessage, Priority, Text
from ocppd.core.status import evse_status, station_status
from ocppd.core.variables import boolean, integer, members, string

if TYPE_CHECKING:
    from ocppd.core.shapes import CostView, DisplayLine
    from ocppd.core.state import Evse
    from ocppd.core.station import Station

MOST_MESSAGES = 50

# The main display; whoever defines the component Display at an EVSE, or an instance of it, has another.
MAIN_DISPLAY = boolean("Display", "Available", True)
MESSAGES_ENABLED = boolean("DisplayMessageCtrlr", "Enabled", True, mutability="ReadWrite")
MESSAGES_AVAILABLE = boolean("DisplayMessageCtrlr", "Available", True)
MESSAGES = integer(
    "DisplayMessageCtrlr",
    "DisplayMessages",
    maximum=MOST_MESSAGES,
    persistent=True,
    read=lambda st, _e, _c: str(len(st.state.display_messages)),
)
FORMATS = members("DisplayMessageCtrlr", "SupportedFormats", "ASCII,UTF8", ("ASCII", "HTML", "URI", "UTF8"))
_PRIORITIES = get_args(Priority)
PRIORITIES = members("DisplayMessageCtrlr", "SupportedPriorities", ",".join(_PRIORITIES), _PRIORITIES)
_STATES = ("Charging", "Faulted", "Idle", "Unavailable")
# The name that OCPP 2.1 has for it; 2.0.1 knows stations without all states, and no variable to tell them.
STATES = members("DisplayMessageCtrlr", "SupportedStates", ",".join(_STATES), _STATES)
PERSONAL_SIZE = integer("DisplayMessageCtrlr", "PersonalMessageSize", 512, minimum=0, maximum=512)

TARIFF_AVAILABLE = boolean("TariffCostCtrlr", "Available", True, instance="Tariff")
TARIFF_ENABLED = boolean("TariffCostCtrlr", "Enabled", True, instance="Tariff", mutability="ReadWrite")
COST_AVAILABLE = boolean("TariffCostCtrlr", "Available", True, instance="Cost")
COST_ENABLED = boolean("TariffCostCtrlr", "Enabled", True, instance="Cost", mutability="ReadWrite")
CURRENCY = string("TariffCostCtrlr", "Currency", "EUR", mutability="ReadWrite", maximum=3)
TARIFF_FALLBACK = string("TariffCostCtrlr", "TariffFallbackMessage", "", mutability="ReadWrite", maximum=255)
COST_FALLBACK = string("TariffCostCtrlr", "TotalCostFallbackMessage", "", mutability="ReadWrite", maximum=255)


@dataclass(frozen=True, slots=True)
class Line:
    """What a display shows for a while. `about` is a `message`, a `tariff`, a `cost` or a `total_cost`.

    `evse` is the EVSE that it is about, None: the whole station; `display` None is the main one.
    """

    about: str
    text: Text
    evse: int | None = None
    message: DisplayMessage | None = None
    display: Display | None = None

    def view(self) -> DisplayLine:
        """As `station/<id>/state` spells it."""
        at, text = self.display, self.text
        return {
            "about": self.about,
            "id": self.message.id if self.message else None,
            "priority": self.message.priority if self.message else None,
            "evse": self.evse,
            "display": {"instance": at.instance, "evse": at.evse, "connector": at.connector} if at else None,
            "content": text.content,
            "format": text.format,
            "language": text.language,
        }


def shown(st: Station) -> list[Line]:
    """The lines of all displays, each display's in the order in which it shows them."""
    if not st.state.power or st.state.rebooting:
        return []
    own = [line for number, evse in st.evses() for line in _own(st, number, evse)]
    lines = [*_messages(st), *own]
    if len(lines) < 2:
        return lines
    displays: list[Display | None] = []
    displays += (line.display for line in lines if line.display not in displays)
    found = []
    for display in displays:
        found += _cycle(st, display, [line for line in lines if line.display == display])
    return found


def _cycle(st: Station, display: Display | None, lines: list[Line]) -> list[Line]:
    """What of the lines for one display it shows in turn (O01.FR.12 to O01.FR.15, O02.FR.14 to O02.FR.17)."""
    messages = [line for line in lines if line.message is not None]
    own = [line for line in lines if line.message is None]
    for priority in _PRIORITIES:
        level = [it for it in messages if it.message is not None and it.message.priority == priority]
        if level:
            return level if priority == "AlwaysFront" else _translated(st, display, level) + own
    return own


# The CSMS's messages


def next_change(st: Station) -> float | None:
    """When the next message comes or goes, in epoch seconds."""
    now = st.clock
    moments = [at for it in st.state.display_messages for at in (it.start, it.end) if at is not None]
    coming = min((at for at in moments if at > now), default=None)
    return None if coming is None else coming - st.state.clock_offset


def is_over(st: Station, message: DisplayMessage) -> bool:
    """Whether its time has passed (O01.FR.07, O02.FR.07)."""
    return message.end is not None and message.end <= st.clock


def has_display(st: Station, display: Display) -> bool:
    """Whether the device model has that instance of the component Display, at that place."""
    place = {"id": display.evse} | ({"connectorId": display.connector} if display.connector else {})
    component = {"name": "Display", "instance": display.instance, "evse": place}
    return st.model.find(component, {"name": MAIN_DISPLAY.name}) != "UnknownComponent"


def _messages(st: Station) -> Iterator[Line]:
    if not st.state.display_messages or not st.get(MESSAGES_ENABLED):
        return
    for message in st.state.display_messages:
        if is_over(st, message) or (message.start is not None and message.start > st.clock):
            continue
        evse = message.display.evse if message.display else 0
        if message.transaction_id is not None:
            place = st.evse_of(message.transaction_id)
            if place is None:
                continue
            evse = place
        if message.state is None or message.state == _state(st, evse):
            yield Line("message", message.text, evse or None, message, message.display)


def _state(st: Station, evse: int) -> str:
    """The MessageStateEnumType of the EVSE, or with 0 of the station: it charges where one of them does."""
    places = [st.evse(evse)] if evse else st.state.evses
    if any(it.transaction is not None and it.transaction.charging_state == "Charging" for it in places):
        return "Charging"
    status = evse_status(st, evse) if evse else station_status(st)
    return status if status in ("Faulted", "Unavailable") else "Idle"


def _translated(st: Station, display: Display | None, lines: list[Line]) -> list[Line]:
    """Of messages that are the same in other words, those in the languages of the drivers (O01.FR.08).

    They are taken for the same where they differ in nothing but id, language and content.
    """
    places = [st.evse(display.evse)] if display is not None and display.evse else st.state.evses
    drivers = {it.authorization.languages for it in places if it.authorization} - {()}
    if not drivers:
        return lines
    kinds: dict[str, list[Line]] = {}
    for line in lines:
        message = replace(line.message, id=0, text=Text("")) if line.message else None
        kinds.setdefault(repr(message), []).append(line)
    chosen = {id(it) for same in kinds.values() for driver in drivers for it in _in_language(same, driver)}
    return [line for line in lines if id(line) in chosen]


def _in_language(lines: list[Line], languages: tuple[str, ...]) -> list[Line]:
    """Those in the first language that there is, in English, or all; and those of no language (O01.FR.09)."""
    for language in (*languages, "en"):
        if any(_primary(it.text.language) == _primary(language) for it in lines):
            return [it for it in lines if _primary(it.text.language) in ("", _primary(language))]
    return lines


def _primary(language: str | None) -> str:
    """`de` of the tag `de-AT` (RFC 5646)."""
    return (language or "").partition("-")[0].casefold()


# What drivers are told of tariff and cost


def _own(st: Station, number: int, evse: Evse) -> Iterator[Line]:
    """The station's own lines for whoever charges at the EVSE, or has just done so."""
    if evse.authorization is None and evse.transaction is None and evse.bill is None:
        return
    display = Display(evse=number)
    place = display if has_display(st, display) else None
    texts = {"tariff": _tariff(st, evse), "cost": _running(st, evse), "total_cost": _total(st, evse)}
    for about, text in texts.items():
        if text is not None:
            yield Line(about, text, number, display=place)


def _tariff(st: Station, evse: Evse) -> Text | None:
    """The driver's own tariff, or for want of one the fallback (I01.FR.03, I04.FR.01, I06.FR.03)."""
    held, tx = evse.authorization, evse.transaction
    if not st.get(TARIFF_ENABLED):
        return None
    own = (tx and tx.tariff) or (held and held.tariff)
    return own or (_text(st.get(TARIFF_FALLBACK)) if held else None)


def _running(st: Station, evse: Evse) -> Text | None:
    """What the transaction has cost so far (I02.FR.03, I02.FR.04)."""
    tx = evse.transaction
    return None if tx is None or tx.cost is None or not st.get(COST_ENABLED) else _money(st, tx.cost)


def _total(st: Station, evse: Evse) -> Text | None:
    """What the last transaction has cost, or that this could not be learnt (I03.FR.03, I05.FR.02)."""
    if evse.bill is None or not st.get(COST_ENABLED):
        return None
    return _text(st.get(COST_FALLBACK)) if evse.bill.cost is None else _money(st, evse.bill.cost)


def _money(st: Station, amount: float) -> Text:
    return Text(f"{amount:.2f} {st.get(CURRENCY)}")


def _text(content: str) -> Text | None:
    return Text(content) if content else None


def cost(st: Station, evse: Evse) -> CostView | None:
    """What the transaction there costs, or the last one has cost, as the state of the EVSE spells it."""
    tx, bill = evse.transaction, evse.bill
    amount = tx.cost if tx else bill.cost if bill else None
    if amount is None:
        return None
    return {"amount": amount, "currency": st.get(CURRENCY), "is_total": tx is None}
