"""The link against real servers on loopback: websockets' own, and raw TCP. TLS is in test_tls."""

from __future__ import annotations

import asyncio
import base64
import http
import socket
import ssl
import struct
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import (
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidMessage,
    InvalidStatus,
    InvalidUpgrade,
    InvalidURI,
    ProtocolError,
)
from websockets.frames import Close
from websockets.http11 import Response

import ocppd
from ocppd.core.endpoint import Endpoint
from ocppd.edge.link import Link
from ocppd.edge.reasons import MAX_SIZE, LinkError, reason_of
from tests.edge.linking import (
    CLOSE,
    CONNECTED,
    PATIENCE,
    PING,
    PONG,
    SILENCE,
    TEXT,
    Bench,
    csms,
    endpoint_of,
    linking,
    raw_csms,
    request_of,
    turns,
    wired,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# Connecting


async def test_the_handshake_offers_the_subprotocols_and_names_the_program() -> None:
    async with (
        csms() as server,
        linking(endpoint_of(server.port, protocols=("ocpp2.1", "ocpp2.0.1"))) as bench,
    ):
        assert await bench.hears() == CONNECTED
        headers = request_of(await server.accepts()).headers
    assert headers["Sec-WebSocket-Protocol"] == "ocpp2.1, ocpp2.0.1"
    assert headers["User-Agent"] == f"ocppd/{ocppd.__version__}"
    assert "Sec-WebSocket-Extensions" not in headers
    assert "Authorization" not in headers


@pytest.mark.parametrize("spoken", [["ocpp2.0.1"], ["ocpp2.1"], ["ocpp2.1", "ocpp2.0.1"]])
async def test_the_CSMS_chooses_one_of_the_subprotocols(spoken: list[str]) -> None:
    async with (
        csms(subprotocols=spoken) as server,
        linking(endpoint_of(server.port, protocols=("ocpp2.1", "ocpp2.0.1"))) as bench,
    ):
        assert await bench.hears() == ("connected", "ocpp2.1" if "ocpp2.1" in spoken else "ocpp2.0.1")


async def test_A00_FR_204_A00_FR_205_identity_and_password_in_utf_8_beside_an_encoded_url() -> None:
    async with csms() as server:
        endpoint = Endpoint(
            url=f"ws://127.0.0.1:{server.port}/ocpp/CP%2B1",
            identity="CP+1",
            protocols=("ocpp2.0.1",),
            password="pä:ß wörd@%41",
        )
        async with linking(endpoint) as bench:
            assert await bench.hears() == CONNECTED
            request = request_of(await server.accepts())
    assert request.path == "/ocpp/CP%2B1"
    scheme, _, credentials = request.headers["Authorization"].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(credentials) == "CP+1:pä:ß wörd@%41".encode()


async def test_nothing_connects_until_it_is_wanted() -> None:
    async with csms() as server:
        bench = Bench(endpoint_of(server.port))
        await turns(2)
        bench.link.want(True)
        bench.link.want(False)
        await turns(2)
        assert bench.ear.asked == 0
        bench.link.want(True)
        assert await bench.hears() == CONNECTED
        assert bench.ear.asked == 1
        await bench.stop()


async def test_the_semaphore_bounds_the_handshakes() -> None:
    handshakes = asyncio.Semaphore(1)
    async with (
        raw_csms() as server,
        linking(endpoint_of(server.port), handshakes=handshakes) as first,
        linking(endpoint_of(server.port), handshakes=handshakes) as second,
    ):
        wire = await server.accepts()
        await wire.request()
        assert (first.ear.asked, second.ear.asked) == (1, 0)
        first.link.want(False)
        await server.accepts()
        assert second.ear.asked == 1


async def test_a_connection_does_not_occupy_the_semaphore() -> None:
    handshakes = asyncio.Semaphore(1)
    async with (
        csms() as server,
        linking(endpoint_of(server.port), handshakes=handshakes) as first,
        linking(endpoint_of(server.port), handshakes=handshakes) as second,
    ):
        assert await first.hears() == CONNECTED
        assert await second.hears() == CONNECTED


# Messages


async def test_messages_leave_in_order() -> None:
    async with csms() as server, linking(endpoint_of(server.port)) as bench:
        bench.link.send("lost: not connected yet")
        assert await bench.hears() == CONNECTED
        peer = await server.accepts()
        texts = [f"{number}: ü{'x' * number}" for number in range(300)]
        for text in texts:
            bench.link.send(text)
        async with asyncio.timeout(PATIENCE):
            assert [await peer.recv() for _ in texts] == texts


async def test_messages_arrive_in_order() -> None:
    async with csms() as server, linking(endpoint_of(server.port)) as bench:
        assert await bench.hears() == CONNECTED
        peer = await server.accepts()
        for number in range(100):
            await peer.send(f"ü{number}")
        assert [await bench.hears() for _ in range(100)] == [("received", f"ü{n}") for n in range(100)]


async def test_nothing_is_handed_over_after_the_station_closed() -> None:
    async with csms() as server, linking(endpoint_of(server.port)) as bench:
        assert await bench.hears() == CONNECTED

        def received(station: str, text: str) -> None:
            bench.ear.heard.put_nowait(("received", text))
            bench.link.want(False)

        bench.ear.received = received  # type: ignore[method-assign]
        peer = await server.accepts()
        for text in ("first", "second", "third"):
            await peer.send(text)
        assert await bench.hears() == ("received", "first")
        assert await bench.hears() == ("disconnected", "closed by the station", 0, None)
        await peer.wait_closed()
        assert bench.ear.heard.empty()


async def test_a_binary_frame_closes_with_1003() -> None:
    async with csms() as server, linking(endpoint_of(server.port)) as bench:
        assert await bench.hears() == CONNECTED
        peer = await server.accepts()
        await peer.send(b"\x00")
        assert await bench.hears() == ("disconnected", "the CSMS sent a binary frame", 0, 6.0)
        assert (peer.close_code, peer.close_reason) == (1003, "text frames only")


async def test_messages_in_the_packet_of_the_handshake_are_heard_after_it() -> None:
    async with raw_csms() as server, linking(endpoint_of(server.port)) as bench:
        wire = await server.accepts()
        await wire.upgrade(then=bytes([TEXT, 1]) + b"1" + bytes([TEXT, 1]) + b"2")
        assert [await bench.hears() for _ in range(3)] == [CONNECTED, ("received", "1"), ("received", "2")]
        await server.hang_up()


async def test_a_message_in_fragments_is_one_and_a_ping_between_them_is_answered() -> None:
    async with wired() as (_server, wire, bench):
        wire.write(0x01, "grü".encode()[:3])  # cut within a letter
        wire.write(PING, b"beat")
        assert await wire.frame() == (PONG, b"beat")
        assert bench.ear.heard.empty()
        wire.write(0x00, "grü".encode()[3:])
        wire.write(0x80, b"n")
        assert await bench.hears() == ("received", "grün")
        wire.write(TEXT, b"next")
        assert await bench.hears() == ("received", "next")


async def test_empty_fragments_without_end_take_no_memory() -> None:
    async with wired() as (_server, wire, bench):
        wire.write(0x01, b"be")
        tracemalloc.start()
        try:
            wire.writer.write(b"\x00\x00" * 50_000)
            wire.write(PING)
            assert await wire.frame() == (PONG, b"")  # so they have been read
            kept, _peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert kept < 500_000
        wire.write(0x80, b"gun")
        assert await bench.hears() == ("received", "begun")


async def test_a_message_before_a_close_frame_in_one_packet_is_heard() -> None:
    async with wired() as (_server, wire, bench):
        wire.writer.write(bytes([TEXT, 4]) + b"last" + bytes([CLOSE, 2]) + struct.pack("!H", 1000))
        assert await bench.hears() == ("received", "last")
        assert await bench.hears() == ("disconnected", "closed by the CSMS: 1000 (OK)", 0, 6.0)


async def test_text_that_is_no_utf_8_closes_with_1007() -> None:
    async with wired() as (server, wire, bench):
        wire.write(TEXT, b"\xff")
        kind, payload = await wire.frame()
        assert (kind, payload[:2]) == (CLOSE, struct.pack("!H", 1007))
        await server.hang_up()
        what, reason, failures, _ = await bench.hears()
        assert (what, failures) == ("disconnected", 0)
        assert reason.startswith("closed by this side: 1007")


async def test_an_oversize_message_closes_with_1009_and_the_link_reconnects() -> None:
    async with csms() as server, linking(endpoint_of(server.port)) as bench:
        assert await bench.hears() == CONNECTED
        peer = await server.accepts()
        await peer.send("x" * MAX_SIZE)
        assert (await bench.hears())[0] == "received"
        await peer.send("x" * (MAX_SIZE + 1))
        reason = f"the CSMS sent a message of more than {MAX_SIZE} bytes"
        assert await bench.hears() == ("disconnected", reason, 0, 6.0)
        assert peer.close_code == 1009
        bench.clock.wake()
        assert await bench.hears() == CONNECTED


async def test_a_csms_that_does_not_read_loses_the_connection() -> None:
    async with wired() as (_server, wire, bench):
        wire.pause_reading()
        for _ in range(64):
            bench.link.send("x" * MAX_SIZE)
        assert await bench.hears() == ("disconnected", "the CSMS does not read", 0, 6.0)


# Losing the connection, and connecting again


async def test_a_restarted_csms_is_found_again_with_back_off_that_starts_over() -> None:
    async with csms() as server, linking(endpoint_of(server.port)) as bench:
        assert await bench.hears() == CONNECTED
        port = server.port
        peer = await server.accepts()
        server.server.close()
        reason = "closed by the CSMS: 1001 (going away)"
        assert await bench.hears() == ("disconnected", reason, 0, 6.0)
        await peer.wait_closed()
        await server.server.wait_closed()
        bench.clock.wake()
        assert await bench.hears() == ("disconnected", "connection refused", 1, 7.0)
        async with csms(port) as restarted:
            bench.clock.wake()
            assert await bench.hears() == CONNECTED
            await (await restarted.accepts()).close(1012, "update")
            reason = "closed by the CSMS: 1012 (service restart) update"
            assert await bench.hears() == ("disconnected", reason, 0, 6.0)


async def test_the_wait_doubles_as_often_as_allowed_and_then_stays(closed_port: int) -> None:
    async with linking(endpoint_of(closed_port)) as bench:
        for failures, wait in [(1, 6.0), (2, 7.0), (3, 9.0), (4, 9.0), (5, 9.0)]:
            assert await bench.hears() == ("disconnected", "connection refused", failures, wait)
            bench.clock.wake()


async def test_the_endpoint_is_asked_anew_before_each_attempt(closed_port: int) -> None:
    async with csms() as server, linking(endpoint_of(closed_port)) as bench:
        assert (await bench.hears())[1] == "connection refused"
        bench.ear.at = endpoint_of(server.port)
        bench.clock.wake()
        assert await bench.hears() == CONNECTED


async def test_a_connection_cut_without_a_close_frame() -> None:
    async with csms() as server, linking(endpoint_of(server.port)) as bench:
        assert await bench.hears() == CONNECTED
        (await server.accepts()).transport.abort()
        assert await bench.hears() == ("disconnected", "connection lost without a close frame", 0, 6.0)


async def test_a_csms_that_closes_but_keeps_tcp_open_is_cut_off() -> None:
    async with wired() as (_server, wire, bench):
        wire.write(CLOSE, struct.pack("!H", 1000))
        assert await bench.hears() == ("disconnected", "closed by the CSMS: 1000 (OK)", 0, 6.0)


# Failed attempts


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "401 Unauthorized: the CSMS refuses identity or password"),
        (404, "404 Not Found: the CSMS does not know this identity"),
        (503, "503 Service Unavailable"),
    ],
)
async def test_a_refusal_by_http_status_is_told(status: int, reason: str) -> None:
    def refuse(connection: ServerConnection, _request: Any) -> Response:
        return connection.respond(http.HTTPStatus(status), "")

    async with csms(process_request=refuse) as server, linking(endpoint_of(server.port)) as bench:
        assert await bench.hears() == ("disconnected", reason, 1, 6.0)


