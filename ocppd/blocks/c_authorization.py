"""C. Authorization: who presents which token, and whether that is enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Len

from ocppd.blocks import (
    c_cache,
    c_contract,
    c_key_code,
    c_master_pass,
    c_sources,
    e_cables,
    e_points,
    h_reservation,
)
from ocppd.blocks.c_contract import Contract
from ocppd.blocks.c_sources import Presented
from ocppd.core import on, tokens
from ocppd.core.errors import CallError, CommandError, as_command_error
from ocppd.core.station import LATER, Done, Later
from ocppd.core.status import connector_status
from ocppd.core.tokens import NO_TOKEN, Word, is_same, is_same_group
from ocppd.core.variables import integer, members

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.state import Authorization, QueuedCall, Transaction
    from ocppd.core.station import Event, Station

SUPPORTED_TYPES = members("AuthCtrlr", "SupportedIdTokenTypes", ",".join(tokens.TYPES), tokens.TYPES)
_MOST_ADDITIONAL = 4
ADDITIONAL_INFO_ITEMS = integer("AuthCtrlr", "AdditionalInfoItemsPerMessage", _MOST_ADDITIONAL)


@dataclass(frozen=True, slots=True)
class AdditionalInfo:
    """An AdditionalInfoType."""

    additional_id_token: Annotated[str, Len(1, tokens.LONGEST)]
    type: Annotated[str, Len(1, 50)]


# What a driver does


@on.command("authorize")
def authorize(
    st: Station,
    evse: int,
    id_token: str | None = None,
    type: str | None = None,  # noqa: A002 - the key of the MQTT API
    group_id_token: Annotated[str, Len(1, tokens.LONGEST)] | None = None,
    additional_info: Annotated[tuple[AdditionalInfo, ...], Len(0, _MOST_ADDITIONAL)] = (),
    certificate: Annotated[str, Len(1, c_contract.LONGEST)] | None = None,
    stops: Literal["all", "evse"] = "all",
) -> Done | Later:
    """Present a token to the reader of the EVSE: it starts, stops or is refused as OCPP says.

    Without `id_token` it is the station's `default_token`. `certificate` is that of a car's contract, in PEM
    with the chain above it: its eMAID is the token. `stops` is what the bearer of a master pass has chosen.
    """
    st.require_power()
    contract = None if certificate is None else c_contract.read(st, certificate)
    token = _token(st, id_token, type) if contract is None else _emaid(contract, id_token, type)
    if additional_info:
        told = [{"additionalIdToken": it.additional_id_token, "type": it.type} for it in additional_info]
        token = token | {"additionalInfo": told}
    command = st.request.key if st.request else None
    wish = Presented(evse, token, group_id_token, contract, here_only=stops == "evse", command=command)
    return present(st, wish)


def _token(st: Station, id_token: str | None, kind: str | None) -> Payload:
    default = st.description.hardware.default_token
    token = id_token if id_token is not None else default.id_token
    kind = kind or (default.type if id_token is None else "ISO14443")
    if kind not in tokens.TYPES:
        raise CommandError("invalid_argument", f"type: {kind!r} is none of {', '.join(tokens.TYPES)}")
    if kind == NO_TOKEN["type"]:
        return NO_TOKEN  # C02.FR.01
    if not 0 < len(token) <= tokens.LONGEST:
        raise CommandError("invalid_argument", "id_token: a token has 1 to 36 characters")
    return {"idToken": token, "type": kind}


def _emaid(contract: Contract, id_token: str | None, kind: str | None) -> Payload:
    if kind not in (None, "eMAID"):
        raise CommandError("invalid_argument", "type: a contract certificate goes with an eMAID")
    if id_token is not None and id_token.casefold() != contract.emaid.casefold():
        raise CommandError("invalid_argument", "id_token: the certificate is for another one")
    return {"idToken": contract.emaid, "type": "eMAID"}


@on.command("start")
def start(st: Station, evse: int) -> Done | Later:
    """Press the start button of the EVSE: charging without a token (C02)."""
    st.require_power()
    if st.evse(evse).authorization is not None:
        raise CommandError("invalid_state", "somebody is authorized already")
    return present(st, Presented(evse, NO_TOKEN))


def present(st: Station, wish: Presented) -> Done | Later:
    """A driver's token at an EVSE: the end of an authorization, or the wish for one.

    Raises CommandError where it comes to nothing at once.
    """
    evse, token, held = wish.evse, wish.token, st.evse(wish.evse).authorization
    if held is not None and is_same(held.token, token):  # C01.FR.03, E07.FR.01
        st.emit("stop_authorized", evse, token=token)
        return _outcome(st, evse)
    c_key_code.refuse_too_early(st, token)
    known = c_sources.known_of(st, token)
    if e_cables.is_kept_for(st.evse(evse), token, _good_group(known, evse)):  # E05.FR.11, E09.FR.03
        st.emit("owner_back", evse)
        return _outcome(st, evse)
    _refuse_in_vain(st, wish, known)
    try:
        word = c_sources.own_word(st, wish, known)
    except CommandError:
        c_key_code.learn(st, token, "Unknown")
        raise
    if word is not None:
        return _follow_word(st, wish, word)
    _ask(st, wish)
    return LATER


def _good_group(known: Word | None, evse: int) -> str | None:
    """The group of a token that is known to be good."""
    if known is None or tokens.refusal(known.info, evse) is not None:
        return None
    return tokens.group_of(known.info)


def present_remotely(st: Station, wish: Presented) -> None:
    """Authorize the token of a RequestStartTransaction as if it were presented here (F01.FR.01)."""
    try:
        known = c_sources.known_of(st, wish.token)
        word = c_sources.own_word(st, wish, known)
        if word is None:
            _ask(st, wish)
        else:
            _follow_word(st, wish, word)
    except CommandError as refusal:
        _tell(st, wish, refusal)


# What is not worth a question


def _refuse_in_vain(st: Station, wish: Presented, known: Word | None) -> None:
    """Raise CommandError for what no word could help, so that nobody is asked."""
    if any(_is_about(call, wish) for call in (*st.state.outbox.queue, st.state.outbox.in_flight) if call):
        raise CommandError("busy", "the CSMS is being asked for this token already")
    if st.evse(wish.evse).authorization is not None or c_master_pass.is_known(st):
        return  # it may stop something
    asks = c_sources.is_asked_for(st, wish.token)
    group = tokens.group_of(known.info) if known else None
    if hindrance := why_not(st, wish.evse, wish.token, group or wish.group, group_known=not asks):
        raise hindrance


def _is_about(call: QueuedCall, wish: Presented) -> bool:
    """Whether the call asks for that token at that EVSE."""
    return (
        call.action == "Authorize"
        and call.checked
        and call.context.get("evse") == wish.evse
        and is_same(call.payload["idToken"], wish.token)
    )


def why_not(
    st: Station, evse: int, token: Payload, group: str | None = None, *, group_known: bool = True
) -> CommandError | None:
    """What keeps a good token from charging at the EVSE, at which nobody is authorized; None: nothing.

    `group_known` false: the CSMS will still be asked for the group of the token (H03.FR.08).
    """
    tx = st.evse(evse).transaction
    if c_master_pass.is_one(st, group):  # C12.FR.09, C16.FR.03
        return CommandError("invalid_state", "a master pass starts nothing")
    if tx is None and not e_points.may_start(st):
        return CommandError("not_connected", "the CSMS has not accepted the station yet")
    if not is_usable(st, evse):
        return CommandError("invalid_state", "the EVSE is faulted or unavailable")
    if e_cables.is_kept(st.evse(evse)):
        return CommandError("invalid_state", "the socket holds somebody else's cable")
    if h_reservation.is_kept_from(st, evse, token, group, group_known=group_known):
        return CommandError("invalid_state", "the EVSE is reserved for somebody else")
    return None if tx is None else _why_not_in(tx, token)


def _why_not_in(tx: Transaction, token: Payload) -> CommandError | None:
    """What keeps the token from a transaction that runs already (C01.FR.23)."""
    if tx.stopped_reason is not None:
        return CommandError("invalid_state", "the transaction was stopped: unplug before the next")
    if tx.token is not None and not is_same(tx.token, token):
        return CommandError("invalid_state", "the transaction belongs to another token")
    return None


def is_usable(st: Station, evse: int) -> bool:
    """Whether a connector of the EVSE can serve somebody: the one with the cable, or at least one of all."""
    connectors = st.evse(evse).connectors
    plugged = [number for number, it in enumerate(connectors, start=1) if it.plugged]
    numbers = plugged or range(1, len(connectors) + 1)
    return any(connector_status(st, evse, number) not in ("Faulted", "Unavailable") for number in numbers)


# What comes of it


def _follow_word(st: Station, wish: Presented, word: Word) -> Done:
    """Do what a word means that nobody else has to give. Raises CommandError where that is nothing."""
    c_key_code.learn(st, wish.token, word.info["status"])
    done = _act(st, wish, word.info)
    st.emit("id_token_info", wish.evse, token=wish.token, info=word.info)
    if word.source == "cache":
        c_cache.use(st, wish.token)
    return done


def _act(st: Station, wish: Presented, info: Payload) -> Done:
    """A good token starts or, of the same group, stops (C01, C09); a master pass stops (C16).

    Raises CommandError where it does neither.
    """
    evse, token = wish.evse, wish.token
    if (why := tokens.refusal(info, evse)) is not None:
        raise CommandError("csms_rejected", why, {"status": info["status"]})
    group, held = tokens.group_of(info) or wish.group, st.evse(evse).authorization
    if wish.remote_start_id is None and c_master_pass.is_one(st, group):
        stopped = c_master_pass.stop(st, token, evse if wish.here_only else None)
        return Done(result={"id_token_status": "Accepted", "transaction_id": None, "stopped": stopped})
    if held is None:
        if hindrance := why_not(st, evse, token, group):
            raise hindrance
        _start(st, wish, group, tokens.priority_of(info))
    elif _may_stop(wish, held, group):
        st.emit("stop_authorized", evse, token=token)  # C09.FR.03
    elif wish.remote_start_id is not None or not is_same(held.token, token):  # C09.FR.11
        raise CommandError("invalid_state", "another token is charging here")
    return _outcome(st, evse)


def _may_stop(wish: Presented, held: Authorization, group: str | None) -> bool:
    if wish.remote_start_id is not None or wish.was_free:
        return False
    return is_same(held.token, wish.token) or is_same_group(held.group, group)


def _start(st: Station, wish: Presented, group: str | None, priority: int | None) -> None:
    st.emit(
        "authorized",
        wish.evse,
        token=wish.token,
        group=group,
        remote_start_id=wish.remote_start_id,
        priority=priority,
    )


def _outcome(st: Station, evse: int) -> Done:
    """The answer, with the transaction as it is once all have reacted to the token."""
    before = st.evse(evse).transaction

    def result() -> dict[str, Any]:
        tx = st.evse(evse).transaction or before
        return {"id_token_status": "Accepted", "transaction_id": tx.id if tx else None}

    return Done(result=result)


# The CSMS's word


def _ask(st: Station, wish: Presented) -> None:
    """C01.FR.02, and for contracts C07.FR.01 with C07.FR.02. Raises CommandError where that is of no use."""
    contract = wish.contract
    if contract is not None and not contract.is_valid and not st.get(c_contract.CENTRAL_VALIDATION):
        raise CommandError("invalid_state", "no root certificate of the contract is installed")
    context = {
        "evse": wish.evse,
        "group": wish.group,
        "command": wish.command,
        "remote_start_id": wish.remote_start_id,
        "here_only": wish.here_only,
        "was_free": st.evse(wish.evse).authorization is None,
    }
    told = contract.told if contract is not None else {}
    st.send("Authorize", {"idToken": wish.token, **told}, context=context)


@on.reply("Authorize")
def answered(st: Station, call: QueuedCall, response: Payload) -> None:
    """The CSMS has told of a token: it does what it was presented for, or nothing."""
    info, wish = response["idTokenInfo"], _asked(call)
    if "tariff" in response or st.evse(wish.evse).driver_tariff is not None:
        # Before "authorized" lets the transaction begin, which is to have this tariff (I08).
        st.emit("driver_tariff", wish.evse, token=wish.token, tariff=response.get("tariff"))
    outcome: Done | CommandError
    try:
        if (why := c_contract.refusal(response)) is not None:
            raise CommandError("csms_rejected", why, {"status": info["status"]})  # noqa: TRY301 - as the others
        outcome = _act(st, wish, info)
        if "allowedEnergyTransfer" in response:  # Q01
            modes = response["allowedEnergyTransfer"]
            st.emit("energy_transfer_allowed", wish.evse, token=wish.token, modes=modes)
    except CommandError as refusal:
        outcome = refusal
    st.emit("id_token_info", wish.evse, token=wish.token, info=info)
    c_cache.learn(st, wish.token, info)  # C10.FR.04
    c_key_code.learn(st, wish.token, info["status"])
    _tell(st, wish, outcome)


def _tell(st: Station, wish: Presented, outcome: Done | CommandError) -> None:
    """Tell who waits for it what a token came to, and the world where nobody waits for a remote start."""
    if wish.remote_start_id is not None and isinstance(outcome, CommandError):
        st.emit("warning", wish.evse, message=f"the remote start came to nothing: {outcome.message}")
    st.finish(wish.command, outcome)


def _asked(call: QueuedCall) -> Presented:
    """What was presented when the CSMS was asked."""
    context = call.context
    return Presented(
        evse=context["evse"],
        token=call.payload["idToken"],
        group=context.get("group"),
        remote_start_id=context.get("remote_start_id"),
        here_only=context.get("here_only", False),
        was_free=context.get("was_free", False),
        command=context.get("command"),
    )


@on.event("transaction_event_answered")
def priority_told(st: Station, event: Event) -> None:
    """Of the priorities in a TransactionEventResponse that of the transaction goes before the token's."""
    held, response = st.evse(event.evse).authorization, event.data["response"]
    told = (response, response.get("idTokenInfo", {}))
    priority = next((it for it in map(tokens.priority_of, told) if it is not None), None)
    token = event.data["request"].get("idToken")
    if held is not None and priority is not None and (token is None or is_same(held.token, token)):
        held.priority = priority


@on.failed("Authorize")
def not_answered(st: Station, call: QueuedCall, failure: CallError) -> None:
    """Without an answer nobody is authorized."""
    _tell(st, _asked(call), as_command_error(failure))
