"""J. Signed meter values: OCMF, with the key of the EVSE's meter (J01.FR.21, J02.FR.21)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.core.variables import option, string

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Station

TELL_PUBLIC_KEY = option(
    "OCPPCommCtrlr",
    "PublicKeyWithSignedMeterValue",
    "Never",
    ("Never", "OncePerTransaction", "EveryMeterValue"),
    mutability="ReadWrite",
)


def _public_key(st: Station, evse: int, _connector: int) -> str:
    from ocppd.core import signing  # noqa: PLC0415 - 7 MB that a daemon whose meters do not sign can spare

    return signing.public_key(int(st.evse(evse).meter.key, 16))


PUBLIC_KEY = string(
    "FiscalMetering",
    "PublicKey",
    place="evse",
    supports_monitoring=False,
    read=_public_key,
)


def signed(st: Station, evse: int, context: str) -> Payload:
    """The SignedMeterValueType of the register, for whoever charges; the meter counts what it signs."""
    from ocppd.core import signing  # noqa: PLC0415 - see above

    place = st.evse(evse)
    tx, state = place.transaction, place.meter
    token = place.authorization.token if place.authorization else tx.token if tx else None
    if tx is None:
        state.idle_page += 1
    else:
        state.page += 1
    reading = signing.Reading(
        energy_wh=state.energy_wh,
        moment=st.clock,
        context=context if tx is not None else None,
        page=state.idle_page if tx is None else state.page,
        serial=f"{st.description.serial}-{evse}",
        token=token["idToken"] if token else None,
        token_type=token["type"] if token else None,
    )
    secret = int(state.key, 16)
    return {
        "signedMeterData": signing.sign(secret, reading, forges=state.forges),
        "signingMethod": signing.METHOD,
        "encodingMethod": "OCMF",
        "publicKey": signing.public_key(secret) if _shows_key(st, evse) else "",
    }


def _shows_key(st: Station, evse: int) -> bool:
    """Whether the public key is to be told now; remembers that it was, for OncePerTransaction."""
    told, tx = st.get(TELL_PUBLIC_KEY), st.evse(evse).transaction
    shows = told == "EveryMeterValue" or (told == "OncePerTransaction" and not (tx and tx.key_told))
    if tx is not None:
        tx.key_told = tx.key_told or shows
    return shows
