"""O. Display messages: what the CSMS wants to have shown. `core.display` tells what is shown now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.core import display, on, outbox
from ocppd.core.errors import CallError
from ocppd.core.state import Display, DisplayMessage, Text
from ocppd.core.times import format_time, parse_time

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Event, Station

_TIMER = "display"
_PAGE = 10  # messages in a NotifyDisplayMessages
_GREATEST_ID = 2**31 - 1


# SetDisplayMessage (O01, O02, O06)


@on.call("SetDisplayMessage")
def set_display_message(st: Station, request: Payload) -> Payload:
    """Show the message from now on, or when its time comes, instead of what it replaces.

    That is the message with the same id (O06.FR.01), and for one in AlwaysFront the other such message of
    the same display (O01.FR.16, O02.FR.18).
    """
    info = request["message"]
    refusal = _refusal(st, info)
    if refusal is not None:
        return refusal
    message = _message(info)
    replaced = [it for it in st.state.display_messages if _replaces(message, it)]
    others = tuple(it for it in st.state.display_messages if it not in replaced)
    if len(others) >= display.MOST_MESSAGES:  # O01.FR.11, O02.FR.11
        return _refused("Rejected", "OutOfMemory")
    st.state.display_messages = (*others, message)
    _arm(st)
    for it in replaced:
        if it.id != message.id:
            _tell(st, it, "Replaced")
    _tell(st, message, "Set")
    return {"status": "Accepted"}


def _refusal(st: Station, info: Payload) -> Payload | None:
    if not st.get(display.MESSAGES_ENABLED):
        return _refused("Rejected", "NotEnabled")
    if info["priority"] not in st.get(display.PRIORITIES):  # O01.FR.01, O02.FR.03
        return {"status": "NotSupportedPriority"}
    if "state" in info and info["state"] not in st.get(display.STATES):  # O01.FR.02, O02.FR.04
        return {"status": "NotSupportedState"}
    if info["message"]["format"] not in st.get(display.FORMATS):  # O01.FR.03, O02.FR.05
        return {"status": "NotSupportedMessageFormat"}
    transaction = info.get("transactionId")
    if transaction is not None and st.evse_of(transaction) is None:  # O02.FR.01
        return {"status": "UnknownTransaction"}
    where = info.get("display")
    if where is not None and not _is_display(st, where):  # O01.FR.22
        return _refused("Rejected", "UnknownComponent")
    return None if _is_possible(st, info) else _refused("Rejected", "InvalidValue")


def _refused(status: str, code: str) -> Payload:
    return {"status": status, "statusInfo": {"reasonCode": code}}


def _is_display(st: Station, component: Payload) -> bool:
    return component["name"].casefold() == "display" and display.has_display(st, _display(component))


def _is_possible(st: Station, info: Payload) -> bool:
    """Whether the id is one, and the times leave any time to show it."""
    start, end = (parse_time(info[key]) if key in info else None for key in ("startDateTime", "endDateTime"))
    if (start is None and "startDateTime" in info) or (end is None and "endDateTime" in info):
        return False
    in_time = end is None or end > max(start or 0.0, st.clock)
    return in_time and 0 <= info["id"] <= _GREATEST_ID


def _message(info: Payload) -> DisplayMessage:
    text, where = info["message"], info.get("display")
    return DisplayMessage(
        id=info["id"],
        priority=info["priority"],
        text=Text(text["content"], text["format"], text.get("language")),
        state=info.get("state"),
        start=parse_time(info.get("startDateTime", "")),
        end=parse_time(info.get("endDateTime", "")),
        transaction_id=info.get("transactionId"),
        display=None if where is None or _display(where) == Display() else _display(where),
    )


def _display(component: Payload) -> Display:
    evse = component.get("evse", {})
    return Display(component.get("instance") or None, evse.get("id", 0), evse.get("connectorId", 0))


def _replaces(new: DisplayMessage, old: DisplayMessage) -> bool:
    both_in_front = new.priority == old.priority == "AlwaysFront" and new.display == old.display
    return new.id == old.id or both_in_front


# GetDisplayMessages, ClearDisplayMessage (O03, O04, O05)


@on.call("GetDisplayMessages")
def get_display_messages(st: Station, request: Payload) -> Payload:
    """Tell those with one of the ids, the priority and the state that the request names, page by page.

    Raises:
        CallError: there is no room for the pages; no status of the response could say so.
    """
    ids, priority, state = request.get("id"), request.get("priority"), request.get("state")
    wanted = [
        it
        for it in st.state.display_messages
        if (ids is None or it.id in ids) and priority in (None, it.priority) and state in (None, it.state)
    ]
    if not wanted:  # O03.FR.06, O04.FR.02, O04.FR.07
        return {"status": "Unknown"}
    pages = [wanted[start : start + _PAGE] for start in range(0, len(wanted), _PAGE)]
    if len(pages) > outbox.room(st.state.outbox):
        raise CallError("InternalError", "too many calls wait for the CSMS")
    for number, page in enumerate(pages, start=1):  # O03.FR.02 to FR.05, O04.FR.03 to FR.06
        payload = {
            "requestId": request["requestId"],
            "tbc": number < len(pages),
            "messageInfo": [_info(it) for it in page],
        }
        st.send("NotifyDisplayMessages", payload, keep=True, while_pending=True)
    return {"status": "Accepted"}


def _info(message: DisplayMessage) -> Payload:
    """Its MessageInfoType."""
    text = message.text
    found = {
        "id": message.id,
        "priority": message.priority,
        "message": _given(format=text.format, content=text.content, language=text.language),
    }
    return found | _given(
        state=message.state,
        startDateTime=None if message.start is None else format_time(message.start),
        endDateTime=None if message.end is None else format_time(message.end),
        transactionId=message.transaction_id,
        display=None if message.display is None else _component(message.display),
    )


def _component(where: Display) -> Payload:
    place = _given(id=where.evse or None, connectorId=where.connector or None)
    return {"name": "Display"} | _given(instance=where.instance, evse=place or None)


def _given(**values: object) -> Payload:
    return {key: value for key, value in values.items() if value is not None}


@on.call("ClearDisplayMessage")
def clear_display_message(st: Station, request: Payload) -> Payload:
    """Forget the message (O05.FR.01), if there is one of that id (O05.FR.02)."""
    found = [it for it in st.state.display_messages if it.id == request["id"]]
    _remove(st, found, "Cleared")
    return {"status": "Accepted" if found else "Unknown"}


# What becomes of a message


@on.event("tx_ended")
def transaction_ended(st: Station, event: Event) -> None:
    """Nobody is there any more for the messages of that transaction (O02.FR.02)."""
    ended = event.data["transaction_id"]
    _remove(st, [it for it in st.state.display_messages if it.transaction_id == ended], "TransactionEnded")


@on.event("started", "power_up", "clock_set")
def look_again(st: Station, _event: Event) -> None:
    """Messages survive a restart (O01.FR.10, O02.FR.10), unless their time, or what they need, has gone."""
    if st.state.power:
        gone = [it for it in st.state.display_messages if not _is_at_home(st, it)]
        _remove(st, gone, "Removed")
        change(st)


def _is_at_home(st: Station, message: DisplayMessage) -> bool:
    """Whether transaction and display still are what they were when the message was set."""
    runs = message.transaction_id is None or st.evse_of(message.transaction_id) is not None
    return runs and (message.display is None or display.has_display(st, message.display))


@on.timer(_TIMER)
def change(st: Station) -> None:
    """A message comes or goes (O01.FR.06, O01.FR.07, O02.FR.06, O02.FR.07)."""
    _remove(st, [it for it in st.state.display_messages if display.is_over(st, it)], "Expired")
    _arm(st)


def _arm(st: Station) -> None:
    st.cancel(_TIMER)
    coming = display.next_change(st)
    if coming is not None:
        st.at(coming, _TIMER)


def _remove(st: Station, gone: list[DisplayMessage], why: str) -> None:
    if not gone:
        return
    st.state.display_messages = tuple(it for it in st.state.display_messages if it not in gone)
    _arm(st)
    for message in gone:
        _tell(st, message, why)


def _tell(st: Station, message: DisplayMessage, status: str) -> None:
    st.emit("display", about="message", id=message.id, status=status, content=message.text.content)
