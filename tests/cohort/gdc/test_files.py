import pytest

from slidemill.cohort.gdc.files import GdcFile, GdcFileError

GOOD = {"file_id": "0000b231-7c05-4e2e-8c9e-6d0675bfbb34", "filename": "a.svs", "md5": "0" * 32, "size": 1}


def test_a_file():
    assert GdcFile(**GOOD).size == 1


@pytest.mark.parametrize(
    "filename",
    ["", ".", "..", "../x.svs", "/etc/passwd", "a/b.svs", "a\\b.svs", ".hidden", "a\nb", "a b", "-rf", "a\0b"],
)
def test_a_name_cannot_leave_the_folder(filename):
    with pytest.raises(GdcFileError, match="expected a plain file name"):
        GdcFile(**GOOD | {"filename": filename})


@pytest.mark.parametrize(
    "wrong", [{"file_id": "../x"}, {"file_id": ""}, {"md5": "0" * 31}, {"md5": "G" * 32}, {"size": 0}, {"size": -1}]
)
def test_what_cannot_be_right(wrong):
    with pytest.raises(GdcFileError, match=r"expected .* Correct it\."):
        GdcFile(**GOOD | wrong)
