"""The centre and HIS over TLS, each demanding our certificate: our real clients, real sockets."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from domain.errors import NotSent, Unknown
from gateways.his.http import HttpHospitalSystem
from gateways.http import HttpCaller
from gateways.insurance.client import HttpInsuranceCentre
from security.tls import TlsFiles
from tests.support.parties.centre_stub import centre_stub
from tests.support.parties.his_simulator import his_simulator
from tests.support.tls.certificate_set import WRONG, Certificates
from tests.support.tls.proxy import demanding, tls_proxy
from tests.support.values import centres

REVOKED = {"payOrdId": "ORD1"}
FAILURES = (NotSent, Unknown)
"""A refused handshake is known to be before the request; one that fails after it (TLS 1.3 shows our certificate last)
may not be."""


@pytest.fixture
async def http() -> AsyncIterator[HttpCaller]:
    async with HttpCaller() as caller:
        yield caller


@pytest.fixture
async def his(certificates: Certificates, tmp_path: Path) -> AsyncIterator[str]:
    context = demanding(certificates.server, certificates.authority.ca)
    async with his_simulator(tmp_path / "his.db") as plain, tls_proxy(urlsplit(plain.url).netloc, context) as place:
        yield f"https://{place}"


class TestHis:
    async def test_answers_who_shows_a_certificate(
        self, http: HttpCaller, his: str, certificates: Certificates
    ) -> None:
        patient = await HttpHospitalSystem(http, his, 5, certificates.files).patient("100001")
        assert patient.name == "张三"

    async def test_may_have_another_name_than_its_address(
        self, http: HttpCaller, his: str, certificates: Certificates
    ) -> None:
        files = certificates.files.model_copy(update={"server_name": "party.example"})
        assert (await HttpHospitalSystem(http, his, 5, files).patient("100001")).name == "张三"

    @pytest.mark.parametrize("wrong", WRONG)
    async def test_is_not_talked_to_else(
        self, http: HttpCaller, his: str, certificates: Certificates, wrong: str
    ) -> None:
        with pytest.raises(FAILURES):
            await HttpHospitalSystem(http, his, 5, certificates.wrong[wrong]).patient("100001")

    async def test_is_not_talked_to_without_files(self, http: HttpCaller, his: str) -> None:
        with pytest.raises(NotSent):
            await HttpHospitalSystem(http, his, 5).patient("100001")


class TestTheCentre:
    async def test_answers_who_shows_a_certificate(self, http: HttpCaller, certificates: Certificates) -> None:
        context = demanding(certificates.server, certificates.authority.ca)
        async with centre_stub() as (stub, plain):
            stub.data = REVOKED
            backend = urlsplit(plain._profile.url).netloc
            async with tls_proxy(backend, context) as place:
                for files, is_let_in in ((certificates.files, True), (TlsFiles(ca=certificates.authority.ca), False)):
                    profile = stub.profile.model_copy(update={"url": f"https://{place}", "tls": files})
                    centre = HttpInsuranceCentre(http, profile, centres.ACCOUNT)
                    if is_let_in:
                        await centre.revoke_order(centres.REFERENCE)
                        continue
                    with pytest.raises(FAILURES):
                        await centre.revoke_order(centres.REFERENCE)
        assert len(stub.requests) == 1
