"""The `remote_write` block: where results are pushed to, for a Prometheus that cannot scrape them."""

from pydantic import Field, field_validator

from datasource.settings.duration import Duration
from datasource.settings.http import HttpServer
from datasource.settings.name import LabelName


class RemoteWrite(HttpServer):
    """Where results are pushed to.

    `url` is the whole address, as http://mimir/api/v1/push. What could not be delivered for so long as `keep` says is
    dropped. `external_labels` are added to every series that has no such label.
    """

    timeout: Duration = 30.0
    keep: Duration = 900.0
    external_labels: dict[LabelName, str] = Field(default={})
    follow_redirects: bool = False

    @field_validator("follow_redirects")
    @classmethod
    def _never(cls, value: bool) -> bool:
        if value:
            raise ValueError("what is pushed cannot be redirected; remove it, and write the right address as url")
        return value
