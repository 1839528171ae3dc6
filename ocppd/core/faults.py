"""What can break, by the codes in common use, and the part of the device model that shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Defect:
    """`component` and `variable` turn true with the fault; `stopped_reason` ends a transaction."""

    component: str
    variable: str = "Problem"
    stopped_reason: str = "Other"


DEFECTS = {
    "ConnectorLockFailure": Defect("ConnectorPlugRetentionLock"),
    "EmergencyStop": Defect("EmergencyStopSensor", "Tripped", "EmergencyStop"),
    "EVCommunicationError": Defect("CPPWMController"),
    "GroundFault": Defect("GroundIsolationProtection", "Tripped", "GroundFault"),
    "HighTemperature": Defect("TemperatureSensor"),
    "InternalError": Defect("Controller"),
    "OtherError": Defect("Connector"),
    "OverCurrentFailure": Defect("OverCurrentProtection", "Tripped", "OvercurrentFault"),
    "OverVoltage": Defect("ElectricalFeed", "Problem", "PowerQuality"),
    "PowerLoss": Defect("UpstreamProtectionTrigger", "Tripped", "PowerLoss"),
    "PowerMeterFailure": Defect("FiscalMetering"),
    "PowerSwitchFailure": Defect("PowerContactor"),
    "ReaderFailure": Defect("TokenReader"),
    "UnderVoltage": Defect("ElectricalFeed", "Problem", "PowerQuality"),
    "WeakSignal": Defect("DataLink"),
}

# The names that OCPP 1.6 had for them, so that old habits work.
ALIASES = {"groundfailure": "GroundFault", "overcurrent": "OverCurrentFailure"}


def stopped_reason(code: str) -> str:
    """The stoppedReason of a transaction that a fault of that code ends."""
    defect = DEFECTS.get(code)
    return defect.stopped_reason if defect else "Other"


def known_code(text: str) -> str | None:
    """The code as it is spelled here, whatever the case; None where there is none of that name."""
    folded = text.casefold()
    return ALIASES.get(folded) or next((code for code in DEFECTS if code.casefold() == folded), None)
