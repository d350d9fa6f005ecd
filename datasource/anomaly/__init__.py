"""Expected values, scores and root causes: who broke, not who suffers."""

from datasource.anomaly.causes.demand import Surge
from datasource.anomaly.causes.hearing import Scores
from datasource.anomaly.causes.judgement import Judgement, Verdict, judge
from datasource.anomaly.causes.model import Contribution, Outside, RootCauses, Step
from datasource.anomaly.causes.naming import cause_name, listed
from datasource.anomaly.causes.quiet import QuietEntity, QuietTimes
from datasource.anomaly.causes.recent import Recent
from datasource.anomaly.causes.recurrence import Recurrences
from datasource.anomaly.causes.walk import root_causes
from datasource.anomaly.incidents.model import MARKS, Incident, Mark
from datasource.anomaly.mechanisms.fit import Mechanisms, fit_mechanisms
from datasource.anomaly.mechanisms.fit_one import Accepted, LeftOut
from datasource.anomaly.mechanisms.mechanism import Mechanism, Prediction
from datasource.anomaly.mechanisms.persistence import Persistence
from datasource.anomaly.roles import Roles

__all__ = [
    "MARKS",
    "Accepted",
    "Contribution",
    "Incident",
    "Judgement",
    "LeftOut",
    "Mark",
    "Mechanism",
    "Mechanisms",
    "Outside",
    "Persistence",
    "Prediction",
    "QuietEntity",
    "QuietTimes",
    "Recent",
    "Recurrences",
    "Roles",
    "RootCauses",
    "Scores",
    "Step",
    "Surge",
    "Verdict",
    "cause_name",
    "fit_mechanisms",
    "judge",
    "listed",
    "root_causes",
]
