#!/usr/bin/env bash
# Inspects what scripts/prebuild.cjs made, without running it: format, exports, libraries, the oldest system. Arguments
# choose platforms (scripts/prebuilds/targets.json); default: every one. Prints `prebuilds: N passed, M failed`.
set -euo pipefail
scripts=$(dirname "${BASH_SOURCE[0]}")
tools=$("$scripts/prebuilds/tools.sh")
exec "$tools/python" "$scripts/prebuilds/check.py" "$@"
