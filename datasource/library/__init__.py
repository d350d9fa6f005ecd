"""The library door: from data to effects, causes and scores in Python, with no server.

    import datasource as cd

    print(cd.effect("orders.csv", "discount", "revenue", adjust=["season"]))

Every function takes CSV files, pandas data frames, or what `read_csv`, `from_frame` and `from_prometheus` return, and
answers with a `Result`: print it, `to_dict()`, `to_frame()`, `plot()`, `write_page("report.html")`. What cannot be used
raises `CsvError`, `SettingsError`, `StudyError`, `GraphError`, `QueryError` or `PrometheusError`, whose texts say what
to change.
"""

from datasource.attribution.syntax import QueryError
from datasource.data.csv.table import CsvError
from datasource.effects.study import StudyError
from datasource.graph import GraphError
from datasource.library.ask import effect, evaluate, impact, rank, score, what_if
from datasource.library.associating import Associated
from datasource.library.associating import find_associations as associations
from datasource.library.comparing import Compared, compare, invariant_parents
from datasource.library.data import Data, from_frame, from_prometheus, read_csv
from datasource.library.discovering import Discovered, discover
from datasource.library.effect_result import Effect
from datasource.library.evaluation import Evaluation
from datasource.library.explaining import Explained, explain
from datasource.library.falsifying import Falsified, falsify
from datasource.library.federating import Dependences, Federated, Offered, federate
from datasource.library.impact_result import ImpactOf
from datasource.library.prediction import WhatIf
from datasource.library.ranking import Ranking
from datasource.library.result import Result
from datasource.library.scores import ScoresByTime
from datasource.prometheus import PrometheusError
from datasource.settings import SettingsError

ERRORS = (CsvError, GraphError, PrometheusError, QueryError, SettingsError, StudyError)
"""Everything that a question may raise because of what it is given; the text says what to change."""

__all__ = [
    "ERRORS",
    "Associated",
    "Compared",
    "CsvError",
    "Data",
    "Dependences",
    "Discovered",
    "Effect",
    "Evaluation",
    "Explained",
    "Falsified",
    "Federated",
    "GraphError",
    "ImpactOf",
    "Offered",
    "PrometheusError",
    "QueryError",
    "Ranking",
    "Result",
    "ScoresByTime",
    "SettingsError",
    "StudyError",
    "WhatIf",
    "associations",
    "compare",
    "discover",
    "effect",
    "evaluate",
    "explain",
    "falsify",
    "federate",
    "from_frame",
    "from_prometheus",
    "impact",
    "invariant_parents",
    "rank",
    "read_csv",
    "score",
    "what_if",
]
