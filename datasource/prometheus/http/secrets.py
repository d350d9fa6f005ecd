"""A secret from where the settings say it is."""

from pathlib import Path

from pydantic import SecretStr

from datasource.prometheus.errors import PrometheusError


def read_secret(inline: SecretStr | None, file: Path | None, setting: str) -> str:
    """The secret as it is now: a file is read every time, without the white space around its text.

    `setting` names the file's key. Raises PrometheusError ("unauthorised") when the file cannot be read or is empty.
    """
    if file is None:
        return inline.get_secret_value() if inline else ""
    try:
        secret = file.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise PrometheusError("unauthorised", f"{setting}: {file} is not a text in UTF-8") from None
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise PrometheusError("unauthorised", f"{setting}: {file} cannot be read: {why}") from None
    if not secret:
        raise PrometheusError("unauthorised", f"{setting}: {file} is empty")
    return secret
