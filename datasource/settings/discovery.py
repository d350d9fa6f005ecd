"""The methods of causal discovery by name: a line for each, which the settings, the commands and the library read."""

from typing import Annotated, NamedTuple

from pydantic import AfterValidator


class DiscoveryMethod(NamedTuple):
    """Where a method is: its file in `datasource.discovery` and its function; `package` is what it imports beside ours,
    `install` what brings that."""

    file: str
    function: str = "fit"
    package: str = ""
    install: str = ""


DISCOVERY_METHODS: dict[str, DiscoveryMethod] = {
    "hybrid": DiscoveryMethod("hybrid"),
    "pc": DiscoveryMethod("pc"),
    "lagged_pc": DiscoveryMethod("lagged_pc"),
    "order_search": DiscoveryMethod("order_search"),
    "lingam": DiscoveryMethod("lingam"),
    "notears": DiscoveryMethod("notears"),
    "dynotears": DiscoveryMethod("notears", "fit_with_lags"),
    "graph_neural": DiscoveryMethod("graph_neural", package="jax", install="'causal-datasource[neural]'"),
    "tigramite": DiscoveryMethod("tigramite", package="tigramite", install="tigramite"),
}
"""Every method, the default first."""


def known_method(name: str) -> str:
    """The same name. Raises ValueError where no method has it."""
    if name not in DISCOVERY_METHODS:
        raise ValueError(f"method '{name}' is unknown; known are: {', '.join(DISCOVERY_METHODS)}")
    return name


DiscoveryName = Annotated[str, AfterValidator(known_method)]
