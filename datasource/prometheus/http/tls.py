"""TLS as `tls_config` says, and what goes wrong with it in words."""

import ssl
import threading
from pathlib import Path
from typing import Any

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from datasource.prometheus.errors import PrometheusError
from datasource.settings.http import TlsConfig

_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
_Stamp = tuple[tuple[int, int, int] | None, ...]


class Tls:
    """The TLS contexts of one `tls_config`, made anew when one of its files has changed.

    `setting` is where the configuration stands, as prometheus.tls_config.
    """

    def __init__(self, config: TlsConfig, setting: str) -> None:
        self.config = config
        self.setting = setting
        self._lock = threading.Lock()
        self._made: dict[bool, tuple[_Stamp, ssl.SSLContext]] = {}

    def options(self, own: bool) -> dict[str, Any]:
        """urllib3's keyword arguments for a connection to the configured server (`own`) or to a stranger that it
        redirects to, who is shown no certificate. Raises PrometheusError ("tls")."""
        options: dict[str, Any] = {
            "ssl_context": self._context(own),
            "cert_reqs": "CERT_NONE" if self.config.insecure_skip_verify else "CERT_REQUIRED",
        }
        if own and self.config.server_name:
            options["server_hostname"] = self.config.server_name
        return options

    def _context(self, own: bool) -> ssl.SSLContext:
        stamp = tuple(
            _stamp(file) for file in (self.config.ca_file, self.config.cert_file, self.config.key_file) if file
        )
        with self._lock:
            made = self._made.get(own)
            if made is None or made[0] != stamp:
                made = self._made[own] = (stamp, self._make(own))
            return made[1]

    def _make(self, own: bool) -> ssl.SSLContext:
        config = self.config
        try:
            context = ssl.create_default_context(cafile=config.ca_file, cadata=config.ca or None)
        except (OSError, ValueError) as error:
            key = "ca_file" if config.ca_file else "ca"
            raise PrometheusError("tls", f"{self.setting}.{key}: {_unusable(config.ca_file, error)}") from None
        if not (config.ca_file or config.ca):
            context.load_verify_locations(cafile=DEFAULT_CA_BUNDLE_PATH)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Python 3.13's default, which Prometheus is not as strict as
        context.minimum_version = _VERSIONS[config.min_version]
        if config.insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if own and config.cert_file:
            try:
                context.load_cert_chain(config.cert_file, config.key_file, password=_no_password)
            except (OSError, ValueError) as error:
                named = [f"{key}: {file}" for key, file in _pair(config) if file and not file.exists()]
                what = (
                    f"{self.setting}.{named[0]}: there is no such file"
                    if named
                    else (f"{self.setting}: cert_file and key_file cannot be used: {_unusable(None, error)}")
                )
                raise PrometheusError("tls", what) from None
        return context

    def explain(self, error: ssl.SSLError, url: str) -> str:
        """What failed between us and `url`, and which setting to look at."""
        text = str(error)
        if isinstance(error, ssl.SSLCertVerificationError):
            said = error.verify_message
            if "expired" in said:
                return f"{url}'s certificate has expired; renew it"
            if "mismatch" in said:
                return f"{url}: {said.rstrip('.')}; set {self.setting}.server_name to a name it is for"
            return f"{url}'s certificate cannot be verified ({said}); set {self.setting}.ca_file to its authority's"
        check = f"check {self.setting}.cert_file and key_file"
        if "ALERT" in text and any(sign in text for sign in ("CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE")):
            verdict = (
                "does not accept our client certificate" if self.config.cert_file else "wants a client certificate"
            )
            return f"{url} {verdict} ({_alert(error)}); {check}"
        if isinstance(error, ssl.SSLEOFError):  # its alert may be lost when it hangs up while we still speak
            verdict = "does not accept our" if self.config.cert_file else "wants a"
            return f"{url} hung up on TLS; maybe it {verdict} client certificate; {check}"
        if any(sign in text for sign in ("WRONG_VERSION_NUMBER", "RECORD_LAYER", "HTTP_REQUEST", "PACKET_LENGTH")):
            return f"{url} does not speak TLS; write the address with http://"
        if "PROTOCOL" in text or "VERSION" in text:
            return f"{url} does not speak {self.config.min_version} or newer; see {self.setting}.min_version"
        return f"{url}: TLS failed ({_alert(error)}); check {self.setting}"


def find_ssl_error(error: BaseException | None) -> ssl.SSLError | None:
    """The TLS error inside what requests and urllib3 made of it."""
    seen: list[BaseException | None] = [error]
    for one in seen:  # grows while it is walked
        if isinstance(one, ssl.SSLError):
            return one
        if one is not None and len(seen) < 50:
            inner = [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
            seen += [other for other in inner if isinstance(other, BaseException) and other not in seen]
    return None


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _pair(config: TlsConfig) -> tuple[tuple[str, Path | None], ...]:
    return ("cert_file", config.cert_file), ("key_file", config.key_file)


def _no_password() -> str:
    raise ValueError("the key is encrypted; store it without a passphrase")


def _alert(error: ssl.SSLError) -> str:
    return (error.reason or type(error).__name__).replace("_", " ").lower()


def _unusable(file: Path | None, error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        why = _alert(error)
    else:
        why = error.strerror or "" if isinstance(error, OSError) else str(error)
    return f"{file} cannot be used: {why.lower()}" if file else why
