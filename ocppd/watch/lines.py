"""`ocppd watch` without a terminal: a line for each event and each change."""

from __future__ import annotations

import time
from typing import NoReturn

import typer

from ocppd.client import Access, Client, NoBrokerError
from ocppd.core.times import format_time
from ocppd.telling import json_line
from ocppd.watch.picture import Change, Picture
from ocppd.watch.target import Target


def as_text(change: Change) -> str:
    """`TIME STATION EVSE/CONNECTOR WHAT WORDS`, with `-` for the station itself."""
    return f"{change.ts} {change.station} {change.place or '-'} {change.what} {change.words}".rstrip()


def as_json(change: Change) -> str:
    """The same as JSON, with all that was told."""
    return json_line(change._asdict())


class Lines:
    """Writes what it hears, and says on standard error when the broker goes and comes back."""

    def __init__(self, access: Access, target: Target, *, json: bool = False) -> None:
        self._access = access
        self._target = target
        self._picture = Picture(access.base, target.__contains__)
        self._say = as_json if json else as_text
        self._has_met = False

    async def run(self) -> NoReturn:
        """Write until cancelled.

        Raises:
            NoBrokerError: there was no connection to begin with.
            BrokenPipeError: nobody reads the lines any more.
        """
        await self._access.keep(self._met, self._lost, self._heard)

    async def _met(self, client: Client) -> None:
        if self._has_met:
            typer.echo(f"broker {self._access.where}: connected again", err=True)
        self._has_met = True
        await client.subscribe(self._target.filters)

    def _lost(self, error: NoBrokerError) -> None:
        if not self._has_met:
            raise error
        typer.echo(f"{error}; trying again", err=True)

    def _heard(self, topic: str, payload: bytes) -> None:
        change = self._picture.take(topic, payload, format_time(time.time()))
        if change is not None:
            typer.echo(self._say(change))