@pytest.mark.parametrize("scheme", ["ws", "http"])
async def test_a_redirect_is_refused_and_no_password_reaches_the_other_host(scheme: str) -> None:
    async with raw_csms() as elsewhere:

        def redirect(connection: ServerConnection, _request: Any) -> Response:
            response = connection.respond(http.HTTPStatus.FOUND, "")
            response.headers["Location"] = f"{scheme}://127.0.0.1:{elsewhere.port}/"
            return response

        async with csms(process_request=redirect) as server:
            async with linking(endpoint_of(server.port, password="secret")) as bench:
                reason = "302 Found: redirects are not followed"
                assert await bench.hears() == ("disconnected", reason, 1, 6.0)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(SILENCE):
                    await elsewhere.accepts()


async def test_a_csms_that_chooses_no_subprotocol_fails_the_attempt() -> None:
    async with csms(subprotocols=None) as server, linking(endpoint_of(server.port)) as bench:
        reason = "the CSMS accepted none of ocpp2.0.1 (no subprotocol chosen)"
        assert await bench.hears() == ("disconnected", reason, 1, 6.0)


async def test_a_csms_that_chooses_another_subprotocol_fails_the_attempt() -> None:
    async with raw_csms() as server, linking(endpoint_of(server.port)) as bench:
        await (await server.accepts()).upgrade("ocpp1.6")
        reason = "the CSMS accepted none of ocpp2.0.1 (unsupported subprotocol: ocpp1.6)"
        assert await bench.hears() == ("disconnected", reason, 1, 6.0)


