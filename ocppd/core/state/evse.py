"""An EVSE: its connectors, its meter, and the car that is at it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from ocppd.core.description import Car as Ev
from ocppd.core.description import Percent
from ocppd.core.kept import Kept
from ocppd.core.state.authorization import Authorization
from ocppd.core.state.provisioning import Reset
from ocppd.core.state.smart_charging import Limit
from ocppd.core.state.tariff import Bill, DriverTariff
from ocppd.core.state.transaction import Transaction


class Fault(Kept):
    """A defect as `fault` reported it; `component` is the part that has it, `until` when it heals itself."""

    code: str
    component: str
    variable: str = "Problem"
    severity: int = 3
    info: str = ""
    until: float | None = None


class Connector(Kept):
    """`status` is what was told to all who listen, `reported` what the CSMS was told; None: tell it anew.

    `loose` is that the cable that is in has no car at its other end.
    """

    plugged: bool = False
    loose: bool = False
    locked: bool = False
    operative: bool = True
    faults: list[Fault] = field(default_factory=list)
    status: str = "Available"
    reported: str | None = None


class Car(Kept):
    """The car at an EVSE: what it is, shared with all of its kind, and how it is doing.

    It takes energy from `ready_at` on: None until it has been offered some. `drawn_w` is what it drew when
    the meter was last settled, below 0 where it fed back, kept where its power is ramped. `departure` is when
    the driver wants to leave.
    """

    ev: Ev = field(default_factory=Ev)
    soc: Percent = 20.0
    ready_at: float | None = None
    suspended: bool = False
    drawn_w: Annotated[float, Meta(ge=-1e12, le=1e12)] = 0.0
    departure: float | None = None


class Meter(Kept):
    """The EVSE's meter: `energy_wh` is the import register as it stood `at`, and only grows.

    `power_w` and `voltage_v`, of all phases or of each, are what a command has set them to, None where the
    simulation decides. `export_wh` is what was fed back, which only grows, too. `reactive_varh` and
    `apparent_vah` are other registers. `marks` are what the active and the reactive one, and that of export
    where there was any, showed at the latest sample of a series, for the next that tells of the interval
    between.

    `key` is the secret it signs with, in hexadecimal. `page` counts what it has signed of transactions,
    `idle_page` what it has signed besides; with `forges` it tells another register than it signs.
    """

    energy_wh: float = 0.0
    at: float = 0.0
    reactive_varh: float = 0.0
    apparent_vah: float = 0.0
    export_wh: Annotated[float, Meta(ge=0, le=1e15)] = 0.0
    power_w: float | None = None
    voltage_v: float | tuple[float, float, float] | None = None
    marks: dict[str, Annotated[tuple[float, ...], Meta(min_length=2, max_length=3)]] | None = None
    key: str = ""
    page: int = 0
    idle_page: int = 0
    forges: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError for voltages that no power could be divided by.

        Not a bound in the type: in a union with a tuple of fixed length that crashes msgspec 0.22.
        """
        volts = self.voltage_v if isinstance(self.voltage_v, tuple) else (self.voltage_v,)
        if not all(it is None or 0 < it <= 1e12 for it in volts):
            raise ValueError("voltage_v: more than 0 is needed")


class Evse(Kept):
    """`points` are the TxStartPoint conditions that held when last looked at (E01, E06).

    `reservation_id` is that of the reservation which was used and has not been told yet. `owner` is whose
    cable is kept locked though that authorization has ended (E05.FR.11, E09.FR.03). `setpoint_w` is what an
    energy manager on site wants to flow (Q05), below 0 back to the grid; None: it wants nothing.
    """

    connectors: list[Connector] = field(default_factory=list)
    operative: bool = True
    parked: bool = False
    suspended: bool = False
    car: Car | None = None
    authorization: Authorization | None = None
    owner: Authorization | None = None
    transaction: Transaction | None = None
    points: list[str] = field(default_factory=list)
    reservation_id: int | None = None
    limit: Limit | None = None
    setpoint_w: Annotated[float, Meta(ge=-1e9, le=1e9)] | None = None
    meter: Meter = field(default_factory=Meter)
    bill: Bill | None = None
    driver_tariff: DriverTariff | None = None
    reset: Reset | None = None
