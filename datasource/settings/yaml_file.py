"""A small YAML file beside causal.yaml, such as a graph of its own."""

import os
from pathlib import Path
from typing import Any

import yaml

from datasource.settings.load import SettingsError


def read_yaml(path: str | os.PathLike[str], block: str) -> Any:
    """What a file holds, alone or under the key `block`. Raises SettingsError."""
    try:
        data = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    return data[block] if isinstance(data, dict) and isinstance(data.get(block), (dict, list)) else data
