#!/usr/bin/env bash
# The main job on the data that the program carries: three sweeps, their curves, pictures and answers, in about a minute.
#
#   experiments/quickstart.sh [RESULTS_FOLDER]     (default: results)
#   experiments/quickstart.sh --replace [...]      folders that show other results now (of other settings, of an earlier version) show these
#
# Installs what is missing (apt-get, with sudo where needed), builds into build/, and runs
#   small_batch    does batch normalization degrade at small batches, where group and layer normalization do not?
#   ghost_batch    the same question with the batch behind an update held fixed
#   lr_tolerance   how much higher a learning rate does each normalizer stand than no normalizer?
# Started again it runs only what is not there yet. Where a folder would not show any more what was trained there, it stops and says so.
set -euo pipefail
replace=()
case ${1:-} in
    --replace) replace=(--replace); shift ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    -*) echo "quickstart.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
esac
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/setup.sh"
install_missing
build_program OFF

out=${1:-$root/results}
start=$SECONDS
for experiment in small_batch ghost_batch lr_tolerance; do
    say "== $experiment"
    "$build/normlab" sweep "$root/experiments/$experiment.yaml" --out "$out/$experiment" "${replace[@]}" >/dev/null || {
        code=$?
        [ $code -ne 2 ] || echo "quickstart.sh: it takes another folder, and --replace, too (see --help)" >&2
        exit $code
    }
done

# A screen: the first sentence of each answer, and the picture that it is about.
for experiment in small_batch:small_batch ghost_batch:small_batch lr_tolerance:lr_tolerance; do
    folder=$out/${experiment%:*}
    folder=${folder#"$PWD"/}
    say ""
    "$build/normlab" table "$folder" | sed -n 1p | fold -s -w 79 | sed 's/ *$//'
    echo "  $folder/plots/${experiment#*:}.png"
done
say ""
say "done in $((SECONDS - start)) s; intervals, all claims and tables: normlab table RESULTS"
