"""Files go to and come from servers of all five schemes, and nowhere that they should not."""

from __future__ import annotations

import asyncio
import io
import logging
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as some
from structlog.testing import capture_logs

from ocppd.core.location import LocationError, read_location
from ocppd.core.station import Job
from ocppd.edge.transfer import Rules, TransferError, Uploads, download, upload
from ocppd.edge.transfer.places import find, tls
from ocppd.edge.workshop import Workshop
from tests.edge.servers import PASSWORD, SCHEMES, Server, serving, talking

CONTENT = b'{"station":"CP001"}\n' * 10_000
SECURE = ("https", "ftps")
PATIENCE = 10


@pytest.fixture
def rules() -> Rules:
    return Rules(allow_loopback=True, timeout_s=PATIENCE)


@pytest.fixture(params=SCHEMES)
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(request.param, tmp_path) as it:
        yield it


@pytest.fixture(autouse=True)
def nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What the daemon's own log lets through of libraries, and all of its own lines."""
    caplog.set_level(logging.WARNING)
    with capture_logs() as lines:
        yield
    assert PASSWORD not in f"{lines} {caplog.text}"


async def failure(doing: Any) -> TransferError:
    with pytest.raises(TransferError) as caught:
        await doing
    assert PASSWORD not in repr(caught.value)
    return caught.value


# What works


async def test_N01_FR_02_N01_FR_14_N01_FR_15_a_file_is_uploaded(server: Server, rules: Rules) -> None:
    await upload(server.url("/logs/"), "CP001.jsonl", CONTENT, rules, server.roots)
    assert (server.folder / "logs/CP001.jsonl").read_bytes() == CONTENT


async def test_a_file_is_downloaded_and_the_bytes_so_far_are_told(server: Server, rules: Rules) -> None:
    (server.folder / "logs/fw 1.bin").write_bytes(CONTENT)
    file, told = io.BytesIO(), list[int]()
    size = await download(server.url("/logs/fw%201.bin"), file, rules, server.roots, told.append)
    await asyncio.sleep(0)
    assert (size, file.getvalue()) == (len(CONTENT), CONTENT)
    assert told == sorted(told)
    assert told[-1] == size
    assert len(told) > 1


async def test_an_empty_file_is_a_file(server: Server, rules: Rules) -> None:
    (server.folder / "logs/empty").touch()
    file = io.BytesIO()
    assert await download(server.url("/logs/empty"), file, rules, server.roots) == 0


async def test_many_at_once(server: Server, rules: Rules) -> None:
    names = [f"CP{number:03}.jsonl" for number in range(20)]
    await asyncio.gather(
        *(upload(server.url("/logs/"), it, it.encode(), rules, server.roots) for it in names)
    )
    assert {it.name: it.read_text() for it in (server.folder / "logs").iterdir()} == {it: it for it in names}


async def test_N01_FR_19_a_form_is_posted_where_the_server_does_not_take_a_put(
    tmp_path: Path, rules: Rules
) -> None:
    async with serving("http", tmp_path) as server:
        await upload(server.url("/form"), "CP001.jsonl", b"content", rules)
    assert [(method, path) for method, path, _ in server.requests] == [("PUT", "/form"), ("POST", "/form")]
    assert server.requests[1][2]["Content-Type"].startswith("multipart/form-data; boundary=")
    assert b'Content-Disposition: form-data; name="uploadfile"; filename="CP001.jsonl"' in server.bodies[1]
    assert b"Content-Type: application/octet-stream\r\n\r\ncontent\r\n" in server.bodies[1]


async def test_a_query_and_the_host_reach_the_server_as_they_were_given(tmp_path: Path, rules: Rules) -> None:
    async with serving("http", tmp_path) as server:
        url = server.url("/missing/x.jsonl?sig=a%2Fb&x=1", host="localhost")
        await failure(upload(url, "CP001.jsonl", b"", rules))
    method, path, headers = server.requests[0]
    assert (method, path) == ("PUT", "/missing/x.jsonl?sig=a%2Fb&x=1")
    assert headers["Host"] == f"localhost:{server.port}"


