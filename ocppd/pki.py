"""A public key infrastructure for tests: roots, sub-CAs, servers, stations, and certificates that are bad.

`Plan` → `files` makes everything in memory → `write` puts it into a directory, or refuses. Nothing here is
for production: the keys of the authorities lie beside what they have signed.
"""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from ocppd.issuing import (
    FIRMWARE,
    ROOT,
    SERVER,
    STATION,
    SUB_CA_1,
    SUB_CA_2,
    VEHICLE,
    Issued,
    PkiError,
    Span,
    Use,
    name_of,
    new_ec,
    new_rsa,
    self_signed,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cryptography import x509

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
"""What every server certificate is for, beside the names that are asked for."""

ORGANIZATION: Final = "ocppd"
"""The operator whom all good certificates belong to, unless another is named."""

INDEX: Final = "README.txt"
"""The file that says what the others are."""

_AUTHORITY_DAYS = 3650  # by which an authority outlives what it signs
_LONGEST_NAME = 64  # characters of a commonName or an organizationName (X.520)
_EXAMPLE_PORT = 9443
_ELSEWHERE = "wrong-host.example.test"


class File(NamedTuple):
    """A file to write: its name in the directory, what it is, and its text."""

    name: str
    about: str
    text: str
    is_secret: bool = False


@dataclass(frozen=True)
class Plan:
    """What to make. `stations` gives each identity its serial number, `hosts` are further names of the CSMS.

    `ocsp` is the URL that the certificates of V2G and MO name: messages about their status have to tell one
    (M06), and nobody need answer there. `days` is how long what is no authority is valid.

    Raises PkiError where something fits no certificate.
    """

    stations: Mapping[str, str]
    hosts: tuple[str, ...] = ()
    emaid: str = "DE8AA1A2B3C4D5"
    organization: str = ORGANIZATION
    ocsp: str = "http://ocsp.example.test/"
    rsa: bool = False
    days: int = 365
    bad: bool = False

    def __post_init__(self) -> None:
        for what, text in (("organization", self.organization), ("eMAID", self.emaid)):
            if not 0 < len(text) <= _LONGEST_NAME:
                raise PkiError(f"the {what} must have 1 to {_LONGEST_NAME} characters")
        if not self.stations:
            raise PkiError("there must be a station at least")
        seen: dict[str, str] = {}
        for identity, serial in self.stations.items():
            if _looks_like_a_server(serial):
                raise PkiError(f"the serial number {serial!r} looks like a server's name (A00.FR.511)")
            if (other := seen.setdefault(serial, identity)) != identity:
                raise PkiError(f"{other} and {identity} have the same serial number {serial!r} (A00.FR.427)")
        object.__setattr__(self, "hosts", tuple(dict.fromkeys([*map(_ascii, self.hosts), *LOOPBACK])))

    @property
    def server_name(self) -> str:
        """The CN of the server: the first name that is one and is short enough (A00.FR.510)."""
        return next(host for host in self.hosts if len(host) <= _LONGEST_NAME and "*" not in host)


def _looks_like_a_server(serial: str) -> bool:
    try:
        ip_address(serial)
    except ValueError:
        return "://" in serial
    return True


def _ascii(host: str) -> str:
    """The name as DNS has it. Raises PkiError where it is none."""
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        name = host.encode("idna").decode().lower().removesuffix(".")
    except UnicodeError:
        name = ""
    labels = name.removeprefix("*.").split(".")
    if len(name) > 253 or not all(
        label and label.replace("-", "").isalnum() and not label.startswith("-") and not label.endswith("-")
        for label in labels
    ):
        raise PkiError(f"{host!r} is neither a host name nor an IP address")
    return name


def files(plan: Plan) -> list[File]:
    """Everything that the plan asks for, in the order in which to read about it."""
    sub, made = _csms(plan)
    made += [*_v2g(plan), *_mo(plan), *_manufacturer(plan)]
    return made + (_bad(plan, sub) if plan.bad else [])


def _pair(name: str, about: str, issued: Issued) -> list[File]:
    return [
        File(f"{name}.pem", about, issued.chain_pem),
        File(f"{name}.key", f"its key, of {name}.pem", issued.key_pem, is_secret=True),
    ]


def _root(plan: Plan, title: str, component: str = "", *, may_be_rsa: bool = False) -> Issued:
    key = new_rsa() if plan.rsa and may_be_rsa else new_ec()
    name = name_of(title, plan.organization, component)
    return self_signed(name, ROOT, _authority(plan), key=key)


def _authority(plan: Plan) -> Span:
    """From before the certificate that has expired, which was good while its authority was there."""
    return Span.of(plan.days + _AUTHORITY_DAYS, start=-60)


def station_file(identity: str) -> str:
    """The name of a station's files, without the ending."""
    return f"station-{quote(identity, safe='')}"


def _csms(plan: Plan) -> tuple[Issued, list[File]]:
    owner, leaf = plan.organization, Span.of(plan.days)
    root = _root(plan, "CSMS root", may_be_rsa=True)
    sub = root.issue(name_of("CSMS sub-CA", owner), SUB_CA_2, _authority(plan))
    server = sub.issue(name_of(plan.server_name, owner), SERVER, leaf, hosts=plan.hosts)
    made = _pair("csms-root", "CSMS root: what stations trust, and the CSMS for their certificates", root)
    made += _pair("csms-sub-ca", "signs the CSMS and the stations", sub)
    made += _pair("csms-server", f"the CSMS: {', '.join(plan.hosts)}", server)
    for identity, serial in plan.stations.items():
        own = sub.issue(name_of(serial, owner), STATION, leaf)
        made += _pair(station_file(identity), f"station {identity}, CN = its serial number {serial}", own)
    return sub, made


def _v2g(plan: Plan) -> list[File]:
    owner, above = plan.organization, _authority(plan)
    root = _root(plan, "V2G root", "V2G")
    one = root.issue(name_of("CPO sub-CA 1", owner, "V2G"), SUB_CA_1, above, ocsp=plan.ocsp)
    two = one.issue(name_of("CPO sub-CA 2", owner, "V2G"), SUB_CA_2, above, ocsp=plan.ocsp)
    name = name_of("SECC001", owner, "CPO")
    secc = two.issue(name, VEHICLE, Span.of(plan.days), ocsp=plan.ocsp)
    return [
        *_pair("v2g-root", "V2G root: what cars trust (V2GRootCertificate)", root),
        *_pair("v2g-sub-ca-1", "signs v2g-sub-ca-2", one),
        *_pair("v2g-sub-ca-2", "signs what stations show to cars (V2GCertificate)", two),
        *_pair("v2g-secc", "SECC leaf: a station towards cars", secc),
    ]


def _mo(plan: Plan) -> list[File]:
    owner, above = plan.organization, _authority(plan)
    root = _root(plan, "MO root", "MO")
    one = root.issue(name_of("MO sub-CA 1", owner, "MO"), SUB_CA_1, above, ocsp=plan.ocsp)
    two = one.issue(name_of("MO sub-CA 2", owner, "MO"), SUB_CA_2, above, ocsp=plan.ocsp)
    name = name_of(plan.emaid, owner, "MO")
    contract = two.issue(name, VEHICLE, Span.of(plan.days), ocsp=plan.ocsp)
    return [
        *_pair("mo-root", "mobility operator's root (MORootCertificate)", root),
        *_pair("mo-sub-ca-1", "signs mo-sub-ca-2", one),
        *_pair("mo-sub-ca-2", "signs contracts", two),
        *_pair("mo-contract", f"contract of the eMAID {plan.emaid}", contract),
    ]


def _manufacturer(plan: Plan) -> list[File]:
    root = _root(plan, "Manufacturer root", may_be_rsa=True)
    firmware = root.issue(name_of("Firmware signing", plan.organization), FIRMWARE, Span.of(plan.days))
    return [
        *_pair("manufacturer-root", "manufacturer's root (ManufacturerRootCertificate)", root),
        *_pair("firmware-signing", "signs firmware (signingCertificate)", firmware),
    ]


def _bad(plan: Plan, sub: Issued) -> list[File]:
    """Certificates that are each wrong in one way, and right in all others."""
    other, owner, now = _root(plan, "Another root", may_be_rsa=True), plan.organization, Span.of(plan.days)
    serial = next(iter(plan.stations.values()))
    server, station = name_of(plan.server_name, owner), name_of(serial, owner)
    elsewhere = sub.issue(name_of(_ELSEWHERE, owner), SERVER, now, hosts=(_ELSEWHERE,))
    wild = sub.issue(server, SERVER, now, hosts=(*plan.hosts, "*.example.test"))
    foreign = sub.issue(name_of(serial, "Another organisation"), STATION, now)
    return [
        *_pair("bad/other-root", "a root that nobody trusts", other),
        *_bad_kinds("server", _Leaf(server, SERVER, now, plan.hosts), sub, other),
        *_pair("bad/server-wrong-host", f"for {_ELSEWHERE} alone", elsewhere),
        *_pair("bad/server-wildcard", "for *.example.test, too (AllowCSMSTLSWildcards)", wild),
        *_bad_kinds("station", _Leaf(station, STATION, now), sub, other),
        *_pair("bad/station-other-organisation", "its O is another organisation (A00.FR.404)", foreign),
    ]


class _Leaf(NamedTuple):
    """A certificate that would be good."""

    name: x509.Name
    use: Use
    span: Span
    hosts: tuple[str, ...] = ()


def _bad_kinds(who: str, good: _Leaf, sub: Issued, other: Issued) -> list[File]:
    """What can be wrong with a server's certificate as well as with a station's."""
    name, use, now, hosts = good
    past, future = Span.of(29, start=-30), Span.of(30, start=30)
    bad = {
        "expired": ("since yesterday", sub.issue(name, use, past, hosts=hosts)),
        "not-yet-valid": ("in 30 days", sub.issue(name, use, future, hosts=hosts)),
        "wrong-chain": ("signed by bad/other-root", other.issue(name, use, now, hosts=hosts)),
        "self-signed": ("signed by itself", self_signed(name, use, now, hosts=hosts)),
        "weak": ("RSA with 1024 bits", sub.issue(name, use, now, key=new_rsa(1024), hosts=hosts)),
    }
    return [
        file
        for kind, (why, issued) in bad.items()
        for file in _pair(f"bad/{who}-{kind}", f"{kind.replace('-', ' ')}: {why}", issued)
    ]


# Directory


def make(plan: Plan, directory: Path, *, force: bool = False) -> str:
    """Write everything, with an index, and return that. Raises PkiError as `write` does."""
    made = files(plan)
    text = guide(plan, made, directory)
    write(directory, [*made, File(INDEX, "this", text)], force=force)
    return text


def write(directory: Path, made: Sequence[File], *, force: bool = False) -> None:
    """Write the files, keys with mode 0600.

    Raises PkiError, before anything is written, where one of them is there already and `force` is not given;
    and where the directory cannot be written to.
    """
    paths = [directory / file.name for file in made]
    there = next((path for path in paths if os.path.lexists(path)), None)
    if there is not None and not force:
        raise PkiError(f"{there} is there already: --force overwrites")
    for path, file in zip(paths, made, strict=True):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, file)
        except OSError as error:
            raise PkiError(f"{path} cannot be written: {error.strerror}") from None


