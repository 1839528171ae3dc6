"""I. Tariffs by which the station itself computes what a transaction costs (I07 to I12, OCPP 2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.blocks.e_transaction_events import tell
from ocppd.core import costs, on, schemas, tariffs
from ocppd.core.errors import CallError
from ocppd.core.state import DefaultTariff, DriverTariff
from ocppd.core.variables import boolean, integer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocppd.core.schemas import Payload
    from ocppd.core.station import Event, Station

MOST_TARIFFS = 10  # of one EVSE: the one that counts, and those to come
MAX_ELEMENTS = integer("TariffCostCtrlr", "MaxElements", 50, instance="Tariff")
CONDITIONS = boolean("TariffCostCtrlr", "ConditionsSupported", True, instance="Tariff")


# The default tariffs (I07, I09, I10)


@on.call("SetDefaultTariff")
def set_default_tariff(st: Station, request: Payload) -> Payload:
    """Price the transactions to come at that EVSE, or at all of them, by this tariff (I07)."""
    evse, tariff = request["evseId"], request["tariff"]
    if evse > len(st.state.evses):
        return _refused("Rejected", "UnknownEvse")
    if refusal := tariffs.refusal(tariff, st.get(MAX_ELEMENTS)):
        return _refused(*refusal)
    places = [number for number, _ in st.evses() if evse in (0, number)]
    kept = [it for it in st.state.tariffs if not (it.evse in places and _is_replaced(st, it, tariff))]
    if any(it.tariff["tariffId"] == tariff["tariffId"] and it.tariff != tariff for it in kept):
        return _refused("DuplicateTariffId")
    if any(sum(it.evse == number for it in kept) >= MOST_TARIFFS for number in places):
        return _refused("Rejected", "OutOfStorage")
    st.state.tariffs = (*kept, *(DefaultTariff(number, tariff) for number in places))
    return {"status": "Accepted"}


def _refused(status: str, reason: str = "") -> Payload:
    return {"status": status, **({"statusInfo": {"reasonCode": reason}} if reason else {})}


def _is_replaced(st: Station, old: DefaultTariff, new: Payload) -> bool:
    """What counts now is replaced by what is to count now, and one to come by another from that moment on."""
    before, since = costs.valid_from(old.tariff), costs.valid_from(new)
    return before == since or max(before, since) <= st.clock


@on.call("GetTariffs")
def get_tariffs(st: Station, request: Payload) -> Payload:
    """The default tariffs, and those of the drivers who are charging (I09)."""
    evse = request["evseId"]
    if evse > len(st.state.evses):
        return _refused("Rejected", "UnknownEvse")
    found: dict[str, Payload] = {}
    for it in st.state.tariffs:
        if evse in (0, it.evse):
            _assign(found, "DefaultTariff", it.tariff)["evseIds"].append(it.evse)
    for number, place in st.evses():
        if place.driver_tariff is not None and place.authorization is not None and evse in (0, number):
            entry = _assign(found, "DriverTariff", place.driver_tariff.tariff)
            entry["evseIds"].append(number)
            entry.setdefault("idTokens", []).append(place.driver_tariff.token["idToken"])
    return (
        {"status": "Accepted", "tariffAssignments": list(found.values())} if found else _refused("NoTariff")
    )


def _assign(found: dict[str, Payload], kind: str, tariff: Payload) -> Payload:
    entry: Payload = {"tariffId": tariff["tariffId"], "tariffKind": kind, "evseIds": []}
    if "validFrom" in tariff:
        entry["validFrom"] = tariff["validFrom"]
    return found.setdefault(f"{kind} {tariff['tariffId']}", entry)


@on.call("ClearTariffs")
def clear_tariffs(st: Station, request: Payload) -> Payload:
    """Forget default tariffs; a transaction that runs keeps its own to its end (I10)."""
    evse = request.get("evseId", 0)
    meant = [it for it in st.state.tariffs if evse in (0, it.evse)]
    wanted = request.get("tariffIds") or list(dict.fromkeys(it.tariff["tariffId"] for it in meant))
    there = {it.tariff["tariffId"] for it in meant}
    st.state.tariffs = tuple(
        it for it in st.state.tariffs if it not in meant or it.tariff["tariffId"] not in wanted
    )
    results = [{"tariffId": it, "status": "Accepted" if it in there else "NoTariff"} for it in wanted]
    return {"clearTariffsResult": results or [{"status": "NoTariff"}]}


@on.event("started")
def look_over(st: Station, _event: Event) -> None:
    """What a state file holds may be what no CSMS could have set."""
    st.state.tariffs = tuple(it for it in st.state.tariffs if _is_usable(st, it.tariff))
    for _, place in st.evses():
        tx, own = place.transaction, place.driver_tariff
        if own is not None and not _is_usable(st, own.tariff):
            place.driver_tariff = None
        if tx is not None and tx.account is not None and not _is_usable(st, tx.account.tariff):
            tx.account = None


def _is_usable(st: Station, tariff: Payload) -> bool:
    try:
        schemas.check_request("SetDefaultTariff", {"evseId": 0, "tariff": tariff}, schemas.OCPP_21)
    except CallError:
        return False
    return tariffs.refusal(tariff, st.get(MAX_ELEMENTS)) is None


# The driver's own (I08)


@on.event("driver_tariff")
def driver_tariff_told(st: Station, event: Event) -> None:
    """The CSMS has told a tariff with a token, or none; if it cannot be followed, the default one counts."""
    place, tariff = st.evse(event.evse), event.data["tariff"]
    place.driver_tariff = None
    if tariff is None:
        return
    if refusal := tariffs.refusal(tariff, st.get(MAX_ELEMENTS)):
        text = f"the driver's tariff {tariff['tariffId']} cannot be followed: {' '.join(refusal)}"
        st.emit("warning", event.evse, message=text)
    else:
        place.driver_tariff = DriverTariff(event.data["token"], tariff)


@on.event("tx_ended")
def driver_has_gone(st: Station, event: Event) -> None:
    """The next driver has another tariff."""
    st.evse(event.evse).driver_tariff = None
    st.cancel(f"{costs.TIMER}:{event.evse}")


# While a transaction runs (I11, I12)


@on.call("ChangeTransactionTariff")
def change_transaction_tariff(st: Station, request: Payload) -> Payload:
    """From now on the transaction is priced by this tariff, in the currency that it has (I11)."""
    evse, tariff = st.evse_of(request["transactionId"]), request["tariff"]
    tx = st.evse(evse).transaction if evse is not None else None
    if evse is None or tx is None:
        return _refused("TxNotFound")
    if tx.account is not None and tx.account.tariff["currency"] != tariff["currency"]:
        return _refused("NoCurrencyChange")
    if refusal := tariffs.refusal(tariff, st.get(MAX_ELEMENTS)):
        return _refused(*refusal)
    costs.change(st, evse, tx, tariff)
    tell(st, evse, tx, "Updated", "TariffChanged")
    return {"status": "Accepted"}


@on.event("transaction_event_answered")
def limit_told(st: Station, event: Event) -> None:
    """A transactionLimit of the CSMS (E16) is not kept here, and the world should know."""
    if "transactionLimit" in event.data["response"]:
        st.emit("warning", event.evse, message="the CSMS has set a transactionLimit, which is not kept here")


@on.settled
def follow_prices(st: Station, _events: Sequence[Event]) -> None:
    """Every input may change a price: by the time, by the power that flows from now on, by the local time."""
    for number, place in st.evses():
        if place.transaction is not None and place.transaction.account is not None:
            costs.renew(st, number, place.transaction, place.transaction.account)


@on.timer(costs.TIMER)
def prices_change(_st: Station, _evse: int) -> None:
    """Prices are looked at after every input."""
