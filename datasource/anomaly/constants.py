"""The tuned numbers of fit and calibration, in one place; docs/scores.md explains each to an operator."""

from math import inf

DAY, WEEK = 86400, 7 * 86400
"""Seconds."""

# The fit.
ROUNDS = 6
"""Rounds in which rows that deviate are left out of a robust fit."""
CUT = 5.0
"""Robust standard deviations beyond which a row has no say in coefficients (Huber & Ronchetti 2009, section 4)."""
HARMONICS = 3
"""Sine and cosine pairs of a season."""
CONDITION = 1e-10
"""Smallest to largest eigenvalue of the columns that can be told apart."""
SMALLEST_RELATIVE = 0.01
"""A gap below this share of the usual level is never an anomaly."""
SMALLEST_FAILURE_RATIO = 0.002
"""Nor is a failure ratio that is higher by less."""

# Parts of the baseline: what the rest says of a part is what the baseline will say of a new day.
FEWEST_PARTS, PARTS, MOST_PARTS = 2, 8, 32
"""A day is a part where the baseline has three or more; else there are eight. At least and at most."""
PART_ROWS = 30
"""A part has at least so many rows."""
USUAL_DAYS, EVENLY = 3, 0.75
"""What came on so many days is usual; in a shorter baseline, what came in this share of its parts."""
STANDS_OUT = 2.0
"""Incidents are so many times as high as what is usual, and ..."""
LASTING_INCIDENT, INCIDENT = 4.0, 10.0
"""... beyond so many robust standard deviations: those that last for twice the persistence have no say, short ones have
none beyond the higher mark."""
LONG = 0.5 * DAY
"""What deviates longer than this (seconds) within a day is the calendar's doing, and no incident."""

# Following.
HALF_LIFE = float(DAY)
"""A level goes half of the way to where its variable is now in so many seconds ..."""
LARGEST_PULL = 1.5
"""... as if the gap were at most so many reference widths."""
ACCEPTED_AFTER, ACCEPTED_SHARE, ACCEPTED_AT_LEAST = float(DAY), 0.25, 0.25 * DAY
"""A new level that lasted so many seconds, or this share of a shorter baseline, is usual from then on; never sooner
than after so many seconds."""

# What recurs at a time of day.
BINS = 48
"""Times of day that are told apart: half an hour each, and what its neighbours on both sides saw counts as well."""
RECURS = 1.6
"""How much higher than at other times it has to be."""

# Tails.
PRIOR_PARTS, PRIOR_SCALE = 5.0, 0.3
"""The spread of the highest score of a part (of its logarithm) is drawn to that of its signal as by so many parts; to
0.3 where the signal has too few to tell."""
PRIOR_SHAPE_PARTS = 60.0
"""The shape of that distribution is drawn to Gumbel's as by so many parts."""
LARGEST_BEYOND = 5.0
"""No level is higher than so many times what is usual, or as much beyond what lasted half a day."""
SMALLEST_HEIGHT = 0.15
"""Heights below this share of the reference width are all the same."""
SMALLEST_LEVEL, SMALLEST_STRONG_LEVEL = 0.5, 0.8
"""No interval is narrower than this share of the reference width, whatever the promise."""
SMALLEST_FACTOR, LARGEST_FACTOR = 0.4, 4.0
"""The factor by which the installation as a whole corrects all levels stays between these; that of strong evidence has
no upper limit."""

UNSEEN = 0.4
"""So many episodes are taken to have been missed for want of time: a short baseline promises less than it shows."""

# Alarms.
STRONG_POINTS = 2
"""So many points in a row far outside are an alarm at once."""
JOINT_CAP = 1.0
"""One variable counts in the joint score of its entity up to this score, where it is an alarm by itself."""
JOINT_FEWEST = 3
"""An entity has a joint score when so many of its variables are judged."""
SHARE_LASTING, SHARE_STRONG, SHARE_JOINT = 0.3, 0.05, 0.65
"""How the promise is shared between the three kinds of evidence, where there are all three."""
MERGED = 2
"""Alarms less than so many times `persistence.of` points apart are one episode."""
NEW_NORMAL = 0.25
"""What lasts longer than this share of the points at full resolution is the new normal."""
NEVER = inf
