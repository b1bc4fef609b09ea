"""Schemathesis over the whole OpenAPI document: what it allows, and what it does not, to every operation."""

import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from schemathesis import Case, GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from tests.hostile.judge import complaints
from tests.hostile.wire import ANSWER_S_MAX

CONFORMANCE = (content_type_conformance, response_schema_conformance)
"""Beside our own judgement. Its other checks take a refusal for a status; ours are 200 and CODE -1 (contract 2.3)."""

Operation = APIOperation[Any, Any, Any, Any]
AnyCase = Case[Any]
OPERATIONS_MIN = 15
_ONLY_GENERATE: Any = {
    "deadline": None,
    "database": None,
    "phases": [Phase.generate],
    "suppress_health_check": list(HealthCheck),
}


class SchemaAttack:
    """`keys`: of several roles, in turn. `found`: each complaint once, with the request that shows it."""

    def __init__(self, url: str, keys: tuple[str, ...]) -> None:
        self._url = url
        self._keys = keys
        self._session = requests.Session()
        self._session.trust_env = False
        self.statuses: Counter[int] = Counter()
        self.found: dict[str, str] = {}
        self.operations: set[str] = set()

    @property
    def sent(self) -> int:
        return self.statuses.total()

    def run(self, requests_wanted: int, seed: int) -> None:
        """At least as many requests, shared out among all operations and both modes."""
        schema = schemathesis.openapi.from_url(f"{self._url}/openapi.json")
        operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
        assert len(operations) >= OPERATIONS_MIN, operations
        turns = [(operation, mode) for operation in operations for mode in _modes(operation)]
        each = -(-requests_wanted // len(turns))
        for operation, mode in turns:
            self.operations.add(operation.label)
            self._attack(operation, mode, each, seed)

    def _attack(self, operation: Operation, mode: GenerationMode, times: int, seed: int) -> None:
        wanted = self.sent + times

        @seeded(seed)
        @settings(max_examples=times, **_ONLY_GENERATE)
        @given(operation.as_strategy(generation_mode=mode))
        def send(case: AnyCase) -> None:
            self._send(case)

        # A small operation runs out of different cases before it has had its share.
        while self.sent < wanted:
            before = self.sent
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                send()
            if self.sent == before:
                return

    def _send(self, case: AnyCase) -> None:
        key = self._keys[self.sent % len(self._keys)]
        label = case.operation.label
        try:
            answer = case.call(self._url, self._session, {"Authorization": f"Bearer {key}"}, timeout=ANSWER_S_MAX)
        except requests.RequestException as error:
            self.statuses[0] += 1
            self.found.setdefault(f"{label}: {type(error).__name__}", case.as_curl_command())
            return
        self.statuses[answer.status_code] += 1
        headers = {name.lower(): values[0] for name, values in answer.headers.items()}
        for complaint in [*complaints(answer.status_code, headers, answer.content), *_disagreements(case, answer)]:
            self.found.setdefault(f"{label}: {complaint}", case.as_curl_command())


def _modes(operation: Operation) -> Iterator[GenerationMode]:
    yield GenerationMode.POSITIVE
    if operation.body or operation.query or operation.path_parameters:
        yield GenerationMode.NEGATIVE


def _disagreements(case: AnyCase, answer: schemathesis.Response) -> list[str]:
    """Where the answer is not what the document says of it."""
    try:
        case.validate_response(answer, checks=list(CONFORMANCE))
    except FailureGroup as group:
        return [f"{type(failure).__name__}: {failure.title}" for failure in group.exceptions]
    return []
