"""The tuned numbers of the ranking, in one place; benchmarks/sensitivity.py says what each carries.

Deviations are robust standard deviations; evidence is 1 where it is enough to blame somebody. They were chosen on
simulated incidents (benchmarks/simulated.py, cases from 1000 on) unless it says otherwise.
"""

# Deviations.
PRIOR_POINTS = 8.0
"""What is known of a signal from all its variables counts as much as so many points of one variable."""
SMALLEST_RELATIVE = 0.01
"""A scale below this share of the usual level is raised to it."""
SMALLEST_FAILURE_RATIO = 0.002
"""A failure ratio is known no better than this."""
BURSTS = 0.65
"""A scale is no smaller than this share of the standard deviation of single points, which rare bursts widen."""
BEYOND = 1e3
"""No more standard deviations than these are told apart."""
BUSY, BUSIEST = 0.5, 0.9
"""How much of its capacity a service is taken to use at its usual load, and at most: what queueing may explain."""
HELD = 0.5
"""Of what proportionality to the load, or to requests that queue, would explain, this share is taken as not known."""
MOST_WINDOWS = 120
"""Windows overlap: a distribution is known well enough from so many of them."""
TAIL, TAIL_IS = 0.9, 1.2816
"""A scale is read off this quantile, so many standard deviations from the median: other incidents may take up less than
a tenth of the normal time."""
BEYOND_MOST = 0.6
"""Two fifths of the requests lie beyond this quantile."""
WINDOWS = 5
"""A scale takes so many windows that do not overlap."""

# Evidence.
FIRM = 4.0
"""From so many standard deviations on, evidence grows with their logarithm only."""
ENOUGH = 6.0
"""So many standard deviations of a resource are evidence of 1, which is enough to blame somebody."""
HALF_MATERIAL = 0.5
"""A resource that changed by this share of its usual level counts half of one that changed completely."""
SURELY_WAITS = 0.5
"""Evidence from which on a caller surely waits."""
MANY = 0.4
"""A network is as slow as this share of a service's calls are on their way, and two at least."""
ALIKE = 0.5
"""Resources fall together when each falls by at least this share of the other, on a logarithmic scale."""
LEAST_LEFT = 0.01
"""A fall to less than this share counts as one to it."""

# A service's score.
SUFFERING = 0.1
"""What being slow or failing counts beside what is a service's own."""
WAITS = 0.2
"""A service that is slow or fails, and one that waits, is more often a victim than a cause."""
OF_SHARE = 0.75
"""How much it takes away from a service that others have a larger excess of their own: below 1, as shares are rough."""
OTHER_KIND = 0.5
"""Slowness says half as much about failures, and failures about slowness."""
NOT_CALLED = 0.7
"""Whom the symptom does not reach along the calls may still share a machine with one that it reaches."""
TWO_PLACES = 1.3
"""An excess of who calls somebody unmeasured may be its own, or come from there: two ways to be the place to look."""
BLAMED = 1.0
"""Who has a higher score is blamed."""
CLEAR = 0.7
"""A smaller score may be chance."""
EXPLAINED = 0.5
"""Something inside that is so clear next to the excess explains it."""

# Confidence.
STEEP, POWER = 1.37, 1.5
"""How fast confidence grows with the score; chosen so that it is a frequency on simulated incidents."""
NOBODY = 0.55
"""The score that stands for nobody. These three make the shares frequencies on the simulated incidents."""
SUREST = 0.99
"""No confidence is higher: so few of those that were named on simulated incidents cannot tell it from certainty."""
