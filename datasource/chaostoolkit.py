"""A control of Chaos Toolkit that writes every experiment to the log of interventions; needs nothing but Python.

One line in the experiment file is enough, with who is changed; CAUSAL_URL says where the service is, CAUSAL_TOKEN_FILE
names the file of a token that may write:

    "controls": [{"name": "causal", "provider": {"type": "python", "module": "datasource.chaostoolkit",
                  "arguments": {"targets": ["shop/user"]}}}]
"""

import json
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["after_experiment_control", "before_method_control"]

logger = logging.getLogger("chaostoolkit")

_TIMEOUT = 10.0
_open: dict[str, dict[str, Any]] = {}
"""What was written of experiments that go on, by their titles."""


def before_method_control(
    context: Mapping[str, Any],
    targets: Sequence[str] = (),
    url: str = "",
    token_file: str = "",
    kind: str = "chaos",
    **_: Any,
) -> None:
    """The method begins: so does the intervention. `context` is the experiment."""
    title = str(context.get("title", "experiment"))
    said = {
        "kind": kind,
        "targets": list(targets) or [str(tag) for tag in context.get("tags", ())] or [title],
        "why": title[:500],
        "links": {"experiment": title[:500]},
        "parameters": dict(_actions(context.get("method", ()))),
        "start": int(time.time()),
    }
    answer = _post(url, token_file, "/api/v1/interventions", said)
    if answer:
        _open[title] = answer["intervention"]


def after_experiment_control(
    context: Mapping[str, Any],
    state: Mapping[str, Any] | None = None,
    url: str = "",
    token_file: str = "",
    **_: Any,
) -> None:
    """Method and rollbacks are over: so is the intervention. `state` is the journal."""
    one = _open.pop(str(context.get("title", "experiment")), None)
    if one is None:
        return
    journal = state or {}
    undone = [run.get("status") == "succeeded" for run in journal.get("rollbacks") or ()]
    statuses = {
        run["activity"]["name"][:200]: run.get("status", "unknown")
        for run in journal.get("run") or ()
        if run["activity"].get("type") == "action"
    }
    said = {
        "end": max(int(time.time()), one["start"] + 1),
        "rolled_back": bool(undone) and all(undone),
        "parameters": {**one["parameters"], **statuses, "status": str(journal.get("status", "unknown"))},
    }
    _post(url, token_file, f"/api/v1/interventions/{one['intervention']}/correct", said)


def _actions(method: Sequence[Mapping[str, Any]]) -> Any:
    """What the method does, by the names of its actions."""
    for activity in method[:50]:
        if activity.get("type") == "action":
            provider = activity.get("provider", {})
            path = " ".join(str(provider.get(key, "")) for key in ("module", "func", "path", "url"))
            yield str(activity.get("name", "action"))[:200], path.strip()[:500]


def _post(url: str, token_file: str, path: str, body: Mapping[str, Any]) -> Any:
    """What the service answers; None, with a warning, where it cannot be asked: an experiment goes on all the same."""
    place = (url or os.environ.get("CAUSAL_URL", "http://127.0.0.1:8321")).rstrip("/") + path
    named = token_file or os.environ.get("CAUSAL_TOKEN_FILE", "")
    try:
        token = Path(named).read_text(encoding="utf-8").split("\n")[0].strip() if named else ""
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        asked = urllib.request.Request(place, json.dumps(body).encode(), headers, method="POST")
        with urllib.request.urlopen(asked, timeout=_TIMEOUT) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        logger.warning(
            "the intervention is not written down (%d): %s", error.code, error.read(1000).decode(errors="replace")
        )
    except (OSError, ValueError) as error:
        logger.warning("the intervention is not written down: %s: %s", place, error)
    return None
