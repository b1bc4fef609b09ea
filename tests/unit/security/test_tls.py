"""Files for TLS: what is taken, and what is refused before anything is connected."""

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from security.tls import TlsFileError, TlsFiles, client_context
from tests.support.tls.authority import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def refused(**files: Path | None) -> tuple[str, str]:
    with pytest.raises(TlsFileError) as caught:
        TlsFiles(**files).checked()
    return caught.value.part, str(caught.value)


class TestTaken:
    def test_are_files_that_fit(self, authority: Authority) -> None:
        ours = authority.issue("ours")
        files = TlsFiles(ca=authority.ca, cert=ours.cert, key=ours.key)
        assert files.checked() is files
        assert TlsFiles().checked() == TlsFiles()

    def test_a_key_that_its_group_may_read(self, authority: Authority) -> None:
        """As an orchestrator mounts secrets."""
        ours = authority.issue("ours")
        ours.key.chmod(0o640)
        assert TlsFiles(cert=ours.cert, key=ours.key).checked()

    def test_count_from_a_folder_where_they_are_relative(self, tmp_path: Path, authority: Authority) -> None:
        files = TlsFiles(ca=Path(authority.ca.name), server_name="centre.example").below(tmp_path)
        assert files == TlsFiles(ca=authority.ca, server_name="centre.example")


class TestRefused:
    def test_a_certificate_or_a_key_alone(self, authority: Authority) -> None:
        ours = authority.issue("ours")
        assert refused(cert=ours.cert) == ("cert", "needs the key beside it")
        assert refused(key=ours.key) == ("key", "needs the cert beside it")

    @pytest.mark.parametrize("part", ["ca", "cert", "key"])
    @pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"])
    def test_a_file_with_a_byte_order_mark_is_told_why(self, authority: Authority, part: str, mark: bytes) -> None:
        """OpenSSL would say that it has no certificate."""
        ours = authority.issue("ours")
        files = {"ca": authority.ca, "cert": ours.cert, "key": ours.key}
        files[part].write_bytes(mark + files[part].read_bytes())
        assert refused(**files) == (
            part,
            f"{files[part]} begins with a byte order mark: save it as plain ASCII or UTF-8 without one",
        )

    @pytest.mark.parametrize("part", ["ca", "cert", "key"])
    def test_windows_line_ends_are_taken(self, authority: Authority, part: str) -> None:
        ours = authority.issue("ours")
        files = {"ca": authority.ca, "cert": ours.cert, "key": ours.key}
        files[part].write_bytes(files[part].read_bytes().replace(b"\n", b"\r\n"))
        assert TlsFiles(**files).checked()

    @pytest.mark.parametrize("part", ["ca", "cert", "key"])
    def test_a_file_that_is_not_there(self, authority: Authority, tmp_path: Path, part: str) -> None:
        ours = authority.issue("ours")
        files = {"ca": authority.ca, "cert": ours.cert, "key": ours.key, part: tmp_path / "nothing.pem"}
        assert refused(**files) == (part, f"can't read {tmp_path}/nothing.pem: No such file or directory")

    @pytest.mark.parametrize("mode", [0o604, 0o602, 0o644])
    def test_a_key_that_everybody_may_read_or_write(self, authority: Authority, mode: int) -> None:
        ours = authority.issue("ours")
        ours.key.chmod(mode)
        part, message = refused(cert=ours.cert, key=ours.key)
        assert part == "key"
        assert message.endswith("chmod 600")

    def test_a_key_of_another_certificate(self, authority: Authority) -> None:
        assert refused(cert=authority.issue("ours").cert, key=authority.issue("other").key)[0] == "cert"

    def test_a_locked_key_without_asking_at_the_terminal(self, authority: Authority) -> None:
        ours = authority.issue("ours")
        key = serialization.load_pem_private_key(ours.key.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        locked = serialization.BestAvailableEncryption(b"word")
        ours.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked))
        assert refused(cert=ours.cert, key=ours.key)[0] == "cert"

    def test_what_is_no_pem(self, tmp_path: Path) -> None:
        path = tmp_path / "ca.pem"
        path.write_text("secret words", encoding="utf-8")
        part, message = refused(ca=path)
        assert part == "ca"
        assert "secret" not in message


class TestContext:
    def test_always_checks_and_speaks_nothing_old(self, authority: Authority) -> None:
        for files in (TlsFiles(), TlsFiles(ca=authority.ca)):
            context = client_context(files)
            assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
            assert context.minimum_version == ssl.TLSVersion.TLSv1_2

    def test_believes_only_the_authority_that_is_named(self, authority: Authority) -> None:
        assert len(client_context(TlsFiles(ca=authority.ca)).get_ca_certs()) == 1

    def test_is_one_for_the_same_files(self, authority: Authority) -> None:
        assert client_context(TlsFiles(ca=authority.ca)) is client_context(TlsFiles(ca=authority.ca))
