"""The same port in TLS: by pin, by authority, and to nobody else."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path

import pytest
from conftest import Cell

from stint_sdk import AsyncClient, Client, ConnectionFailed, NotTrusted
from stint_sdk._tls import pin_of

WRONG = "sha256:" + "0" * 64


def certificate_of(cell: Cell) -> Path:
    (path,) = cell.state.rglob("tls.crt")
    return path


def https(cell: Cell) -> str:
    return cell.server.replace("http://", "https://")


def pins(cell: Cell) -> list[str]:
    """Of the key that is shown, and of the one that will be."""
    return str(json.loads((cell.state / "context.json").read_text())["tls_pin"]).split(",")


def pin(cell: Cell) -> str:
    return pins(cell)[0]


def test_a_pin_is_the_hash_of_the_certificates_key(cell: Cell) -> None:
    assert pin_of(ssl.PEM_cert_to_DER_cert(certificate_of(cell).read_text())) == pin(cell)


@pytest.mark.parametrize("size", [0, 1, 10, 100, 300])
def test_what_is_no_certificate_has_no_pin(cell: Cell, size: int) -> None:
    whole = ssl.PEM_cert_to_DER_cert(certificate_of(cell).read_text())
    with pytest.raises(ValueError, match="DER ends early"):
        pin_of(whole[: min(size, len(whole) - 1)])


def test_the_pinned_scheduler_is_spoken_to(cell: Cell) -> None:
    with Client(https(cell), cell.token, pin=f"{WRONG},{pin(cell)}") as client:
        assert client.info()["tls_pins"] == pins(cell)

    async def ask() -> str:
        async with AsyncClient(https(cell), cell.token, pin=pin(cell)) as client:
            return (await client.info())["cell"]

    assert asyncio.run(ask())


def test_an_authority_is_enough(cell: Cell) -> None:
    with Client(https(cell), cell.token, ca_file=str(certificate_of(cell))) as client:
        assert client.info()["cell"]


def test_another_key_gets_nothing(cell: Cell) -> None:
    with Client(https(cell), cell.token, pin=WRONG) as client, pytest.raises(NotTrusted, match=pin(cell)):
        client.info()

    async def ask() -> None:
        async with AsyncClient(https(cell), cell.token, pin=WRONG) as client:
            await client.info()

    with pytest.raises(NotTrusted, match=pin(cell)):
        asyncio.run(ask())


def test_without_a_pin_the_system_does_not_know_it(cell: Cell, tmp_path: Path) -> None:
    client = Client(https(cell), cell.token, state_dir=tmp_path, patience_s=0)
    with client, pytest.raises(ConnectionFailed, match="certificate verify failed"):
        client.info()