async def test_a_handshake_that_hangs_times_out() -> None:
    async with raw_csms() as server, linking(endpoint_of(server.port, timeout=0.05)) as bench:
        wire = await server.accepts()
        reason = "timeout: the CSMS did not complete the handshake"
        assert await bench.hears() == ("disconnected", reason, 1, 6.0)
        await wire.end()


async def test_a_csms_that_hangs_up_during_the_handshake() -> None:
    async with raw_csms() as server, linking(endpoint_of(server.port)) as bench:
        wire = await server.accepts()
        await wire.request()
        wire.writer.close()
        reason = "handshake failed: connection closed while reading HTTP status line"
        assert await bench.hears() == ("disconnected", reason, 1, 6.0)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://csms/CP001", "scheme isn't ws or wss"),
        ("ws://a..b/CP001", "malformed host or port"),
        ("ws://csms:99999/CP001", "malformed host or port"),
        ("ws://CP001:secret@csms/CP001", "it contains credentials"),
        ("ws://CP001:sec/ret@csms/CP001", "malformed host or port"),
    ],
)
async def test_an_unusable_url_is_a_failed_attempt_that_does_not_show_credentials(
    url: str, reason: str
) -> None:
    with capture_logs() as logs:
        async with linking(replace(endpoint_of(1), url=url)) as bench:
            expected = f"the CSMS URL is not valid: {reason}"
            assert await bench.hears() == ("disconnected", expected, 1, 6.0)
    assert "sec" not in str(logs)


