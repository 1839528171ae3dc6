"""Files by HTTP and HTTPS: GET, and for uploads PUT, or POST where the server does not take that."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from ocppd.edge.transfer.places import CHUNK, CONNECT_S, TransferError, UnreachableError

if TYPE_CHECKING:
    from ocppd.edge.transfer.places import Sink, Way

_BINARY = "application/octet-stream"
_NO_PUT = (405, 501)
_STATUSES = {
    400: "BadMessage",
    401: "PermissionDenied",
    403: "PermissionDenied",
    405: "NotSupportedOperation",
    407: "PermissionDenied",
    415: "BadMessage",
    422: "BadMessage",
    501: "NotSupportedOperation",
}


async def upload(way: Way, name: str, content: bytes) -> None:
    """PUT the content, under its name where the path is a folder; else POST it as a form's file (N01.FR.19).

    Redirects are not followed. Raises TransferError.
    """
    binary = {"Content-Type": _BINARY}
    put = httpx.Request("PUT", _url(way, name), content=content, headers=binary)
    async with _response(way, put) as response:
        status = response.status_code
    if status in _NO_PUT:
        form = {"uploadfile": (name, content, _BINARY)}
        async with _response(way, httpx.Request("POST", _url(way), files=form)) as response:
            status = response.status_code
    _judge(status)


async def download(way: Way, sink: Sink) -> None:
    """GET the file as it is, not compressed. Redirects are not followed. Raises TransferError."""
    request = httpx.Request("GET", _url(way), headers={"Accept-Encoding": "identity"})
    async with _response(way, request) as response:
        _judge(response.status_code)
        length = response.headers.get("Content-Length", "")
        sink.expect(int(length) if length.isdecimal() else None)
        async for chunk in response.aiter_raw(CHUNK):
            sink.write(chunk)


def _judge(status: int) -> None:
    if not 200 <= status < 300:
        raise TransferError(f"the server answers {status}", _STATUSES.get(status, "UploadFailure"))


def _url(way: Way, name: str = "") -> str:
    """The URL with the address that was checked in the place of the host."""
    location, address = way.location, way.address
    host = f"[{address.host}]" if ":" in address.host else address.host
    path = location.path + (quote(name) if location.path.endswith("/") else "")
    query = f"?{location.query}" if location.query else ""
    return f"{location.scheme}://{host}:{location.port}{path}{query}"


@asynccontextmanager
async def _response(way: Way, request: httpx.Request) -> AsyncIterator[httpx.Response]:
    """The head of the answer; what of its body is not asked for is not read."""
    location, connections = way.location, list[Any]()
    request.headers["Host"] = location.authority
    request.extensions |= _extensions(way, connections)
    auth = None
    if location.user is not None:
        auth = httpx.BasicAuth(location.user, location.password or "")
    transport = httpx.AsyncHTTPTransport(verify=way.tls, trust_env=False, retries=0)
    async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
        try:
            response = await client.send(request, stream=True, auth=auth)
            try:
                yield response
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise _told(error) from None
        finally:
            for it in connections:  # httpcore leaves one open whose TLS handshake is cancelled
                await it.aclose()


def _extensions(way: Way, connections: list[Any]) -> dict[str, Any]:
    """The name that the certificate must be for, timeouts, and a note of the `connections` made."""

    async def trace(event: str, what: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            connections.append(what["return_value"])

    timeout = httpx.Timeout(way.rules.timeout_s, connect=CONNECT_S).as_dict()
    return {"sni_hostname": way.location.host, "timeout": timeout, "trace": trace}


def _told(error: httpx.HTTPError) -> TransferError:
    if isinstance(error, httpx.ConnectError):
        return UnreachableError(_cause(error))
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return UnreachableError("the server does not answer")
    if isinstance(error, httpx.RemoteProtocolError):
        return TransferError("the server does not speak HTTP as it should", "BadMessage")
    return TransferError(f"the transfer broke off: {type(error).__name__}")


def _cause(error: BaseException) -> str:
    """What OpenSSL or the operating system have said."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate of the server is not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS: {cause.reason}"
        cause = cause.__cause__ or cause.__context__
    return "there is no connection to the server"
