"""What the blocks of causal.yaml have in common."""

from pydantic import BaseModel, ConfigDict


class Block(BaseModel):
    """Keys that are not declared are refused; what was read does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
