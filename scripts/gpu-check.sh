#!/usr/bin/env bash
# npm run gpu:check for machines without Node: unpacks what scripts/gpu-carry.sh packed, then does the same.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ -e .gpu/package.tar.xz && ! -e .gpu/bin/node ]]; then
  mkdir -p .gpu/bin
  xz -d -c .gpu/node.xz > .gpu/bin/node
  chmod +x .gpu/bin/node
  tar -xJf .gpu/package.tar.xz
fi
[[ -x .gpu/bin/node ]] && PATH=$PWD/.gpu/bin:$PATH
exec node scripts/gpu-check.cjs "$@"
