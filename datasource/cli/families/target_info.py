"""Names of services that OpenTelemetry writes once a target, in `target_info`, and not on every series."""

import re

from datasource.cli.families.family import Family
from datasource.cli.labels import SERVICE
from datasource.cli.survey import Survey
from datasource.settings.promql import write_labels

METRIC = "target_info"
_TARGET = ("job", "instance")
_NAMES = ("service_name", "service.name")
_RATE = re.compile(r"\(rate\((?P<metric>[^()]*?)(?P<matchers>\{[^()]*?)\$present\}\[\$window\]\)\)")
_JOINED = (
    rf"(rate(\g<metric>\g<matchers>}}[$window]) * on ({write_labels(_TARGET)}) group_left ($by) "
    rf"max by ({write_labels(_TARGET)}, $by) ({METRIC}{{$present}}))"
)


def name_by_target(survey: Survey, family: Family) -> Family:
    """The family with its signals joined to `target_info`, where that tells more services apart than their own labels.

    A target that `target_info` gives two names has none: the family is then what it was.
    """
    if not survey.alive(METRIC) or not set(_TARGET) <= survey.labels(family.metric):
        return family
    name = next((label for label in _NAMES if label in survey.labels(METRIC)), "")
    own = [label for label in SERVICE if label in survey.labels(family.metric)]
    named = survey.values(METRIC, [*_TARGET, name]) if name else {}
    services = {labels[-1] for labels in named if labels[-1]}
    if len(services) <= max((len(survey.values(family.metric, [label])) for label in own), default=0):
        return family
    if len(named) > len(survey.values(METRIC, _TARGET)):
        return family
    signals = tuple(one._replace(query=_RATE.sub(_JOINED, one.query)) for one in family.signals)
    return family._replace(metric=METRIC, names=(name,), signals=signals)
