"""C. Authorization: who presents which token, and whether that is enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ocppd.blocks import e_transactions, h_reservation
from ocppd.core import on
from ocppd.core.errors import CallError, CommandError, as_command_error
from ocppd.core.station import LATER, Done, Later
from ocppd.core.status import connector_status
from ocppd.core.variables import boolean, members

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.state import Authorization, QueuedCall
    from ocppd.core.station import Station

ENABLED = boolean("AuthCtrlr", "Enabled", True, mutability="ReadWrite")
OFFLINE_UNKNOWN = boolean("AuthCtrlr", "OfflineTxForUnknownIdEnabled", False, mutability="ReadWrite")
NO_REMOTE = boolean("AuthCtrlr", "DisableRemoteAuthorization", False, mutability="ReadWrite")

TOKEN_TYPES = (
    "Central",
    "eMAID",
    "ISO14443",
    "ISO15693",
    "KeyCode",
    "Local",
    "MacAddress",
    "NoAuthorization",
)
SUPPORTED_TYPES = members("AuthCtrlr", "SupportedIdTokenTypes", ",".join(TOKEN_TYPES), TOKEN_TYPES)
_NEVER_ASKED = ("Central", "NoAuthorization")
NO_TOKEN = {"idToken": "", "type": "NoAuthorization"}


@on.command("authorize")
def authorize(
    st: Station,
    evse: int,
    id_token: str | None = None,
    type: str | None = None,  # noqa: A002 - the key of the MQTT API
    group_id_token: str | None = None,
) -> Done | Later:
    """Present a token to the reader of the EVSE: it starts, stops or is refused as OCPP says.

    Without `id_token` it is the station's `default_token`.
    """
    st.require_power()
    return present(st, evse, _token(st, id_token, type), group_id_token)


def _token(st: Station, id_token: str | None, kind: str | None) -> Payload:
    default = st.description.hardware.default_token
    token = id_token if id_token is not None else default.id_token
    kind = kind or (default.type if id_token is None else "ISO14443")
    if kind not in TOKEN_TYPES:
        raise CommandError("invalid_argument", f"type: {kind!r} is none of {', '.join(TOKEN_TYPES)}")
    if kind == NO_TOKEN["type"]:
        return NO_TOKEN  # C02.FR.01
    if not 0 < len(token) <= 36:
        raise CommandError("invalid_argument", "id_token: a token has 1 to 36 characters")
    return {"idToken": token, "type": kind}


@on.command("start")
def start(st: Station, evse: int) -> Done | Later:
    """Press the start button of the EVSE: charging without a token (C02)."""
    st.require_power()
    if st.evse(evse).authorization is not None:
        raise CommandError("invalid_state", "somebody is authorized already")
    return present(st, evse, NO_TOKEN, None)


def present(st: Station, evse: int, token: Payload, group: str | None) -> Done | Later:
    """A driver's token at an EVSE: the end of an authorization, or the wish for one."""
    held = st.evse(evse).authorization
    if held is not None and is_same(held.token, token):  # C01.FR.03, E07.FR.01
        st.emit("stop_authorized", evse, token=token)
        return _outcome(st, evse, "Accepted")
    asks = st.get(ENABLED) and token["type"] not in _NEVER_ASKED
    if held is None and (hindrance := why_not(st, evse, token, group, group_known=not asks)):
        raise hindrance
    if not asks and held is not None:
        raise CommandError("invalid_state", "another token is charging here")
    if not asks:
        return _accept(st, evse, token, group)
    if st.is_online and not st.get(NO_REMOTE):
        context = {"evse": evse, "group": group, "command": st.request.key if st.request else None}
        st.send("Authorize", {"idToken": token}, context=context)
        return LATER
    if held is None and st.get(OFFLINE_UNKNOWN) and not st.state.csms.connected:  # C15.FR.08
        return _accept(st, evse, token, group)
    if st.is_online:
        raise CommandError("invalid_state", "the token is not known here and the CSMS must not be asked")
    raise CommandError("not_connected", "the token is not known here and the CSMS cannot be asked")


