"""Words in a CSV file that say whether something is on."""

import numpy as np
from numpy.typing import NDArray

from datasource.data import Floats

_YES = (
    *("1", "true", "t", "yes", "y", "on", "enabled", "active"),
    *("treated", "treatment", "exposed", "canary", "after", "post"),
)
_NO = (
    *("0", "false", "f", "no", "n", "off", "disabled", "inactive"),
    *("untreated", "control", "unexposed", "stable", "before", "pre"),
)


def yes_or_no(texts: NDArray[np.object_]) -> Floats | None:
    """1 for yes, 0 for no and NaN for an empty cell (n), in any case of letters; None where there is another word."""
    small = np.array([text.lower() for text in texts], dtype=object)
    yes, no, empty = (np.isin(small, list(words)) for words in (_YES, _NO, ("",)))
    if not (yes | no | empty).all():
        return None
    return np.where(empty, np.nan, yes.astype(np.float64))
