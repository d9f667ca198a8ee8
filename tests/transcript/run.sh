#!/usr/bin/env bash
# Runs the commands of first_hour.txt in an empty folder and prints them with what they say, as Markdown.
#
#   tests/transcript/run.sh            to the standard output
#   tests/transcript/run.sh --write    into README.md, between its two marks
#   tests/transcript/run.sh --check    nothing: whether README.md still tells what the commands say, times and sizes apart
#
# A line of first_hour.txt is a command, a text after '#', or after '^C ' a command that gets a Ctrl-C when some trials are done.
# NORMLAB_PROGRAM names the program (default: build/normlab).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
program=$(realpath "${NORMLAB_PROGRAM:-$root/build/normlab}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/bin" "$folder/work"
ln -s "$program" "$folder/bin/normlab"
export PATH=$folder/bin:$PATH LC_ALL=C.UTF-8 COLUMNS=110 XDG_DATA_HOME=$folder

# The command gets its Ctrl-C when nine trials are done. It runs in slices of time, and is stopped while it is looked at, so that it does not get far
# meanwhile; one that ends all the same was too fast for the slices, and is tried again from the same folder with shorter ones.
interrupted() {
    local process code files slice
    cp -r . "$folder/before"
    for slice in 0.02 0.01 0.005 0.002 0.001 0.0005 0.0002 0.0001 0 0 0 0; do
        find . -mindepth 1 -delete
        cp -r "$folder/before/." .
        bash -c "exec $1" >"$folder/said" 2>&1 &
        process=$!
        until files=(results/*/trials/*.trial) && [ ${#files[@]} -ge 9 ] || ! kill -CONT "$process" 2>/dev/null; do
            [ "$slice" = 0 ] || sleep "$slice"
            kill -STOP "$process" 2>/dev/null || true
        done
        kill -INT "$process" 2>/dev/null || true
        kill -CONT "$process" 2>/dev/null || true
        code=0
        wait "$process" || code=$?
        [ $code -ne 130 ] || break
    done
    cat "$folder/said"
    [ $code -eq 130 ] || { echo "it cannot be interrupted: exit code $code"; exit 1; }
    rm -rf "$folder/before"
}

transcript() {
    local open=
    cd "$folder/work"
    while IFS= read -r line; do
        case $line in
            '#'*) [ -z "$open" ] || printf '\n'; open=; printf '%s\n\n' "${line#\# }"; continue ;;
        esac
        open=1
        {
            case $line in
                '^C '*) printf '$ %s\n' "${line#^C }"; interrupted "${line#^C }" 2>&1 ;;
                *) printf '$ %s\n' "$line"; bash -c "$line" 2>&1 || true ;;
            esac
        } | sed 's/^/    /; s/ *$//'
    done <"$here/first_hour.txt"
}

# What differs from machine to machine and from time to time; a slow one says now and then how far it is.
masked() {
    sed -E '/\b([0-9]+)\/\1 done/!{ /[0-9]+\/[0-9]+ done, [0-9]+ running/d }
            s/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]+/DATE/g; s/[0-9.]+ [KMGT]iB/SIZE/g; s/\b[0-9]+:[0-9]{2}\b/TIME/g; s/[0-9.]+ (us|ms|s|min|h)\b/TIME/g
            /^ *results.mine|of work\)|interrupted|finished|already|there;|done/s/[0-9]+/N/g; s/ +/ /g'
}

section() { sed -n '/^<!-- first hour/,/^<!-- end of the first hour/{//!p}' "$root/README.md"; }

case ${1:-} in
    '') transcript ;;
    --write)
        transcript >"$folder/new"
        awk -v new="$folder/new" '
            /^<!-- end of the first hour/ { copying = 0 }
            !copying { print }
            /^<!-- first hour/ { copying = 1; print ""; while ((getline line < new) > 0) print line; print "" }' "$root/README.md" >"$folder/README.md"
        cp "$folder/README.md" "$root/README.md"
        ;;
    --check)
        transcript | masked >"$folder/says"
        section | sed '1d;$d' | masked >"$folder/told"
        diff "$folder/told" "$folder/says" || {
            echo "README.md tells something else than the commands say: tests/transcript/run.sh --write" >&2
            exit 1
        }
        ;;
    *) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2 ;;
esac
