# To be sourced. run_each WHAT RUN…: calls the function `run` for each RUN, every one even when an earlier one failed,
# says of WHAT which failed, and ends with 1 where any did.

run_each() {
  local what=$1 name failed=()
  shift
  for name in "$@"; do
    # In a shell of its own, where a failing step ends the run: `run || …` alone would go on after it.
    (set -e; run "$name") & wait $! || failed+=("$name")
  done
  if [ ${#failed[@]} -gt 0 ]; then
    echo "$what FAILED: ${failed[*]}" >&2
    exit 1
  fi
  echo "$what passed: $*"
}
