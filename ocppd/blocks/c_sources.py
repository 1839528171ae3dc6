"""C. Who is believed of a token: the local list, the cache, the CSMS, or nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocppd.blocks import c_cache, c_contract, d_local_list
from ocppd.core import tokens
from ocppd.core.errors import CommandError
from ocppd.core.tokens import ACCEPTED, NEVER_ASKED, Word, is_same_group
from ocppd.core.variables import boolean

if TYPE_CHECKING:
    from ocppd.blocks.c_contract import Contract
    from ocppd.core.schemas import Payload
    from ocppd.core.state import Authorization
    from ocppd.core.station import Station

ENABLED = boolean("AuthCtrlr", "Enabled", True, mutability="ReadWrite")
OFFLINE_UNKNOWN = boolean("AuthCtrlr", "OfflineTxForUnknownIdEnabled", False, mutability="ReadWrite")
NO_REMOTE = boolean("AuthCtrlr", "DisableRemoteAuthorization", False, mutability="ReadWrite")
LOCAL_OFFLINE = boolean("AuthCtrlr", "LocalAuthorizeOffline", True, mutability="ReadWrite")
LOCAL_FIRST = boolean("AuthCtrlr", "LocalPreAuthorize", False, mutability="ReadWrite")


@dataclass(frozen=True, slots=True)
class Presented:
    """A token at the reader of an EVSE, and what is known of how it came there.

    `group` counts where nobody tells another one. `here_only` is what the bearer of a master pass has chosen
    at the display (C16.FR.01). `was_free` is that nobody was authorized when the CSMS was asked: such a token
    wants to start. `command` is the key of the request that waits for the outcome.
    """

    evse: int
    token: Payload
    group: str | None = None
    contract: Contract | None = None
    remote_start_id: int | None = None
    here_only: bool = False
    was_free: bool = False
    command: int | None = None


def is_asked_for(st: Station, token: Payload) -> bool:
    """Whether a token of that type has to be known to anybody at all (C02, C03.FR.01, C05.FR.01)."""
    return st.get(ENABLED) and token["type"] not in NEVER_ASKED


def known_of(st: Station, token: Payload) -> Word | None:
    """What the station knows itself: the list goes before the cache (C13.FR.01, C14.FR.01)."""
    return d_local_list.find(st, token) or c_cache.find(st, token)


def own_word(st: Station, wish: Presented, known: Word | None) -> Word | None:
    """What counts without asking the CSMS; None: it must be asked.

    The order of all sources: nobody, where there is nothing to ask; the local list; the cache, unless the
    list knows the token; the CSMS; and where that is out of reach, OfflineTxForUnknownIdEnabled.
    """
    held = st.evse(wish.evse).authorization
    is_good = known is not None and tokens.refusal(known.info, wish.evse) is None
    if not is_asked_for(st, wish.token):
        return Word(ACCEPTED, "none")
    if known is not None and is_good and _is_of_group(known, held):  # C01.FR.03, C09.FR.07
        return known
    if not st.is_online or st.get(NO_REMOTE):
        return _word_alone(st, wish, known, is_good=is_good)
    if known is None or wish.contract is not None:  # C01.FR.02, C07.FR.01
        return None
    # C12.FR.02, C14.FR.02, C14.FR.04; C10.FR.03, C12.FR.05, C14.FR.03
    return known if (st.get(LOCAL_FIRST) if is_good else known.final) else None


def _is_of_group(known: Word, held: Authorization | None) -> bool:
    return held is not None and is_same_group(tokens.group_of(known.info), held.group)


def _word_alone(st: Station, wish: Presented, known: Word | None, *, is_good: bool) -> Word:
    """What counts where the CSMS cannot be asked, or must not be. Raises CommandError where nothing does."""
    if wish.contract is not None:
        _refuse_unproven(st, wish.contract)
    if known is not None and (not is_good or st.is_online or st.get(LOCAL_OFFLINE)):
        return known  # C13.FR.02 to C13.FR.06, C07.FR.10, C07.FR.11
    is_free = st.evse(wish.evse).authorization is None
    if is_free and st.get(OFFLINE_UNKNOWN) and not st.state.csms.connected:  # C15.FR.08, C07.FR.12
        return Word(ACCEPTED, "unknown")
    if st.is_online:
        raise CommandError("invalid_state", "the token is not known here and the CSMS must not be asked")
    raise CommandError("not_connected", "the token is not known here and the CSMS cannot be asked")


def _refuse_unproven(st: Station, contract: Contract) -> None:
    if not st.get(c_contract.OFFLINE_VALIDATION):  # C07.FR.07
        text = "without the CSMS no contract counts: ISO15118Ctrlr.ContractValidationOffline is false"
        raise CommandError("invalid_state", text)
    if not contract.is_valid:  # C07.FR.08
        raise CommandError("invalid_state", "no root certificate of the contract is installed")