def _write(path: Path, file: File) -> None:
    """In a new file, as an old one would keep its mode, or be a link to somewhere else."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if file.is_secret else 0o644)
    with os.fdopen(handle, "w") as stream:
        stream.write(file.text)


def guide(plan: Plan, made: Sequence[File], directory: Path) -> str:
    """What each file is, the settings of a daemon for security profile 3, and the other side of it."""
    where = directory.resolve()
    width = max(len(file.name) for file in made)
    index = "".join(f"  {file.name:{width}}  {file.about}\n" for file in made if not file.is_secret)
    host = f"[{plan.server_name}]" if ":" in plan.server_name else plan.server_name
    return _GUIDE.format(
        index=index,
        settings=settings(plan, where, f"wss://{host}:{_EXAMPLE_PORT}/ocpp"),
        where=where,
        quoted=shlex.quote(str(where)),
        listen="" if plan.server_name in LOOPBACK else " --host 0.0.0.0",
        port=_EXAMPLE_PORT,
    )


def settings(plan: Plan, directory: Path, url: str) -> str:
    """YAML for a daemon with these stations, in security profile 3."""

    def file(name: str) -> str:
        return json.dumps(str(directory / name), ensure_ascii=False)

    owner = json.dumps(plan.organization, ensure_ascii=False)
    lines = [f"csms: {{url: {json.dumps(url)}, security_profile: 3, tls: {{ca: {file('csms-root.pem')}}}}}"]
    lines.append("stations:")
    for identity, serial in plan.stations.items():
        name = station_file(identity)
        lines += [
            f"  - id: {json.dumps(identity)}",
            f"    serial: {json.dumps(serial, ensure_ascii=False)}",
            "    template: ac-22kw",
            f"    variables: {{SecurityCtrlr.OrganizationName: {owner}}}",
            f"    csms: {{tls: {{cert: {file(f'{name}.pem')}, key: {file(f'{name}.key')}}}}}",
        ]
    return "\n".join(lines) + "\n"


_GUIDE: Final = """\
A public key infrastructure for tests. Each .pem holds a certificate and the authorities above it, without
the root, which the other side trusts; the key lies beside it, NAME.key, readable by its owner alone.

{index}
ocppd, security profile 3; for profile 2 leave out cert and key, and give csms.password:

{settings}
A CSMS to go with it, which signs new certificates, too (--certificate bad/server-expired shows a bad one,
where there is one):

  python -m ocppd.demo.csms --port {port}{listen} --pki {quoted} --client-certificates

or yours, nginx for instance:

  ssl_certificate         {where}/csms-server.pem;
  ssl_certificate_key     {where}/csms-server.key;
  ssl_client_certificate  {where}/csms-root.pem;
  ssl_verify_client       on;
  ssl_verify_depth        2;
"""
