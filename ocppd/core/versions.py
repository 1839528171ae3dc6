"""What differs between OCPP 2.0.1 and 2.1: blocks write the fuller form, and this cuts it to fit.

Every message of 2.0.1 fits the schemas of 2.1 once its block names what only 2.1 asks for. So a call may wait
for a connection without knowing which OCPP that will speak: `outgoing` makes it fit when it leaves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ocppd.core.errors import CommandError
from ocppd.core.schemas import OCPP_21, OCPP_201

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload, Version
    from ocppd.core.station import Station

# The messages that only 2.1 has, and who says them.
NEW: dict[str, Literal["station", "CSMS"]] = {
    "AFRRSignal": "CSMS",
    "AdjustPeriodicEventStream": "CSMS",
    "BatterySwap": "station",
    "ChangeTransactionTariff": "CSMS",
    "ClearDERControl": "CSMS",
    "ClearTariffs": "CSMS",
    "ClosePeriodicEventStream": "station",
    "GetCertificateChainStatus": "station",
    "GetDERControl": "CSMS",
    "GetPeriodicEventStream": "CSMS",
    "GetTariffs": "CSMS",
    "NotifyAllowedEnergyTransfer": "CSMS",
    "NotifyDERAlarm": "station",
    "NotifyDERStartStop": "station",
    "NotifyPriorityCharging": "station",
    "NotifySettlement": "station",
    "NotifyWebPaymentStarted": "CSMS",
    "OpenPeriodicEventStream": "station",
    "PullDynamicScheduleUpdate": "station",
    "ReportDERControl": "station",
    "RequestBatterySwap": "CSMS",
    "SetDERControl": "CSMS",
    "SetDefaultTariff": "CSMS",
    "UpdateDynamicSchedule": "CSMS",
    "UsePriorityCharging": "CSMS",
    "VatNumberValidation": "station",
}
# The only SEND: it is not answered.
STREAM = "NotifyPeriodicEventStream"

# What only 2.1 has of a message that both have: the way there, each list on it gone through, and the names.
_ONLY_IN_21: dict[str, tuple[tuple[tuple[str, ...], frozenset[str]], ...]] = {
    "NotifyEVChargingNeeds": (
        (("chargingNeeds",), frozenset({"availableEnergyTransfer", "v2xChargingParameters"})),
    ),
    "NotifyEVChargingSchedule": (((), frozenset({"selectedChargingScheduleId"})),),
    "NotifyMonitoringReport": ((("monitor", "variableMonitoring"), frozenset({"eventNotificationType"})),),
    "TransactionEvent": (
        ((), frozenset({"costDetails"})),
        (("transactionInfo",), frozenset({"operationMode", "tariffId", "transactionLimit"})),
    ),
}


# What 2.1 adds to requests that both have and is not done here: a field, and the value that asks for it.
_NOT_DONE: dict[str, tuple[str, str]] = {
    "CertificateSigned": ("certificateType", "V2G20Certificate"),
    "GetLog": ("logType", "DataCollectorLog"),
    "InstallCertificate": ("certificateType", "OEMRootCertificate"),
}
_REJECTED = {"status": "Rejected", "statusInfo": {"reasonCode": "UnsupportedParam"}}
# What 2.0.1 has no word for, and the word that comes nearest.
_OLDER_WORDS = {
    "TransactionEvent": {
        "triggerReason": {
            "CostLimitReached": "ChargingStateChanged",
            "LimitSet": "Trigger",
            "OperationModeChanged": "ChargingRateChanged",
            "SoCLimitReached": "ChargingStateChanged",
            "TariffChanged": "Trigger",
            "TxResumed": "Trigger",
        }
    }
}


# The types of monitors that only 2.1 has: whoever speaks 2.0.1 is told of the others.
_NEWER_MONITORS = ("TargetDelta", "TargetDeltaRelative")


def version_of(protocol: str | None) -> Version:
    """The OCPP that a subprotocol speaks; before the first connection it is the older one."""
    return OCPP_21 if protocol == OCPP_21 else OCPP_201


def knows(version: Version, action: str) -> bool:
    """Whether a message of ours can be said in that OCPP."""
    return version == OCPP_21 or action not in NEW


def unhandled(version: Version, action: str) -> str:
    """The RPC error code for a request that nobody here serves (Part 4, 4.3)."""
    return "NotSupported" if version == OCPP_21 and action in NEW else "NotImplemented"


def refusal(action: str, request: Payload) -> Payload | None:
    """The response to a request of 2.1 that asks for more than its handler knows of; None: let that see.

    Whatever handlers know how to refuse is left to them.
    """
    if action in _NOT_DONE:
        name, value = _NOT_DONE[action]
        return _REJECTED if request.get(name) == value else None
    if action == "SetDisplayMessage" and "messageExtra" in request["message"]:
        return _REJECTED
    return None


def outgoing(version: Version, action: str, payload: Payload) -> Payload:
    """The request as that OCPP knows it: without what only the newer one has."""
    if version == OCPP_21 or action not in _ONLY_IN_21:
        return payload
    for way, names in _ONLY_IN_21[action]:
        payload = _without(payload, way, names)
    if action == "NotifyMonitoringReport" and "monitor" in payload:
        payload = _with_older_monitors(payload)
    for name, words in _OLDER_WORDS.get(action, {}).items():
        if payload.get(name) in words:
            payload = {**payload, name: words[payload[name]]}
    return payload


def _with_older_monitors(payload: Payload) -> Payload:
    """The page of a report with what 2.0.1 has a type for, which may be nothing."""
    found = []
    for variable in payload["monitor"]:
        kept = [it for it in variable["variableMonitoring"] if it["type"] not in _NEWER_MONITORS]
        if kept:
            found.append({**variable, "variableMonitoring": kept})
    rest = {name: value for name, value in payload.items() if name != "monitor"}
    return rest | ({"monitor": found} if found else {})


def _without(value: Any, way: tuple[str, ...], names: frozenset[str]) -> Any:
    """A copy without what has these names at the end of the way, or the value itself where nothing has."""
    if isinstance(value, list):
        return [_without(item, way, names) for item in value]
    if not way:
        return value if names.isdisjoint(value) else {k: v for k, v in value.items() if k not in names}
    name = way[0]
    if name not in value:
        return value
    inner = _without(value[name], way[1:], names)
    return value if inner is value[name] else {**value, name: inner}


def require_21(st: Station) -> None:
    """Raise CommandError where the CSMS would not know a message of 2.1, or cannot be told now."""
    if not st.is_online or st.request is None:
        raise CommandError("not_connected", "the CSMS cannot be reached or has not accepted the station")
    if st.version != OCPP_21:
        raise CommandError("unsupported", "the CSMS speaks OCPP 2.0.1, which has no such message")
