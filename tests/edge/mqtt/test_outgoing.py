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


def take(queue: Outgoing, most: int) -> list[Message]:
    return [queue.get_nowait() for _ in range(min(most, queue.qsize()))]


def drained(queue: Outgoing) -> list[Message]:
    return take(queue, queue.qsize())


def filled(*messages: Message) -> Outgoing:
    queue = Outgoing()
    for it in messages:
        queue.put_nowait(it)
    return queue


def test_a_message_is_json_or_plain_text() -> None:
    assert message("t", {"a": None}, 1) == Message("t", b'{"a":null}', 1)
    assert message("t", "Säule", retain=True) == Message("t", "Säule".encode(), 0, retain=True)


def test_states_collapse_to_the_newest_of_their_topic() -> None:
    queue = filled(state("a", "old"), state("b"), state("a", "new"))
    assert queue.qsize() == 2
    assert drained(queue) == [state("a", "new"), state("b")]
    assert queue.dropped == 0


def test_events_and_answers_keep_their_order_and_go_first() -> None:
    queue = filled(state("a"), event(1), event(2))
    assert take(queue, 2) == [event(1), event(2)]
    assert take(queue, 2) == [state("a")]
    assert take(queue, 2) == []


def test_of_too_many_events_the_oldest_go_and_are_counted() -> None:
    queue = filled(*(event(number) for number in range(MOST_MESSAGES + 3)), state("a"))
    assert queue.dropped == 3
    assert queue.qsize() == MOST_MESSAGES + 1
    assert take(queue, 1) == [event(3)]


def test_what_could_not_be_sent_comes_first_again() -> None:
    queue = filled(event(1), event(2), state("a", "old"), state("b"))
    batch = take(queue, 4)
    queue.put_nowait(event(3))
    queue.put_nowait(state("a", "new"))
    queue.put_back(batch)
    assert drained(queue) == [event(1), event(2), event(3), state("a", "new"), state("b")]


def test_what_is_put_back_does_not_break_the_bound() -> None:
    queue = filled(event(1), event(2))
    batch = take(queue, 2)
    for number in range(3, MOST_MESSAGES + 2):
        queue.put_nowait(event(number))
    queue.put_back(batch)
    assert queue.qsize() == MOST_MESSAGES
    assert queue.dropped == 1
    assert take(queue, 1) == [event(2)]


def test_states_are_forgotten_and_events_are_not() -> None:
    queue = filled(event(1), state("a", "on"))
    queue.forget_states()
    assert drained(queue) == [event(1)]


def test_what_clears_a_topic_is_not_forgotten() -> None:
    queue = filled(state("a", "on"), state("b", ""), state("c", "on"))
    queue.forget_states()
    assert drained(queue) == [state("b", "")]


async def test_each_message_wakes_one_who_waits_for_it() -> None:
    queue = Outgoing()
    first, second = (asyncio.create_task(queue.get()) for _ in range(2))
    await asyncio.sleep(0)
    queue.put_nowait(state("a"))
    assert await first == state("a")
    await asyncio.sleep(0)
    assert not second.done()
    queue.put_nowait(event(1))
    assert await second == event(1)


@given(st.lists(st.one_of(st.integers(1, 5), st.sampled_from("abc"))))
def test_nothing_is_lost_but_older_states(steps: list[int | str]) -> None:
    queue, taken = Outgoing(), list[Message]()
    for number, step in enumerate(steps):
        if isinstance(step, int):
            taken += take(queue, step)
        else:
            queue.put_nowait(event(number) if step == "a" else state(step, str(number)))
    taken += drained(queue)
    assert [it for it in taken if not it.retain] == [
        event(number) for number, step in enumerate(steps) if step == "a"
    ]
    for topic in "bc":
        last = [str(number).encode() for number, step in enumerate(steps) if step == topic][-1:]
        assert [it.payload for it in taken if it.topic == topic][-1:] == last
