"""Where stations may send files to and fetch them from, as the configuration writes it."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from ocppd.settings.section import Section

_HOST = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*", re.ASCII)


def _place(text: str) -> str:
    """A network or an address, or the name of a host."""
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        if not _HOST.fullmatch(text) or set(text) <= set("0123456789."):
            known = "a network such as 169.254.0.0/16, an address, or the name of a host"
            raise ValueError(f"{text!r} is none of {known}: {error}") from None
    return text


def _readable(path: Path) -> Path:
    if not path.is_file() or not os.access(path, os.R_OK):
        raise ValueError(f"{path} is no file that can be read")
    return path


class PublishSettings(Section):
    """`transfers.publish`: a file server for the firmware that stations are to publish (PublishFirmware)."""

    host: str = Field("127.0.0.1", min_length=1, description="The address to listen on.")
    port: int = Field(8480, ge=1, le=65_535, description="The port to listen on.")
    url: Annotated[str, StringConstraints(pattern=r"^https?://[!-~]+$", max_length=400)] | None = Field(
        None, description="How others reach it; by default, what it listens on."
    )

    def address(self) -> str:
        """The URL, without a slash at its end."""
        return (self.url or f"http://{self.host}:{self.port}").rstrip("/")


class TransferSettings(Section):
    """`transfers`: logs to servers that a CSMS names, and firmware from them.

    Servers on loopback, and link-local, multicast and reserved addresses are refused unless they are allowed.
    """

    allow: list[Annotated[str, AfterValidator(_place)]] = Field(
        [],
        max_length=1000,
        description="Networks, addresses and names of hosts that would be refused: "
        "on loopback, link-local, multicast, reserved.",
    )
    allow_loopback: bool = Field(False, description="Servers on this machine are not refused.")
    max_bytes: int = Field(100_000_000, ge=1, le=10**12, description="The most that a file may have.")
    timeout_s: float = Field(
        300.0, ge=1, le=86_400, description="The longest that a file may take, in seconds."
    )
    known_hosts: Annotated[Path, AfterValidator(_readable)] | None = Field(
        None, description="A file with the keys of SFTP servers; without it none is checked."
    )
    publish: PublishSettings | None = Field(
        None, description="A file server, by which stations serve firmware to others."
    )
