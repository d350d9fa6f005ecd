"""A key that was renamed is told with its new name."""

import pytest

from datasource.settings import Settings, SettingsError, parse_settings
from datasource.settings.renamed import RENAMED

TEXT = """
prometheus: {url: 'http://prometheus:9090'}
entities: {service: {labels: [service]}}
signals: {requests: {entity: service, query: requests, window: 1m, role: load}}
"""


def test_the_new_name_is_told_with_the_line() -> None:
    with pytest.raises(
        SettingsError, match=r"causal\.yaml:5: evaluation\.concurrency: this key is called prometheus\.conc"
    ):
        parse_settings(TEXT + "evaluation: {concurrency: 8}\n")


@pytest.mark.parametrize("old", RENAMED)
def test_what_was_renamed_is_no_key_any_more_and_its_new_name_is_one(old: tuple[str, ...]) -> None:
    block, *rest = RENAMED[old].split(".")
    assert block in Settings.model_fields
    for name in rest:
        assert name in Settings.model_fields[block].annotation.model_fields  # type: ignore[union-attr]
