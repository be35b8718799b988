"""Files of models that Hugging Face's own programs have downloaded to this machine; nothing is downloaded here."""

import re
from pathlib import Path

from slidemill.errors import ConfigError

SCHEME = "hf://"

_ADDRESS = re.compile(r"hf://(?P<repository>[\w.-]+/[\w.-]+?)(@(?P<revision>[\w./-]+?))?/(?P<file>[^@]+)")


class NotCachedError(ConfigError):
    """An address at Hugging Face whose file is not on this machine."""


def cached_file(address: str) -> Path:
    """The file of an address, hf://OWNER/NAME/FILE or hf://OWNER/NAME@REVISION/FILE, in the cache of Hugging Face.

    The cache is where `hf download` puts files: HF_HUB_CACHE, or hub in HF_HOME, or ~/.cache/huggingface/hub.

    Raises:
        NotCachedError: it is no such address, or the file is not there; with the command that brings it.
    """
    from huggingface_hub import constants, try_to_load_from_cache

    found = _ADDRESS.fullmatch(address)
    if not found:
        raise NotCachedError(f"{address}: no file at Hugging Face. Expected: hf://OWNER/NAME/FILE.")
    repository, revision, file = found["repository"], found["revision"], found["file"]
    try:
        path = try_to_load_from_cache(repository, file, revision=revision)
    except ValueError as error:
        raise NotCachedError(f"{address}: {' '.join(str(error).split())}") from None
    if not isinstance(path, str) or not Path(path).is_file():
        options = f" --revision {revision}" if revision else ""
        raise NotCachedError(
            f"{address}: not in {constants.HF_HUB_CACHE}. Download it once: hf download {repository} {file}{options}"
        )
    return Path(path)
