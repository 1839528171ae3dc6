"""E14: GetTransactionStatus."""

from __future__ import annotations

from tests.bench import Bench
from tests.blocks.transactions import charge, session, status, told


def test_TC_E_28_E14_FR_01_an_unknown_transaction(bench: Bench) -> None:
    assert status(bench, "nope") == {"ongoingIndicator": False, "messagesInQueue": False}


def test_TC_E_30_E14_FR_02_E14_FR_05_a_running_one(bench: Bench) -> None:
    charge(bench)
    assert status(bench, next(iter(told(bench)))) == {"ongoingIndicator": True, "messagesInQueue": False}


def test_TC_E_29_E14_FR_02_E14_FR_04_a_running_one_of_which_something_waits(bench: Bench) -> None:
    bench.silent.add("TransactionEvent")
    charge(bench)
    assert status(bench, next(iter(told(bench)))) == {"ongoingIndicator": True, "messagesInQueue": True}


def test_TC_E_32_E14_FR_03_E14_FR_05_a_finished_one(bench: Bench) -> None:
    session(bench, "plug", "token")
    assert status(bench, next(iter(told(bench)))) == {"ongoingIndicator": False, "messagesInQueue": False}


def test_TC_E_31_E14_FR_03_E14_FR_04_a_finished_one_of_which_something_waits(bench: Bench) -> None:
    charge(bench)
    bench.silent.add("TransactionEvent")
    bench.do("unplug")
    assert status(bench, next(iter(told(bench)))) == {"ongoingIndicator": False, "messagesInQueue": True}


def test_TC_E_33_TC_E_34_E14_FR_06_E14_FR_07_E14_FR_08_without_an_id_only_the_queue_counts(
    bench: Bench,
) -> None:
    assert status(bench) == {"messagesInQueue": False}
    bench.silent.add("TransactionEvent")
    bench.do("plug-in")
    assert status(bench) == {"messagesInQueue": True}


def test_E14_what_somebody_has_it_send_as_it_is_does_not_count(bench: Bench) -> None:
    bench.silent.add("TransactionEvent")
    bench.do("call", action="TransactionEvent", payload={})
    assert status(bench) == {"messagesInQueue": False}
