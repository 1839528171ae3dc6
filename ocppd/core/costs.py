"""What each transaction costs by the tariff that it has (I07 to I12, OCPP 2.1).

An account has the sums up to the moment at which prices last changed; what has come since is computed when
somebody asks. `renew` looks for a change after every input, and has itself called at the next one that can be
foreseen.

A car that feeds back takes energy below 0, as the standard counts it: at a price above 0 that is a credit.
The time in which it does so is not charging time, nor is it idle time, in which no energy is transferred
(TotalUsageType): nothing is asked for it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ocppd.core import session, tariffs
from ocppd.core.state import Account, Period
from ocppd.core.tariffs import Situation
from ocppd.core.times import format_time, parse_time
from ocppd.core.tokens import is_same

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.state import Transaction
    from ocppd.core.station import Station

TIMER = "prices"
MOST_PERIODS = 100  # of one transaction, of which the last is longer where there would be more
_INSTANT = 1e-3  # a timer rings at its moment, give or take what the sum of two floats loses
_MOMENT = 1e-4  # so much later than foreseen a change has come for certain
_FAR = 2 * 86_400
_DIGITS = 6  # what floats add to the last of them is no money
_COUNTED = ("energy", "chargingTime", "idleTime")
# How a CostDetailsType calls the dimensions of a TariffType.
_NAMES = {"fixedFee": "fixed", "energy": "energy", "chargingTime": "chargingTime", "idleTime": "idleTime"}

Sums = dict[str, tuple[float, float]]


# Which tariff


def follow(st: Station, evse: int, tx: Transaction) -> None:
    """Let the transaction have the tariff of its driver, or of its EVSE, as long as nothing was charged."""
    place = st.evse(evse)
    if not st.state.tariffs and place.driver_tariff is None and tx.account is None:
        return
    if tx.charging_s or tx.discharging_s or (tx.account is not None and tx.account.is_changed):
        return
    wanted = _of_the_driver(st, evse) or _of_the_evse(st, evse, tx.account)
    if wanted is None:
        return
    if tx.account is None or tx.account.tariff != wanted:
        tx.account = _opened(st, evse, tx, wanted)
    else:  # it may be known only now how it is paid
        tx.account.sums |= _fee(st, evse, tx, wanted)


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
    prices = _prices(tariff, _beginning(st, evse, tx))
    return Account(tariff, tx.started, 0.0, 0.0, prices=prices, sums=_fee(st, evse, tx, tariff))


def _beginning(st: Station, evse: int, tx: Transaction) -> Situation:
    """That in which the transaction began; how it is paid may have been told later."""
    paid = {it["type"]: it["additionalIdToken"] for it in (tx.token or {}).get("additionalInfo", ())}
    return Situation(
        local(st, tx.started) + _INSTANT,
        kind_of(st, evse),
        brand=paid.get("PaymentBrand"),
        recognition=paid.get("PaymentRecognition"),
    )


def _fee(st: Station, evse: int, tx: Transaction, tariff: Payload) -> Sums:
    return _added({}, tariff, {"fixedFee": tariffs.price(tariff, "fixedFee", _beginning(st, evse, tx))})


def change(st: Station, evse: int, tx: Transaction, tariff: Payload) -> None:
    """Let the transaction go on with another tariff (I11); a fixed fee is due with the first one alone."""
    if tx.account is None:  # what came before was free
        tx.account = Account({}, tx.started, 0.0, 0.0, sums=_fee(st, evse, tx, tariff))
    _close(st, evse, tx, tx.account)
    tx.account.tariff, tx.account.prices = tariff, _prices(tariff, situation(st, evse, tx))
    tx.account.is_changed, tx.account.is_told = True, False


def kind_of(st: Station, evse: int) -> str:
    """Its EvseKindEnumType."""
    return "AC" if st.description.hardware.evses[evse - 1].phases else "DC"


def local(st: Station, moment: float) -> float:
    """The local time of that moment, as the tariffs mean it."""
    slot = st.model.slots.get("ClockCtrlr.TimeOffset")
    offset = ((st.value(slot) if slot else "") or "+00:00").rjust(6, "+")
    seconds = int(offset[1:3]) * 3600 + int(offset[4:]) * 60
    return moment + st.state.clock_offset + (-seconds if offset[0] == "-" else seconds)


# When prices change


def situation(st: Station, evse: int, tx: Transaction) -> Situation:
    """That of this moment."""
    flow = session.flow_now(st.description.hardware.evses[evse - 1], st.state, st.evse(evse), st.now)
    return Situation(
        local(st, st.now) + _INSTANT,
        kind_of(st, evse),
        energy_wh=_energy_wh(st, evse, tx),
        current_a=sum(flow.current_a),
        power_w=flow.power_w,
        seconds=st.now - tx.started,
        charging_s=tx.charging_s,
        idle_s=_idle_s(st, tx),
    )


def _energy_wh(st: Station, evse: int, tx: Transaction) -> float:
    """What the transaction has taken, less what it has fed back."""
    meter = st.evse(evse).meter
    return (meter.energy_wh - tx.energy_start_wh) - (meter.export_wh - tx.export_start_wh)


def _idle_s(st: Station, tx: Transaction) -> float:
    return max(0.0, st.now - tx.started - tx.charging_s - tx.discharging_s)


def _prices(tariff: Payload, at: Situation) -> dict[str, float]:
    return {name: tariffs.price(tariff, name, at) for name in _COUNTED if name in tariff}


def renew(st: Station, evse: int, tx: Transaction, account: Account) -> None:
    """Where prices have changed, sum up what they have come to; look again when they may change next."""
    now = situation(st, evse, tx)
    prices = _prices(account.tariff, now)
    if prices != account.prices:
        _close(st, evse, tx, account)
        account.prices = prices
    seconds = _seconds_to_change(st, evse, account.tariff, now)
    timer = f"{TIMER}:{evse}"
    if seconds < _FAR:
        st.after(seconds, timer)
    else:
        st.cancel(timer)


def _seconds_to_change(st: Station, evse: int, tariff: Payload, now: Situation) -> float:
    """How long prices stay as they are, while all goes on as it does."""
    found = tariffs.next_change(tariff, now.local) - (now.local - _INSTANT)
    return min(found, _MOMENT + _seconds_to_level(st, evse, tariff, now))


def _seconds_to_level(st: Station, evse: int, tariff: Payload, now: Situation) -> float:
    """How long until time, energy or power pass what a condition names."""

    def ahead(field: str, sign: int = 1) -> list[float]:
        found = [sign * (it - getattr(now, field)) for it in tariffs.levels(tariff, field)]
        return [it for it in found if it > 0]

    place, description = st.evse(evse), st.description.hardware.evses[evse - 1]
    is_offering = session.is_offering(description, st.state, place)
    if not (is_offering and session.takes_energy(description, place, st.now)):
        return min(ahead("seconds") + ahead("idle_s"), default=math.inf)
    gives = place.limit is not None and place.limit.discharge_w > 0
    waits = ahead("seconds") + ([] if gives else ahead("charging_s"))
    waits.append(session.seconds_to_power(description, place, _power_levels(st, evse, tariff, gives=gives)))
    if gives and (energies := ahead("energy_wh", -1)):
        waits.append(session.seconds_to_give(place, min(energies)))
    elif not gives and (energies := ahead("energy_wh")):
        waits.append(session.seconds_for(description, place, min(energies)))
    return min(waits)


def _power_levels(st: Station, evse: int, tariff: Payload, *, gives: bool) -> list[float]:
    """Those of power and of current, in W."""
    watts = -1.0 if gives else 1.0
    flow = session.flow(st.description.hardware.evses[evse - 1], st.evse(evse), watts)
    amps_for_a_watt = sum(flow.current_a) / watts
    currents = [it / amps_for_a_watt for it in tariffs.levels(tariff, "current_a")]
    return tariffs.levels(tariff, "power_w") + currents


# How much


def _close(st: Station, evse: int, tx: Transaction, account: Account) -> None:
    """Sum up until now: a period ends, unless it has not lasted."""
    account.sums = total(st, evse, tx, account)
    if st.now > account.at:
        _keep(account, _running(st, evse, tx, account))
    account.at, account.energy_wh = st.now, _energy_wh(st, evse, tx)
    account.charging_s, account.idle_s = tx.charging_s, _idle_s(st, tx)


def _keep(account: Account, ended: Period) -> None:
    if len(account.periods) < MOST_PERIODS:
        account.periods.append(ended)
        return
    last = account.periods[-1]
    last.energy_wh += ended.energy_wh
    last.charging_s += ended.charging_s
    last.idle_s += ended.idle_s


def _running(st: Station, evse: int, tx: Transaction, account: Account) -> Period:
    """The period that is not over."""
    return Period(
        account.at,
        account.tariff.get("tariffId", ""),
        _energy_wh(st, evse, tx) - account.energy_wh,
        tx.charging_s - account.charging_s,
        _idle_s(st, tx) - account.idle_s,
    )


def total(st: Station, evse: int, tx: Transaction, account: Account) -> Sums:
    """What each dimension has come to until now, without and with taxes."""
    now = _running(st, evse, tx, account)
    counted = {
        "energy": now.energy_wh / 1000,
        "chargingTime": now.charging_s / 60,
        "idleTime": now.idle_s / 60,
    }
    amounts = {name: volume * account.prices.get(name, 0.0) for name, volume in counted.items()}
    return _added(account.sums, account.tariff, amounts)


def _added(sums: Sums, tariff: Payload, amounts: dict[str, float]) -> Sums:
    found = dict(sums)
    for name, amount in amounts.items():
        if name in tariff:
            net, gross = found.get(name, (0.0, 0.0))
            found[name] = net + amount, gross + amount * tariffs.tax_factor(tariff, name)
    return found


def details(st: Station, evse: int, tx: Transaction, account: Account, *, is_final: bool) -> Payload:
    """The CostDetailsType of this moment (I12), the final one with the periods that it is made of."""
    sums = total(st, evse, tx, account)
    net, gross = sum(it[0] for it in sums.values()), sum(it[1] for it in sums.values())
    kind, (net, gross) = _bounded(account.tariff, net, gross)
    found: Payload = {
        "totalCost": {
            "currency": account.tariff["currency"],
            "typeOfCost": kind,
            **{_NAMES[name]: _price(*amount) for name, amount in sums.items()},
            "total": _price(net, gross),
        },
        "totalUsage": {
            "energy": round(_energy_wh(st, evse, tx) / 1000, _DIGITS),
            "chargingTime": int(st.now - tx.started),
            "idleTime": int(_idle_s(st, tx)),
        },
    }
    if is_final:
        is_new = st.now > account.at or not account.periods
        periods = account.periods + ([_running(st, evse, tx, account)] if is_new else [])
        found["chargingPeriods"] = [_told(it, st.state.clock_offset) for it in periods]
    return found


def _told(period: Period, clock_offset: float) -> Payload:
    """The ChargingPeriodType: energy in Wh, times in seconds."""
    volumes = {"Energy": period.energy_wh, "ChargingTime": period.charging_s, "IdleTIme": period.idle_s}
    found: Payload = {
        "startPeriod": format_time(period.since + clock_offset),
        "dimensions": [{"type": name, "volume": round(it, _DIGITS)} for name, it in volumes.items()],
    }
    return found | ({"tariffId": period.tariff_id} if period.tariff_id else {})


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
