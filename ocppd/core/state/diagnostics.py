"""Monitors, what they find, and logs (N)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta, field

from ocppd.core.description import MonitorType
from ocppd.core.kept import Kept


class Monitor(Kept):
    """A watch on the variable whose slot has that key (N04); `kind` is an EventNotificationEnumType.

    `active` is off where the CSMS has switched a preconfigured one off. What the CSMS was told is `exceeded`,
    that the threshold was passed or the target missed, and `base`, the value from which a Delta counts. `due`
    is when a periodic one comes next: on the station's clock where it is aligned to that.
    """

    id: int
    variable: str
    type: MonitorType
    value: Annotated[float, Meta(ge=-1e18, le=1e18)]
    severity: Annotated[int, Meta(ge=0, le=9)]
    transaction: bool = False
    kind: str = "CustomMonitor"
    active: bool = True
    exceeded: bool = False
    base: str | None = None
    due: float | None = None


class EventStream(Kept):
    """What the periodic monitor of that id finds is sent as a stream (N11), where the CSMS has it open.

    A portion leaves after `interval` seconds, or with so many `values`; 0: that is no reason. What waits are
    the moments on the station's clock with what was `found` then; they leave when they are `due`.
    """

    id: Annotated[int, Meta(ge=0)]
    interval: Annotated[int, Meta(ge=0, le=31_536_000)] = 0
    values: Annotated[int, Meta(ge=0, le=100)] = 0
    is_open: bool = False
    found: list[tuple[float, str]] = field(default_factory=list)
    due: float | None = None


class MonitoringReport(Kept):
    """A report on monitors that is being sent page by page: the `ids` that are still to come."""

    request_id: int
    ids: list[int]
    seq_no: int = 0


class LogUpload(Kept):
    """A log that is being uploaded, or waits to be tried again (N01).

    `url` may hold a password. `oldest` and `latest`, on the station's own clock, bound what is in the log.
    """

    secret: ClassVar = ("url",)
    request_id: int
    type: str
    url: str
    name: str
    retries: int
    interval: int
    oldest: float | None = None
    latest: float | None = None
