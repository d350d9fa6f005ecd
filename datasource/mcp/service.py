"""The running service, asked over its plain JSON API."""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import orjson
import requests

from datasource.prometheus import PrometheusError
from datasource.prometheus.http.secrets import read_secret

_TIMEOUT = 30.0
"""Seconds between two bytes: a what-if of fifty outcomes is computed while one waits."""
_MOST_BYTES = 32 * 1024 * 1024
"""The largest answer that the service gives."""

AUTHORIZATION: ContextVar[str | None] = ContextVar("AUTHORIZATION", default=None)
"""What somebody shows who asks over HTTP, which is passed on to the service; None over stdio."""


class RefusedError(Exception):
    """A question cannot be answered as it is asked; the text says what to change."""


class UnreachableError(RefusedError):
    """The service does not answer."""


class NotKnownError(Exception):
    """The service knows no answer yet; the text says why."""


class Frame(NamedTuple):
    """A frame of a panel: its rows by field name, and what else it says."""

    rows: Sequence[Mapping[str, Any]]
    notices: Sequence[str]


class Service:
    """A causal-datasource at `url`. The token is read from its file for every question, as the service does;
    `hint` says how to give one where it is missing."""

    def __init__(
        self, url: str, token_file: Path | None = None, hint: str = "start causal-datasource mcp with --token-file"
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise RefusedError(f"--url: {url!r} is not an address; write it as http://127.0.0.1:8321")
        self.url = url.rstrip("/")
        self.token_file = token_file
        self._hint = hint

    def link(self, path: str, **parameters: str) -> str:
        """The address that shows something in a browser."""
        return f"{self.url}{path}" + (f"?{urlencode(parameters)}" if parameters else "")

    def get(self, path: str, **parameters: str | Sequence[str]) -> Any:
        """JSON of a door. Raises RefusedError and NotKnownError."""
        return self._ask("GET", path, params=parameters)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """JSON that a door answers to a body. Raises RefusedError and NotKnownError."""
        return self._ask("POST", path, json=body)

    def admit(self) -> None:
        """Raises RefusedError where whoever asks may not read."""
        self.get("/api/v1/openapi.json")

    def panel(self, name: str, **parameters: str | Sequence[str]) -> list[Frame]:
        """The frames of a panel; parameters that are empty are left out. Raises RefusedError and NotKnownError."""
        given = {key: value for key, value in parameters.items() if value}
        answer = self.post("/query", {"targets": [{"target": name, "payload": given}]})
        return [_frame(one) for one in answer]

    def _ask(self, method: str, path: str, **sent: Any) -> Any:
        session = requests.Session()
        session.trust_env = False  # a .netrc would take the token's place
        try:
            with session.request(
                method,
                self.url + path,
                headers=self._headers(),
                timeout=_TIMEOUT,
                allow_redirects=False,
                stream=True,
                **sent,
            ) as answer:
                body = b""
                for piece in answer.iter_content(2**16):
                    body += piece
                    if len(body) > _MOST_BYTES:
                        raise RefusedError(f"{self.url}{path} answers more than 32 MiB; ask for less")
        except requests.RequestException as error:
            raise UnreachableError(
                f"{self.url} cannot be reached ({type(error).__name__}); is the service there, and --url right?"
            ) from None
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            document = None
        if 200 <= answer.status_code < 300 and document is not None:
            return document
        told = document.get("message") if isinstance(document, dict) else None
        if answer.status_code == 503 and told:
            raise NotKnownError(told)
        if answer.status_code in (401, 403) and told and self.token_file is None and AUTHORIZATION.get() is None:
            told += f" ({self._hint})"
        raise RefusedError(told or f"{self.url} answers {answer.status_code} and is no causal-datasource; mend --url")

    def _headers(self) -> dict[str, bytes]:
        shown = AUTHORIZATION.get()
        if shown is not None:
            return {"Authorization": shown.encode("latin-1")} if shown else {}
        if self.token_file is None:
            return {}
        try:
            token = read_secret(None, self.token_file, "--token-file").split("\n")[0].strip()
        except PrometheusError as error:
            raise RefusedError(str(error)) from None
        if len(token.split()) > 1:
            raise RefusedError(f"--token-file: {self.token_file} holds more than one word; a token is one word")
        return {"Authorization": b"Bearer " + token.encode()}


def _frame(frame: Mapping[str, Any]) -> Frame:
    names = [field["name"] for field in frame["fields"]]
    columns = [field["values"] for field in frame["fields"]]
    notices = [one["text"] for one in frame.get("meta", {}).get("notices", ())]
    return Frame([dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)], notices)