async def test_a_host_name_that_the_certificate_is_for(tmp_path: Path, rules: Rules) -> None:
    for scheme in SECURE:
        async with serving(scheme, tmp_path, "localhost") as server:
            await upload(server.url("/logs/", host="localhost"), "x", b"content", rules, server.roots)
            assert (server.folder / "logs/x").read_bytes() == b"content"


# What the server refuses


async def test_TC_N_26_N01_FR_10_a_wrong_password_is_PermissionDenied(server: Server, rules: Rules) -> None:
    for path in ("/logs/", "/logs/missing"):
        error = await failure(upload(server.url(path, password="wrong"), "x", CONTENT, rules, server.roots))
        assert error.status == "PermissionDenied"
    url = server.url("/logs/x", password="wrong")
    await failure(download(url, io.BytesIO(), rules, server.roots))


async def test_N01_FR_10_a_folder_that_is_not_there(server: Server, rules: Rules) -> None:
    error = await failure(upload(server.url("/nowhere/"), "x", CONTENT, rules, server.roots))
    assert error.status == "UploadFailure"
    file = io.BytesIO()
    await failure(download(server.url("/nowhere/x"), file, rules, server.roots))
    await failure(download(server.url("/logs/x"), file, rules, server.roots))
    await failure(download(server.url("/"), file, rules, server.roots))
    assert file.getvalue() == b""


@pytest.mark.parametrize("path", ["/moved", "/moved/"])
async def test_a_redirect_is_not_followed(tmp_path: Path, rules: Rules, path: str) -> None:
    async with serving("http", tmp_path) as server:
        (server.folder / "logs/secret").write_bytes(b"secret")
        assert str(await failure(upload(server.url(path), "x", CONTENT, rules))) == "the server answers 302"
        assert "302" in str(await failure(download(server.url(path), io.BytesIO(), rules)))
        assert {path for _, path, _ in server.requests} <= {"/moved", "/moved/", "/moved/x"}


@pytest.mark.parametrize(
    ("status", "means"),
    [
        (400, "BadMessage"),
        (403, "PermissionDenied"),
        (405, "NotSupportedOperation"),
        (500, "UploadFailure"),
        (302, "UploadFailure"),
    ],
)
async def test_N01_FR_10_what_the_answer_of_an_http_server_means(
    rules: Rules, status: int, means: str
) -> None:
    async with talking(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()) as port:
        error = await failure(upload(f"http://127.0.0.1:{port}/logs", "x", b"", rules))
    assert error.status == means


# TLS


@pytest.mark.parametrize("scheme", SECURE)
async def test_N01_FR_15_a_certificate_that_is_not_trusted(scheme: str, tmp_path: Path, rules: Rules) -> None:
    async with serving(scheme, tmp_path) as server:
        for roots in ("", trustme.CA().cert_pem.bytes().decode()):
            error = await failure(upload(server.url("/logs/"), "x", CONTENT, rules, roots))
            assert "certificate of the server is not trusted" in str(error)
    assert server.requests == []  # nobody was shown the password


@pytest.mark.parametrize("scheme", SECURE)
async def test_a_certificate_for_another_host(scheme: str, tmp_path: Path, rules: Rules) -> None:
    async with serving(scheme, tmp_path, "other.example.test") as server:
        for host in ("127.0.0.1", "localhost"):
            url = server.url("/logs/", host=host)
            error = await failure(upload(url, "x", CONTENT, rules, server.roots))
            assert "certificate of the server is not trusted" in str(error)


