"""C01, C10 to C15: who is believed, in every combination of what is known and what is set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import pytest

from ocppd.core.times import format_time
from tests.bench import Bench, with_presets
from tests.blocks.tokens import BY_TOKEN, ID_TOKEN, is_authorized, present, remember, said, send_list

NewBench = Callable[..., Bench]
SWITCHES = {
    "local_first": "AuthCtrlr__LocalPreAuthorize",
    "local_offline": "AuthCtrlr__LocalAuthorizeOffline",
    "unknown": "AuthCtrlr__OfflineTxForUnknownIdEnabled",
    "no_remote": "AuthCtrlr__DisableRemoteAuthorization",
    "final": "LocalAuthListCtrlr__DisablePostAuthorize",
}


@dataclass(frozen=True)
class Case:
    """What the list and the cache say, and what is set; `csms` is what the CSMS would answer."""

    listed: str | None
    cached: str | None
    online: bool
    csms: str = "Accepted"
    local_first: bool = False
    local_offline: bool = True
    unknown: bool = False
    no_remote: bool = False
    final: bool = False

    @property
    def expected(self) -> tuple[bool, bool]:
        """Whether the CSMS is asked, and whether the token charges, as the standard has it."""
        known = self.listed or self.cached
        if self.online and not self.no_remote:
            if known == "Accepted" and self.local_first:
                return False, True
            if known == "Invalid" and self.final:
                return False, False
            return True, self.csms == "Accepted"
        if self.online:
            return False, known == "Accepted"
        if known == "Accepted":
            return False, self.local_offline or self.unknown
        return False, known is None and self.unknown


WORDS = (None, "Accepted", "Invalid", "Expired")
CASES = [
    Case(listed, cached, online, csms, **dict(zip(SWITCHES, switches, strict=True)))
    for listed, cached, online, csms in product(WORDS, WORDS[:3], (True, False), ("Accepted", "Invalid"))
    for switches in product((True, False), repeat=len(SWITCHES))
    if online or csms == "Accepted"
]


def prepared(new_bench: NewBench, case: Case) -> Bench:
    """A station that knows what the case says, with the cable in."""
    presets = {name: str(getattr(case, key)).lower() for key, name in SWITCHES.items()}
    bench = new_bench(
        with_presets(BY_TOKEN, AuthCacheCtrlr__DisablePostAuthorize=str(case.final).lower(), **presets)
    )
    if case.cached is not None:
        if case.no_remote:
            bench.set("AuthCtrlr.DisableRemoteAuthorization", False)
        remember(bench, info=said(case.cached))
        bench.set("AuthCtrlr.DisableRemoteAuthorization", case.no_remote)
    if case.listed is not None:
        past = {"cacheExpiryDateTime": format_time(bench.clock.now - 1)} if case.listed == "Expired" else {}
        status = "Accepted" if case.listed == "Expired" else case.listed
        assert send_list(bench, (ID_TOKEN, said(status, **past)))["status"] == "Accepted"
    bench.answers["Authorize"] = {"idTokenInfo": said(case.csms)}
    bench.do("plug-in")
    bench.forget()
    return bench


@pytest.mark.parametrize("listed", WORDS)
@pytest.mark.parametrize("online", [True, False])
def test_C01_FR_02_C10_FR_03_C12_FR_05_C13_FR_01_C14_FR_01_C14_FR_03_C15_FR_08_every_combination(
    new_bench: NewBench, listed: str | None, online: bool
) -> None:
    for case in CASES:
        if case.listed != listed or case.online != online:
            continue
        bench = prepared(new_bench, case)
        if not online:
            bench.drop()
        present(bench)
        asked = bool(bench.sent("Authorize"))
        assert (asked, is_authorized(bench)) == case.expected, case
