"""`docs/pictures/watch.svg` and `shell.svg`, on a real daemon: `python -m tests.captures`."""

from __future__ import annotations

import asyncio
import io
import re
import tempfile
from pathlib import Path

import orjson
from rich.console import Console
from rich.text import Text

from ocppd.client import Access
from ocppd.demo.csms import csms
from ocppd.settings import load
from ocppd.watch.picture import Picture
from ocppd.watch.screen import FleetScreen, Listener, Watch
from ocppd.watch.target import Target
from tests.daemon import TOKEN, Daemon, Observer, daemon, observer, settings, station
from tests.edge.mqtt.edge import Mosquitto, until
from tests.terminal import terminal

PICTURES = Path(__file__).parent.parent / "docs/pictures"
_NAMES = [f"CP{number:03}" for number in range(1, 10)]
_CHARGING = {"CP001": 9000, "CP003": None, "CP004": 6000, "CP008": None}


async def _fleet(person: Observer) -> None:
    """Let cars come, and something break."""
    for name, watts in _CHARGING.items():
        if watts is not None:
            await person.succeed(f"{name}/1", "limit", watts=watts)
        await person.succeed(f"{name}/1/1", "plug-in", ev={"soc": 35})
        await person.succeed(f"{name}/1", "authorize", id_token=TOKEN)
    await person.succeed("CP005/1/1", "plug-in")
    await person.succeed("CP006/1/1", "fault", code="GroundFault")
    await person.succeed("CP007", "network", on=False)


async def watch_picture(port: int, it: Daemon) -> str:
    """The table, as soon as energy flows."""
    access, target = Access(load([it.config])), Target()
    picture = Picture(access.base)
    app = Watch(picture, Listener(access, target, picture).run)

    def is_shown() -> bool:
        offline = [
            name for name, it in picture.stations.items() if it.summary and it.summary.csms == "offline"
        ]
        return picture.totals.power_w > 30_000 and offline == ["CP007"]

    async with app.run_test(size=(104, 30)) as pilot, observer(port) as person:
        await until(lambda: picture.totals.online == len(_NAMES))
        await _fleet(person)
        await until(is_shown)
        assert isinstance(app.screen, FleetScreen)
        app.redraw()
        await pilot.pause()
        return app.export_screenshot(title="ocppd watch")


async def shell_picture(it: Daemon) -> str:
    """A few lines of a session."""
    command = ("shell", "--config", str(it.config))
    async with terminal(*command, cwd=it.config.parent, size=(104, 26)) as screen:
        await screen.sees("is online", "9 stations")
        await screen.enter("use CP002/1/1")
        await screen.sees("target=")
        await screen.enter("events connector_* tx_*")
        await screen.sees("events=")
        await screen.enter('plug-in ev={"soc": 20}')
        await screen.sees("ok CP002/1/1 plug-in", "tx_started")
        await screen.enter(f"authorize {TOKEN}")
        await screen.sees("ok CP002/1 authorize", "state=Charging")
        await screen.enter("limit 7200 for_s=600")
        await screen.sees("ok CP002/1 limit")
        await screen.type("CP002 reset ")
        await screen.press("Tab")
        await screen.sees("OnIdle", "reason=")
        shown = await screen.screen(colours=True)
    console = Console(record=True, width=104, file=io.StringIO())
    console.print(Text.from_ansi(shown.rstrip("\n")), overflow="crop", no_wrap=True)
    return console.export_svg(title="ocppd shell")


async def capture(folder: Path) -> dict[str, str]:
    """Both pictures by their names; their broker is told to be at the usual port."""
    with Mosquitto(folder) as mosquitto:
        async with csms() as remote:
            stations = [station(name, groups=["lab"]) for name in _NAMES]
            tree = settings(mosquitto.port, remote.url, *stations, mqtt={"meter_interval": 1})
            async with daemon(folder, orjson.loads(orjson.dumps(tree))) as it:
                await it.ready()
                drawn = {"watch": await watch_picture(mosquitto.port, it), "shell": await shell_picture(it)}
    return {name: _tidy(svg.replace(f":{mosquitto.port}", ":1883")) for name, svg in drawn.items()}


def _tidy(svg: str) -> str:
    """Without fonts of foreign hosts, nor blanks at the ends of lines."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    return "\n".join(line for it in svg.splitlines() if (line := it.rstrip())) + "\n"


def main() -> None:
    """Draw them."""
    with tempfile.TemporaryDirectory(prefix="captures-") as folder:
        for name, svg in asyncio.run(capture(Path(folder))).items():
            (PICTURES / f"{name}.svg").write_text(svg)


if __name__ == "__main__":
    main()
