#!/bin/sh
# Keeps causal.yaml true, for a nightly job in a clone of the repository that holds it. It checks the settings, looks whether
# the promise of few false alarms was kept, runs an experiment, adds to the causal graph what the data say, tunes the
# thresholds, and opens a diff of what changed. It fails where something is wrong or the promise is broken, then with the
# diff of what would mend it.
#
#   sh causal.sh [STEP...]          check promise experiment graph tune propose, unless some are named
#
#   CAUSAL_CONFIG                   the settings, relative to here                       [causal.yaml]
#   CAUSAL_PROMETHEUS_URL           another Prometheus than that of the settings         [none]
#   CAUSAL_URL, CAUSAL_TOKEN_FILE   the running service, and a token that may write      [for the experiment]
#   EXPERIMENT                      one that the settings allow                          [none]
#   SINCE, REFIT                    how much of the past is replayed, fitted how often   [-7d, 6h]
#   BRANCH, PUSH_OPTIONS            where the diff is pushed to, and how                 [causal-update, none]
set -eu
config=${CAUSAL_CONFIG:-causal.yaml}
past="--from=${SINCE:--7d} --refit=${REFIT:-6h}"
broken=0

check() {
    causal-datasource check --config "$config"
}

promise() { # ends with 1 where alarms were more frequent than promised: the settings as they are, before anything is tuned
    causal-datasource backtest --config "$config" $past || broken=$?
    [ "$broken" -le 1 ] || exit "$broken"
}

experiment() { # guarded, and always rolled back; --wait tells what it changed, and what that says of the graph
    [ -n "${EXPERIMENT:-}" ] || return 0
    causal-datasource experiment run "$EXPERIMENT" --dry-run
    causal-datasource experiment run "$EXPERIMENT" --wait
}

graph() { # ends with 2 where the data propose edges that the graph lacks, or doubt some that it has
    causal-datasource discover --config "$config" --diff > graph.patch || [ $? -eq 2 ]
    if [ -s graph.patch ]; then git apply -p0 graph.patch; fi
    rm graph.patch
    causal-datasource check --offline --config "$config"
}

tune() { # ends with 1 where thresholds were changed, with 3 where none would keep the promise
    code=0
    causal-datasource tune --config "$config" $past --write || code=$?
    [ "$code" -le 1 ] || exit "$code"
}

propose() {
    if git diff --quiet -- "$config"; then return; fi
    git diff -- "$config"
    git switch --quiet -C "${BRANCH:-causal-update}"
    git commit --quiet -m "causal.yaml: what the data say" -- "$config"
    git push --quiet --force ${PUSH_OPTIONS:-} origin "${BRANCH:-causal-update}"
}

for step in ${*:-check promise experiment graph tune propose}; do
    echo "== $step"
    "$step"
done
exit "$broken"
