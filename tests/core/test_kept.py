"""What the parts of a state have in common."""

from __future__ import annotations

import pytest

from ocppd.core.kept import Kept
from ocppd.core.state import FirmwareUpdate, LogUpload, NetworkProfile, Publication

SECRET = "ftp://me:geheim@files.example/log"


@pytest.mark.parametrize(
    "kept",
    [
        LogUpload(1, "SecurityLog", SECRET, "log.zip", 0, 0),
        FirmwareUpdate(1, SECRET, 0.0, None, 0, 0),
        Publication(1, SECRET, "", 0, 0),
        NetworkProfile("ws://csms", 1, password="geheim"),
    ],
    ids=lambda it: type(it).__name__,
)
def test_no_representation_shows_a_secret(kept: Kept) -> None:
    assert "geheim" not in repr(kept)
    assert repr(kept).startswith(f"{type(kept).__name__}(")


def test_all_else_is_shown() -> None:
    assert "url='ws://csms'" in repr(NetworkProfile("ws://csms", 1))
    assert repr(Publication(7, SECRET, "", 0, 0)).startswith("Publication(request_id=7, url=..., checksum=''")
