"""Treatment and outcome: what is asked, whether the graph can answer it, and the effect with its interval."""

from datasource.effects.analysis import analyse_effect
from datasource.effects.identify import Identification, identify
from datasource.effects.questions import EffectQuestion, effect_questions
from datasource.effects.result import EffectResult, EffectSeries, Estimate

__all__ = [
    "EffectQuestion",
    "EffectResult",
    "EffectSeries",
    "Estimate",
    "Identification",
    "analyse_effect",
    "effect_questions",
    "identify",
]
