"""The network connection profiles of a station, and which of them it calls with (A05, B09, B10)."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from ocppd.core import certificates, comm
from ocppd.core.endpoint import Backoff, Endpoint
from ocppd.core.state import NetworkProfile
from ocppd.core.variables import integer, members

if TYPE_CHECKING:
    from ocppd.core.station import Station

SLOTS = (1, 2, 3)
# The slot of the configuration's `csms`, until the CSMS puts something else there.
_FACTORY = 1


def _refuse_priority(st: Station, value: str) -> str | None:
    """The reason code why these slots may not be the ones to try (B10.FR.02, A05.FR.02, .03, .09, .10)."""
    profiles = stored(st) | st.state.profiles.waiting
    slots = [int(slot) for slot in NETWORK_CONFIGURATION_PRIORITY.parse(value)]
    if not slots:
        return "InvalidValue"
    for slot in slots:
        if slot not in profiles:
            return "InvalidConfSlot"
        level = profiles[slot].security_profile
        if is_downgrade(st, level):
            return "NoSecurityDowngrade"
        if lacks(st, level, profiles[slot].password):
            return "InvalidNetworkConf"
    return None


# Whoever changes it wants the present connection for as long as it lasts: a migration begins with a reset.
NETWORK_CONFIGURATION_PRIORITY = members(
    "OCPPCommCtrlr",
    "NetworkConfigurationPriority",
    str(_FACTORY),
    map(str, SLOTS),
    data_type="SequenceList",
    mutability="ReadWrite",
    minimum=1,
    check=_refuse_priority,
    at_reboot=True,
)
CONNECTION_ATTEMPTS = integer(
    "OCPPCommCtrlr", "NetworkProfileConnectionAttempts", 3, mutability="ReadWrite", minimum=1
)
ACTIVE_NETWORK_PROFILE = integer(
    "OCPPCommCtrlr",
    "ActiveNetworkProfile",
    minimum=SLOTS[0],
    maximum=SLOTS[-1],
    persistent=True,
    read=lambda st, _e, _c: str(st.state.profiles.slot),
)
SECURITY_PROFILE = integer(
    "SecurityCtrlr",
    "SecurityProfile",
    minimum=0,
    maximum=3,
    persistent=True,
    read=lambda st, _e, _c: str(security_profile(st)),
)


def stored(st: Station) -> dict[int, NetworkProfile]:
    """What stands in the slots that are not empty."""
    found = {_FACTORY: _factory(st), **st.state.profiles.stored}
    return {slot: profile for slot, profile in sorted(found.items()) if profile is not None}


def in_use(st: Station) -> NetworkProfile:
    """The profile of the connection, or of the attempts to have one."""
    own = st.state.profiles
    return own.stored.get(own.slot) or _factory(st)


def endpoint(st: Station) -> Endpoint:
    """Where and how to connect now (A00, Part 4 5.3)."""
    profile = in_use(st)
    trust = certificates.trust(st)
    if profile.security_profile != 3:  # who else shows a certificate is known by it (A00.FR.402)
        trust = replace(trust, chain=None, key=None)
    return Endpoint(
        url=f"{profile.url.rstrip('/')}/{quote(st.id, safe='-._~')}",
        identity=profile.identity or st.id,
        protocols=st.description.csms.protocols,
        trust=trust,
        password=password(st) if profile.security_profile in (1, 2) else None,
        backoff=Backoff(
            st.get(comm.BACKOFF_MINIMUM), st.get(comm.BACKOFF_RANGE), st.get(comm.BACKOFF_REPEATS)
        ),
        timeout=st.get(comm.MESSAGE_TIMEOUT),
    )


def _factory(st: Station) -> NetworkProfile:
    csms = st.description.csms
    timeout = st.model.slots[comm.MESSAGE_TIMEOUT.station_key].attributes["Actual"]
    return _profile(csms.url, csms.security_profile, int(timeout or 1))


@lru_cache(maxsize=64)
def _profile(url: str, security_profile: int, timeout: int) -> NetworkProfile:
    """One for all stations of a fleet; nobody changes it."""
    return NetworkProfile(url, security_profile, timeout)


def security_profile(st: Station) -> int:
    """The level of the latest connection; before the first one that of the configuration."""
    level = st.state.profiles.security_profile
    return st.description.csms.security_profile if level is None else level


def is_downgrade(st: Station, level: int) -> bool:
    """Whether this level is lower than OCPP may make it: only 3 to 2 can be allowed (A00.FR.005)."""
    now = security_profile(st)
    return level < now and not ((now, level) == (3, 2) and st.get(comm.ALLOW_DOWNGRADE))


def lacks(st: Station, level: int, password: str | None) -> str | None:
    """What the station would need for a connection of that security profile and has not, in words.

    `password` is that of the profile itself, where it has one.

    Where the level is not raised, what serves the present one is enough (A05.FR.02, A05.FR.03).
    """
    if level in (1, 2) and (password or _common_password(st)) is None:
        return "there is no BasicAuthPassword"
    if level <= security_profile(st):
        return None
    needed = {2: [certificates.CSMS_ROOT], 3: [certificates.CSMS_ROOT, certificates.STATION]}.get(level, [])
    missing = next((use for use in needed if not _has_valid(st, use)), None)
    return f"there is no valid {missing}" if missing else None


def _has_valid(st: Station, use: str) -> bool:
    found = certificates.installed(st, use)
    if not found:
        return False
    from ocppd.core import x509  # noqa: PLC0415 - several MB, and few stations raise their level

    now = st.clock
    first = [certificate for it in found for certificate in x509.stored(it.pem)[:1]]
    return any(x509.start(it) <= now <= x509.expiry(it) for it in first)


def password(st: Station) -> str | None:
    """The password of basic authentication: that of the profile in use, else that of all of them."""
    return in_use(st).password or _common_password(st)


def _common_password(st: Station) -> str | None:
    """What the CSMS has set last, else the configuration's."""
    return st.state.variables.get(comm.BASIC_AUTH_PASSWORD.station_key) or st.description.csms.password


def priority(st: Station) -> tuple[str, ...]:
    """NetworkConfigurationPriority as it counts now."""
    return st.get(NETWORK_CONFIGURATION_PRIORITY)


def round_of(st: Station) -> list[int]:
    """The slots to try, in this order, until one connects (B10.FR.03); there always is one.

    The slot that worked last has its turn even where it is no longer listed. Once all have failed, it comes
    first (B10.FR.07), then all others again (B10.FR.08).
    """
    own = st.state.profiles
    may_be = [slot for slot, it in stored(st).items() if _may_be_used(st, slot, it)] or [own.slot]
    listed = [slot for slot in map(int, priority(st)) if slot in may_be] or may_be
    if own.worked not in may_be:
        return listed
    others = [slot for slot in listed if slot != own.worked]
    if own.exhausted:
        return [own.worked, *others]
    return listed if own.worked in listed else [*listed, own.worked]


def _may_be_used(st: Station, slot: int, profile: NetworkProfile) -> bool:
    """The configuration may lower the level, as it is not OCPP."""
    is_factory = slot == _FACTORY and _FACTORY not in st.state.profiles.stored
    return is_factory or not is_downgrade(st, profile.security_profile)