async def test_N01_FR_16_the_systems_authorities_are_trusted_too(
    tmp_path: Path, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "system.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    tls.cache_clear()
    async with serving("https", tmp_path, ca=ca) as server:
        await upload(server.url("/logs/"), "x", CONTENT, rules)
        await upload(server.url("/logs/"), "y", CONTENT, rules, trustme.CA().cert_pem.bytes().decode())
    tls.cache_clear()


async def test_a_root_certificate_that_is_none(rules: Rules) -> None:
    error = await failure(upload("https://127.0.0.1:1/", "x", b"", rules, "junk"))
    assert str(error) == "a root certificate cannot be read"


async def test_the_key_of_an_sftp_server_is_verified_where_keys_are_known(tmp_path: Path) -> None:
    async with serving("sftp", tmp_path) as server:
        known = tmp_path / "known_hosts"
        rules = Rules(allow_loopback=True, known_hosts=known)
        kind, key, *_ = (tmp_path / "host.pub").read_text().split()
        known.write_text(f"[127.0.0.1]:{server.port} {kind} {key}\n")
        await upload(server.url("/logs/"), "x", CONTENT, rules)
        other = "AAAAC3NzaC1lZDI1NTE5AAAAIJ0aBVJGvA8cAlZCBQ0DIMYbLbRm1WcF7Wk1RRdBbg5W"
        known.write_text(f"[127.0.0.1]:{server.port} {kind} {other}\n")
        error = await failure(upload(server.url("/logs/"), "y", CONTENT, rules))
        assert str(error) == "the key of the server is not trusted"
    assert not (server.folder / "logs/y").exists()


# Where nothing may go


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.9.9.9",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "224.0.0.1",
        "255.255.255.255",
        "2130706433",
        "0x7f.1",
        "017700000001",
    ],
)
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_loopback_and_its_like_are_refused(scheme: str, host: str) -> None:
    error = await failure(upload(f"{scheme}://{host}:9/", "x", b"", Rules()))
    assert str(error) in {
        "the host is at an address that transfers may not go to",
        "the host is not known",  # a spelling that this system does not know
    }


