"""What the operator wrote: causal.yaml, validated, with errors that name the line and the fix."""

from datasource.settings.duration import format_duration, parse_duration
from datasource.settings.finding import known
from datasource.settings.load import Loaded, SettingsError, load_settings, parse_settings
from datasource.settings.model import CAUSES, Effect, Impact, Kind, Role, Settings, Signal
from datasource.settings.quiet_times import QuietTime, merged
from datasource.settings.relations import NameRule, Relation, Source
from datasource.settings.rules import Rule, parse_rule

__all__ = [
    "CAUSES",
    "Effect",
    "Impact",
    "Kind",
    "Loaded",
    "NameRule",
    "QuietTime",
    "Relation",
    "Role",
    "Rule",
    "Settings",
    "SettingsError",
    "Signal",
    "Source",
    "format_duration",
    "known",
    "load_settings",
    "merged",
    "parse_duration",
    "parse_rule",
    "parse_settings",
]
