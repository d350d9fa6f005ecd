"""Expected values, scores and root causes: who broke, not who suffers."""

from datasource.anomaly.calibration import Persistence
from datasource.anomaly.causes import Contribution, Outside, RootCauses
from datasource.anomaly.fit import Mechanisms, fit_mechanisms
from datasource.anomaly.fit_one import LeftOut
from datasource.anomaly.incident import Incident
from datasource.anomaly.mechanism import Mechanism, Prediction
from datasource.anomaly.naming import Root, cause_name, named_roots
from datasource.anomaly.recent import Recent
from datasource.anomaly.roles import Roles
from datasource.anomaly.services import Judgement, Scores, Verdict, judge
from datasource.anomaly.walk import root_causes

__all__ = [
    "Contribution",
    "Incident",
    "Judgement",
    "LeftOut",
    "Mechanism",
    "Mechanisms",
    "Outside",
    "Persistence",
    "Prediction",
    "Recent",
    "Roles",
    "Root",
    "RootCauses",
    "Scores",
    "Verdict",
    "cause_name",
    "fit_mechanisms",
    "judge",
    "named_roots",
    "root_causes",
]
