"""The `federation` block: what other installations may be told, to be joined with what they have."""

from pydantic import Field

from datasource.settings.block import Block
from datasource.settings.name import Name


class Federation(Block):
    """Sums over many points, never a point, for whoever shows a token.

    `name` is what others call this installation, `signals` are those that it tells of, all without. No sum is over
    fewer than `least_points` points, nor do two sums differ by fewer. `noise` is added to each sum: so many times what
    it would vary by chance.
    """

    name: Name
    signals: tuple[Name, ...] = ()
    least_points: int = Field(default=120, ge=30)
    noise: float = Field(default=0.0, ge=0, le=10)