async def test_an_unknown_host_name() -> None:
    async with linking(endpoint_of(80, host="csms.invalid")) as bench:
        assert (await bench.hears())[1].startswith("host name not resolved: ")


# What the station orders


async def test_want_false_closes_with_1000_and_want_true_connects_at_once() -> None:
    async with csms() as server, linking(endpoint_of(server.port)) as bench:
        assert await bench.hears() == CONNECTED
        peer = await server.accepts()
        bench.link.send("before")
        bench.link.want(False)
        bench.link.send("after")
        assert await bench.hears() == ("disconnected", "closed by the station", 0, None)
        assert await peer.recv() == "before"
        await peer.wait_closed()
        assert peer.close_code == 1000
        bench.link.want(True)
        assert await bench.hears() == CONNECTED


async def test_want_false_ends_a_back_off_and_want_true_starts_over(closed_port: int) -> None:
    async with linking(endpoint_of(closed_port)) as bench:
        assert (await bench.hears())[2:] == (1, 6.0)
        bench.clock.wake()
        assert (await bench.hears())[2:] == (2, 7.0)
        bench.link.want(False)
        await turns(1)
        bench.link.want(True)
        assert (await bench.hears())[2:] == (1, 6.0)


async def test_want_false_abandons_an_attempt() -> None:
    async with raw_csms() as server, linking(endpoint_of(server.port)) as bench:
        wire = await server.accepts()
        await wire.request()
        bench.link.want(False)
        await wire.end()
        assert bench.ear.heard.empty()


