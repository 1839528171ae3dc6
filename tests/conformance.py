"""`docs/conformance.md`: all messages of OCPP 2.0.1, whether they are alive, and the tests that show it.

Written from the code and the names of the tests: `python -m tests.conformance`; with `--check` it only says
whether the page is up to date.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path

from ocppd.blocks import handlers
from ocppd.core.schemas import actions

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/conformance.md"

# Who says it; DataTransfer goes both ways.
FROM_STATION = frozenset(
    [
        "Authorize",
        "BootNotification",
        "ClearedChargingLimit",
        "DataTransfer",
        "FirmwareStatusNotification",
        "Get15118EVCertificate",
        "GetCertificateStatus",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "NotifyChargingLimit",
        "NotifyCustomerInformation",
        "NotifyDisplayMessages",
        "NotifyEVChargingNeeds",
        "NotifyEVChargingSchedule",
        "NotifyEvent",
        "NotifyMonitoringReport",
        "NotifyReport",
        "PublishFirmwareStatusNotification",
        "ReportChargingProfiles",
        "ReservationStatusUpdate",
        "SecurityEventNotification",
        "SignCertificate",
        "StatusNotification",
        "TransactionEvent",
    ]
)
_REQUIREMENT = re.compile(r"test_((?:TC_[A-P]_\d+)|(?:[A-P]\d\d(?:_FR_\d+)?))")


def page() -> str:
    """The whole page."""
    incoming, outgoing = set(handlers().calls), _sent()
    tests = _tests()
    rows = [_row(action, incoming, outgoing, tests) for action in sorted(actions())]
    alive = sum(row.split("|")[3].strip() != "not yet" for row in rows)
    return "\n".join(
        [
            "# Conformance",
            "",
            "Written by `python -m tests.conformance` from the handlers and the names of the tests; a test",
            "holds it up to date. *not yet*: a request of the CSMS is answered NotImplemented, a message of",
            "the station is never sent by itself (`call` sends anything).",
            "",
            f"{alive} of {len(rows)} messages are alive.",
            "",
            "| Message | Said by | Here | Tests that use it |",
            "|---|---|---|---|",
            *rows,
            "",
            "## Requirements and test cases in the names of tests",
            "",
            *_requirements(),
            "",
        ]
    )


def _row(action: str, incoming: set[str], outgoing: set[str], tests: dict[str, list[str]]) -> str:
    says = "both" if action == "DataTransfer" else "station" if action in FROM_STATION else "CSMS"
    here = "alive" if action in (outgoing if says == "station" else incoming) else "not yet"
    return f"| {action} | {says} | {here} | {len(tests[action]) or ''} |"


def _sent() -> set[str]:
    """Every action that a block sends."""
    found: set[str] = set()
    for file in (ROOT / "ocppd/blocks").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and node.value in FROM_STATION:
                found.add(str(node.value))
    return found


def _tests() -> dict[str, list[str]]:
    """The tests that name an action, by action."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, text in _functions():
        for action in actions():
            if f'"{action}"' in text:
                found[action].append(name)
    return found


def _requirements() -> list[str]:
    by_block: dict[str, set[str]] = defaultdict(set)
    for name, _ in _functions():
        for match in _REQUIREMENT.finditer(name):
            identifier = match.group(1)
            block = identifier[3] if identifier.startswith("TC_") else identifier[0]
            by_block[block].add(identifier.replace("_FR_", ".FR."))
    return [f"- **{block}**: {', '.join(sorted(ids))}" for block, ids in sorted(by_block.items())]


def _functions() -> list[tuple[str, str]]:
    """Every test on the bench: its name and its source."""
    found = []
    for folder in ("blocks", "core"):
        for file in sorted((ROOT / "tests" / folder).glob("test_*.py")):
            source = file.read_text()
            functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
            found += [(node.name, ast.get_source_segment(source, node) or "") for node in functions]
    return [(name, text) for name, text in found if name.startswith("test_")]


def main() -> int:
    """Write the page, or with `--check` compare it."""
    if "--check" in sys.argv:
        return 0 if PAGE.read_text() == page() else 1
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
