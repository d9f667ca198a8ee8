#!/usr/bin/env bash
# Lines of core/ that the tests run, by folder; exit 1 below 90 %, or if a test fails. The files of the cuda backend, which run in the emulation on the host
# (tests/host_cuda), count apart.
#
#   tests/coverage.sh           every test
#   tests/coverage.sh WORD...   as tests/run.sh
#
# build-coverage/lines.txt has every file, build-coverage/html every line.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
least=90

export NORMLAB_BUILD=$root/build-coverage
. "$root/tests/setup.sh"
install_missing coverage
find "$build" -name '*.gcda' -delete 2>/dev/null || true
export NORMLAB_GOLDEN_STEPS=20 # of the golden trainings, which run the same lines in every step
flags="-O1 --coverage -fprofile-update=atomic"
code=0
CFLAGS=$flags CXXFLAGS=$flags NORMLAB_CMAKE="-DNORMLAB_CUDA=OFF -DCMAKE_BUILD_TYPE=Coverage" "$root/tests/run.sh" "$@" || code=$?
lcov -q -c -d "$build" -b "$root" --no-external -o "$build/all.info" >/dev/null 2>&1
lcov -q -e "$build/all.info" "$root/core/*" -o "$build/core.info" >/dev/null 2>&1
lcov --list "$build/core.info" >"$build/lines.txt" 2>/dev/null
genhtml -q -o "$build/html" "$build/core.info" >/dev/null 2>&1
awk -F: -v root="$root/" -v least="$least" '
    function share(name, run, lines) { return sprintf("%-22s %6d of %6d lines  %5.1f %%", name, run, lines, 100 * run / lines) }
    $1 == "SF" { folder = substr($2, length(root) + 1); sub("/[^/]*$", "", folder); apart = folder ~ /cuda$/ }
    $1 == "LF" { lines[folder] += $2; if (!apart) all += $2 }
    $1 == "LH" { run[folder] += $2; if (!apart) hit += $2 }
    END {
        for (folder in lines) print share(folder, run[folder], lines[folder]) | "sort"
        close("sort")
        print share("core without cuda", hit, all)
        exit !(100 * hit / all >= least)
    }' "$build/core.info"
[ $code -eq 0 ] || { echo "a test failed"; exit $code; }
