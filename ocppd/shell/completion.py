"""What may stand where the cursor is: `candidates`, pure, and the adapter that prompt_toolkit asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from prompt_toolkit.completion import CompleteEvent, Completer, Completion

from ocppd.commands import META
from ocppd.core.faults import DEFECTS
from ocppd.core.views import PUBLIC_EVENTS
from ocppd.edge.mqtt.topics import Kind, Scope, TargetError, command_name, parse_target
from ocppd.shell.grammar import LOCAL, positions
from ocppd.telling import printable

if TYPE_CHECKING:
    from prompt_toolkit.document import Document

    from ocppd.descriptions import Argument, CommandDescription
    from ocppd.shell.catalogue import Catalogue

MOST = 200


class Candidate(NamedTuple):
    """A word that may stand there, and what it is; `goes_on` where more of it may follow."""

    word: str
    meta: str = ""
    goes_on: bool = False


def candidates(text: str, catalogue: Catalogue, target: Scope | None) -> list[Candidate]:
    """What may stand in place of the last word of `text`, at most MOST; `target` is what `use` has named."""
    *before, last = text.split(" ") if text else [""]
    words = [word for word in before if word]
    found = (it for it in _offers(words, last, catalogue, target) if it.word.lower().startswith(last.lower()))
    return sorted({it.word: it for it in found}.values())[:MOST]


def _offers(words: list[str], last: str, catalogue: Catalogue, target: Scope | None) -> Iterator[Candidate]:
    if not words:
        yield from _commands(catalogue.of(target.kind) | catalogue.own if target else catalogue.own)
        yield from (Candidate(word, what) for word, what in LOCAL.items())
        yield from _targets(last, catalogue)
        return
    first = command_name(words[0])
    if first in LOCAL:
        yield from _for_local(first, last, catalogue)
    elif first in catalogue.all_commands:
        yield from _arguments(words[1:], last, catalogue.all_commands[first])
    elif len(words) == 1:
        yield from _commands(catalogue.of(_kind(words[0])))
    elif known := catalogue.of(_kind(words[0])).get(command_name(words[1])):
        yield from _arguments(words[2:], last, known)


def _kind(target: str) -> Kind:
    try:
        return "daemon" if target == "daemon" else parse_target(target).kind
    except TargetError:
        return "station"


def _commands(known: dict[str, CommandDescription]) -> Iterator[Candidate]:
    for name, it in known.items():
        yield Candidate(name, printable(it["help"].partition("\n")[0], 80))


def _targets(last: str, catalogue: Catalogue) -> Iterator[Candidate]:
    """EVSEs are offered once a `/` is typed."""
    yield Candidate("all", "all stations")
    yield Candidate("daemon", "the daemon of the settings", goes_on=True)
    yield from (Candidate(f"daemon/{name}", "a daemon") for name in catalogue.online if name.isprintable())
    yield from (Candidate(f"group/{name}", "a group") for name in catalogue.groups if name.isprintable())
    for name, it in catalogue.stations.items():
        if last.startswith(f"{name}/"):
            places = range(1, min(it["evses"], 99) + 1)
            yield from (Candidate(f"{name}/{place}", "an EVSE", goes_on=True) for place in places)
        else:
            how = printable(it["registration"], 20) if it["connected"] else "offline"
            yield Candidate(name, f"station, {how}", goes_on=True)


def _for_local(word: str, last: str, catalogue: Catalogue) -> Iterable[Candidate]:
    match word:
        case "help":
            return _commands(catalogue.all_commands)
        case "use":
            return _targets(last, catalogue)
        case "events":
            return [Candidate("on"), Candidate("off"), *map(Candidate, PUBLIC_EVENTS)]
    return []


def _arguments(given: list[str], last: str, command: CommandDescription) -> Iterator[Candidate]:
    arguments = {it["name"]: it for it in command["arguments"]}
    key, is_pair, _ = last.partition("=")
    if is_pair and key in arguments:
        yield from (Candidate(f"{key}={word}") for word in _values(command, arguments[key]))
        return
    keys = {word.partition("=")[0] for word in given if "=" in word}
    bare = sum("=" not in word for word in given)
    if positions(command) and not keys:
        for it in command["arguments"][bare : bare + 1]:
            yield from (Candidate(word, it["name"]) for word in _values(command, it))
    for it in command["arguments"][bare:]:
        if it["name"] not in keys:
            needed = ", needed" if it["required"] else ""
            yield Candidate(f"{it['name']}=", f"{printable(it['type'], 60)}{needed}", goes_on=True)
    if last:
        yield from (Candidate(f"{name}=", "of any command", True) for name in META - keys)


def _values(command: CommandDescription, argument: Argument) -> Iterable[str]:
    """What an argument may be, or among other things: a fault may have a code of one's own."""
    is_fault = (command["name"], argument["name"]) == ("fault", "code")
    return DEFECTS if is_fault else argument["choices"]


class ShellCompleter(Completer):
    """Offers to prompt_toolkit what fits now."""

    def __init__(self, catalogue: Catalogue, target: Callable[[], Scope | None]) -> None:
        self._catalogue = catalogue
        self._target = target

    def get_completions(self, document: Document, _event: CompleteEvent) -> Iterator[Completion]:
        """The candidates at the cursor; a blank follows what is the only one, and complete."""
        text = document.text_before_cursor
        length = len(text.rpartition(" ")[2])
        found = candidates(text, self._catalogue, self._target())
        for it in found:
            is_all = len(found) == 1 and not it.goes_on and not document.text_after_cursor
            yield Completion(f"{it.word} " if is_all else it.word, -length, display_meta=it.meta)
