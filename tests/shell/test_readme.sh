#!/usr/bin/env bash
# The five minutes of README.md and the first hour of experiments/README.md are what the commands say. NORMLAB_PROGRAM names the program.
exec "$(dirname "$0")/../transcript/run.sh" --check
