#!/usr/bin/env bash
# The cuda backend on a GPU, in one call of under nine minutes: its tests, compute-sanitizer, its speed, and PyTorch and JAX beside it. Needs CMake,
# nvcc and a C compiler; nothing is installed. Exit code 77 where there is no GPU or no nvcc, 1 where something failed, 3 where nothing did but
# something could not be run; the summary says what.
#
#   tests/gpu/run.sh [OPTIONS] [PART...]     all parts, or some:
#
#     build      builds only (for compute capability 9.0 where there is no GPU)
#     test       the tests of the backends on cuda against ref, trainings of 200 steps; and, with the programs of tests/gpu/carry.sh, whether a
#                sweep has the same bits in cohorts, one by one, and from several workers
#     sanitize   memcheck, racecheck and initcheck on a few steps, with large tiles, sums in chunks and tensor cores among them
#     bench      kernels and steps beside the device's copy rate and FMA peak
#     peers      PyTorch and JAX in turn with ours (tests/bench/gpu.py), as much as fits the time; needs the programs, and Python with both; passed:
#                each row was timed beside one of them
#
#   --out DIR        four files go there: summary.txt, logs.tgz, and of peers gpu.json and gpu.md (default: out/ in the build folder)
#   --programs FILE  what tests/gpu/carry.sh packed (default: build/gpu-programs.tgz if it is there)
#   --seconds N      for everything (default: 510)
#   --only ROW       of peers: mlp, resnet, lone, norm or experiment; may be repeated
#
# NORMLAB_BUILD names the build folder (default: build/gpu).
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${NORMLAB_BUILD:-$root/build/gpu}
out=$build/out programs=$root/build/gpu-programs.tgz seconds=510 parts=() rows=()
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
        --out | --programs | --seconds | --only)
            [ $# -gt 1 ] || { echo "$1 needs a value" >&2; exit 2; }
            case $1 in --out) out=$2 ;; --programs) programs=$2 ;; --seconds) seconds=$2 ;; --only) rows+=(--only "$2") ;; esac
            shift ;;
        build | test | sanitize | bench | peers) parts+=("$1") ;;
        *) echo "there is no part '$1': build, test, sanitize, bench or peers" >&2; exit 2 ;;
    esac
    shift
done
[ ${#parts[@]} -gt 0 ] || parts=(test sanitize bench peers)

pack() { tar -czf "$out/logs.tgz" -C "$build" logs; } # after each part: a call that is cut short has those of the others
say() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }
skip() { echo "skipped: $*"; exit 77; }
wanted() { [[ " ${parts[*]} " == *" $1 "* ]]; }

nvcc=$(command -v nvcc || ls "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc" 2>/dev/null) || skip "there is no nvcc"
toolkit=$(dirname "$(realpath "$nvcc")")
sanitizer=$(command -v compute-sanitizer || find "$toolkit" "$toolkit/../compute-sanitizer" -maxdepth 1 -name compute-sanitizer -type f 2>/dev/null | head -n 1)
capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d .)
[ -n "$capability" ] || [ "${parts[*]}" = build ] || skip "there is no GPU"

say "building for compute capability ${capability:=90}"
logs=$build/logs
rm -rf "$logs"
mkdir -p "$logs" "$out"
out=$(cd "$out" && pwd)
cmake -S "$root/tests/gpu" -B "$build" -DCMAKE_CUDA_COMPILER="$nvcc" -DCMAKE_CUDA_ARCHITECTURES="$capability" >"$logs/build.log" 2>&1 &&
    cmake --build "$build" -j "$(nproc)" >>"$logs/build.log" 2>&1 || {
    tail -n 30 "$logs/build.log"
    pack
    exit 1
}
if [ -e "$programs" ]; then
    mkdir -p "$build/programs"
    tar -xzf "$programs" -C "$build/programs" || exit 1
fi