async def test_close_sends_code_and_reason_and_reconnects_at_once() -> None:
    async with csms() as server, linking(endpoint_of(server.port)) as bench:
        assert await bench.hears() == CONNECTED
        peer = await server.accepts()
        bench.link.close(3000, "profile switch")
        reason = "closed by the station: 3000 profile switch"
        assert await bench.hears() == ("disconnected", reason, 0, 0.0)
        assert await bench.hears() == CONNECTED
        assert (peer.close_code, peer.close_reason) == (3000, "profile switch")


async def test_close_ends_a_back_off(closed_port: int) -> None:
    async with csms() as server, linking(endpoint_of(closed_port)) as bench:
        assert (await bench.hears())[1] == "connection refused"
        bench.ear.at = endpoint_of(server.port)
        bench.link.close(1000, "")
        assert await bench.hears() == CONNECTED


async def test_close_cuts_a_long_reason_and_refuses_a_bad_code() -> None:
    async with csms() as server, linking(endpoint_of(server.port)) as bench:
        assert await bench.hears() == CONNECTED
        peer = await server.accepts()
        with pytest.raises(ProtocolError):
            bench.link.close(1006, "")
        bench.link.close(1000, "ü" * 100)
        await peer.wait_closed()
        assert peer.close_reason == "ü" * 61


async def test_a_csms_that_neither_reads_nor_answers_a_close_is_cut_off() -> None:
    async with wired() as (server, wire, bench):
        wire.pause_reading()
        bench.link.send("x" * 5 * 2**20)  # partly in the kernel's buffers, partly in ours
        bench.link.close(1000, "bye")
        assert await bench.hears() == ("disconnected", "closed by the station: 1000 bye", 0, 0.0)
        await (await server.accepts()).upgrade()
        assert await bench.hears() == CONNECTED


def leave(link: Link) -> None:
    link.want(False)


def leave_and_close(link: Link) -> None:
    link.want(False)
    link.close(1000, "")


def close(link: Link) -> None:
    link.close(1000, "")


def freeze(link: Link) -> None:
    link.freeze()


def ping_twice(link: Link) -> None:
    link.ping()
    link.ping()


@pytest.mark.parametrize("order", [leave, leave_and_close, freeze])
async def test_an_order_in_any_moment_of_a_handshake_is_obeyed(order: Callable[[Link], None]) -> None:
    async with csms() as server:
        for number in range(40):
            async with linking(endpoint_of(server.port)) as bench:
                await turns(number)
                was_connected = not bench.ear.heard.empty()
                order(bench.link)
                await turns(20)
                heard = [bench.ear.heard.get_nowait()[0] for _ in range(bench.ear.heard.qsize())]
                assert heard == (["connected", "disconnected"] if was_connected else [])
        assert was_connected, "the handshake takes more turns than this test looks at"


async def test_an_order_in_any_moment_of_a_failing_attempt_is_no_loss(closed_port: int) -> None:
    for number in range(12):
        async with linking(endpoint_of(closed_port)) as bench:
            await turns(number)
            bench.link.close(1000, "")
            await turns(20)
            heard = {bench.ear.heard.get_nowait() for _ in range(bench.ear.heard.qsize())}
            assert heard == {("disconnected", "connection refused", 1, 6.0)}


@pytest.mark.parametrize("order", [leave, close, freeze, ping_twice])
async def test_an_order_in_any_moment_of_a_loss_is_told_once(order: Callable[[Link], None]) -> None:
    for number in range(12):
        async with csms() as server, linking(endpoint_of(server.port)) as bench:
            assert await bench.hears() == CONNECTED
            (await server.accepts()).transport.abort()
            await turns(number)
            order(bench.link)
            assert (await bench.hears())[0] == "disconnected"
            bench.link.thaw()
            await turns(20)
            assert bench.ear.heard.empty() or await bench.hears() == CONNECTED


async def test_two_orders_in_successive_turns() -> None:
    async with csms() as server, linking(endpoint_of(server.port)) as bench:
        assert await bench.hears() == CONNECTED
        bench.link.want(False)
        await turns(1)
        bench.link.close(1000, "")
        assert await bench.hears() == ("disconnected", "closed by the station: 1000", 0, None)


