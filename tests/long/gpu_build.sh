#!/usr/bin/env bash
# What tests/gpu/run.sh builds on a machine with a GPU builds here too: it has a list of sources of its own, which falls behind unnoticed.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
nvcc=$(PATH=$PATH:/usr/local/cuda/bin command -v nvcc) || { echo "skipped: there is no nvcc"; exit 77; }
cmake -S "$root/tests/gpu" -B "$root/build/gpu-tests" -DCMAKE_CUDA_COMPILER="$nvcc" -DCMAKE_CUDA_ARCHITECTURES=90
cmake --build "$root/build/gpu-tests" -j "$(nproc)"
