"""Private keys are made, kept for their owner's eyes only, and deleted; none of them ever leaves."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ocppd.core.station import Job
from ocppd.edge.keys import KeyStore
from ocppd.edge.store import Store
from ocppd.edge.workshop import Workshop

SUBJECT = {"common_name": "SN0001", "organization": "Lab"}


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "state.json.keys")


async def work(store: KeyStore, station: str, **data: Any) -> dict[str, str]:
    """What the workshop hears of one job."""
    heard: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    shop = Workshop({"key": store.trade}, lambda _station, _job, said: heard.put_nowait(dict(said)))
    shop.take(station, Job("k", "key", data))
    async with asyncio.timeout(10):
        return await heard.get()


def keys_in(folder: Path) -> set[str]:
    return {file.name for file in folder.rglob("*") if file.is_file()}


async def test_A02_FR_02_A02_FR_03_a_new_key_comes_with_a_csr_for_it(store: KeyStore) -> None:
    said = await work(store, "CP001", make=SUBJECT | {"country": "DE"})
    assert set(said) == {"name", "csr"}
    csr = x509.load_pem_x509_csr(said["csr"].encode())
    key: Any = load_pem_private_key(store.file_of("CP001", said["name"]).read_bytes(), None)
    assert csr.is_signature_valid
    assert csr.public_key() == key.public_key()
    assert isinstance(key.curve, ec.SECP256R1)
    assert csr.subject.rfc4514_string() == "CN=SN0001,O=Lab,C=DE"
    other = await work(store, "CP001", make=SUBJECT)
    assert other["name"] != said["name"]
    assert x509.load_pem_x509_csr(other["csr"].encode()).public_key() != key.public_key()


async def test_A02_FR_05_A03_FR_05_nobody_else_may_read_a_key_and_no_report_has_one(
    store: KeyStore, tmp_path: Path
) -> None:
    before = os.umask(0)
    try:
        said = await work(store, "CP001", make=SUBJECT)
    finally:
        os.umask(before)
    file = store.file_of("CP001", said["name"])
    folders = [file.parent, file.parent.parent]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [stat.S_IMODE(it.stat().st_mode) for it in folders] == [0o700, 0o700]
    assert "PRIVATE KEY" in file.read_text()
    assert "PRIVATE KEY" not in str(said)
    assert keys_in(tmp_path) == {f"{said['name']}.pem"}  # nothing half written stays


async def test_keys_that_are_not_named_are_deleted_and_those_of_other_stations_are_not(
    store: KeyStore, tmp_path: Path
) -> None:
    names = [(await work(store, "CP001", make=SUBJECT))["name"] for _ in range(3)]
    other = (await work(store, "CP002", make=SUBJECT))["name"]
    assert await work(store, "CP001", keep=[names[1], "../CP002/x"]) == {}
    assert keys_in(tmp_path) == {f"{names[1]}.pem", f"{other}.pem"}
    store.forget("CP002")
    assert keys_in(tmp_path) == {f"{names[1]}.pem"}
    assert await work(store, "CP003", keep=[]) == {}


async def test_what_is_ordered_later_does_not_overtake(store: KeyStore, tmp_path: Path) -> None:
    """A key that is made after the look at what is needed must not be taken for one that is not."""
    heard: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    shop = Workshop({"key": store.trade}, lambda _station, _job, said: heard.put_nowait(dict(said)))
    for number in range(5):
        shop.take("CP001", Job(f"keep{number}", "key", {"keep": []}))
    shop.take("CP001", Job("make", "key", {"make": SUBJECT}))
    async with asyncio.timeout(10):
        said = [await heard.get() for _ in range(6)]
    assert said[:5] == [{}] * 5
    assert keys_in(tmp_path) == {f"{said[5]['name']}.pem"}


@pytest.mark.parametrize("identity", ["..", ".", "a/b", "Zähler+1"])
async def test_an_identity_names_no_other_folder(store: KeyStore, tmp_path: Path, identity: str) -> None:
    key = (await work(store, identity, make=SUBJECT))["name"]
    file = store.file_of(identity, key)
    assert file.parent.parent == tmp_path / "state.json.keys"
    assert file.exists()


def test_a_path_of_the_configuration_stays_what_it_is(store: KeyStore) -> None:
    assert store.file_of("CP001", "/etc/ocppd/station.key") == Path("/etc/ocppd/station.key")
    assert store.file_of("CP001", "../key-" + "0" * 32) == Path("../key-" + "0" * 32)


async def test_a_subject_that_fits_no_certificate_and_a_full_disk_are_reported(
    store: KeyStore, tmp_path: Path
) -> None:
    assert set(await work(store, "CP001", make=SUBJECT | {"common_name": "x" * 65})) == {"error"}
    (tmp_path / "state.json.keys").write_text("in the way")
    assert set(await work(store, "CP001", make=SUBJECT)) == {"error"}


def test_keys_are_beside_the_state_file_or_in_the_state_directory(tmp_path: Path) -> None:
    assert Store(tmp_path / "state.json").beside("keys") == tmp_path / "state.json.keys"
    assert Store(tmp_path / "states").beside("keys") == tmp_path / "states" / "keys"
