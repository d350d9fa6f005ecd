"""What is asked, and whether the graph can answer it: adjustment, instruments, the front door."""

from datasource.identification.identify import Identification, identify
from datasource.identification.questions import EffectQuestion, effect_questions

__all__ = ["EffectQuestion", "Identification", "effect_questions", "identify"]
