"""The options of commands that read CSV files, in the same words everywhere."""

import click

data_option = click.option(
    "--data", required=True, multiple=True, help="A CSV file, wide or long; repeat it to join several."
)
file_config_option = click.option(
    "--config", default=None, help="A settings file; its queries are ignored, columns are found by name."
)
usual_graph_option = click.option(
    "--graph", default=None, help="A causal graph in YAML, instead of the settings' or the usual one."
)
calls_option = click.option(
    "--calls", default=None, help="Who calls whom: a CSV file with caller and callee, or a square matrix."
)
report_option = click.option(
    "--report", default=None, help="Also write one page of HTML with pictures to this file (needs matplotlib)."
)
time_option = click.option("--time", default=None, help="The time column, where it is not found by itself.")
entity_option = click.option(
    "--entity", multiple=True, help="A column that names the entity, where it is not found by itself."
)
