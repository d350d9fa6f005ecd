"""A headless Chromium, driven through the DevTools protocol."""

import json
import os
import shutil
import subprocess
import time
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import websocket

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--remote-debugging-port=0", "--window-size=1440,900"),
)


class Page:
    """One tab; remembers every request and every error."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, timeout=30, suppress_origin=True)
        self._number = 0
        self.requests: list[str] = []
        self.errors: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and give its result."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == self._number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self._remember(message.get("method"), message.get("params", {}))

    def _remember(self, event: str, params: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(params["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.errors.append(json.dumps(params["args"]))
        elif event == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif event == "Page.javascriptDialogOpening":
            self.errors.append(f"dialog: {params['message']}")

    def open(self, url: str) -> None:
        self.requests.clear()
        self.errors.clear()
        self.call("Page.navigate", url=url)

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def text(self, selector: str) -> str:
        """What is shown inside the element, with single spaces; empty where there is none."""
        shown = self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")
        return " ".join(shown.split())

    def wait_for(self, selector: str, text: str, timeout: float = 20) -> str:
        """The element's text, once it contains `text`."""
        end = time.monotonic() + timeout
        while text not in (shown := self.text(selector)):
            assert time.monotonic() < end, f"{selector} shows '{shown}', not '{text}'; errors: {self.errors}"
            time.sleep(0.05)
        return shown

    def screenshot(self, path: Path, width: int, height: int, *, dark: bool = False) -> None:
        """A picture of the window at a size."""
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[theme])
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        time.sleep(0.3)
        path.write_bytes(b64decode(self.call("Page.captureScreenshot")["data"]))


@contextmanager
def open_chromium(directory: Path) -> Iterator[Page]:
    """A tab of a Chromium that ends with the context; without one the test is skipped, in CI it fails."""
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if binary is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("there is no chromium on PATH")
    process = subprocess.Popen(
        [binary, *FLAGS, f"--user-data-dir={directory}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Page(_address(directory / "DevToolsActivePort", process))
    finally:
        process.terminate()
        process.wait(timeout=20)


def _address(file: Path, process: subprocess.Popen[bytes]) -> str:
    """The WebSocket of the tab, once Chromium has written down its port."""
    end = time.monotonic() + 60
    while not (file.exists() and file.read_text().count("\n")):
        assert process.poll() is None, "chromium ended"
        assert time.monotonic() < end, "chromium does not open its port"
        time.sleep(0.05)
    port = file.read_text().split()[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=20) as answer:
        tabs = json.load(answer)
    found: str = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
    return found
