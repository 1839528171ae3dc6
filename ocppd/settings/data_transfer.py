"""What a DataTransfer of the CSMS is answered, as the configuration writes it."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, Field

from ocppd.core.description import DataTransferAnswer, DataTransferStatus
from ocppd.settings.section import Section

_LONGEST = 8192


def _json(value: Any) -> Any:
    try:
        text = orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise ValueError(f"cannot be written as JSON: {error}") from None
    if len(text) > _LONGEST:
        raise ValueError(f"more than {_LONGEST} bytes of JSON")
    return value


class DataTransferSettings(Section):
    """One entry of `data_transfer`: the answer to a vendor, and to one of its messages."""

    vendor_id: str = Field(min_length=1, max_length=255, description="The vendorId of the request.")
    message_id: str | None = Field(
        None,
        min_length=1,
        max_length=50,
        description="The messageId; without it, all of the vendor that have no entry of their own.",
    )
    status: DataTransferStatus = Field("Accepted", description="The status of the answer.")
    data: Annotated[Any, AfterValidator(_json)] = Field(None, description="Its data, any JSON.")

    def describe(self) -> DataTransferAnswer:
        """The core's form of it."""
        data = None if self.data is None else orjson.dumps(self.data).decode()
        return DataTransferAnswer(self.vendor_id, self.message_id, self.status, data)
