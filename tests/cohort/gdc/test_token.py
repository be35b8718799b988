"""Files of controlled access, and the token that opens them, by both clients."""

import dataclasses
import logging
import stat

import pytest

from slidemill.cohort.gdc.errors import DownloadError, TokenError


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token.txt"
    path.write_text("secret-of-the-user\n")
    path.chmod(0o600)
    return path


def test_a_file_of_controlled_access_needs_the_token(download, gdc, served, output, token_file, caplog):
    gdc.files[served.file_id] = dataclasses.replace(served, access="controlled")
    gdc.token = "secret-of-the-user"
    with pytest.raises(DownloadError, match=r"controlled access: give your token \(acquire.token_file\)"):
        download()
    gdc.faults.append("drop")
    with caplog.at_level(logging.DEBUG):
        assert download(token_file=token_file)
    assert output.read_bytes() == served.path.read_bytes()
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("content", "mode", "told"),
    [
        ("a", 0o640, "others may read the token. Run: chmod 600"),
        ("", 0o600, "does not hold a token"),
        ("a\nb", 0o600, "does not hold a token"),
        ("\N{SNOWMAN}", 0o600, "does not hold a token"),
    ],
)
def test_a_token_file_that_cannot_be_used(download, token_file, content, mode, told):
    token_file.write_text(content, encoding="utf-8")
    token_file.chmod(mode)
    with pytest.raises(TokenError, match=told):
        download(token_file=token_file)
    assert stat.S_IMODE(token_file.stat().st_mode) == mode


def test_a_token_is_sent_to_no_server_that_is_not_encrypted(download, token_file):
    with pytest.raises(TokenError, match="is not encrypted"):
        download(token_file=token_file, server="http://gdc.example.org")
