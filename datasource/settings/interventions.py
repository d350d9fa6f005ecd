"""The `interventions` block: what is written down by itself."""

from datasource.settings.block import Block


class Interventions(Block):
    """With `detect`, event signals write down what they tell: rollouts, scalings, changes of configuration."""

    detect: bool = True
