"""Who broke, not who suffers: verdicts, the ranking of suspects, and how a gap is split."""

from datasource.causes.demand import Surge
from datasource.causes.gap_attribution import root_causes
from datasource.causes.judgement import Judgement, Verdict, judge
from datasource.causes.model import Contribution, Outside, RootCauses, Step
from datasource.causes.naming import cause_name, listed
from datasource.causes.newest_alarms import Scores
from datasource.causes.quiet import QuietEntity, QuietTimes
from datasource.causes.recent import Recent
from datasource.causes.recurrence import Recurrences

__all__ = [
    "Contribution",
    "Judgement",
    "Outside",
    "QuietEntity",
    "QuietTimes",
    "Recent",
    "Recurrences",
    "RootCauses",
    "Scores",
    "Step",
    "Surge",
    "Verdict",
    "cause_name",
    "judge",
    "listed",
    "root_causes",
]
