"""Other installations, asked over HTTP: all at once, each within its time, and who cannot be used is named."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import orjson

from datasource.federation.join import LeftOut
from datasource.federation.sums import Site, SumsError, column_of, read_site
from datasource.prometheus import PrometheusError
from datasource.prometheus.transport import Transport
from datasource.settings.http import HttpConfig, TlsConfig

T = TypeVar("T")
_AT_ONCE = 8


class SiteAddress(NamedTuple):
    """Where an installation is, what it is called here, and where its token and its authority's certificate are."""

    name: str
    url: str
    token_file: Path | None = None
    ca_file: Path | None = None


class Sites:
    """Installations that are asked, as long as they answer; `left_out` says who does not count any more, and why."""

    def __init__(self, addresses: Sequence[SiteAddress], timeout: float = 10.0) -> None:
        self.left_out: list[LeftOut] = []
        self.notices: list[str] = []
        self._timeout = timeout
        self._addresses = {one.name: one for one in addresses}
        self._asked = {one.name: self._transport(one) for one in addresses}
        if len(self._asked) < len(addresses):
            raise SumsError("two installations have the same name; give each its own, as --site eu=https://...")

    def offers(self) -> Mapping[str, Mapping[str, Any]]:
        """What each tells of. Raises SumsError where nobody answers."""
        return self._each(self._offer)

    def ask(self, columns: Sequence[str], whitening: Sequence[float]) -> list[Site]:
        """The sums over columns of each, whitened. Raises SumsError where nobody answers."""
        parameters = {"column": list(columns), "whitening": [repr(float(one)) for one in whitening]}

        def sums(name: str) -> Site:
            document = self._get(name, "/api/v1/federation/sums", parameters)
            site = read_site(name, document, columns)
            if not site.blocks:
                raise SumsError("; ".join(site.notices) or "it has no environment with all of these columns")
            return site

        found = self._each(sums)
        said = [f"{site.name}: {notice}" for site in found.values() for notice in site.notices]
        self.notices += [one for one in said if one not in self.notices]
        return list(found.values())

    def agree(self, columns: Sequence[str]) -> None:
        """Leaves out who measures these columns at another step, in another unit or over another window than most.
        Raises SumsError where nobody is left."""
        names = {column_of(one).variable for one in columns}
        said: dict[str, dict[str, Any]] = {}
        for name, offer in self.offers().items():
            try:
                own = {one["column"]: one for one in offer["columns"] if one["column"] in names}
                said[name] = {"step": f"{offer['step']} s"}
                said[name] |= {f"the unit of {c}": str(one["unit"]) for c, one in own.items()}
                said[name] |= {f"the window of {c}": f"{one['window']} s" for c, one in own.items()}
            except (KeyError, TypeError) as error:
                self._leave(name, f"it does not say what it tells of ({error!r})")
        for what in sorted({key for each in said.values() for key in each}):
            values = [each[what] for each in said.values() if what in each]
            usual = max(dict.fromkeys(values), key=values.count)
            for name, each in list(said.items()):
                if each.get(what, usual) != usual:
                    self._leave(name, f"{what} is {each[what]!r} there, and {usual!r} elsewhere")
                    said.pop(name)

    def _offer(self, name: str) -> Mapping[str, Any]:
        found = self._get(name, "/api/v1/federation", {})
        if not isinstance(found, dict) or not isinstance(found.get("columns"), list):
            raise SumsError("it does not say what it tells of; is it a causal-datasource of this version?")
        return found

    def _each(self, question: Callable[[str], T]) -> dict[str, T]:
        """The answers by name; who has none is left out from now on."""
        found: dict[str, T] = {}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for name, job in [(name, pool.submit(question, name)) for name in list(self._asked)]:
                try:
                    found[name] = job.result()
                except SumsError as error:
                    self._leave(name, str(error))
                except PrometheusError as error:
                    self._leave(name, self._unanswered(name, error))
        if not found:
            reasons: dict[str, list[str]] = {}
            for one in self.left_out:
                reasons.setdefault(one.reason, []).append(one.site)
            why = "; ".join(f"{', '.join(sites)}: {reason}" for reason, sites in reasons.items())
            raise SumsError(f"no installation is left: {why}")
        return found

    def _unanswered(self, name: str, error: PrometheusError) -> str:
        """Why it did not answer; of tokens, in the words of who gives them."""
        file = self._addresses[name].token_file
        if error.kind != "unauthorised":
            return str(error)
        if file is None:
            return "it tells sums to tokens only; give one that it knows, as --token-file FILE"
        told = str(error).partition(f"{file} ")[2]
        return f"--token-file: {file} {told}" if told else f"it does not accept the token in {file} (--token-file)"

    def _leave(self, name: str, reason: str) -> None:
        self._asked.pop(name, None)
        self.left_out.append(LeftOut(name, reason))

    def _get(self, name: str, path: str, parameters: Mapping[str, Any]) -> Any:
        reply = self._asked[name].get(path, parameters)
        try:
            document = orjson.loads(reply.body)
        except orjson.JSONDecodeError:
            raise SumsError(f"it answers HTTP {reply.status} and no JSON; is the address right?") from None
        if reply.status != 200:
            told = document.get("message") if isinstance(document, dict) else None
            raise SumsError(str(told or f"it answers HTTP {reply.status}")[:300])
        return document

    def _transport(self, one: SiteAddress) -> Transport:
        if not one.url.startswith(("http://", "https://")):
            raise SumsError(f"--site: '{one.url}' is no address; write it as eu=https://eu.example.com:8321")
        config: dict[str, Any] = {"follow_redirects": False, "tls_config": TlsConfig(ca_file=one.ca_file)}
        if one.token_file:
            config["authorization"] = {"type": "Bearer", "credentials_file": one.token_file}
        return Transport(HttpConfig.model_validate(config), one.url, self._timeout, 1, f"--site {one.name}")
