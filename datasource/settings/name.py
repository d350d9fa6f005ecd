"""Names that the operator chooses."""

import re
from typing import Annotated

from pydantic import AfterValidator

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def _check_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} is not a name; use letters, digits and underscores, first a letter")
    return value


Name = Annotated[str, AfterValidator(_check_name)]