async def test_an_order_out_of_the_listener_ends_the_back_off_before_it_begins(closed_port: int) -> None:
    async with linking(endpoint_of(closed_port)) as bench:
        tell = bench.ear.disconnected

        def disconnected(station: str, reason: str, failures: int, retry_in: float | None, kind: str) -> None:
            bench.ear.disconnected = tell  # type: ignore[method-assign]
            bench.link.close(1000, "")

        bench.ear.disconnected = disconnected  # type: ignore[method-assign]
        assert await bench.hears() == ("disconnected", "connection refused", 1, 6.0)


async def test_cancelling_closes_with_1001() -> None:
    async with csms() as server, linking(endpoint_of(server.port)) as bench:
        assert await bench.hears() == CONNECTED
        peer = await server.accepts()
        await bench.stop()
        assert await bench.hears() == ("disconnected", "the daemon stops", 0, None)
        await peer.wait_closed()
        assert peer.close_code == 1001


async def test_cancelling_ends_a_back_off(closed_port: int) -> None:
    async with linking(endpoint_of(closed_port)) as bench:
        assert (await bench.hears())[1] == "connection refused"
        await bench.stop()


async def test_an_exception_of_the_listener_is_a_bug_and_ends_the_link() -> None:
    async with csms() as server:
        bench = Bench(endpoint_of(server.port))

        def connected(station: str, protocol: str) -> None:
            raise LookupError(station)

        bench.ear.connected = connected  # type: ignore[method-assign]
        bench.link.want(True)
        with pytest.raises(LookupError):
            async with asyncio.timeout(PATIENCE):
                await bench.task
        await (await server.accepts()).wait_closed()


async def test_an_exception_over_a_message_is_a_bug_and_ends_the_link() -> None:
    async with csms() as server:
        bench = Bench(endpoint_of(server.port))
        heard: list[str] = []

        def received(station: str, text: str) -> None:
            heard.append(text)
            raise LookupError(station)

        bench.ear.received = received  # type: ignore[method-assign]
        bench.link.want(True)
        peer = await server.accepts()
        await peer.send("1")
        await peer.send("2")
        with pytest.raises(LookupError):
            async with asyncio.timeout(PATIENCE):
                await bench.task
        await peer.wait_closed()
        assert heard == ["1"]


# Pings


async def test_an_answered_ping_lets_the_next_one_out() -> None:
    async with wired() as (_server, wire, bench):
        for _ in range(3):
            bench.link.ping()
            kind, payload = await wire.frame()
            assert kind == PING
            wire.write(PONG, payload)
            wire.write(TEXT, b"after the pong")
            assert await bench.hears() == ("received", "after the pong")


async def test_a_ping_without_a_pong_until_the_next_drops_the_connection() -> None:
    async with wired() as (server, wire, bench):
        bench.link.ping()
        assert (await wire.frame())[0] == PING
        bench.link.ping()
        assert await bench.hears() == ("disconnected", "no pong", 0, 6.0)
        assert await wire.reader.read() == b""
        bench.clock.wake()
        await (await server.accepts()).upgrade()
        assert await bench.hears() == CONNECTED


async def test_a_ping_during_back_off_does_not_shorten_it() -> None:
    async with csms() as server, linking(endpoint_of(server.port)) as bench:
        bench.link.ping()
        assert await bench.hears() == CONNECTED
        (await server.accepts()).transport.abort()
        assert (await bench.hears())[0] == "disconnected"
        bench.link.ping()
        await turns(20)
        assert bench.ear.asked == 1


async def test_a_ping_of_the_csms_is_answered() -> None:
    async with wired() as (_server, wire, _bench):
        wire.write(PING, b"beat")
        assert await wire.frame() == (PONG, b"beat")


# The pulled cable


async def test_a_frozen_connection_is_silent_and_thaw_resets_it_and_reconnects() -> None:
    async with wired() as (server, wire, bench):
        bench.link.freeze()
        bench.link.send("unheard")
        bench.link.ping()
        wire.write(PING, b"there?")
        wire.write(TEXT, b"hello?")
        assert await bench.hears() == ("disconnected", "the cable is pulled", 0, None)
        assert await wire.is_silent()
        bench.link.freeze()
        bench.link.thaw()
        assert await wire.end() == "RST"
        await (await server.accepts()).upgrade()
        assert await bench.hears() == CONNECTED


