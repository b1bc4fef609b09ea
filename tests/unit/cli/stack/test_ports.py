"""Which port is taken: by choice, as last time, the default, or a free one."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.configuration import WRONG_USE, CommandError
from cli.stack.ports import PortBook, is_free, with_ports
from settings import Settings

HOST = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def free() -> int:
    with socket.create_server((HOST, 0)) as server:
        port: int = server.getsockname()[1]
    return port


def test_the_default_where_it_is_free(tmp_path: Path, free: int) -> None:
    book = PortBook(tmp_path / "ports.json")
    assert book.choose("api", HOST, free, setting=None) == free
    assert book.notes == []


def test_a_free_one_where_the_default_is_taken_and_it_is_said(tmp_path: Path, taken: int) -> None:
    book = PortBook(tmp_path / "ports.json")
    port = book.choose("api", HOST, taken, setting=None)
    assert port != taken
    assert is_free(HOST, port)
    assert book.notes == [f"api: port {port} because {taken} is taken"]


def test_the_same_as_last_time(tmp_path: Path, taken: int) -> None:
    first = PortBook(tmp_path / "ports.json")
    port = first.choose("api", HOST, taken, setting=None)
    first.remember()
    second = PortBook(tmp_path / "ports.json")
    assert second.choose("api", HOST, taken, setting=None) == port
    assert second.notes == [f"api: port {port} as last time"]


def test_the_default_where_last_times_is_taken_now(tmp_path: Path, taken: int, free: int) -> None:
    (tmp_path / "ports.json").write_text(json.dumps({"api": taken}), encoding="utf-8")
    assert PortBook(tmp_path / "ports.json").choose("api", HOST, free, setting=None) == free


def test_one_set_by_choice_and_taken_is_an_error_that_names_the_setting(tmp_path: Path, taken: int) -> None:
    book = PortBook(tmp_path / "ports.json")
    with pytest.raises(CommandError) as caught:
        book.choose("api", HOST, taken, setting="MEDPAY_API_PORT")
    assert caught.value.lines == (f"MEDPAY_API_PORT: port {taken} on {HOST} is taken",)
    assert caught.value.exit_code == WRONG_USE


def test_two_components_never_get_the_same(tmp_path: Path, free: int) -> None:
    book = PortBook(tmp_path / "ports.json")
    assert book.choose("api", HOST, free, setting=None) != book.choose("temporal", HOST, free, setting=None)


def test_any_free_one_for_a_demo(tmp_path: Path, free: int) -> None:
    book = PortBook(tmp_path / "ports.json")
    assert book.choose("api", HOST, free, setting=None, on_any=True) != free
    assert book.notes == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"api": "x"}'])
def test_a_spoilt_memory_is_forgotten(tmp_path: Path, free: int, text: str) -> None:
    (tmp_path / "ports.json").write_text(text, encoding="utf-8")
    assert PortBook(tmp_path / "ports.json").choose("api", HOST, free, setting=None) == free


def test_an_address_of_another_machine(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"192\.0\.2\.1 is not an address of this machine"):
        PortBook(tmp_path / "ports.json").choose("api", "192.0.2.1", 8000, setting="MEDPAY_API_PORT")


def test_tls_is_not_the_embedded_stack_s(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"MEDPAY_TEMPORAL_TLS…: the embedded stack speaks in clear"):
        with_ports(Settings(_env_file=None, temporal_tls="on"), tmp_path, on_any=True)
