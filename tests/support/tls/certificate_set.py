"""Two authorities: the one that both sides believe, and a stranger's."""

from dataclasses import dataclass
from pathlib import Path

from security.tls import TlsFiles
from tests.support.tls.authority import Authority, Issued


@dataclass(frozen=True)
class Certificates:
    """`ours`: what we show. `strangers`: signed by an authority that nobody believes."""

    authority: Authority
    stranger: Authority
    server: Issued
    ours: Issued
    strangers: Issued

    @property
    def files(self) -> TlsFiles:
        """What a party that demands a certificate is reached with."""
        return TlsFiles(ca=self.authority.ca, cert=self.ours.cert, key=self.ours.key)

    @property
    def wrong(self) -> dict[str, TlsFiles]:
        """What must not open a connection, by what is wrong with it."""
        return {
            "no certificate of ours": TlsFiles(ca=self.authority.ca),
            "a stranger's certificate": TlsFiles(
                ca=self.authority.ca, cert=self.strangers.cert, key=self.strangers.key
            ),
            "an authority that did not sign the server's": self.files.model_copy(update={"ca": self.stranger.ca}),
            "the machine's own authorities": self.files.model_copy(update={"ca": None}),
            "another name": self.files.model_copy(update={"server_name": "another.example"}),
        }


WRONG = (
    "no certificate of ours",
    "a stranger's certificate",
    "an authority that did not sign the server's",
    "the machine's own authorities",
    "another name",
)


def make_certificates(folder: Path) -> Certificates:
    authority, stranger = Authority(folder), Authority(folder, "stranger")
    return Certificates(
        authority, stranger, authority.issue("server"), authority.issue("ours"), stranger.issue("strangers")
    )
