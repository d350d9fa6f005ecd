"""What every variable should be, and how far it is from that: fits, intervals kept to a promise, scores."""

from datasource.anomaly.fit import Mechanisms, fit_mechanisms
from datasource.anomaly.fit_one import Accepted, LeftOut
from datasource.anomaly.mechanism import Mechanism, Prediction
from datasource.anomaly.persistence import Persistence

__all__ = ["Accepted", "LeftOut", "Mechanism", "Mechanisms", "Persistence", "Prediction", "fit_mechanisms"]
