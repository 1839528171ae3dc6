"""What displays show (O), and texts as they come for drivers."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from ocppd.core.kept import Kept


class Text(Kept):
    """A MessageContentType: what a display can show."""

    content: Annotated[str, Meta(max_length=1024)]
    format: Literal["ASCII", "HTML", "URI", "UTF8"] = "UTF8"
    language: Annotated[str, Meta(max_length=8)] | None = None


class Display(Kept):
    """One of several displays: the instance of its component and where it stands, 0 the level above."""

    instance: str | None = None
    evse: int = 0
    connector: int = 0


Priority = Literal["AlwaysFront", "InFront", "NormalCycle"]


class DisplayMessage(Kept):
    """A MessageInfoType that the CSMS has set (O01, O02); `display` None is the main one.

    From `start` to `end`, moments on the station's own clock, it is shown while the station is in `state`.
    """

    id: Annotated[int, Meta(ge=0, le=2_147_483_647)]
    priority: Priority
    text: Text
    state: Literal["Charging", "Faulted", "Idle", "Unavailable"] | None = None
    start: float | None = None
    end: float | None = None
    transaction_id: str | None = None
    display: Display | None = None
