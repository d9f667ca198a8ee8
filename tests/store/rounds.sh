# Sourced by tests/store/test_rounds.sh and tests/long/slurm.sh: a sweep in three rounds, and whether two results folders hold the same bytes.
# shellcheck shell=bash

tuned_sweep() { # EPOCHS: its YAML
    cat <<YAML
data: {train: 192, val: 64, test: 64}
model: {depth: 2, width: 8}
train: {epochs: $1, momentum: 0.9}
sweep:
  grid: {norm.kind: [bn, none], train.batch: [16, 4]}
  seeds: 3
  baseline: {norm.kind: none}
  tune: {train.lr: [0.003, 0.03, 0.3, 3], seeds: 2}
plot: {kind: [small_batch]}
YAML
}

tables_of() { (cd "$1" && find . -name '*.csv' ! -name timing.csv | sort); }

same_tables() { # WANTED OUT: of each round, but for the times; says what differs
    local table
    [ "$(tables_of "$1")" = "$(tables_of "$2")" ] || { echo "other tables in $2"; return 1; }
    for table in $(tables_of "$1"); do
        cmp "$1/$table" "$2/$table" || return 1
    done
}