async def test_a_close_frame_of_the_csms_stays_unanswered_while_frozen() -> None:
    async with wired() as (_server, wire, bench):
        bench.link.freeze()
        wire.write(CLOSE, struct.pack("!H", 1000))
        wire.writer.write_eof()
        assert await wire.is_silent()


async def test_a_frozen_connection_stays_while_it_is_not_wanted_and_thaw_then_does_not_connect() -> None:
    async with wired() as (_server, wire, bench):
        bench.link.freeze()
        assert (await bench.hears())[1] == "the cable is pulled"
        bench.link.want(False)
        assert await wire.is_silent()
        bench.link.thaw()
        assert await wire.end() == "RST"
        assert bench.ear.asked == 1


async def test_the_end_of_the_link_resets_a_frozen_connection() -> None:
    async with wired() as (_server, wire, bench):
        bench.link.freeze()
        assert (await bench.hears())[1] == "the cable is pulled"
        await bench.stop()
        assert await wire.end() == "RST"


async def test_no_attempt_is_made_while_frozen(closed_port: int) -> None:
    async with csms() as server, linking(endpoint_of(closed_port)) as bench:
        assert (await bench.hears())[1] == "connection refused"
        bench.ear.at = endpoint_of(server.port)
        bench.link.freeze()
        bench.clock.wake()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SILENCE):
                await bench.ear.heard.get()
        bench.link.thaw()
        assert await bench.hears() == CONNECTED


async def test_a_connection_that_broke_in_the_same_moment_can_be_frozen() -> None:
    async with csms() as server, linking(endpoint_of(server.port)) as bench:
        assert await bench.hears() == CONNECTED
        bench.link.send("x" * 2**25)  # dropped: too much for the buffer
        bench.link.freeze()
        assert (await bench.hears())[0] == "disconnected"
        bench.link.thaw()
        assert await bench.hears() == CONNECTED


# The log


async def test_each_change_is_one_line_in_the_log_without_the_password(closed_port: int) -> None:
    with capture_logs() as logs:
        async with csms() as server, linking(endpoint_of(closed_port, password="secret")) as bench:
            await bench.hears()
            bench.ear.at = endpoint_of(server.port, password="secret")
            bench.clock.wake()
            await bench.hears()
            await (await server.accepts()).close(1000)
            await bench.hears()
            bench.clock.wake()
            await bench.hears()
            bench.link.want(False)
            await bench.hears()
    assert [(line["event"], line["log_level"], line["attempt"]) for line in logs] == [
        ("csms.connect_failed", "warning", 1),
        ("csms.connected", "info", 2),
        ("csms.disconnected", "warning", 0),
        ("csms.connected", "info", 1),
        ("csms.disconnected", "info", 0),
    ]
    assert [line.get("reason") for line in logs] == [
        "connection refused",
        None,
        "closed by the CSMS: 1000 (OK)",
        None,
        "closed by the station",
    ]
    assert [line.get("retry_in_s") for line in logs] == [6.0, None, 6.0, None, None]
    assert {line["station"] for line in logs} == {"CP001"}
    assert logs[0]["url"] == f"ws://127.0.0.1:{closed_port}/ocpp/CP001"
    assert "secret" not in str(logs)
    assert base64.b64encode(b"CP001:secret").decode() not in str(logs)


