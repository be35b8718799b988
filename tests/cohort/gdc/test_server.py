import pytest
import requests

from slidemill.cohort.gdc.server import _Session


@pytest.mark.parametrize(
    ("target", "kept"), [("https://api.gdc.cancer.gov/other", True), ("https://example.org/x", False)]
)
def test_a_redirect_takes_the_token_to_no_other_host(target, kept):
    asked = requests.Request("GET", "https://api.gdc.cancer.gov/data/x").prepare()
    redirected = requests.Request("GET", target, headers={"X-Auth-Token": "secret"}).prepare()
    response = requests.Response()
    response.request = asked
    with _Session() as session:
        session.rebuild_auth(redirected, response)
    assert ("X-Auth-Token" in redirected.headers) == kept
