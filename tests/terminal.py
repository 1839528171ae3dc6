"""A real terminal for the programs that want one: tmux, whose screen is looked at."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from tests.daemon import PATIENCE_S, environment

OCPPD = (sys.executable, "-m", "ocppd")
_LOOK_S = 0.15
_SETTINGS = "set -g remain-on-exit on\nset -g status off\nset -g history-limit 5000\n"


class Terminal:
    """One program in a terminal of its own."""

    def __init__(self, folder: Path, program: str) -> None:
        self._folder = folder
        self._program = program

    async def type(self, text: str) -> None:
        """Type `text`, as it is."""
        await self._tmux("send-keys", "-l", text)

    async def paste(self, text: str) -> None:
        """Paste `text`, which may be several lines, as terminals do."""
        await self._tmux("set-buffer", text)
        await self._tmux("paste-buffer", "-p")

    async def press(self, *keys: str) -> None:
        """Press keys by name: `Enter`, `Tab`, `Escape`, `C-d`."""
        await self._tmux("send-keys", *keys)

    async def enter(self, line: str) -> None:
        """Type a line, and Enter."""
        await self.type(line)
        await self.press("Enter")

    async def screen(self, *, colours: bool = False) -> str:
        """What is on it, and what was scrolled out."""
        return await self._tmux("capture-pane", "-p", "-J", "-S", "-1000", *(["-e"] if colours else []))

    async def sees(self, *words: str, times: int = 1) -> str:
        """Wait until all the words are on the screen, so many times; returns what is there."""
        return await self._until(
            lambda screen: all(screen.count(word) >= times for word in words), f"not {times} times {words}"
        )

    async def misses(self, *words: str) -> str:
        """Wait until none of the words is on the screen any more."""
        return await self._until(lambda screen: not any(word in screen for word in words), f"still {words}")

    async def _until(self, is_so: Callable[[str], bool], complaint: str) -> str:
        screen = ""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not is_so(screen := await self.screen()):  # noqa: ASYNC110 - it does not call us
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            raise AssertionError(f"{complaint} in:\n{screen}") from None
        return screen

    async def ends(self) -> int:
        """Wait for the program to end; its exit status."""
        screen = await self._until(lambda screen: "[ended with " in screen, "it runs on")
        return int(screen.rpartition("[ended with ")[2].partition("]")[0])

    async def signal(self, number: int) -> None:
        """Send the program a signal."""
        [program] = psutil.Process(int(await self._tmux("display", "-p", "#{pane_pid}"))).children()
        program.send_signal(number)

    async def _tmux(self, *arguments: str) -> str:
        settings, socket = self._folder / "tmux.conf", self._folder / "socket"
        process = await asyncio.create_subprocess_exec(
            *(self._program, "-u", "-f", str(settings), "-S", str(socket), *arguments),
            env=environment() | {"LANG": "C.UTF-8", "TERM": "xterm-256color", "COLORTERM": "truecolor"},
            stdout=PIPE,
            stderr=PIPE,
        )
        out, wrong = await process.communicate()
        assert process.returncode == 0, wrong.decode()
        return out.decode()

    async def start(self, command: tuple[str, ...], cwd: Path, size: tuple[int, int], home: Path) -> None:
        (self._folder / "tmux.conf").write_text(_SETTINGS)
        width, height = map(str, size)
        line = shlex.join(("env", f"XDG_STATE_HOME={home}", *command)) + '; echo "[ended with $?]"'
        await self._tmux("new-session", "-d", "-x", width, "-y", height, "-c", str(cwd), line)

    async def close(self) -> None:
        await self._tmux("kill-server")


@asynccontextmanager
async def terminal(*command: str, cwd: Path, size: tuple[int, int] = (110, 40)) -> AsyncIterator[Terminal]:
    """`ocppd` with these arguments in a terminal; its history is kept below `cwd / "home"`."""
    program = shutil.which("tmux")
    if program is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("needs tmux on the PATH")
    with tempfile.TemporaryDirectory(prefix="tmux-") as folder:  # the name of a socket must be short
        it = Terminal(Path(folder), program)
        await it.start((*OCPPD, *command), cwd, size, cwd / "home")
        try:
            yield it
        finally:
            await it.close()
