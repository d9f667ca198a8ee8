#!/usr/bin/env bash
# Each source of core begins with a comment that says what it does; no comment leans on the one above ("Of these ...", "The same ..."); lines of core end at
# 120 columns, as .clang-format has it; a table in a comment is one.
set -euo pipefail
cd "$(dirname "$0")/../.."

failed=0
complain() { # what, lines
    [ -z "$2" ] || { echo "$1"; echo "$2"; failed=1; } >&2
}
mapfile -t sources < <(find core cmd -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh' | sort)
without=
for source in "${sources[@]}"; do
    [[ $source != core/*.c ]] || [ "$(head -c 2 "$source")" = "/*" ] || without+="$source"$'\n'
done
complain "sources without a comment at their head:" "$without"
complain "comments that cannot be read alone:" "$(grep -nE '^\s*/\* (Of|Those|The same|It|Its)\b' "${sources[@]}" || true)"
complain "lines beyond 120 columns:" "$(printf '%s\n' "${sources[@]}" | grep -v '^cmd/' | xargs awk 'length > 120 { print FILENAME ":" FNR }')"
# "x) name        what it is": a table whose lines were filled as if they were prose
complain "tables that are filled like a paragraph:" "$(grep -nE '^ \* [^ ]+ [^ ].*[a-z.,;)] {4,}[^ ]' "${sources[@]}" || true)"
echo "${#sources[@]} files"
exit $failed