@pytest.mark.parametrize("allow", [("127.0.0.0/8",), ("127.0.0.1",), ("LOCALHOST",)])
async def test_what_the_configuration_allows_is_allowed(allow: tuple[str, ...], tmp_path: Path) -> None:
    async with serving("http", tmp_path) as server:
        await upload(server.url("/logs/", host="localhost"), "x", CONTENT, Rules(allow=allow))


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "8.8.8.8"])
async def test_lans_and_the_internet_are_allowed(address: str, resolver: dict[str, list[str]]) -> None:
    resolver["files.test"] = [address]
    assert [it.host for it in await find(read_location("ftp://files.test/"), Rules())] == [address]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names and their addresses, which are used up one after the other until the last."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        found = known.get(host)
        if found is None:
            return real(host, port, *args, **more)
        address = found.pop(0) if len(found) > 1 else found[0]
        return [info for it in address.split() for info in real(it, port, *args, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


@pytest.mark.parametrize("addresses", ["127.0.0.1", "::1", "192.0.2.1 127.0.0.1", "127.0.0.1 192.0.2.1"])
async def test_a_name_with_an_address_that_is_refused_is_refused(
    addresses: str, resolver: dict[str, list[str]]
) -> None:
    resolver["evil.test"] = [addresses]
    error = await failure(upload("http://evil.test/", "x", b"", Rules()))
    assert str(error) == "the host is at an address that transfers may not go to"


async def test_what_was_checked_is_what_is_connected_to(
    server: Server, resolver: dict[str, list[str]]
) -> None:
    """A name that means something else when it is asked for again (DNS rebinding) changes nothing."""
    resolver["rebinding.test"] = ["127.0.0.1", "127.0.0.2"]
    rules = Rules(allow=("127.0.0.1/32",), timeout_s=PATIENCE)
    url = server.url("/logs/", host="rebinding.test")
    if server.scheme in SECURE:
        await failure(upload(url, "x", CONTENT, rules, server.roots))  # the certificate is for another name
    else:
        await upload(url, "x", CONTENT, rules)
        assert (server.folder / "logs/x").exists()
    assert resolver["rebinding.test"] == ["127.0.0.2"]  # it was asked for once


async def test_the_next_address_of_a_host_is_tried(tmp_path: Path, resolver: dict[str, list[str]]) -> None:
    for scheme in ("http", "ftp", "sftp"):
        async with serving(scheme, tmp_path) as server:
            resolver["two.test"] = ["127.0.0.77 127.0.0.1"]
            rules = Rules(allow_loopback=True, timeout_s=PATIENCE)
            await upload(server.url("/logs/", host="two.test"), "x", CONTENT, rules)
            assert (server.folder / "logs/x").exists()


async def test_an_ftp_server_cannot_send_the_data_elsewhere(rules: Rules) -> None:
    """PASV names a host; the one that was checked is taken instead."""
    came: asyncio.Queue[bytes] = asyncio.Queue()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.put_nowait(await reader.read())
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as data:
        port = data.sockets[0].getsockname()[1]
        passive = f"227 Entering (10,9,8,7,{port // 256},{port % 256})\r\n".encode()
        said = (b"220 hi\r\n", b"230 in\r\n", b"200 ok\r\n", passive, b"150 go\r\n", b"226 done\r\n")
        async with talking(*said) as control:
            await upload(f"ftp://127.0.0.1:{control}/", "x", b"content", rules)
        assert await came.get() == b"content"


@pytest.mark.parametrize(
    "path", ["/../etc", "/logs/..", "/%2e%2e/etc", "/logs%2f..%2f..", "/x%0d%0aDELE%20y", "/%00", "/a\r\nb"]
)
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_hostile_paths_are_refused(scheme: str, path: str, rules: Rules) -> None:
    await failure(upload(f"{scheme}://127.0.0.1:9{path}", "x", b"", rules))
    with pytest.raises(LocationError):
        read_location(f"{scheme}://127.0.0.1:9{path}")


@given(some.text(max_size=80), some.sampled_from(SCHEMES))
def test_any_text_is_a_location_or_is_refused(text: str, scheme: str) -> None:
    for url in (text, f"{scheme}://{text}", f"{scheme}://u:p@host/{text}"):
        try:
            location = read_location(url)
        except LocationError:
            continue
        assert 0 < location.port < 65_536
        assert not {".", ".."} & set(location.folders)
        assert all(part.isprintable() for part in (*location.folders, location.user or ""))


# Servers that are too slow, or say too much


async def test_a_file_that_is_too_large(server: Server) -> None:
    rules = Rules(allow_loopback=True, timeout_s=PATIENCE, max_bytes=100_000)
    error = await failure(upload(server.url("/logs/"), "x", CONTENT, rules, server.roots))
    assert "100000 at most" in str(error)
    (server.folder / "logs/big").write_bytes(CONTENT)
    file = io.BytesIO()
    error = await failure(download(server.url("/logs/big"), file, rules, server.roots))
    assert str(error) == "it is longer than 100000 bytes"
    assert len(file.getvalue()) <= 100_000


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_server_that_says_nothing(scheme: str) -> None:
    rules = Rules(allow_loopback=True, timeout_s=0.2)
    async with talking() as port:
        error = await failure(upload(f"{scheme}://127.0.0.1:{port}/x", "x", b"", rules))
        assert str(error) == "it was not done in 0.2 s"
        error = await failure(download(f"{scheme}://127.0.0.1:{port}/x", io.BytesIO(), rules))
        assert str(error) == "it was not done in 0.2 s"


_ENDLESS = {
    "http": (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536),
    "ftp": (b"220-hi\r\n", b"220-and more\r\n"),
    "sftp": (b"", b"there is more to say\r\n" * 100),
}


@pytest.mark.parametrize("scheme", _ENDLESS)
async def test_a_server_that_never_stops(scheme: str) -> None:
    first, rest = _ENDLESS[scheme]
    rules = Rules(allow_loopback=True, timeout_s=5, max_bytes=10_000_000)
    async with talking(first, for_ever=rest) as port:
        await failure(download(f"{scheme}://127.0.0.1:{port}/x", io.BytesIO(), rules))


async def test_endless_headers(rules: Rules) -> None:
    async with talking(b"HTTP/1.1 200 OK\r\n", for_ever=b"X-More: and more\r\n") as port:
        error = await failure(upload(f"http://127.0.0.1:{port}/x", "x", b"", rules))
    assert error.status == "BadMessage"


async def test_an_answer_that_never_ends_does_not_matter_to_an_upload(rules: Rules) -> None:
    async with talking(b"HTTP/1.1 200 OK\r\n\r\n", for_ever=b"x" * 65_536) as port:
        await upload(f"http://127.0.0.1:{port}/x", "x", b"", rules)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_server_that_speaks_something_else(scheme: str, rules: Rules) -> None:
    async with talking(b"\x00\xff gibberish\r\n\r\n", ends=True) as port:
        await failure(upload(f"{scheme}://127.0.0.1:{port}/x", "x", b"", rules))


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_nobody_is_there(scheme: str, rules: Rules) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    error = await failure(upload(f"{scheme}://127.0.0.1:{port}/x", "x", b"", rules))
    assert str(error) == "there is no connection to the server"


async def test_after_a_failure_nothing_more_is_written(rules: Rules) -> None:
    """The thread of FTP may still run: the file is its caller's again."""
    said = b"220 hi\r\n230 in\r\n200 ok\r\n"
    rules = Rules(allow_loopback=True, timeout_s=0.3)
    async with talking(for_ever=b"data") as data, talking(said, b"229 ok (|||%d|)\r\n" % data) as port:
        with io.BytesIO() as file:
            await failure(download(f"ftp://127.0.0.1:{port}/x", file, rules))


async def test_a_transfer_that_is_cancelled_hangs_up(server: Server, rules: Rules) -> None:
    async with talking() as port:
        for _ in range(30):  # more than there are threads for FTP
            url = f"{server.scheme}://127.0.0.1:{port}/x"
            task = asyncio.create_task(upload(url, "x", b"", rules))
            await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    await upload(server.url("/logs/"), "x", CONTENT, rules, server.roots)


async def test_a_disk_that_is_full(server: Server, rules: Rules) -> None:
    (server.folder / "logs/x").write_bytes(CONTENT)
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: ASYNC230, PTH123
        error = await failure(download(server.url("/logs/x"), full, rules, server.roots))
    assert str(error) == "it cannot be written here"


# The trade


async def test_the_trade_reports_what_became_of_it(server: Server, rules: Rules) -> None:
    heard: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    shop = Workshop({"upload": Uploads(rules).trade}, lambda _s, _j, said: heard.put_nowait(dict(said)))
    more = {"name": "x", "content": b"content", "roots": server.roots}
    async with asyncio.timeout(PATIENCE):
        shop.take("CP001", Job("log", "upload", more | {"url": server.url("/logs/")}))
        assert await heard.get() == {"status": "Uploaded"}
        shop.take("CP001", Job("log", "upload", more | {"url": server.url("/logs/", password="no")}))
        said = await heard.get()
    assert said["status"] == "PermissionDenied"
    assert PASSWORD not in said["reason"]


def test_who_never_uploads_loads_no_library_for_it() -> None:
    code = (
        "import sys, ocppd.app, ocppd.edge.transfer\n"
        "assert not {'httpx', 'httpcore', 'asyncssh', 'ftplib'} & set(sys.modules), sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_SSLKEYLOGFILE_is_honoured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    tls.cache_clear()
    context: ssl.SSLContext = tls("", "https")
    tls.cache_clear()
    assert context.keylog_filename == str(tmp_path / "keys")
