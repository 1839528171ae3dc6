"""J. Meter values: what the meter shows, as OCPP tells it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Gt, Le

from ocppd.core import on, session
from ocppd.core.errors import CommandError
from ocppd.core.station import Done
from ocppd.core.variables import boolean, decimal, integer, members, option, string

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.session import Flow
    from ocppd.core.station import Station

ENERGY = "Energy.Active.Import.Register"
MEASURANDS = (ENERGY, "Power.Active.Import", "Current.Import", "Voltage", "SoC")


def _measurands(controller: str, name: str) -> Any:
    return members(controller, name, ENERGY, MEASURANDS, mutability="ReadWrite", maximum=1000)


ALIGNED_MEASURANDS = _measurands("AlignedDataCtrlr", "Measurands")
STARTED_MEASURANDS = _measurands("SampledDataCtrlr", "TxStartedMeasurands")
UPDATED_MEASURANDS = _measurands("SampledDataCtrlr", "TxUpdatedMeasurands")
ENDED_MEASURANDS = _measurands("SampledDataCtrlr", "TxEndedMeasurands")
SAMPLED_AVAILABLE = boolean("SampledDataCtrlr", "Available", True)
SAMPLED_ENABLED = boolean("SampledDataCtrlr", "Enabled", True, mutability="ReadWrite")
# The meter has one register, for all phases.
NO_PHASES = boolean("SampledDataCtrlr", "RegisterValuesWithoutPhases", True)
SIGN_READINGS = boolean("SampledDataCtrlr", "SignReadings", False, mutability="ReadWrite")
TELL_PUBLIC_KEY = option(
    "OCPPCommCtrlr",
    "PublicKeyWithSignedMeterValue",
    "Never",
    ("Never", "OncePerTransaction", "EveryMeterValue"),
    mutability="ReadWrite",
)


def _public_key(st: Station, evse: int, _connector: int) -> str:
    from ocppd.core import signing  # noqa: PLC0415 - 7 MB that a daemon whose meters do not sign can spare

    return signing.public_key(int(st.evse(evse).meter.key, 16))


PUBLIC_KEY = string(
    "FiscalMetering",
    "PublicKey",
    place="evse",
    supports_monitoring=False,
    read=_public_key,
)
UPDATED_INTERVAL = integer(
    "SampledDataCtrlr", "TxUpdatedInterval", 60, mutability="ReadWrite", unit="s", minimum=0
)
ENDED_INTERVAL = integer(
    "SampledDataCtrlr", "TxEndedInterval", 0, mutability="ReadWrite", unit="s", minimum=0
)
EVSE_POWER = decimal(
    "EVSE",
    "Power",
    place="evse",
    unit="W",
    minimum=0,
    maximum=lambda hardware, evse, _c: str(hardware.evses[evse - 1].max_w),
    read=lambda st, evse, _c: str(round(flow(st, evse).power_w, 1)),
)


def flow(st: Station, evse: int) -> Flow:
    """What flows through the EVSE now."""
    return session.flow_now(st.description.hardware.evses[evse - 1], st.state, st.evse(evse), st.now)


def reading(st: Station, evse: int, measurands: Iterable[str], context: str) -> list[Payload]:
    """The measurands now, as a list of one MeterValueType, or of none where there is nothing to tell.

    With SignReadings the register is signed, and the meter counts what it signs (E02.FR.14).
    """
    now = flow(st, evse)
    values = [value for name in measurands for value in _sampled(st, evse, now, name)]
    for value in values:
        value["context"] = context
        if value["measurand"] == ENERGY and st.get(SIGN_READINGS):
            value["signedMeterValue"] = _signed(st, evse, context)
    return [{"timestamp": st.timestamp(), "sampledValue": values}] if values else []


def _signed(st: Station, evse: int, context: str) -> Payload:
    """The SignedMeterValueType of the register, for whoever charges."""
    from ocppd.core import signing  # noqa: PLC0415 - see above

    place = st.evse(evse)
    tx, state = place.transaction, place.meter
    token = place.authorization.token if place.authorization else tx.token if tx else None
    state.page += 1
    reading = signing.Reading(
        energy_wh=state.energy_wh,
        moment=st.now + st.state.clock_offset,
        context=context,
        page=state.page,
        serial=f"{st.description.serial}-{evse}",
        token=token["idToken"] if token else None,
        token_type=token["type"] if token else None,
    )
    secret, told = int(state.key, 16), st.get(TELL_PUBLIC_KEY)
    shows_key = told == "EveryMeterValue" or (told == "OncePerTransaction" and not (tx and tx.key_told))
    if tx is not None:
        tx.key_told = tx.key_told or shows_key
    return {
        "signedMeterData": signing.sign(secret, reading),
        "signingMethod": signing.METHOD,
        "encodingMethod": "OCMF",
        "publicKey": signing.public_key(secret) if shows_key else "",
    }


def _sampled(st: Station, evse: int, now: Flow, measurand: str) -> Iterator[Payload]:
    """The SampledValueTypes of one measurand; phases are those of the meter (J01.FR.11)."""
    match measurand:
        case "Energy.Active.Import.Register":
            yield _value(measurand, st.evse(evse).meter.energy_wh, "Wh")
        case "Power.Active.Import":
            yield _value(measurand, now.power_w, "W")
        case "Current.Import":
            yield from _by_phase(measurand, now.current_a, "A", now.phases, "L{}")
        case "Voltage":
            phases = st.description.hardware.evses[evse - 1].phases
            yield from _by_phase(measurand, now.voltage_v, "V", phases, "L{}-N")
        case "SoC":
            car = st.evse(evse).car
            if car is not None:
                yield {**_value(measurand, car.soc, "Percent"), "location": "EV"}


def _by_phase(
    measurand: str, values: tuple[float, ...], unit: str, phases: int, name: str
) -> Iterator[Payload]:
    if phases == 0:
        yield _value(measurand, values[0], unit)
    for phase in range(phases):
        yield {**_value(measurand, values[phase], unit), "phase": name.format(phase + 1)}


def _value(measurand: str, value: float, unit: str) -> Payload:
    return {"value": round(value, 1), "measurand": measurand, "unitOfMeasure": {"unit": unit}}


_Amount = Annotated[float, Ge(0), Le(1e12)]  # no NaN, and nothing that JSON cannot say


@on.command("meter")
def meter(
    st: Station,
    evse: int,
    energy_wh: _Amount | Literal["auto"] | None = None,
    power_w: _Amount | None = None,
    voltage_v: Annotated[_Amount, Gt(0)] | None = None,
) -> Done:
    """Set what the meter shows: the register, the power while a car charges, the voltage.

    The register only grows. `auto` gives power and voltage back to the simulation.
    """
    if energy_wh is None and power_w is None and voltage_v is None:
        raise CommandError("missing_argument", "one of energy_wh, power_w, voltage_v is needed")
    state = st.evse(evse).meter
    if energy_wh == "auto":
        state.power_w = state.voltage_v = None
    elif energy_wh is not None:
        if energy_wh < state.energy_wh:
            raise CommandError("invalid_argument", f"energy_wh: the register stands at {state.energy_wh:.1f}")
        state.energy_wh = energy_wh
    state.power_w = state.power_w if power_w is None else power_w
    state.voltage_v = state.voltage_v if voltage_v is None else voltage_v
    st.emit("ev_changed", evse)
    return Done()


def aligned(st: Station, evse: int, context: str) -> list[Payload]:
    """What a MeterValues of the EVSE would tell now; empty where it has nothing to tell."""
    return reading(st, evse, st.get(ALIGNED_MEASURANDS), context)


def notify(st: Station, evse: int, values: list[Payload]) -> None:
    """Send a MeterValues because somebody asked for it (F06.FR.06)."""
    st.send("MeterValues", {"evseId": evse, "meterValue": values}, while_pending=True)
