"""`docs/conformance.md`: messages, requirements and test cases of OCPP 2.0.1, and the tests that show them.

Written from the code and the names of the tests by `make conformance`; with `--check` it only says whether
the page is up to date.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ocppd.blocks import handlers
from ocppd.core import versions
from ocppd.core.schemas import actions

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/conformance.md"
IDS = ROOT / "tests/ocpp201_ids.txt"

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
_IN_A_NAME = re.compile(r"TC_[A-P]_\d+|[A-P]\d\d_FR_\d+")


@dataclass(frozen=True)
class Test:
    """A test function: the file below tests/ that it is in, its name, and its source."""

    file: str
    name: str
    source: str

    @property
    def ids(self) -> list[str]:
        """The requirements and test cases that its name tells, as the standard spells them."""
        return [it.replace("_FR_", ".FR.") for it in _IN_A_NAME.findall(self.name)]


def page() -> str:
    """The whole page."""
    shown: dict[str, list[Test]] = defaultdict(list)
    for test in _tests():
        for identifier in test.ids:
            shown[identifier].append(test)
    known = _known_ids()
    return "\n".join(
        [
            "# Conformance",
            "",
            "Written by `make conformance` from the handlers and the names of the tests; a test holds it up",
            "to date. First the messages, then how much of each block is shown, what is not, and what by.",
            "",
            *_messages(),
            "",
            *_messages_of_21(),
            "",
            *_overview(known, shown),
            "",
            *_missing(known, shown),
            "",
            *_not_ours(),
            "",
            *_shown(known, shown),
            "",
        ]
    )


# The messages


def _messages() -> Iterator[str]:
    incoming, outgoing = set(handlers().calls), _sent()
    rows = [_row(action, incoming, outgoing) for action in sorted(actions())]
    alive = sum("| alive |" in row for row in rows)
    yield "## Messages"
    yield ""
    yield f"{alive} of {len(rows)} are alive. *Not yet*: a request of the CSMS is answered NotImplemented, a"
    yield "message of the station is never sent by itself (`call` sends anything)."
    yield ""
    yield "| Message | Said by | Here | Tests that use it |"
    yield "|---|---|---|---|"
    yield from rows


def _messages_of_21() -> Iterator[str]:
    said_by = versions.NEW | {versions.STREAM: "station"}
    incoming, outgoing = set(handlers().calls), _sent()
    dead = {"CSMS": "NotSupported", "station": "never said"}
    rows = [_told(it, said_by[it], incoming, outgoing, dead[said_by[it]]) for it in sorted(said_by)]
    alive = sum("| alive |" in row for row in rows)
    yield "## Messages that only OCPP 2.1 has"
    yield ""
    yield f"{alive} of {len(rows)} are alive, where the CSMS has chosen `ocpp2.1`; one is a SEND."
    yield ""
    yield "| Message | Said by | Here | Tests that use it |"
    yield "|---|---|---|---|"
    yield from rows


def _row(action: str, incoming: set[str], outgoing: set[str]) -> str:
    says = "both" if action == "DataTransfer" else "station" if action in FROM_STATION else "CSMS"
    return _told(action, says, incoming, outgoing, "not yet")


def _told(action: str, says: str, incoming: set[str], outgoing: set[str], otherwise: str) -> str:
    here = "alive" if action in (outgoing if says == "station" else incoming) else otherwise
    tests = sum(f'"{action}"' in test.source for test in _tests())
    return f"| {action} | {says} | {here} | {tests or ''} |"


def _sent() -> set[str]:
    """Every action that a block sends."""
    known = FROM_STATION | versions.NEW.keys() | {versions.STREAM}
    found: set[str] = set()
    for file in (ROOT / "ocppd/blocks").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and node.value in known:
                found.add(str(node.value))
    return found


# The requirements and test cases


def _overview(known: list[str], shown: dict[str, list[Test]]) -> Iterator[str]:
    yield "## Requirements and test cases"
    yield ""
    yield "Of Part 2 all requirements that concern a station, and of Part 6 all test cases for one. What no"
    yield "test shows is not claimed; what is not a station's to do is not counted."
    yield ""
    yield "| Block | Requirements shown | Test cases shown |"
    yield "|---|---|---|"
    for block in sorted({_block(it) for it in known}):
        shares = (_share(known, shown, block, cases=cases) for cases in (False, True))
        yield f"| {block} | {' | '.join(shares)} |"


def _share(known: list[str], shown: dict[str, list[Test]], block: str, *, cases: bool) -> str:
    wanted = [it for it in known if _block(it) == block and it.startswith("TC_") == cases]
    return f"{sum(it in shown for it in wanted)} of {len(wanted)}"


def _missing(known: list[str], shown: dict[str, list[Test]]) -> Iterator[str]:
    yield "## Not shown by a test"
    yield ""
    missing = [it for it in known if it not in shown]
    yield from (
        (f"- **{group}**: {numbers}" for group, numbers in _grouped(missing)) if missing else ["Nothing."]
    )


def _not_ours() -> Iterator[str]:
    yield "## Not a station's to do"
    for reason, found in identifiers().items():
        if reason:
            yield from ("", f"{reason}:", "")
            yield from (f"- **{group}**: {numbers}" for group, numbers in _grouped(found))


def _grouped(found: list[str]) -> Iterator[tuple[str, str]]:
    """The use cases of these requirements, or the blocks of these test cases, with their numbers."""
    for group in dict.fromkeys(map(_group, found)):
        yield group, ", ".join(_short(it) for it in found if _group(it) == group)


def _shown(known: list[str], shown: dict[str, list[Test]]) -> Iterator[str]:
    yield "## Shown by"
    for group in dict.fromkeys(_group(it) for it in known if it in shown):
        yield from ("", f"### {group}", "")
        for identifier in known:
            if identifier in shown and _group(identifier) == group:
                yield f"- {identifier}: {_named(shown[identifier])}"


def _named(tests: list[Test]) -> str:
    return ", ".join(dict.fromkeys(f"`{test.file}::{test.name}`" for test in tests))


def _block(identifier: str) -> str:
    return identifier[3] if identifier.startswith("TC_") else identifier[0]


def _group(identifier: str) -> str:
    """A use case, or the test cases of a block."""
    return identifier[:4] if identifier.startswith("TC_") else identifier[:3]


def _short(identifier: str) -> str:
    return identifier.rpartition("_" if identifier.startswith("TC_") else ".")[2]


def _known_ids() -> list[str]:
    """Every id that is a station's, in the order of the standard."""
    return identifiers()[""]


