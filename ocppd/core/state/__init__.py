"""Everything that a station must remember, in one tree of plain data: saving it is dumping it.

The tree is `State`, in `station`. Its parts stand in the module of their chapter of the standard, and all of
them are imported from here. Times are epoch seconds, energy is in Wh, power in W. Every field has a default,
so that a file written by hand needs to name only what differs.
"""

from __future__ import annotations

from ocppd.core.state.authorization import Authorization, BatterySwap, LocalList, Reservation, WrongCodes
from ocppd.core.state.diagnostics import EventStream, LogUpload, Monitor, MonitoringReport
from ocppd.core.state.display import Display, DisplayMessage, Priority, Text
from ocppd.core.state.evse import Car, Connector, Evse, Fault, Meter
from ocppd.core.state.firmware import FirmwareUpdate, Publication
from ocppd.core.state.fitting import fit
from ocppd.core.state.messages import Csms, Held, Outbox, Override, QueuedCall, Request
from ocppd.core.state.provisioning import Boot, NetworkProfile, NetworkProfiles, Report, Reset, ResetType
from ocppd.core.state.security import Certificate, CertificateStatus, SecurityEvent, Signing
from ocppd.core.state.smart_charging import ChargingProfile, DerControl, EvTalk, FrequencySignal, Limit, V2x
from ocppd.core.state.station import State
from ocppd.core.state.tariff import Account, Bill, DefaultTariff, DriverTariff, Period
from ocppd.core.state.transaction import ChargingState, Transaction, TxLimit

__all__ = [
    "Account",
    "Authorization",
    "BatterySwap",
    "Bill",
    "Boot",
    "Car",
    "Certificate",
    "CertificateStatus",
    "ChargingProfile",
    "ChargingState",
    "Connector",
    "Csms",
    "DefaultTariff",
    "DerControl",
    "Display",
    "DisplayMessage",
    "DriverTariff",
    "EvTalk",
    "EventStream",
    "Evse",
    "Fault",
    "FirmwareUpdate",
    "FrequencySignal",
    "Held",
    "Limit",
    "LocalList",
    "LogUpload",
    "Meter",
    "Monitor",
    "MonitoringReport",
    "NetworkProfile",
    "NetworkProfiles",
    "Outbox",
    "Override",
    "Period",
    "Priority",
    "Publication",
    "QueuedCall",
    "Report",
    "Request",
    "Reservation",
    "Reset",
    "ResetType",
    "SecurityEvent",
    "Signing",
    "State",
    "Text",
    "Transaction",
    "TxLimit",
    "V2x",
    "WrongCodes",
    "fit",
]
