"""Names that the operator chooses, and those of labels, which others chose."""

import re
from typing import Annotated

from pydantic import AfterValidator

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:/-]*")


def _check_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} is not a name; use letters, digits and underscores, first a letter")
    return value


def check_label(value: str) -> str:
    """A label as Prometheus 3 may have it, as `service.name` or `k8s.io/app`. Raises ValueError."""
    if not _LABEL.fullmatch(value):
        raise ValueError(
            f"{value!r} is not a label; use letters, digits, underscores, dots, hyphens and slashes, first a letter"
        )
    return value


Name = Annotated[str, AfterValidator(_check_name)]

LabelName = Annotated[str, AfterValidator(check_label)]
