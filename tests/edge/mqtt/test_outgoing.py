"""What waits for the broker: the newest state a topic, the newest events, and never more than fits."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from ocppd.edge.mqtt.outgoing import MOST_MESSAGES, Message, Outgoing, message


def state(topic: str, text: str = "") -> Message:
    return Message(topic, text.encode(), retain=True)


def event(number: int) -> Message:
    return Message("event", str(number).encode(), 1)


def drained(queue: Outgoing) -> list[Message]:
    return queue.take(2 * MOST_MESSAGES)


def filled(*messages: Message) -> Outgoing:
    queue = Outgoing()
    for it in messages:
        queue.put(it)
    return queue


def test_a_message_is_json_or_plain_text() -> None:
    assert message("t", {"a": None}, 1) == Message("t", b'{"a":null}', 1)
    assert message("t", "Säule", retain=True) == Message("t", "Säule".encode(), 0, retain=True)


def test_states_collapse_to_the_newest_of_their_topic() -> None:
    queue = filled(state("a", "old"), state("b"), state("a", "new"))
    assert len(queue) == 2
    assert drained(queue) == [state("a", "new"), state("b")]
    assert queue.dropped == 0


def test_events_and_answers_keep_their_order_and_go_first() -> None:
    queue = filled(state("a"), event(1), event(2))
    assert queue.take(2) == [event(1), event(2)]
    assert queue.take(2) == [state("a")]
    assert queue.take(2) == []


def test_of_too_many_events_the_oldest_go_and_are_counted() -> None:
    queue = filled(*(event(number) for number in range(MOST_MESSAGES + 3)), state("a"))
    assert queue.dropped == 3
    assert len(queue) == MOST_MESSAGES + 1
    assert queue.take(1) == [event(3)]


def test_what_could_not_be_sent_comes_first_again() -> None:
    queue = filled(event(1), event(2), state("a", "old"), state("b"))
    batch = queue.take(4)
    queue.put(event(3))
    queue.put(state("a", "new"))
    queue.put_back(batch)
    assert drained(queue) == [event(1), event(2), event(3), state("a", "new"), state("b")]


def test_what_is_put_back_does_not_break_the_bound() -> None:
    queue = filled(event(1), event(2))
    batch = queue.take(2)
    for number in range(3, MOST_MESSAGES + 2):
        queue.put(event(number))
    queue.put_back(batch)
    assert len(queue) == MOST_MESSAGES
    assert queue.dropped == 1
    assert queue.take(1) == [event(2)]


def test_states_are_forgotten_and_events_are_not() -> None:
    queue = filled(event(1), state("a", "on"))
    queue.forget_states()
    assert drained(queue) == [event(1)]


def test_what_clears_a_topic_is_not_forgotten() -> None:
    queue = filled(state("a", "on"), state("b", ""), state("c", "on"))
    queue.forget_states()
    assert drained(queue) == [state("b", "")]


async def test_it_waits_until_there_is_something() -> None:
    queue = Outgoing()
    waiting = asyncio.create_task(queue.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.put(event(1))
    await waiting
    await queue.wait()
    drained(queue)
    again = asyncio.create_task(queue.wait())
    await asyncio.sleep(0)
    assert not again.done()
    queue.put_back([event(1)])
    await again


@given(st.lists(st.one_of(st.integers(1, 5), st.sampled_from("abc"))))
def test_nothing_is_lost_but_older_states(steps: list[int | str]) -> None:
    queue, taken = Outgoing(), list[Message]()
    for number, step in enumerate(steps):
        if isinstance(step, int):
            taken += queue.take(step)
        else:
            queue.put(event(number) if step == "a" else state(step, str(number)))
    taken += drained(queue)
    assert [it for it in taken if not it.retain] == [
        event(number) for number, step in enumerate(steps) if step == "a"
    ]
    for topic in "bc":
        last = [str(number).encode() for number, step in enumerate(steps) if step == topic][-1:]
        assert [it.payload for it in taken if it.topic == topic][-1:] == last
