#!/usr/bin/env bash
# Kills a small run of every family 20 times with SIGKILL at random moments, resumes it each time, and
# compares its tables and weights with those of a run that nobody killed.
#
#     tests/kill_and_resume.sh [KILLS [RUN,RUN…]]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export GAINFIELD_KILLS=${1:-20}
[ $# -lt 2 ] || export GAINFIELD_KILL_RUNS=$2
exec cargo test -p gainfield --test training -- --nocapture killed_runs_resume_bit_for_bit
