"""Who may charge (C, D), for whom an EVSE is kept (H), and who swaps batteries (S)."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, field

from ocppd.core.kept import Kept
from ocppd.core.state.display import Text


class Authorization(Kept):
    """Somebody may charge here. `token` is an IdTokenType; `told` that a TransactionEvent has carried it.

    `priority` is its chargingPriority (-9 to 9). `refused` is that the CSMS, told of it, has not accepted it,
    `suspended` that for this reason no more energy is given (E05).

    `signed` is that the meter has signed a reading for it. `tariff` is the driver's own (I01), `languages`
    are those that the driver prefers, the first one most (O01.FR.08). `energy_transfer` are the
    EnergyTransferModeEnumTypes that the CSMS has allowed to it (Q01), None: it has named none.
    """

    token: dict[str, Any]
    group: str | None = None
    remote_start_id: int | None = None
    told: bool = False
    refused: bool = False
    suspended: bool = False
    signed: bool = False
    tariff: Text | None = None
    languages: tuple[str, ...] = ()
    priority: Annotated[int, Meta(ge=-9, le=9)] | None = None
    energy_transfer: tuple[str, ...] | None = None


class WrongCodes(Kept):
    """How many wrong PINs there were in a row, and until when no other may be tried (C04.FR.06)."""

    count: Annotated[int, Meta(ge=0, le=100)] = 0
    until: float = 0.0


class LocalList(Kept):
    """The local authorization list (D01): IdTokenInfoTypes as JSON, by the digests of their tokens."""

    version: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    entries: dict[str, str] = field(default_factory=dict)


class Reservation(Kept):
    """Kept until `expires` for the `token` (IdTokenType) and its `group`: an EVSE, one of a type, or any."""

    id: int
    expires: float
    token: dict[str, Any]
    group: str | None = None
    evse: int | None = None
    connector_type: str | None = None


class BatterySwap(Kept):
    """A swap of batteries under way: by which id it is known, and for whom, an IdTokenType (S01, S02)."""

    request_id: int
    token: dict[str, Any]
