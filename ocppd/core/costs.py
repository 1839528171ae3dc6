"""What each transaction costs by the tariff that it has (I07 to I12, OCPP 2.1).

An account has the sums up to the moment at which prices last changed; what has come since is computed when
somebody asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.core import tariffs
from ocppd.core.state import Account
from ocppd.core.times import parse_time
from ocppd.core.tokens import is_same

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.state import Transaction
    from ocppd.core.station import Station

TIMER = "prices"
_INSTANT = 1e-3  # a timer rings at its moment, give or take what the sum of two floats loses
_DIGITS = 6  # what floats add to the last of them is no money
# How a CostDetailsType calls the dimensions of a TariffType.
_NAMES = {"fixedFee": "fixed", "energy": "energy", "chargingTime": "chargingTime", "idleTime": "idleTime"}

Sums = dict[str, tuple[float, float]]


# Which tariff


def follow(st: Station, evse: int, tx: Transaction) -> None:
    """Let the transaction have the tariff of its driver, or of its EVSE, as long as nothing was charged."""
    place = st.evse(evse)
    if not st.state.tariffs and place.driver_tariff is None and tx.account is None:
        return
    if place.meter.energy_wh > tx.energy_start_wh or (tx.account is not None and tx.account.is_changed):
        return
    wanted = _of_the_driver(st, evse) or _of_the_evse(st, evse, tx.account)
    if wanted is not None and (tx.account is None or tx.account.tariff != wanted):
        tx.account = _opened(st, evse, tx, wanted)
        arm(st, evse, tx)


def _of_the_driver(st: Station, evse: int) -> Payload | None:
    place = st.evse(evse)
    own, held = place.driver_tariff, place.authorization
    return own.tariff if own is not None and held is not None and is_same(own.token, held.token) else None


def _of_the_evse(st: Station, evse: int, account: Account | None) -> Payload | None:
    """The default tariff; a transaction that has one keeps it, whatever is set in the meantime."""
    if account is not None:
        return account.tariff
    now = st.clock
    found = [it.tariff for it in st.state.tariffs if it.evse == evse and valid_from(it.tariff) <= now]
    return max(found, key=valid_from, default=None)


def valid_from(tariff: Payload) -> float:
    """When it becomes active, on the station's own clock."""
    return parse_time(tariff.get("validFrom", "")) or 0.0


def _opened(st: Station, evse: int, tx: Transaction, tariff: Payload) -> Account:
    """An account from the start of the transaction on: the fixed fee is due at once."""
    fee = tariffs.price(tariff, "fixedFee", local(st, tx.started), kind_of(st, evse))
    account = Account(tariff, tx.started, tx.energy_start_wh, 0.0)
    account.sums = _added({}, tariff, {"fixedFee": fee})
    return account


def change(st: Station, evse: int, tx: Transaction, tariff: Payload) -> None:
    """Let the transaction go on with another tariff (I11); a fixed fee is due with the first one alone."""
    sums = {} if tx.account is None else total(st, evse, tx, tx.account)
    if tx.account is None:
        tx.account = _opened(st, evse, tx, tariff)
        sums = tx.account.sums
    tx.account = Account(tariff, st.now, st.evse(evse).meter.energy_wh, tx.charging_s, sums, is_changed=True)
    arm(st, evse, tx)


def kind_of(st: Station, evse: int) -> str:
    """Its EvseKindEnumType."""
    return "AC" if st.description.hardware.evses[evse - 1].phases else "DC"


def local(st: Station, moment: float) -> float:
    """The local time of that moment, as the tariffs mean it."""
    slot = st.model.slots.get("ClockCtrlr.TimeOffset")
    offset = ((st.value(slot) if slot else "") or "+00:00").rjust(6, "+")
    seconds = int(offset[1:3]) * 3600 + int(offset[4:]) * 60
    return moment + st.state.clock_offset + (-seconds if offset[0] == "-" else seconds)


# How much


def renew(st: Station, evse: int, tx: Transaction, account: Account) -> None:
    """Prices may have changed: sum up what those until now have come to."""
    account.sums = total(st, evse, tx, account)
    account.at, account.energy_wh, account.charging_s = st.now, st.evse(evse).meter.energy_wh, tx.charging_s
    arm(st, evse, tx)


def arm(st: Station, evse: int, tx: Transaction) -> None:
    """Have it summed up when prices change next."""
    timer = f"{TIMER}:{evse}"
    st.cancel(timer)
    if tx.account is not None:
        now = local(st, st.now)
        moment = tariffs.next_change(tx.account.tariff, now + _INSTANT)
        if moment - now < 2 * 86_400:
            st.after(moment - now, timer)


def total(st: Station, evse: int, tx: Transaction, account: Account) -> Sums:
    """What each dimension has come to until now, without and with taxes."""
    charging_s = tx.charging_s - account.charging_s
    counted = {
        "energy": (st.evse(evse).meter.energy_wh - account.energy_wh) / 1000,
        "chargingTime": charging_s / 60,
        "idleTime": max(0.0, st.now - account.at - charging_s) / 60,
    }
    moment, kind = local(st, account.at) + _INSTANT, kind_of(st, evse)
    amounts = {
        name: volume * tariffs.price(account.tariff, name, moment, kind) for name, volume in counted.items()
    }
    return _added(account.sums, account.tariff, amounts)


def _added(sums: Sums, tariff: Payload, amounts: dict[str, float]) -> Sums:
    found = dict(sums)
    for name, amount in amounts.items():
        if name in tariff:
            net, gross = found.get(name, (0.0, 0.0))
            found[name] = net + amount, gross + amount * tariffs.tax_factor(tariff, name)
    return found


def details(st: Station, evse: int, tx: Transaction, account: Account) -> Payload:
    """The CostDetailsType of this moment (I12)."""
    sums = total(st, evse, tx, account)
    net, gross = sum(it[0] for it in sums.values()), sum(it[1] for it in sums.values())
    kind, (net, gross) = _bounded(account.tariff, net, gross)
    seconds = st.now - tx.started
    return {
        "totalCost": {
            "currency": account.tariff["currency"],
            "typeOfCost": kind,
            **{_NAMES[name]: _price(*amount) for name, amount in sums.items()},
            "total": _price(net, gross),
        },
        "totalUsage": {
            "energy": round((st.evse(evse).meter.energy_wh - tx.energy_start_wh) / 1000, _DIGITS),
            "chargingTime": int(seconds),
            "idleTime": int(max(0.0, seconds - tx.charging_s)),
        },
    }


def _price(net: float, gross: float) -> Payload:
    return {"exclTax": round(net, _DIGITS), "inclTax": round(gross, _DIGITS)}


def _bounded(tariff: Payload, net: float, gross: float) -> tuple[str, tuple[float, float]]:
    """The total, or what the tariff asks for at least or at most; its TariffCostEnumType."""
    least, most = tariff.get("minCost", {}), tariff.get("maxCost", {})
    if _exceeds(most, net, gross, 1):
        return "MaxCost", (most.get("exclTax", most.get("inclTax")), most.get("inclTax", most.get("exclTax")))
    if _exceeds(least, net, gross, -1):
        return "MinCost", (
            least.get("exclTax", least.get("inclTax")),
            least.get("inclTax", least.get("exclTax")),
        )
    return "NormalCost", (net, gross)


def _exceeds(bound: Payload, net: float, gross: float, sign: int) -> bool:
    """Whether the total lies beyond the bound; that without taxes counts where both are given."""
    if "exclTax" in bound:
        return sign * net > sign * float(bound["exclTax"])
    return "inclTax" in bound and sign * gross > sign * float(bound["inclTax"])
