#!/usr/bin/env bash
# The first hour that README.md tells is what the commands say. NORMLAB_PROGRAM names the program.
exec "$(dirname "$0")/transcript/run.sh" --check
