"""Boot, resets, reports and network profiles (B)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, field

from ocppd.core.kept import Kept


class Boot(Kept):
    """`due` is the BootReason of a notification that the CSMS has not accepted yet (B01 to B03)."""

    due: str | None = "PowerUp"
    registration: str | None = None
    interval: int = 0


ResetType = Literal["Immediate", "ImmediateAndResume", "OnIdle"]


class Reset(Kept):
    """A reset to come, of the station or of an EVSE, and the BootReason that it gives.

    It has begun where there is a `deadline`: of a station the latest moment to go down, of an EVSE the moment
    when it is up again. Without one it waits until nobody uses what is to be reset.
    """

    type: ResetType
    reason: str
    deadline: float | None = None


class Report(Kept):
    """A report that is being sent page by page: the `keys` of the slots that are still to come."""

    request_id: int
    keys: list[str]
    seq_no: int = 0


Slot = Annotated[int, Meta(ge=1, le=3)]


SecurityProfile = Annotated[int, Meta(ge=0, le=3)]


class NetworkProfile(Kept):
    """A NetworkConnectionProfileType, without the identity in its `url`; `apn` and `vpn` as they came.

    `identity` and `password` are for basic authentication, where the station's are not meant (OCPP 2.1).
    """

    secret: ClassVar = ("password",)
    url: str
    security_profile: SecurityProfile
    message_timeout: Annotated[int, Meta(ge=1, le=31_536_000)] = 30
    interface: str = "Wired0"
    apn: dict[str, Any] | None = None
    vpn: dict[str, Any] | None = None
    identity: str | None = None
    password: str | None = None


class NetworkProfiles(Kept):
    """The ways to a CSMS by their slots, and the `slot` in use, with its `failures` in a row (B09, B10).

    Of `stored`, an absent slot 1 is what the configuration has put there, and None that this was removed.
    What is `waiting` takes its slot at the next boot. `exhausted` is that all slots have failed since there
    was a connection, `worked` the slot of the latest one and `security_profile` its level. `reconnect` is why
    the station itself wants the connection anew, with the same slot.
    """

    stored: dict[Slot, NetworkProfile | None] = field(default_factory=dict)
    waiting: dict[Slot, NetworkProfile] = field(default_factory=dict)
    slot: Slot = 1
    failures: int = 0
    exhausted: bool = False
    worked: Slot | None = None
    security_profile: SecurityProfile | None = None
    reconnect: str | None = None
