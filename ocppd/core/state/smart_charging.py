"""How much may flow, and which way: smart charging (K), V2X (Q) and DER control (R)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from ocppd.core.kept import Kept


class Limit(Kept):
    """The most that an EVSE may give now, as its charging profiles and external limits say (K01.FR.38).

    `power_w` counts for all phases together, `current_a` for each; None: the other one, or no limit. Both 0:
    nothing is given. `phases` (1 to 3) is how many may be used and `phase` which one, None where it is open.
    `source` is the ChargingProfilePurpose of what limits most, or `Hardware` for the station's own maximum.

    `mode` is the OperationModeEnumType of the profile that leads, `setpoint_w` what it wants to flow, below 0
    back to the grid, None where it does not say. `discharge_w` is what the car is to feed back while it has
    it, as far as car and station can; with that it is given nothing.
    """

    power_w: Annotated[float, Meta(ge=0)] | None = None
    current_a: Annotated[float, Meta(ge=0)] | None = None
    phases: Annotated[int, Meta(ge=1, le=3)] | None = None
    phase: Annotated[int, Meta(ge=1, le=3)] | None = None
    source: str = "TxProfile"
    mode: str = "ChargingOnly"
    setpoint_w: Annotated[float, Meta(ge=-1e12, le=1e12)] | None = None
    discharge_w: Annotated[float, Meta(ge=0, le=1e12)] = 0.0


class ChargingProfile(Kept):
    """A ChargingProfileType as it came, for that EVSE, 0 for the station, and who has set it.

    `source` is its ChargingLimitSourceEnumType. `remote_start_id` is that of the transaction which is still
    to start with it (K05). Of an external one, `told` is the limit that the CSMS knows, and None: tell it.
    """

    evse: Annotated[int, Meta(ge=0)]
    profile: dict[str, Any]
    source: str = "CSO"
    remote_start_id: int | None = None
    told: float | None = None


class EvTalk(Kept):
    """What an ISO 15118 car and the CSMS have told each other in a transaction (K15 to K17).

    `status` is what the CSMS said of the car's needs: None, not yet. Of several schedules in a profile the
    car has `selected` one, counted from 0. `schedule` is the ChargingScheduleType that the car follows
    `since` that moment on the station's own clock, once the CSMS has accepted it.
    """

    status: Literal["Accepted", "Rejected", "Processing", "Unanswered"] | None = None
    selected: Annotated[int, Meta(ge=0, le=2)] = 0
    schedule: dict[str, Any] | None = None
    since: float = 0.0


class V2x(Kept):
    """A transaction in which a car may do more than charge (Q).

    `energy_transfer` are the EnergyTransferModeEnumTypes that the CSMS has allowed while it runs, None: those
    of the authorization. `mode_told` is the OperationModeEnumType that was told last.
    """

    energy_transfer: tuple[str, ...] | None = None
    mode_told: str = "ChargingOnly"


class FrequencySignal(Kept):
    """An AFRRSignal of the CSMS (Q07): its value, and from `at` on, on the station's clock, it counts."""

    at: float
    value: int


class DerControl(Kept):
    """A LimitMaxDischargeType as it came (R04): a default one, or to `start` then, on the station's clock.

    `started` is that the CSMS was told of its start.
    """

    id: str
    data: dict[str, Any]
    start: float | None = None
    superseded: bool = False
    started: bool = False
