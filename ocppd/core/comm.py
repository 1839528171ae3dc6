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
# A00.FR.205, A00.FR.304: 16 characters at least, and as many as OCPP allows at most.
BASIC_AUTH_PASSWORD = string(
    "SecurityCtrlr",
    "BasicAuthPassword",
    mutability="WriteOnly",
    minimum=16,
    maximum=64,
)
ALLOW_WILDCARDS = boolean("SecurityCtrlr", "AllowCSMSTLSWildcards", False, mutability="ReadWrite")
ALLOW_DOWNGRADE = boolean("SecurityCtrlr", "AllowSecurityProfileDowngrade", False, mutability="ReadWrite")
IDENTITY = string(
    "SecurityCtrlr", "Identity", maximum=48, persistent=True, read=lambda st, _evse, _connector: st.id
)
# The O of the subject in a certificate, which X.520 limits.
ORGANIZATION_NAME = string(
    "SecurityCtrlr",
    "OrganizationName",
    lambda hardware, _evse, _connector: hardware.vendor,
    mutability="ReadWrite",
    minimum=1,
    maximum=64,
)
