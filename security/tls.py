"""TLS to the other parties: the authorities we trust, and our own certificates. Files are PEM."""

import codecs
import ssl
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from temporalio.service import TLSConfig


class TlsFileError(ValueError):
    """A file that can't be used. `part`: the field of `TlsFiles`. The text never contains the file's content."""

    def __init__(self, part: str, message: str) -> None:
        super().__init__(message)
        self.part = part


class TlsFiles(BaseModel):
    """TLS with one party. `ca`: the authority that signs its certificate, by default the machine's own list.

    `server_name`: by default the URL's host. `cert` and `key`: ours, if the party demands them (mTLS).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    server_name: str | None = None

    def below(self, folder: Path) -> "TlsFiles":
        """The same files, with relative paths resolved from `folder`."""
        paths = {part: folder / path for part, path in self if isinstance(path, Path)}
        return self.model_copy(update=paths)

    def checked(self) -> "TlsFiles":
        """Itself. Raises `TlsFileError` if a file is missing, unpaired, readable by everyone, or does not match."""
        if (self.cert is None) != (self.key is None):
            lonely, missing = ("cert", "key") if self.key is None else ("key", "cert")
            raise TlsFileError(lonely, f"needs the {missing} beside it")
        for part, path in (("ca", self.ca), ("cert", self.cert), ("key", self.key)):
            if path is not None:
                _check_readable(part, path)
        if self.key is not None and self.key.stat().st_mode & stat.S_IRWXO:
            raise TlsFileError("key", f"{self.key} is open to everybody on this machine: chmod 600")
        client_context(self)
        return self


@dataclass(frozen=True)
class ClientTls:
    """What a client connection needs."""

    context: ssl.SSLContext
    server_name: str | None


@cache
def client_context(files: TlsFiles) -> ssl.SSLContext:
    """TLS 1.2 or newer, with certificate and name checked. Cached, so that connections with the same files are shared.

    Raises `TlsFileError`.
    """
    context = ssl.create_default_context()
    if files.ca is not None:
        # Only this authority: with the machine's list any public authority could vouch for the party.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _loaded("ca", files.ca, lambda: context.load_verify_locations(files.ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if files.cert is not None:
        cert, key = files.cert, files.key
        # The empty password keeps OpenSSL from asking for one at the terminal if the key is encrypted.
        _loaded("cert", cert, lambda: context.load_cert_chain(cert, key, password=""))
    return context


def client_tls(files: TlsFiles | None) -> ClientTls | None:
    """Raises `TlsFileError`."""
    return None if files is None else ClientTls(client_context(files), files.server_name)


def _check_readable(part: str, path: Path) -> None:
    """Names a byte order mark, which OpenSSL takes for a file without any certificate."""
    try:
        with path.open("rb") as file:
            start = file.read(len(codecs.BOM_UTF8))
    except OSError as error:
        raise TlsFileError(part, f"can't read {path}: {error.strerror}") from None
    if start.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise TlsFileError(part, f"{path} begins with a byte order mark: save it as plain ASCII or UTF-8 without one")


def _loaded(part: str, path: Path, load: Callable[[], None]) -> None:
    try:
        load()
    except ssl.SSLError as error:
        raise TlsFileError(part, f"{path} is not a usable PEM file: {error.reason or 'not understood'}") from None
    except OSError as error:
        raise TlsFileError(part, f"can't read {path}: {error.strerror}") from None


def temporal_tls(files: TlsFiles | None) -> TLSConfig | bool:
    """The `tls` of `Client.connect`; False: no TLS. Raises OSError."""
    if files is None:
        return False
    return TLSConfig(
        server_root_ca_cert=files.ca.read_bytes() if files.ca else None,
        domain=files.server_name,
        client_cert=files.cert.read_bytes() if files.cert else None,
        client_private_key=files.key.read_bytes() if files.key else None,
    )
