import base64

import pytest
from standardwebhooks import Webhook

from security.keys.signing import check_webhook_secret, new_webhook_secret
from tests.support.records import AT


def whsec(length: int) -> str:
    return "whsec_" + base64.b64encode(bytes(range(length))).decode()


@pytest.mark.parametrize("secret", [whsec(24), whsec(32), whsec(64), whsec(25).rstrip("=")])
def test_right(secret: str) -> None:
    check_webhook_secret(secret)
    assert Webhook(secret).sign("id", AT, "{}").startswith("v1,")


@pytest.mark.parametrize(
    "secret", [whsec(23), whsec(65), whsec(32).removeprefix("whsec_"), "whsec_", "whsec_钥匙", whsec(32)[:-2] + "!="]
)
def test_wrong(secret: str) -> None:
    with pytest.raises(ValueError, match=r"^must be whsec_ and base64 of 24 to 64 bytes$"):
        check_webhook_secret(secret)


def test_each_new_one_is_another() -> None:
    first, second = new_webhook_secret(), new_webhook_secret()
    check_webhook_secret(first)
    assert first != second
