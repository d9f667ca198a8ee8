#!/usr/bin/env bash
# Runs the commands of five_minutes.txt and then of first_hour.txt in one folder, empty at first, and prints them with what they say, as Markdown.
#
#   tests/transcript/run.sh            to the standard output
#   tests/transcript/run.sh --write    into README.md and experiments/README.md, each between two marks
#   tests/transcript/run.sh --check    nothing: whether these two still tell what the commands say, times and sizes apart
#
# A line is a command, a text after '# ', a command of whose standard output the first lines are shown after 'LINES> ', or a command that gets a Ctrl-C
# when some trials of a folder are done after '^C FOLDER '. NORMLAB_PROGRAM names the program (default: build/normlab).
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
interrupted() { # FOLDER COMMAND
    local process code files slice
    cp -r . "$folder/before"
    for slice in 0.02 0.01 0.005 0.002 0.001 0.0005 0.0002 0.0001 0 0 0 0; do
        find . -mindepth 1 -delete
        cp -r "$folder/before/." .
        bash -c "exec $2" >"$folder/said" 2>&1 &
        process=$!
        until files=("$1"/trials/*.trial) && [ ${#files[@]} -ge 9 ] || ! kill -CONT "$process" 2>/dev/null; do
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

transcript() { # NAME
    local open='' rest
    while IFS= read -r line; do
        case $line in
            '#'*) [ -z "$open" ] || printf '\n'; open=; printf '%s\n\n' "${line#\# }"; continue ;;
        esac
        open=1
        {
            case $line in
                '^C '*)
                    rest=${line#^C }
                    printf '$ %s\n' "${rest#* }"
                    interrupted "${rest%% *}" "${rest#* }" 2>&1
                    ;;
                [0-9]*'> '*)
                    printf '$ %s\n' "${line#*> }"
                    bash -c "${line#*> }" 2>/dev/null >"$folder/said" || true
                    head -n "${line%%>*}" "$folder/said"
                    echo ...
                    ;;
                *) printf '$ %s\n' "$line"; bash -c "$line" 2>&1 || true ;;
            esac
        } | sed 's/^/    /; s/ *$//'
    done <"$here/$1.txt"
}

# What differs from machine to machine and from time to time; a slow one says now and then how far it is.
masked() {
    sed -E '/\b([0-9]+)\/\1 done/!{ /[0-9]+\/[0-9]+ done, [0-9]+ running/d }
            s/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]+/DATE/g; s/[0-9.]+ [KMGT]iB/SIZE/g; s/\b[0-9]+:[0-9]{2}\b/TIME/g; s/[0-9.]+ (us|ms|s|min|h)\b/TIME/g
            /^ *results.(mine|slower)|of work\)|interrupted|finished|already|there;|done/s/[0-9]+/N/g; s/ +/ /g'
}

# What stands between the marks of a document.
section() { # NAME DOCUMENT
    sed -n "/^<!-- $1 -->/,/^<!-- end of $1 -->/{//!p}" "$2"
}

put() { # NAME DOCUMENT
    awk -v new="$folder/new" -v name="$1" '
        $0 == "<!-- end of " name " -->" { copying = 0 }
        !copying { print }
        $0 == "<!-- " name " -->" { copying = 1; print ""; while ((getline line < new) > 0) print line; print "" }' "$2" >"$folder/document"
    cp "$folder/document" "$2"
}

check() { # NAME DOCUMENT
    masked <"$folder/new" >"$folder/says"
    section "$1" "$2" | sed '1d;$d' | masked >"$folder/told"
    diff "$folder/told" "$folder/says" || {
        echo "$2 tells something else than the commands say: tests/transcript/run.sh --write" >&2
        exit 1
    }
}

case ${1:-} in
    '') each=cat ;;
    --write) each=put ;;
    --check) each=check ;;
    *) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2 ;;
esac
cd "$folder/work"
for name in five_minutes first_hour; do
    transcript $name >"$folder/new"
    case $name in five_minutes) document=$root/README.md ;; *) document=$root/experiments/README.md ;; esac
    if [ $each = cat ]; then cat "$folder/new"; else $each "${name/_/ }" "$document"; fi
done
