"""A user that the machine does not know, as in a container that was started with `--user 1234`."""

import getpass
import os
import pwd

import pytest

from slidemill.launch import name_user

NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")


@pytest.fixture
def unknown(monkeypatch):
    for name in NAMES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)

    def find_nobody(number):
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr(pwd, "getpwuid", find_nobody)


def test_an_unknown_user_gets_its_number_for_a_name(unknown):
    with pytest.raises((KeyError, OSError)):
        getpass.getuser()
    name_user()
    assert getpass.getuser() == str(os.getuid())


def test_a_known_user_keeps_its_name(monkeypatch):
    monkeypatch.setenv("LOGNAME", "somebody")
    name_user()
    assert getpass.getuser() == "somebody"
