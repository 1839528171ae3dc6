"""P. DataTransfer: what OCPP has no message for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.core import on

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Station


@on.call("DataTransfer")
def data_transfer(_st: Station, _request: Payload) -> Payload:
    """No vendor's extensions are installed here (P01.FR.05)."""
    return {"status": "UnknownVendorId"}
