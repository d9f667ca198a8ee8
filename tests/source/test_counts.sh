#!/usr/bin/env bash
# A count agrees with its noun: "1 step", "2 steps". NL_COUNT writes both, and names in the sources every noun that is counted. With these nouns no format may
# write a number by itself, unless it is never 1 there, and no output that the tests hold has a 1 before the plural.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
cd "$root"

nouns=$(grep -rohE 'NL_COUNT\([^"]*"[a-z -]+"' core cmd --include=*.c | sed 's/.*"\(.*\)"/\1/' | awk '{print $NF}' | sort -u | paste -sd '|')
[ "$(tr '|' '\n' <<<"$nouns" | wc -l)" -ge 30 ] || { echo "the counted nouns were not found: $nouns" >&2; exit 1; }
plurals="($nouns)(s|es)|epochs|updates|batches|nats|bits|decades"

# Limits; what is counted after "of its"; and numbers that are at least 2 by what stands around them.
never_one='(more than|at most|longer than|at least|needs|below) %(d|lld|zu)|%(d|lld|zu) of (its|their) runs|%d to %d|heads do not divide the %d channels|of %d test|'
never_one+='mean of %d seeds|times the %d comparisons|The %d rates|about %d seeds instead|Of its %d parts|for the %u samples its header|of %d known from finished trials'

bad=$(grep -rnE "%(\.?[0-9]*g|d|lld|zu|u) ([a-z-]+ ){0,2}($plurals)\b" core cmd --include=*.c --include=*.h |
    grep -vE "^core/(graph|operation|base|norm|backend)/|$never_one|%g to %g" || true)
[ -z "$bad" ] || { printf 'counts without NL_COUNT or nl_agree:\n%s\n' "$bad" >&2; exit 1; }

bad=$(grep -rnE "== 1 \? \"\" : \"e?s\"" core cmd --include=*.c --include=*.h || true)
[ -z "$bad" ] || { printf 'plurals by hand, where NL_COUNT makes them:\n%s\n' "$bad" >&2; exit 1; }

outputs=(tests/shell/cli/*.txt tests/statistics/answers/*.txt tests/transcript/*.txt README.md experiments/README.md experiments/claims/OUTCOME.md results/README.md plots/README.md)
bad=$(grep -nE "(^|[^0-9.,^x/-])1 ([a-z-]+ ){0,1}($plurals)\b" "${outputs[@]}" | grep -v '^[^:]*:[0-9]*:\$ ' || true) # but for commands
[ -z "$bad" ] || { printf 'a 1 before a plural:\n%s\n' "$bad" >&2; exit 1; }
echo "$(tr '|' '\n' <<<"$nouns" | wc -l) nouns, ${#outputs[@]} files"
