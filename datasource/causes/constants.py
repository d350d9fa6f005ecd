"""The tuned numbers of who broke and who is told, in one place.

Evidence and confidence are calibrated on simulated incidents (benchmarks/service_causes.py, other seeds than its own).
"""

# The evidence against an entity.
NEWEST, LONG = 5, 10
"""Of less than ten points of an incident the newest five are looked at, of a longer one all."""
NORMAL, LONGER = 240, 2
"""Points before the incident that are taken as normal, or so many times as many as it has."""
FEWEST_NORMAL = 15
"""With fewer normal points nobody is suspected."""
EARLY, BROKE, CLEAR = 0.5, 0.2, 50.0
"""The evidence against an entity: what the ranking says, half of it at an incident's first point and all from the tenth
on, and a fifth of the logarithm of 1 + its causal score, up to 50. With these the confidences are frequencies on
simulated incidents."""
DISTURBED = 0.5
"""What the evidence counts against who may be disturbed by a neighbour, or suffers by somebody who is gone."""
THERE = 0.8
"""Who was known at this share of the normal points was there."""
ABSURD = 100.0
"""A marginal score as no fault makes it, but an exporter that counts in another unit: nobody is anomalous only because
what it says explains something else. Somebody who is unusual in himself is."""
WHOLE = 150
"""Systems of so many entities are looked at whole; of larger ones those within two ties of who is anomalous."""

# Who is named.
NAMED, KEPT = 0.65, 0.3
"""How sure one has to be of an entity to name it, and for it to stay named."""
HYSTERESIS = 2.0
"""Another one takes over when it is so many times as likely."""
BESIDE = 0.9
"""How sure one has to be of another one that suffers by one that is named."""
ELSEWHERE = 0.4
"""Who has a smaller share of a gap than somebody outside, who has at least this much, is not named for it."""
BETWEEN, POSSIBLE = 3, 0.15
"""So many are told of at most where nobody can be named, and none that is less likely."""
HELD = 4
"""A verdict is held for so many times the persistence when its symptom has no samples any more."""

# How a gap is split.
STIRRED = 0.5
"""A parent explains something only if it moved this far towards an anomaly itself; load explains however little."""
WIDTH = 4.0
"""About so many standard deviations of the residuals reach from the expected value to the end of its interval."""
PASSED_ON = 0.5
"""Of a callee's failures, a caller passes on none to all; half, where nothing else is known."""
SHARED = 0.5, 0.25
"""How unsure the calls per request are, relative to themselves, of a callee with several callers and with one."""
ELASTICITY = 0.5, 0.5
"""Elasticity of seconds per request to load, busy / (1 - busy), before anything is fitted: mean and spread."""
FULL = 0.95
"""Nobody is taken to be busier: a queue would grow without end."""
SMALLEST_SHARE = 0.01
"""What makes up less of a gap is unexplained."""
LEAST = 0.1
"""Lower marginal scores, and smaller shares of a gap, count as this."""

# Outside.
TOGETHER = 3
"""So many entities at once, with no sign inside any of them, are not slow each for its own reason."""
ALONE = 0.5
"""An entity with this share of what such a group has is a cause of its own."""
FAR_MORE = 2.0
"""Who uses so many times as much of a resource as usual, beyond what its load asks, may disturb its neighbours."""
MOSTLY = 0.5
"""The share of a gap that is explained by demand from which on it is demand's."""

# Who is silent.
MOST_QUIET = 1 / 2
"""Who is quiet for more than this share of the baseline would have nothing else to learn from."""
MEMORY = 28
"""So many days are remembered."""
NEAR = 2
"""Half hours before and after in which it is the same time of day: a clock change of an hour is none."""
MOST_OF_DAY = 1 / 2
"""What comes in more than this share of the half hours is no matter of the time of day."""
LEFT_OVER = 1 / 4
"""What is left over of a lasting alarm is at most this share of its height."""
MOST_OF_IT = 0.8
"""The variables told of a joint score make up this share of the sum of squares."""
