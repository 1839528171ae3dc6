"""The configuration: files and environment, checked, and what they become in the core.

model      the sections of the file; `load`
station    stations, their kinds and fleets
section    what all sections share: secrets and certificates
presets    `variables` and `device_model`
templates  kinds of stations to start from, the user's own and those that ship with ocppd
files      YAML, environment variables, merging
check      what is wrong, with the key, the file and the nearest known key
"""

from ocppd.settings.files import SettingsError
from ocppd.settings.model import Settings, describe_station, detached, from_values, json_schema, load

__all__ = ["Settings", "SettingsError", "describe_station", "detached", "from_values", "json_schema", "load"]