@cache
def identifiers() -> dict[str, list[str]]:
    """The ids of a station under "", and the others under why they are not a station's."""
    found: dict[str, list[str]] = {"": []}
    reason = ""
    for line in IDS.read_text().splitlines():
        if line.startswith("= "):
            reason = line.removeprefix("= ")
            found[reason] = []
        elif line and not line.startswith("#"):
            group, _, numbers = line.partition(": ")
            joint = "_" if group.startswith("TC_") else "."
            found[reason] += [group + joint + number for number in numbers.split()]
    return found


@cache
def _tests() -> tuple[Test, ...]:
    """Every test, in files and classes."""
    found: list[Test] = []
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        source, place = file.read_text(), str(file.relative_to(ROOT / "tests"))
        lines = source.splitlines()
        for node in _functions(ast.parse(source).body):
            text = "\n".join(lines[node.lineno - 1 : node.end_lineno])
            found.append(Test(place, node.name, text))
    return tuple(found)


def _functions(body: Iterable[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _functions(node.body)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node


def unknown_ids() -> list[str]:
    """What stands in the name of a test, and is nothing that a station has to do: a slip of the pen."""
    known = set(_known_ids())
    return sorted({it for test in _tests() for it in test.ids} - known)


def main() -> int:
    """Write the page, or with `--check` compare it."""
    if "--check" in sys.argv:
        return 0 if PAGE.read_text() == page() else 1
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
