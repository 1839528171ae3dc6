"""OCPPCommCtrlr and SecurityCtrlr: the variables that the way to the CSMS itself obeys."""

from __future__ import annotations

from ocppd.core.variables import boolean, integer, string

MESSAGE_TIMEOUT = integer("OCPPCommCtrlr", "MessageTimeout", 30, instance="Default", unit="s", minimum=1)
MESSAGE_ATTEMPTS = integer(
    "OCPPCommCtrlr", "MessageAttempts", 3, instance="TransactionEvent", mutability="ReadWrite", minimum=1
)
MESSAGE_ATTEMPT_INTERVAL = integer(
    "OCPPCommCtrlr",
    "MessageAttemptInterval",
    10,
    instance="TransactionEvent",
    mutability="ReadWrite",
    unit="s",
    minimum=0,
)
QUEUE_ALL_MESSAGES = boolean("OCPPCommCtrlr", "QueueAllMessages", False, mutability="ReadWrite")
HEARTBEAT_INTERVAL = integer(
    "OCPPCommCtrlr", "HeartbeatInterval", 300, mutability="ReadWrite", unit="s", minimum=1
)
PING_INTERVAL = integer(
    "OCPPCommCtrlr", "WebSocketPingInterval", 30, mutability="ReadWrite", unit="s", minimum=0
)
OFFLINE_THRESHOLD = integer(
    "OCPPCommCtrlr", "OfflineThreshold", 60, mutability="ReadWrite", unit="s", minimum=0
)
BACKOFF_REPEATS = integer("OCPPCommCtrlr", "RetryBackOffRepeatTimes", 5, mutability="ReadWrite", minimum=0)
BACKOFF_RANGE = integer(
    "OCPPCommCtrlr", "RetryBackOffRandomRange", 10, mutability="ReadWrite", unit="s", minimum=0
)
BACKOFF_MINIMUM = integer(
    "OCPPCommCtrlr", "RetryBackOffWaitMinimum", 2, mutability="ReadWrite", unit="s", minimum=0
)
# A00.FR.205: the password travels as plain UTF-8; 16 to 40 characters.
BASIC_AUTH_PASSWORD = string(
    "SecurityCtrlr",
    "BasicAuthPassword",
    mutability="WriteOnly",
    minimum=16,
    maximum=40,
    supports_monitoring=False,
)
SECURITY_PROFILE = integer(
    "SecurityCtrlr",
    "SecurityProfile",
    read=lambda st, _evse, _connector: str(st.description.csms.security_profile),
    minimum=0,
    maximum=3,
)
ALLOW_WILDCARDS = boolean("SecurityCtrlr", "AllowCSMSTLSWildcards", False, mutability="ReadWrite")
IDENTITY = string("SecurityCtrlr", "Identity", maximum=48, read=lambda st, _evse, _connector: st.id)
