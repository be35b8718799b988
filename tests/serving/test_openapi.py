"""The service keeps what its OpenAPI document promises, whatever clients make of it."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

pytestmark = pytest.mark.slow

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
# The same requests in each run, of which none waits for another.
BOUNDED = settings(
    max_examples=40,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_every_operation_answers_as_the_document_says(stand_in):
    """To what fits the document, and to what does not."""
    server = stand_in()
    schema = schemathesis.openapi.from_dict(server.ask("/openapi.json").json)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert {operation.path for operation in operations} == {"/ping", "/model", "/metrics", "/invocations"}
    statuses = set()

    @BOUNDED
    @given(case=st.one_of([operation.as_strategy(mode) for mode in GenerationMode for operation in operations]))
    def call(case):
        response = case.call(base_url=server.url)
        statuses.add(response.status_code)
        case.validate_response(response, checks=CHECKS)

    call()
    assert statuses >= {200, 400, 422}
