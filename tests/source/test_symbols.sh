#!/usr/bin/env bash
# What object files use of one another: nothing of a later stage, as with includes (tests/source/test_layers.c), and no circles among the files of a folder
# that is free of them. A name that is declared in one stage and defined in a later one escapes the includes.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(dirname "${NORMLAB_PROGRAM:-$root/build/normlab}") # whose objects
stages="base formula norm operation optimizer backend graph config data model train stats sweep import claims plot report"
free_of_circles="config operation optimizer"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# "D NAME FILE" of each symbol that a file of core defines, "U NAME FILE" of each that it uses; one element of the reference stands for all.
find "$build/CMakeFiles/libnormlab.dir/core" "$build/CMakeFiles/reference_DOUBLE.dir/core" -name '*.o' | while read -r object; do
    file=${object##*/core/}
    nm "$object" | awk -v file="${file%.c.o}" '$(NF - 1) ~ /^[TDBRVW]$/ { print "D", $NF, file } $(NF - 1) == "U" { print "U", $NF, file }'
done >"$scratch/symbols"
awk '$1 == "D" { of[$2] = $3 }
     $1 == "U" { name[++n] = $2; user[n] = $3 }
     END { for (i = 1; i <= n; i++) if (name[i] in of && of[name[i]] != user[i]) print user[i], of[name[i]], name[i] }' "$scratch/symbols" >"$scratch/uses"
[ "$(wc -l <"$scratch/uses")" -gt 1000 ] || { echo "the objects of $build use next to nothing of one another"; exit 1; }

# A normalizer's file names the operation that computes it.
later() { # FILE OF USES
    awk -v stages="$stages" 'BEGIN { n = split(stages, stage, " "); for (i = 1; i <= n; i++) rank[stage[i]] = i }
        { split($1, user, "/"); split($2, of, "/") }
        user[1] == "norm" && $3 ~ /_operation$/ { next }
        !(user[1] in rank) || !(of[1] in rank) || rank[of[1]] > rank[user[1]] { print $1 " uses " $3 ", which " $2 " defines"; bad = 1 }
        END { exit bad }' "$1"
}
circle() { # FOLDER FILE OF USES
    awk -v folder="$1/" 'index($1, folder) == 1 && index($2, folder) == 1 { print $1, $2 }' "$2" | sort -u | tsort >/dev/null 2>"$scratch/circle" || {
        echo "a circle in core/$1: $(sed 's/^tsort: //' "$scratch/circle" | tr '\n' ' ')"
        return 1
    }
}

bad=0
later "$scratch/uses" || bad=1
for folder in $free_of_circles; do
    circle "$folder" "$scratch/uses" || bad=1
done

# Both would be found.
{ echo "config/a config/b x"; echo "config/b config/a y"; } >"$scratch/made"
if circle config "$scratch/made" >/dev/null; then bad=1; fi
echo "graph/a train/b z" >"$scratch/made"
if later "$scratch/made" >/dev/null; then bad=1; fi
echo "$(wc -l <"$scratch/uses") uses of one file by another"
exit "$bad"