def why_not(
    st: Station, evse: int, token: Payload, group: str | None = None, *, group_known: bool = True
) -> CommandError | None:
    """What keeps a good token from charging at the EVSE, at which nobody is authorized; None: nothing.

    `group_known` false: the CSMS will still be asked for the group of the token (H03.FR.08).
    """
    tx = st.evse(evse).transaction
    if tx is None and not e_transactions.may_start(st):
        return CommandError("not_connected", "the CSMS has not accepted the station yet")
    if not is_usable(st, evse):
        return CommandError("invalid_state", "the EVSE is faulted or unavailable")
    if h_reservation.is_kept_from(st, evse, token, group, group_known=group_known):
        return CommandError("invalid_state", "the EVSE is reserved for somebody else")
    if tx is None:
        return None
    if tx.stopped_reason is not None:  # C01.FR.23
        return CommandError("invalid_state", "the transaction was stopped: unplug before the next")
    if tx.token is not None and not is_same(tx.token, token):  # C01.FR.23
        return CommandError("invalid_state", "the transaction belongs to another token")
    return None


def is_usable(st: Station, evse: int) -> bool:
    """Whether at least one connector of the EVSE can serve somebody."""
    numbers = range(1, len(st.evse(evse).connectors) + 1)
    return any(connector_status(st, evse, number) not in ("Faulted", "Unavailable") for number in numbers)


def is_same(one: Payload, other: Payload) -> bool:
    """Whether two IdTokenTypes are the same token (C01.FR.25)."""
    return bool(one["type"] == other["type"] and one["idToken"].casefold() == other["idToken"].casefold())


def _accept(st: Station, evse: int, token: Payload, group: str | None) -> Done:
    st.emit("authorized", evse, token=token, group=group)
    return _outcome(st, evse, "Accepted")


def _outcome(st: Station, evse: int, status: str) -> Done:
    """The answer, with the transaction as it is once all have reacted to the token."""
    before = st.evse(evse).transaction

    def result() -> dict[str, Any]:
        tx = st.evse(evse).transaction or before
        return {"id_token_status": status, "transaction_id": tx.id if tx else None}

    return Done(result=result)


@on.reply("Authorize")
def answered(st: Station, call: QueuedCall, response: Payload) -> None:
    """Accepted tokens start or, of the same group, stop (C01, C09); others do nothing."""
    evse, info = call.context["evse"], response["idTokenInfo"]
    token, key = call.payload["idToken"], call.context["command"]
    group = info.get("groupIdToken", {}).get("idToken", call.context["group"])
    refusal = _refusal(st, call, info, group)
    if refusal is not None:
        st.finish(key, refusal)
        return
    if st.evse(evse).authorization is None:
        remote_start_id = call.context.get("remote_start_id")
        st.emit("authorized", evse, token=token, group=group, remote_start_id=remote_start_id)
    else:
        st.emit("stop_authorized", evse, token=token)
    st.finish(key, _outcome(st, evse, info["status"]))


def _refusal(st: Station, call: QueuedCall, info: Payload, group: str | None) -> CommandError | None:
    """Why the answered token changes nothing here; None where it does."""
    evse, token, status = call.context["evse"], call.payload["idToken"], info["status"]
    held = st.evse(evse).authorization
    if status != "Accepted":
        return CommandError("csms_rejected", f"id token is {status}", {"status": status})
    if evse not in info.get("evseId", [evse]):  # C01.FR.21
        return CommandError("csms_rejected", f"the token is not for EVSE {evse}", {"status": status})
    if held is None:
        return why_not(st, evse, token, group)
    is_start = call.context.get("remote_start_id") is not None
    if is_start or not (is_same(held.token, token) or _is_same_group(held, group)):
        return CommandError("invalid_state", "another token is charging here, of another group")
    return None


def _is_same_group(held: Authorization, group: str | None) -> bool:
    """Whether a token of `group` may end the authorization (C09.FR.03)."""
    return group is not None and held.group is not None and group.casefold() == held.group.casefold()


@on.failed("Authorize")
def not_answered(st: Station, call: QueuedCall, failure: CallError) -> None:
    """Without an answer nobody is authorized."""
    st.finish(call.context["command"], as_command_error(failure))
