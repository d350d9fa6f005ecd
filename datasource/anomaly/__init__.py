"""Expected values, scores and root causes: who broke, not who suffers."""

from datasource.anomaly.causes import Contribution, Outside, RootCauses
from datasource.anomaly.fit import Mechanisms, fit_mechanisms
from datasource.anomaly.incident import Incident
from datasource.anomaly.mechanism import Mechanism, Prediction
from datasource.anomaly.roles import Roles
from datasource.anomaly.services import Judgement, Scores, Verdict, judge
from datasource.anomaly.walk import Recent, root_causes

__all__ = [
    "Contribution",
    "Incident",
    "Judgement",
    "Mechanism",
    "Mechanisms",
    "Outside",
    "Prediction",
    "Recent",
    "Roles",
    "RootCauses",
    "Scores",
    "Verdict",
    "fit_mechanisms",
    "judge",
    "root_causes",
]
