"""Firmware that is installed here, or served to others (L)."""

from __future__ import annotations

from typing import ClassVar, Literal

from ocppd.core.kept import Kept


class FirmwareUpdate(Kept):
    """An update under way (L01, L02), between its UpdateFirmware and the last status that is told of it.

    `url` may hold a password. From `retrieve_at` it is downloaded, from `install_at` installed, both in epoch
    seconds; None: as soon as possible. The image is a `version`, and what makes it useless is its `flaw`.
    `closes` is that nobody may begin to charge, `fail` how it is to end by somebody's command.
    """

    secret: ClassVar = ("url",)
    request_id: int
    url: str
    retrieve_at: float
    install_at: float | None
    retries: int
    interval: int
    signature: str | None = None
    certificate: str | None = None
    stage: Literal["scheduled", "downloading", "waiting", "installing", "rebooting"] = "scheduled"
    told_downloading: bool = False
    paused: bool = False
    closes: bool = False
    version: str = ""
    flaw: str = ""
    fail: str | None = None


class Publication(Kept):
    """A firmware file that is served to others here, or on its way to be (L03); `checksum` is its MD5.

    `url` may hold a password. Its fetching failed where there is a `retry_at`, in epoch seconds. `downloads`
    is how many fetch it from here at this moment.
    """

    secret: ClassVar = ("url",)
    request_id: int
    url: str
    checksum: str
    retries: int
    interval: int
    status: str = "Downloading"
    retry_at: float | None = None
    downloads: int = 0
