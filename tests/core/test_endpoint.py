"""The back-off of the link (Part 4, 5.3), and what is the URL of a CSMS."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.uri import parse_uri

from ocppd.core.endpoint import Backoff, url_problem


@pytest.mark.parametrize(
    ("failures", "waits"),
    [(1, 2), (2, 4), (3, 8), (4, 8), (100, 8)],
)
def test_TC_B_57_the_wait_doubles_as_often_as_configured(failures: int, waits: float) -> None:
    assert Backoff(minimum=2, random_range=0, repeats=2).wait(failures, 0.5) == waits


def test_the_random_part_is_added() -> None:
    assert Backoff(minimum=2, random_range=10, repeats=2).wait(2, 0.25) == 4 + 2.5


@given(
    minimum=st.integers(0, 10**9),
    random_range=st.integers(0, 10**9),
    repeats=st.integers(0, 10**18),
    failures=st.integers(1, 10**6),
)
def test_whatever_the_csms_sets_there_is_a_wait_and_an_end_to_it(
    minimum: int, random_range: int, repeats: int, failures: int
) -> None:
    assert 0 < Backoff(minimum, random_range, repeats).wait(failures, 1.0) < 1e15


@pytest.mark.parametrize(
    "url",
    [
        "ws://csms",
        "wss://csms.example:443/ocpp/",
        "ws://127.0.0.1:9000",
        "ws://[::1]:9000/a/b",
        "ws://ä.test",
    ],
)
def test_a_place_is_a_url_of_a_csms(url: str) -> None:
    assert url_problem(url) is None


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "must be ws://"),
        ("csms", "must be ws://"),
        ("http://csms", "must be ws://"),
        ("WS://csms", "must be ws://"),
        ("ws://", "must be ws://"),
        ("ws:///ocpp", "must be ws://"),
        ("ws://csms:0", "must be ws://"),
        ("ws://csms:65536", "must be ws://"),
        ("ws://csms:http", "must be ws://"),
        ("ws://[::1", "must be ws://"),
        ("ws://a..b", "must be ws://"),
        ("ws://csms/\n", "must be ws://"),
        ("ws://me:secret@csms", "must hold no user info"),
        ("ws://csms?secret", "must hold no query"),
        ("ws://csms#secret", "must hold no query"),
    ],
)
def test_anything_else_is_not_and_it_is_not_repeated(url: str, problem: str) -> None:
    found = url_problem(url)
    assert found is not None
    assert found.startswith(problem)
    assert "secret" not in found


@given(st.one_of(st.text(), st.text().map("wss://{}".format), st.from_regex(r"wss?://[^/]+(/.*)?")))
def test_what_is_a_url_of_a_csms_can_be_called(url: str) -> None:
    if url_problem(url) is None:
        uri = parse_uri(f"{url.rstrip('/')}/CP001")
        assert uri.host.encode("idna")
        assert (uri.user_info, uri.query) == (None, "")