summary=$out/summary.txt
: >"$summary"
failed=0 left_out=0
left_out() { # name, why
    echo "$1: NOT RUN, $2" | tee -a "$summary"
    left_out=3
}
hangs=300 # seconds after which something hangs
check() { # name, command...: what it prints is seen at once, and kept; exit code 3: some of it could not be run, and the last line says what
    local name=$1 most=$hangs code=0 start=$SECONDS
    shift
    [ $((seconds - SECONDS)) -ge "$most" ] || most=$((seconds - SECONDS))
    if [ "$most" -lt 5 ]; then
        left_out "$name" "the time was up"
        return
    fi
    say "$name"
    timeout "$most" "$@" 2>&1 | tee "$logs/$name.log" || code=$?
    pack
    if [ "$code" -eq 124 ] && [ "$most" -lt "$hangs" ]; then # a slow machine is no failure
        left_out "$name" "the time was up after $most s of it"
        return
    fi
    if [ "$code" -eq 3 ]; then
        echo "$name: IN PART, $(tail -n 1 "$logs/$name.log")" | tee -a "$summary"
        left_out=3
        return
    fi
    [ "$code" -eq 0 ] || failed=1
    case $code in 0) code=passed ;; 124) code="FAILED: not done after $most s" ;; *) code="FAILED: exit code $code" ;; esac
    echo "$name: $code ($((SECONDS - start)) s)" >>"$summary"
}

# Bits of a sweep on the device: cohorts as they come, trials one by one, two workers, and each step in launches of its own.
same_bits() {
    local normlab=$build/programs/normlab folder
    folder=$(mktemp -d) || return
    for how in "cohort 1024 1" "alone 1 1" "workers 3 2" "launches 1024 1"; do
        read -r name cohort workers <<<"$how"
        NORMLAB_CUDA_STEPS=$name "$normlab" sweep --no-reuse "$root/configs/mlp_digits.yaml" norm.kind=bn,ln,gn,none train.lr=0.01,0.1 train.epochs=2 sweep.seeds=3 --device cuda --cohort "$cohort" \
            -j "$workers" --quiet --no-plot --no-warnings --out "$folder/$name" >/dev/null || return
        cmp "$folder/$name/curves.csv" "$folder/cohort/curves.csv" || return
    done
    echo "24 trials on the device: the same curves in cohorts, one by one, from two workers, and with each step in launches of its own"
    rm -rf "$folder"
}

if wanted test; then
    # These look into images right after a launch; trainings go as they always do.
    for name in operations ends optimizers norm normalizers precision order; do
        check "$name" env CUDA_LAUNCH_BLOCKING=1 "$build/test_$name"
    done
    for name in loop sequence; do
        if [ -x "$build/test_$name" ]; then
            check "$name" env CUDA_LAUNCH_BLOCKING=1 "$build/test_$name"
        else
            left_out "$name" "it needs libnettle and zlib.h"
        fi
    done
    for name in upload train one_launch large; do
        check "$name" "$build/test_$name"
    done
    export build root
    export -f same_bits
    if [ -x "$build/programs/normlab" ]; then
        check bits bash -c same_bits
    else
        left_out bits "there is no $programs"
    fi
fi
if wanted sanitize; then
    for tool in memcheck racecheck initcheck; do
        for program in test_large short_train test_one_launch; do
            if [ -n "$sanitizer" ]; then
                check "$tool-$program" "$sanitizer" --tool "$tool" --error-exitcode 9 "$build/$program"
            else
                left_out "$tool-$program" "there is no compute-sanitizer on the PATH, nor beside $nvcc"
            fi
        done
    done
fi
if wanted bench; then
    check bench "$build/bench"
fi
if wanted peers; then
    if [ ! -x "$build/programs/step" ]; then
        left_out peers "there is no $programs"
    elif ! python3 -c 'import torch, jax, safetensors' 2>/dev/null; then
        left_out peers "this python3 has not PyTorch, JAX and safetensors"
    else
        hangs=$seconds check peers python3 "$root/tests/bench/gpu.py" --build "$build" --out "$out" --seconds $((seconds - SECONDS - 10)) "${rows[@]}"
    fi
fi

say "summary"
for log in bench peers; do
    ! wanted "$log" || [ ! -e "$logs/$log.log" ] || cat "$logs/$log.log"
done
cat "$summary"
[ "$failed" -eq 0 ] || exit 1
exit "$left_out"
