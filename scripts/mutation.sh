#!/usr/bin/env bash
# Mutation testing with Stryker, by hand: changes src/adapter, src/formats and src/prompts one expression at a time, and says which changes
# no test notices. npx fetches Stryker when this runs (65 MB); it is no dependency.
#   scripts/mutation.sh                        everything, hours; what an earlier run found and nothing changed since is kept
#   scripts/mutation.sh 'src/prompts/csv.ts'   these files, as Stryker's --mutate takes them
# The report is in build-mutation/, with every mutation that survived.
set -euo pipefail
cd "$(dirname "$0")/.."

version=9.6.1
chosen=()
[ $# -eq 0 ] || chosen=(--mutate "$(IFS=,; echo "$*")")
exec npx --yes --package "@stryker-mutator/core@$version" --package "@stryker-mutator/jest-runner@$version" \
  stryker run scripts/mutation/stryker.config.json --concurrency "${DND_MUTATION_JOBS:-$(nproc)}" "${chosen[@]}"
