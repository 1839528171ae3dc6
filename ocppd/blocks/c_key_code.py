"""C. PIN codes: whoever tries them out has to wait ever longer (C04)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ocppd.core.errors import CommandError
from ocppd.core.state import WrongCodes

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Station

_FREE = 2  # mistakes that cost nothing
_FIRST_WAIT, _LONGEST_WAIT = 5, 600  # seconds; each mistake doubles the wait
_MOST = 20  # beyond it the wait grows no longer


def refuse_too_early(st: Station, token: Payload) -> None:
    """Raise CommandError while no other code may be tried (C04.FR.06)."""
    wrong = st.state.wrong_codes
    if token["type"] == "KeyCode" and wrong is not None and st.now < wrong.until:
        seconds = math.ceil(wrong.until - st.now)
        raise CommandError("busy", f"too many wrong codes: try again in {seconds} s")


def learn(st: Station, token: Payload, status: str) -> None:
    """A wrong code counts, a right one wipes the slate clean; `status` is what was said of the token."""
    if token["type"] != "KeyCode":
        return
    if status == "Accepted":
        st.state.wrong_codes = None
    elif status in ("Invalid", "Unknown"):
        wrong = st.state.wrong_codes = st.state.wrong_codes or WrongCodes()
        wrong.count = min(wrong.count + 1, _MOST)
        if wrong.count > _FREE:
            wrong.until = st.now + min(_FIRST_WAIT * 2 ** (wrong.count - _FREE - 1), _LONGEST_WAIT)
