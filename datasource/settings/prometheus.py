"""The `prometheus` block: where the signals come from, and how much may come."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from datasource.settings.duration import Duration
from datasource.settings.http import HttpServer

_OURS = {"query", "start", "end", "step", "time", "match[]"}


def _as_params(value: Any) -> Any:
    """Texts, as they stand in a URL: numbers and booleans as the server reads them, lists as they are."""
    if not isinstance(value, dict):
        return value
    return {
        key: tuple(map(_text, one)) if isinstance(one, (list, tuple)) else (_text(one),) for key, one in value.items()
    }


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else value


class Prometheus(HttpServer):
    """Where the signals come from.

    `timeout` bounds one request with its retries, `retries` counts further tries after a refused connection or a
    502, 503, 504, `latency_offset` is how long after a step its samples are surely there. `params` go with every
    request. With `partial: fail` an answer in which something is missing is no answer.
    """

    timeout: Duration = 30.0
    retries: int = Field(default=2, ge=0, le=10)
    concurrency: int = Field(default=4, ge=1, le=64)
    latency_offset: Duration = 30.0
    params: Annotated[dict[str, tuple[str, ...]], BeforeValidator(_as_params)] = Field(default={})
    partial: Literal["notice", "fail"] = "notice"
    max_points: int = Field(default=11_000, ge=2)
    max_series: int = Field(default=10_000, ge=1)

    @field_validator("params")
    @classmethod
    def _queries_are_reserved(cls, params: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name in params:
            if name in _OURS:
                raise ValueError(f"'{name}' is set with every query; remove it here")
        return params
