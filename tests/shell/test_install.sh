#!/usr/bin/env bash
# What `cmake --install` leaves, moved to another place: the program runs, the shipped experiments pass its check, every header compiles
# by itself, and a program that knows nothing but pkg-config trains a network to the same bits as `normlab run`.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
program=${NORMLAB_PROGRAM:-$root/build/normlab}
build=$(dirname "$program")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
die() { echo "$*"; exit 1; }

cmake --install "$build" --prefix "$folder/built" >"$folder/log" || die "$(cat "$folder/log")"
mv "$folder/built" "$folder/moved"
prefix=$folder/moved
share=$prefix/share/normlab
cd "$folder" # nothing below may be found in the sources

"$prefix/bin/normlab" --version | grep -qE '^normlab [0-9]+\.[0-9]+\.[0-9]+ \(commit .+\)$' || die "--version: $("$prefix/bin/normlab" --version)"
checks=1
for file in "$root"/configs/*.yaml "$root"/experiments/*.yaml; do
    "$prefix/bin/normlab" check -q "$share/${file#"$root"/}" >/dev/null
    checks=$((checks + 1))
done
"$program" schema | cmp - "$share/normlab.schema.json"
for file in share/man/man1/normlab.1.gz share/man/man1/normlab-sweep.1.gz share/man/man5/normlab-config.5.gz share/man/man5/normlab-results.5.gz \
            share/man/man7/normlab-experiments.7.gz share/man/man7/normlab-plots.7.gz share/man/man7/normlab-code.7.gz share/bash-completion/completions/normlab \
            share/zsh/site-functions/_normlab share/fish/vendor_completions.d/normlab.fish share/doc/normlab/copyright; do
    [ -s "$prefix/$file" ] || die "$file is not there"
    checks=$((checks + 1))
done
grep -rlF "$build" "$prefix" --include='*.pc' --include='*.h' --include='*.yaml' && die "names the build folder"

# ---- the library ----
sanitize=$(sed -n 's/^NORMLAB_SANITIZE:[A-Z]*=//p' "$build/CMakeCache.txt")
flags=()
[ "$sanitize" = OFF ] || flags=("-fsanitize=$sanitize")
! grep -q __gcov_init "$build/normlab" || flags+=(--coverage)
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name normlab.pc)")
export PKG_CONFIG_PATH
read -ra cflags <<<"$(pkg-config --cflags normlab)"
read -ra libs <<<"$(pkg-config --libs normlab)"
[ "$("$prefix/bin/normlab" --version | cut -d ' ' -f 2)" = "$(pkg-config --modversion normlab)" ] || die "normlab.pc is of another version"
headers=0
while read -r header; do
    for standard in c11 gnu11; do
        echo "#include <$header>" | cc -std=$standard -Wall -Wextra -Werror -fsyntax-only "${cflags[@]}" -x c - || die "$header does not stand alone"
    done
    headers=$((headers + 1))
done < <(cd "$prefix/include" && find normlab -name '*.h')
[ "$headers" -ge 10 ] || die "only $headers headers"
cc -std=c11 -Wall -Wextra -Werror "${flags[@]}" "${cflags[@]}" "$root/tests/install/train.c" "${libs[@]}" -o train
column=$("$prefix/bin/normlab" run -q "$share/configs/mlp_digits.yaml" --out run >/dev/null && head -n 1 run/trials.csv | tr ',' '\n' | grep -nx test_loss | cut -d : -f 1)
expected=$(tail -n 1 run/trials.csv | cut -d , -f "$column")
found=$(./train "$share/configs/mlp_digits.yaml")
awk -v a="$expected" -v b="$found" 'BEGIN { exit !(a != "" && a + 0 > 0 && a == b) }' || die "the library's test loss is $found, the program's $expected"
localedef -i de_DE -f UTF-8 "$folder/de_DE.UTF-8" || die "cannot make a locale with a decimal comma (Debian package locales)"
comma=$(LOCPATH=$folder LC_ALL=de_DE.UTF-8 ./train "$share/configs/mlp_digits.yaml")
[ "$comma" = "${found/./,}" ] || die "with a decimal comma the library's test loss is $comma, else $found"
code=0
printf 'norm: {kindd: bn}\n' >wrong.yaml
./train wrong.yaml 2>stderr || code=$?
[ "$code" -eq 2 ] && grep -q "did you mean 'norm.kind'" stderr || die "a wrong file: exit $code, $(cat stderr)"

echo "100%: Checks: $((checks + headers + 5))"