async def test_a_debug_log_of_the_library_does_not_show_the_password(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    async with csms() as server, linking(endpoint_of(server.port, password="secret")) as bench:
        assert await bench.hears() == CONNECTED
    records = [record for record in caplog.records if record.name != "websockets.server"]
    assert base64.b64encode(b"CP001:secret").decode() not in str([record.getMessage() for record in records])


# Reasons


def caused(exc: Exception, cause: Exception) -> Exception:
    exc.__cause__ = cause
    return exc


def certificate_error(code: int, message: str) -> ssl.SSLCertVerificationError:
    exc = ssl.SSLCertVerificationError(1, message)
    exc.verify_code, exc.verify_message = code, message
    return exc


def tls_error(reason: str | None, text: str = "") -> ssl.SSLError:
    exc = ssl.SSLError(1, text)
    exc.reason = reason  # type: ignore[assignment]
    return exc


def status(code: int) -> InvalidStatus:
    return InvalidStatus(Response(code, "made up", Headers()))


REASONS: list[tuple[Callable[[], BaseException], str]] = [
    (lambda: LinkError("as it says"), "as it says"),
    (lambda: ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 9)"), "connection refused"),
    (
        lambda: OSError(
            "Multiple exceptions: [Errno 111] Connect call failed ('::1', 9, 0, 0), "
            "[Errno 111] Connect call failed ('127.0.0.1', 9)"
        ),
        "connection refused",
    ),
    (
        lambda: OSError("Multiple exceptions: [Errno 101] ('::1', 9), [Errno 111] ('127.0.0.1', 9)"),
        "network is unreachable, connection refused",
    ),
    (lambda: OSError("getaddrinfo() returned empty list"), "getaddrinfo() returned empty list"),
    (ConnectionResetError, "connection reset by peer"),
    (
        lambda: socket.gaierror(-2, "Name or service not known"),
        "host name not resolved: Name or service not known",
    ),
    (lambda: TimeoutError("timed out"), "timeout: the CSMS did not complete the handshake"),
    (lambda: TimeoutError(110, "Connect call failed"), "connection timed out"),
    (lambda: status(401), "401 Unauthorized: the CSMS refuses identity or password"),
    (lambda: status(404), "404 Not Found: the CSMS does not know this identity"),
    (lambda: status(307), "307 Temporary Redirect: redirects are not followed"),
    (lambda: status(403), "403 Forbidden"),
    (lambda: status(599), "599"),
    (
        lambda: caused(InvalidMessage("did not receive a valid HTTP response"), EOFError("closed early")),
        "handshake failed: closed early",
    ),
    (lambda: InvalidUpgrade("Upgrade", None), "handshake failed: missing Upgrade header"),
    (lambda: InvalidURI("http://u:secret@x", "no"), "the CSMS URL is not valid: no"),
    (
        lambda: certificate_error(10, "certificate has expired"),
        "certificate of the CSMS refused: certificate has expired",
    ),
    (
        lambda: certificate_error(18, "self-signed certificate"),
        "certificate of the CSMS refused: self-signed certificate",
    ),
    (
        lambda: certificate_error(19, "self-signed certificate in certificate chain"),
        "certificate of the CSMS refused: unknown CA: self-signed certificate in certificate chain",
    ),
    (
        lambda: certificate_error(20, "unable to get local issuer certificate"),
        "certificate of the CSMS refused: unknown CA: unable to get local issuer certificate",
    ),
    (
        lambda: certificate_error(62, "Hostname mismatch, certificate is not valid for 'x'."),
        "certificate of the CSMS refused: Hostname mismatch, certificate is not valid for 'x'.",
    ),
    (
        lambda: tls_error("TLSV13_ALERT_CERTIFICATE_REQUIRED"),
        "TLS refused by the CSMS: tlsv13 alert certificate required",
    ),
    (lambda: tls_error("WRONG_VERSION_NUMBER"), "TLS: wrong version number"),
    (
        lambda: ConnectionClosedError(Close(1008, "who are you"), Close(1008, "who are you"), True),
        "closed by the CSMS: 1008 (policy violation) who are you",
    ),
    (
        lambda: ConnectionClosedOK(Close(1000, ""), Close(1000, ""), True),
        "closed by the CSMS: 1000 (OK)",
    ),
    (lambda: ConnectionClosedError(Close(1000, ""), None), "closed by the CSMS: 1000 (OK)"),
    (
        lambda: ConnectionClosedError(None, Close(1009, "frame with 2 bytes exceeds limit of 1 bytes")),
        f"the CSMS sent a message of more than {MAX_SIZE} bytes",
    ),
    (
        lambda: ConnectionClosedError(None, Close(1002, "reserved bits must be 0")),
        "closed by this side: 1002 (protocol error) reserved bits must be 0",
    ),
    (lambda: ConnectionClosedError(None, None), "connection lost without a close frame"),
    (
        lambda: caused(ConnectionClosedError(None, None), ConnectionResetError(104, "reset")),
        "connection lost without a close frame: connection reset by peer",
    ),
    (lambda: KeyError("x"), "KeyError('x')"),
]


@pytest.mark.parametrize(("make", "reason"), REASONS, ids=[reason for _, reason in REASONS])
def test_every_failure_has_a_reason_in_words(make: Callable[[], BaseException], reason: str) -> None:
    assert reason_of(make()) == reason
