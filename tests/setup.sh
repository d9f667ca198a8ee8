# Sourced by experiments/quickstart.sh and tests/run.sh: installs what is missing and builds the program into build/.
# Needs $root, the top of the repository.
#
#   NORMLAB_CMAKE   further arguments for CMake (".ci/run": -DNORMLAB_DEVELOPER=ON -DNORMLAB_CUDA=AUTO)
#   NORMLAB_BUILD   build folder (default: build)
# shellcheck shell=bash

build=${NORMLAB_BUILD:-$root/build}

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
[ -t 2 ] && [ -z "${NO_COLOR:-}" ] || say() { printf '%s\n' "$*" >&2; }

# Debian package, and what proves that it is there: a program, a file to compile against, files that are there, or a module of Debian's Python.
needs() {
    cat <<'END'
build-essential      cc
cmake                cmake
pkg-config           pkg-config
gnuplot-nox          gnuplot
libyaml-dev          yaml.h
libopenblas0         /usr/lib/*/libopenblas.so.0
zlib1g-dev           zlib.h
nettle-dev           nettle/sha2.h
libexpat1-dev        expat.h
libcurl4-openssl-dev curl/curl.h
libarchive-dev       archive.h
ca-certificates      /etc/ssl/certs/*.*
check                check.h
END
}
needs_of_tests() {
    cat <<'END'
python3-jsonschema  python:jsonschema
python3-ruamel.yaml python:ruamel.yaml
python3-yaml        python:yaml
valgrind            valgrind
jq                  jq
shfmt               shfmt
locales             /usr/share/i18n/locales/de_DE
mandoc              mandoc
fish                fish
zsh                 zsh
END
}
needs_of_comparison() {
    echo python3 python3
}
needs_of_bench() {
    cat <<'END'
libdnnl-dev oneapi/dnnl/dnnl.h
libfann-dev floatfann.h
END
}
needs_of_fuzz() {
    cat <<'END'
clang           clang
libclang-rt-dev /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a
END
}
needs_of_systems() {
    cat <<'END'
clang      clang
musl-tools musl-gcc
jq         jq
file       file
END
}
needs_of_coverage() {
    needs_of_tests
    echo lcov lcov
}

is_there() {
    case $1 in
        python:*) /usr/bin/python3 -c "import ${1#python:}" >/dev/null 2>&1 ;;
        /*) compgen -G "$1" >/dev/null ;;
        *.h) echo "#include <$1>" | cc -E -x c - >/dev/null 2>&1 ;;
        *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

missing_packages() { # $1: tests, comparison, bench, fuzz, systems, coverage or nothing
    { needs && if [ -n "${1:-}" ]; then "needs_of_$1"; fi; } | while read -r package proof; do
        is_there "$proof" || echo "$package"
    done
}

install_missing() { # $1: tests, comparison, bench, fuzz, systems, coverage or nothing
    local missing sudo=
    missing=$(missing_packages "${1:-}" | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    if ! command -v apt-get >/dev/null 2>&1; then
        say "normlab needs these packages (Debian's names); please install them and start again:"
        printf '  %s\n' $missing >&2
        exit 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 || {
            say "neither root nor sudo; please run as root: apt-get install $missing"
            exit 1
        }
        sudo=sudo
    fi
    say "installing: $missing"
    # Another apt-get, of a machine that updates itself after its start, is waited for. The first try saves the update where the package lists are fresh.
    local apt="$sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -q"
    # shellcheck disable=SC2086
    $apt install -y --no-install-recommends $missing >/dev/null 2>&1 || {
        $apt update >/dev/null
        $apt install -y --no-install-recommends $missing >/dev/null
    }
}

build_program() { # $1: ON or OFF, tests
    # A toolkit without a GPU builds kernels for a dozen of them, for minutes, and none would run.
    local cuda=OFF
    [ ! -e /dev/nvidiactl ] || cuda=AUTO
    mkdir -p "$build"
    say "building into ${build#"$PWD"/}"
    # shellcheck disable=SC2086
    cmake -S "$root" -B "$build" -DNORMLAB_TESTS="$1" -DNORMLAB_CUDA="$cuda" ${NORMLAB_CMAKE:-} >"$build/log" 2>&1 &&
        cmake --build "$build" -j "$(nproc)" >>"$build/log" 2>&1 || {
        tail -n 40 "$build/log" >&2
        say "the build failed; the whole log is $build/log"
        exit 1
    }
}
