"""Who may do what: tokens from files, which are read again for every request."""

import base64
import hashlib
import hmac
import logging
from binascii import Error
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from flask import Request, Response

from datasource.prometheus import PrometheusError
from datasource.prometheus.http.secrets import read_secret
from datasource.settings import Settings
from datasource.settings.web import Scope, token_files
from datasource.web.render import error_response

log = logging.getLogger(__name__)

OPEN = frozenset({"/healthz", "/readyz"})
"""What probes ask, which carry no tokens."""

_NO_WRITES = (
    "this service takes no writes; name a file with a token in its settings, as writes: {token_file: "
    "/run/secrets/causal-token}, and restart it"
)


_NO_SUMS = (
    "sums are told to tokens only; name one in the settings of this service, as web: {tokens: {others: {file: "
    "/run/secrets/others-token, scope: sums}}}"
)
_ENOUGH: Mapping[Scope, tuple[Scope, ...]] = {
    "write": ("write",),
    "read": ("write", "read"),
    "sums": ("write", "read", "sums"),
}


class Visitor(NamedTuple):
    """By which token somebody asks, and what that may do; both empty without one."""

    name: str = ""
    scope: Scope | None = None


class Access:
    """What the settings say of who may read and write."""

    def __init__(self, settings: Settings) -> None:
        self._files: Mapping[str, tuple[Path, Scope]] = token_files(settings.web, settings.writes)
        self.reading_is_open = not any(scope == "read" for _, scope in self._files.values())
        self.writing_is_open = any(scope == "write" for _, scope in self._files.values())
        self._given = bool(self._files)

    def admit(self, request: Request, scope: Scope) -> Visitor | Response:
        """Who asks, or the answer that says why they may not."""
        if scope == "write" and not self.writing_is_open:
            return error_response(403, _NO_WRITES)
        if scope == "sums" and not self._given:
            return error_response(403, _NO_SUMS)
        if scope == "read" and self.reading_is_open:
            return Visitor()
        scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
        visitor, unread = self._visitor(_token(scheme, shown, scope))
        if visitor.scope in _ENOUGH[scope]:
            return visitor
        wanted = [name for name, (_, one) in self._files.items() if one in _ENOUGH[scope]]
        if visitor.scope is not None:
            may = "may read only" if visitor.scope == "read" else "may have sums only"
            return error_response(403, f"the token '{visitor.name}' {may}; {scope} with one of the scope {scope}")
        if unread.issuperset(wanted):
            return error_response(403, f"the file of {wanted[0]} cannot be used; the service's log says why")
        what = "this is not the token" if shown else "no token"
        refusal = error_response(401, f"{what}; send the one in {' or '.join(wanted)} as 'Authorization: Bearer ...'")
        refusal.headers.add("WWW-Authenticate", "Bearer")
        if scope == "read":
            refusal.headers.add("WWW-Authenticate", 'Basic realm="causal-datasource: any user, a token as password"')
        return refusal

    def _visitor(self, shown: bytes) -> tuple[Visitor, set[str]]:
        """Whose token it is, in a time that tells nothing of those that it is not; and files that cannot be read."""
        found, unread = Visitor(), set()
        digest = hashlib.sha256(shown).digest()
        for setting, (path, scope) in self._files.items():
            try:
                tokens = read_secret(None, path, setting).split("\n")
            except PrometheusError as error:
                log.warning("a token cannot be used: %s", error)
                unread.add(setting)
                continue
            for token in tokens:
                known = hashlib.sha256(token.strip().encode()).digest()
                if hmac.compare_digest(digest, known) and token.strip() and scope in _ENOUGH[found.scope or "sums"]:
                    found = Visitor(setting.removeprefix("web.tokens.").removesuffix(".file"), scope)
        return found, unread


def _token(scheme: str, shown: str, scope: Scope) -> bytes:
    """The token that was sent: as bearer, or for reading as the password of any user, as browsers send it. Not for
    writing, since browsers send passwords with what pages of strangers ask, too."""
    sent = shown.strip().encode("latin-1", errors="replace")
    if scheme.lower() == "bearer":
        return sent
    if scheme.lower() != "basic" or scope == "write":
        return b""
    try:
        return base64.b64decode(sent, validate=True).partition(b":")[2]
    except Error:
        return b""
