"""Every command says what it does and what it takes."""

import pytest
from typer.testing import CliRunner

from cli.main import COMMANDS, build


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ([], list(COMMANDS)),
        (["up"], ["Ctrl-C", "--json"]),
        (["demo"], ["--keep"]),
        (["api"], ["MEDPAY_API_PORT"]),
        (["worker"], ["--check"]),
        (["simulator"], ["insurance", "his"]),
        (["simulator", "insurance"], ["--config", "--port"]),
        (["payments", "show"], ["MEDORGORD", "--json"]),
        (["payments", "list"], ["--state", "--channel", "--category", "--from", "--to", "--limit", "--json"]),
        (["notifications", "list"], ["--failed", "--hospital", "--json"]),
        (["notifications", "replay"], ["MEDORGORD", "--event", "payment.settled", "--json"]),
        (["review", "list"], ["MEDPAY_REVIEW_KEY", "--json"]),
        (["review", "propose"], ["ASK_AGAIN", "--reason"]),
        (["review", "approve"], ["MEDORGORD", "--key-file"]),
        (["audit", "export"], ["--payment", "--output"]),
        (["audit", "replay"], ["files", "--json"]),
        (["audit", "verify"], ["--expect-head", "--json"]),
        (["audit", "access"], ["--payment", "--last", "--json"]),
        (["keys", "new"], ["hospital", "caller", "keyring", "webhook", "signing"]),
        (["keys", "sign"], ["PATH", "--secret-file", "--body"]),
        (["database", "upgrade"], ["MEDPAY_DATABASE_URL"]),
        (["search-attributes", "register"], ["MEDPAY_TEMPORAL_NAMESPACE"]),
        (["config", "check"], ["--json"]),
        (["config", "new"], ["--insurance-url"]),
    ],
    ids=" ".join,
)
def test_help(arguments: list[str], shown: list[str]) -> None:
    result = CliRunner().invoke(build(arguments), [*arguments, "--help"])
    assert result.exit_code == 0
    assert [word for word in shown if word not in result.output] == []
