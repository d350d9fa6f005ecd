"""What the operator wrote: causal.yaml, validated, with errors that name the line and the fix."""

from datasource.settings.duration import format_duration, parse_duration
from datasource.settings.load import Loaded, SettingsError, load_settings, parse_settings
from datasource.settings.model import Effect, Kind, Relation, Role, Settings, Signal
from datasource.settings.rules import Rule, parse_rule

__all__ = [
    "Effect",
    "Kind",
    "Loaded",
    "Relation",
    "Role",
    "Rule",
    "Settings",
    "SettingsError",
    "Signal",
    "format_duration",
    "load_settings",
    "parse_duration",
    "parse_rule",
    "parse_settings",
]
