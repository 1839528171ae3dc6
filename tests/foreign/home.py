"""Home Assistant without its web pages: its core and its own MQTT integration, driven over standard input.

    python home.py FOLDER BROKER_PORT OWN_PORT

Runs in an environment of its own, see test_home_assistant.py; FOLDER is empty.
Read: {"call": [domain, service, data]}, a JSON object a line.
Written: {"entity", "state", "attributes", "device"} when a state changes (state null: it is gone), {"done"}
or {"failed", "error"} with its number for each call, {"log": level, "message", "why"} for each warning.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from homeassistant import auth, bootstrap, core, loader
from homeassistant.config_entries import ConfigEntries, ConfigEntry
from homeassistant.helpers import device_registry, entity_registry
from homeassistant.setup import async_setup_component


def tell(**line: Any) -> None:
    sys.stdout.write(json.dumps(line, default=str) + "\n")
    sys.stdout.flush()


class Teller(logging.Handler):
    """What Home Assistant complains of, but not of how it is started here."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.name in ("homeassistant.helpers.frame", "aiohttp_fast_zlib"):
            return
        why = record.exc_info[1] if record.exc_info else None
        tell(log=record.levelname, message=record.getMessage(), why=repr(why) if why else None)


async def main(folder: str, port: int, own_port: int) -> None:
    (Path(folder) / "configuration.yaml").touch()
    hass = core.HomeAssistant(folder)
    hass.config.skip_pip = True
    loader.async_setup(hass)
    hass.config_entries = ConfigEntries(hass, {})
    await bootstrap.async_load_base_functionality(hass)
    hass.auth = await auth.auth_manager_from_config(hass, [], [])
    await async_setup_component(hass, "homeassistant", {})
    http = {"server_host": "127.0.0.1", "server_port": own_port}  # the integration wants one
    await async_setup_component(hass, "http", {"http": http})
    # Not a lambda: it would not pass for a callback, and threads would tell of the changes out of order.
    hass.bus.async_listen("state_changed", partial(changed, hass))
    await hass.config_entries.async_add(
        ConfigEntry(
            data={"broker": "127.0.0.1", "port": port},
            discovery_keys=MappingProxyType({}),
            domain="mqtt",
            minor_version=2,
            options={},
            source="user",
            subentries_data=None,
            title="mqtt",
            unique_id=None,
            version=1,
        )
    )
    await hass.async_start()
    tell(started=True)
    await obey(hass)
    await hass.async_stop()


@core.callback
def changed(hass: core.HomeAssistant, event: core.Event[core.EventStateChangedData]) -> None:
    name, new = event.data["entity_id"], event.data["new_state"]
    entry = entity_registry.async_get(hass).async_get(name)
    device = device_registry.async_get(hass).async_get(entry.device_id) if entry and entry.device_id else None
    tell(
        entity=name,
        state=new.state if new else None,
        attributes=dict(new.attributes) if new else {},
        device=device.name if device else None,
    )


async def obey(hass: core.HomeAssistant) -> None:
    """Make the calls that are asked for, until there is nobody left to ask."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    number = 0
    while line := await reader.readline():
        number += 1
        domain, service, data = json.loads(line)["call"]
        try:
            await hass.services.async_call(domain, service, data, blocking=True)
            tell(done=number)
        except Exception as error:  # noqa: BLE001
            tell(failed=number, error=repr(error))


logging.getLogger().addHandler(Teller(logging.WARNING))
asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
