"""`ocppd shell` in a terminal: a prompt, and above it what happens meanwhile."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import Any

import aiomqtt
from prompt_toolkit import PromptSession, print_formatted_text
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.patch_stdout import patch_stdout

from ocppd.client import Access, Client, NoBrokerError
from ocppd.edge.mqtt.topics import Scope
from ocppd.shell.answers import Fragment, answer_words
from ocppd.shell.completion import ShellCompleter
from ocppd.shell.history import open_history
from ocppd.shell.session import NobodyError, Session, target_words
from ocppd.telling import event_words, place, printable

Json = dict[str, Any]

_DIM = "ansibrightblack"


class Prompt:
    """Where a person types."""

    def __init__(self, access: Access, daemon: str, timeout_s: float, target: Scope | None) -> None:
        self.session = Session(access.base, daemon, timeout_s, self._happened, self._told)
        self.session.target = target
        self._access = access
        self._trouble: str | None = f"connecting to {access.where}"
        self._input: PromptSession[str] = PromptSession(
            self._prompt,
            completer=ShellCompleter(self.session.catalogue, lambda: self.session.target),
            history=open_history(),
            auto_suggest=AutoSuggestFromHistory(),
            complete_while_typing=False,
            bottom_toolbar=self._toolbar,
            refresh_interval=0.5,
        )

    async def run(self) -> None:
        """Talk until the person has had enough, or SIGTERM."""
        with patch_stdout():
            tasks = [
                asyncio.create_task(
                    self._access.keep(self._met, self._lost, self.session.heard), name="shell-broker"
                ),
                asyncio.create_task(self.session.load(), name="shell-load"),
                asyncio.create_task(self._talk(), name="shell-talk"),
            ]
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGTERM, tasks[-1].cancel)
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for task in done:
                with suppress(asyncio.CancelledError):
                    task.result()

    # What comes by itself

    async def _met(self, client: Client) -> None:
        if self._trouble is not None:
            self._told(f"connected to {self._access.where}")
        self._trouble = None
        await self.session.met(client)

    def _lost(self, error: NoBrokerError) -> None:
        self.session.lost()
        if self._trouble != str(error):
            self._told(f"{error}; trying again")
        self._trouble = str(error)

    def _told(self, words: str) -> None:
        _show([(_DIM, f"* {printable(words)}")])

    def _happened(self, event: Json) -> None:
        where = "/".join(filter(None, (printable(event.get("station", "?"), 64), place(event))))
        name, _, rest = event_words(event).partition(" ")
        when = printable(str(event.get("ts", ""))[11:19])
        _show([(_DIM, f"{when} "), ("", f"{where} "), ("ansicyan", name), ("", f" {rest}")])

    # The person

    def _prompt(self) -> FormattedText:
        return FormattedText([("bold", f"{printable(target_words(self.session.target), 64)}> ")])

    def _toolbar(self) -> FormattedText:
        catalogue, shows = self.session.catalogue, self.session.shows
        if self._trouble is not None:
            return FormattedText([("ansired", f" ● {printable(self._trouble)}")])
        events = "off" if not shows else "on" if shows == ["*"] else printable(" ".join(shows), 40)
        daemons = ", ".join(printable(it, 30) for it in catalogue.online[:5]) or "none is online"
        words = (
            f"broker {self._access.where}",
            f"daemon {daemons}",
            f"{len(catalogue.stations)} stations",
            f"events {events}",
        )
        return FormattedText([("ansigreen", " ● "), ("", "   ".join(words))])

    async def _talk(self) -> None:
        self._told("help tells what there is; Tab completes; Ctrl-D ends")
        while True:
            try:
                pasted = await self._input.prompt_async()
                for line in pasted.splitlines():
                    if not await self._do(line):
                        break
            except KeyboardInterrupt:
                continue
            except EOFError:
                return

    async def _do(self, line: str) -> bool:
        """Say a line and show the answer; whether to go on. Ctrl-C does not wait for it."""
        loop = asyncio.get_running_loop()
        asking = asyncio.create_task(self.session.do(line), name="shell-line")
        loop.add_signal_handler(signal.SIGINT, asking.cancel)
        try:
            await asyncio.wait([asking])
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            asking.cancel()
        if asking.cancelled():
            _show([(_DIM, "* not waited for")])
            return False
        try:
            answer = asking.result()
        except NobodyError as error:
            _show([("ansired bold", "no "), ("", printable(error))])
            return False
        except aiomqtt.MqttError:
            _show([("ansired bold", "no "), ("", "the connection to the broker has gone")])
            return False
        if answer is not None:
            _show(answer_words(answer))
        return True


def _show(fragments: list[Fragment]) -> None:
    print_formatted_text(FormattedText(fragments))
