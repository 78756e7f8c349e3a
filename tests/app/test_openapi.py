"""Requests invented from the description of the API, right ones and wrong ones, are answered as it says."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable

from tests.app.conftest import TOKEN, Served

schemathesis = pytest.importorskip(
    "schemathesis", reason="the description of the API was not tried by schemathesis"
)
requests = pytest.importorskip("requests")
KEY = {"Authorization": f"Bearer {TOKEN}"}
EXAMPLES = 4
NAMES = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
CHECKS = [getattr(schemathesis.checks, name) for name in NAMES]


def test_every_operation_answers_with_what_it_promises(served: Served) -> None:
    schema = schemathesis.openapi.from_url(f"{served.url}/api/openapi.json", headers=KEY)
    session = requests.Session()
    session.trust_env = False
    session.headers.update(KEY)
    tried = set()

    def send(case: Any) -> None:
        answer = case.call(session=session, timeout=30)
        tried.add((case.method, case.path))
        assert answer.status_code < 500
        case.validate_response(answer, checks=CHECKS)
        if answer.status_code >= 400:
            assert answer.json()["error"]

    for operation in (found.ok() for found in schema.get_all_operations()):
        given_something = bool(operation.body) or any(True for _ in operation.iter_parameters())
        for mode in (
            schemathesis.GenerationMode if given_something else [schemathesis.GenerationMode.POSITIVE]
        ):
            run = given(case=operation.as_strategy(generation_mode=mode))(send)
            options = settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            try:
                options(seed(0)(run))()
            except Unsatisfiable:
                continue  # nothing about this operation can be wrong
    assert len(tried) >= 15
