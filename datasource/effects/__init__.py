"""Treatment and outcome: what is asked, whether the graph can answer it, and the effect with its interval."""

from datasource.effects.analysis import analyse_effect
from datasource.effects.checks import summary, traffic_light
from datasource.effects.identify import Identification, identify
from datasource.effects.impacts import INTERVENTION, analyse_impact
from datasource.effects.questions import EffectQuestion, effect_questions
from datasource.effects.result import Check, Comparison, EffectResult, EffectSeries, Estimate, Group, Stratified
from datasource.effects.structural import StructuralModel, fit_structural
from datasource.effects.what_if import what_if

__all__ = [
    "INTERVENTION",
    "Check",
    "Comparison",
    "EffectQuestion",
    "EffectResult",
    "EffectSeries",
    "Estimate",
    "Group",
    "Identification",
    "Stratified",
    "StructuralModel",
    "analyse_effect",
    "analyse_impact",
    "effect_questions",
    "fit_structural",
    "identify",
    "summary",
    "traffic_light",
    "what_if",
]
