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

interrupted() {
    bash -c "exec $1" &
    local process=$! files=()
    until files=(results/*/trials/*.trial) && [ ${#files[@]} -ge 9 ]; do sleep 0.02; done
    kill -INT "$process"
    wait "$process" || true
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
    sed -E '/running .* left$/d; s/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]+/DATE/g; s/[0-9.]+ [KMGT]iB/SIZE/g; s/\b[0-9]+:[0-9]{2}\b/TIME/g; s/[0-9.]+ (us|ms|s|min|h)\b/TIME/g
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
