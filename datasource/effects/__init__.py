"""Treatment and outcome: the effect, its interval and its checks."""

from datasource.effects.analysis import analyse_effect
from datasource.effects.checks import summary, traffic_light
from datasource.effects.impacts import INTERVENTION, analyse_impact
from datasource.effects.result import Check, Comparison, EffectResult, EffectSeries, Estimate, Group, Stratified
from datasource.effects.structural import StructuralModel, fit_structural
from datasource.effects.what_if import what_if

__all__ = [
    "INTERVENTION",
    "Check",
    "Comparison",
    "EffectResult",
    "EffectSeries",
    "Estimate",
    "Group",
    "Stratified",
    "StructuralModel",
    "analyse_effect",
    "analyse_impact",
    "fit_structural",
    "summary",
    "traffic_light",
    "what_if",
]
