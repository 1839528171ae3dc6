"""Late and double commands: what is run, what is answered from memory, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppd.core.errors import CommandError
from ocppd.core.times import format_time
from ocppd.edge.mqtt.doorman import Doorman, refuse_expired
from ocppd.payload import Payload

NOW = 1_735_725_600.0
ANSWER = {"ok": True}


@pytest.mark.parametrize(
    ("command", "gap", "bounces"),
    [
        ("plug-in", 0.0, True),
        ("plug-in", 0.29, True),
        ("plug-in", 0.3, False),
        ("authorize", 1.99, True),
        ("authorize", 2.0, False),
    ],
)
def test_the_same_again_is_a_bouncing_contact(command: str, gap: float, bounces: bool) -> None:
    doorman = Doorman()
    assert not doorman.bounces("button", command, 0.0)
    assert doorman.bounces("button", command, gap) is bounces


def test_another_contact_does_not_bounce() -> None:
    doorman = Doorman()
    doorman.bounces(("a", b"ON"), "plug-in", 0.0)
    assert not doorman.bounces(("a", b"OFF"), "plug-in", 0.1)
    assert not doorman.bounces(("b", b"ON"), "plug-in", 0.1)


def test_a_contact_that_bounces_on_counts_from_its_last_bounce() -> None:
    doorman = Doorman()
    doorman.bounces("card", "authorize", 0.0)
    assert all(doorman.bounces("card", "authorize", second * 1.5) for second in range(1, 10))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 3)), max_size=50))
def test_a_contact_bounces_exactly_where_it_was_seen_within_its_window(
    presses: list[tuple[str, float]],
) -> None:
    doorman, now, seen = Doorman(), 0.0, dict[str, float]()
    for contact, gap in presses:
        now += gap
        within = contact in seen and now - seen[contact] < 0.3
        assert doorman.bounces(contact, "plug-in", now) is within
        seen[contact] = now


def test_what_is_new_is_known_from_then_on() -> None:
    doorman = Doorman()
    assert doorman.asked_before("a1", 0.0) is None
    known = doorman.asked_before("a1", 0.1)
    assert known is not None
    assert known.answer is None
    assert doorman.asked_before("a2", 0.1) is None


def test_the_answer_is_kept_for_60_seconds() -> None:
    doorman = Doorman()
    doorman.asked_before("a1", 0.0)
    assert doorman.answered("a1", ANSWER, 0.0) == []
    known = doorman.asked_before("a1", 60.0)
    assert known is not None
    assert known.answer == ANSWER
    assert doorman.asked_before("a1", 60.1) is None


def test_who_asks_again_before_the_answer_is_told_of_it() -> None:
    doorman = Doorman()
    doorman.asked_before("a1", 0.0)
    for asker in ("first", "second"):
        known = doorman.asked_before("a1", 0.1)
        assert known is not None
        known.waiting.append(asker)
    assert doorman.answered("a1", ANSWER, 0.2) == ["first", "second"]
    assert doorman.answered("a1", ANSWER, 0.3) == []


def test_a_command_that_waits_longer_than_answers_are_kept_is_not_forgotten() -> None:
    doorman = Doorman()
    doorman.asked_before("slow", 0.0)
    known = doorman.asked_before("slow", 90.0)
    assert known is not None
    known.waiting.append("again")
    doorman.asked_before("other", 100.0)
    assert doorman.answered("slow", ANSWER, 120.0) == ["again"]
    known = doorman.asked_before("slow", 130.0)
    assert known is not None
    assert known.answer == ANSWER


def test_of_too_many_answers_the_oldest_are_forgotten() -> None:
    doorman = Doorman()
    for number in range(10_001):
        doorman.asked_before(number, 0.0)
        doorman.answered(number, ANSWER, 0.0)
    assert doorman.asked_before(1, 1.0) is not None
    assert doorman.asked_before(0, 1.0) is None


def test_the_answer_to_something_unknown_is_nobodys() -> None:
    assert Doorman().answered("a1", ANSWER, 0.0) == []


@pytest.mark.parametrize(
    "fields",
    [
        None,
        {},
        {"sent_at": format_time(NOW), "expires_s": 0},
        {"sent_at": format_time(NOW - 5), "expires_s": 5},
        {"sent_at": "2025-01-01T11:00:00+01:00", "expires_s": 1.5},
        {"sent_at": format_time(NOW + 3600), "expires_s": 1},
    ],
)
def test_a_command_in_time_is_run(fields: dict[str, Any] | None) -> None:
    refuse_expired(Payload(fields=fields), NOW)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"sent_at": format_time(NOW - 5), "expires_s": 4.9}, "expired"),
        ({"sent_at": format_time(NOW), "expires_s": -1}, "expired"),
        ({"sent_at": "2025-01-01T10:00:00+01:00", "expires_s": 60}, "expired"),
        ({"sent_at": format_time(NOW)}, "invalid_argument"),
        ({"expires_s": 5}, "invalid_argument"),
        ({"sent_at": NOW, "expires_s": 5}, "invalid_argument"),
        ({"sent_at": "10:00", "expires_s": 5}, "invalid_argument"),
        ({"sent_at": "2025-01-01T10:00:00", "expires_s": 5}, "invalid_argument"),
        ({"sent_at": format_time(NOW), "expires_s": "5"}, "invalid_argument"),
        ({"sent_at": format_time(NOW), "expires_s": True}, "invalid_argument"),
        ({"sent_at": format_time(NOW), "expires_s": None}, "invalid_argument"),
    ],
)
def test_a_late_command_is_refused(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(CommandError) as caught:
        refuse_expired(Payload(fields=fields), NOW)
    assert caught.value.code == code
