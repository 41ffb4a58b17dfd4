#!/usr/bin/env bash
# Prints a folder of Python packages with mlx-lm, to be put behind those of scripts/python-environment.sh (PYTHONPATH).
# Made once per version of test/interop/mlx-requirements.txt, outside the repository. DND_MLX names another such folder.
set -euo pipefail

if [[ -n ${DND_MLX:-} ]]; then
  echo "$DND_MLX"
  exit
fi

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/scripts/pinned-environment.sh"
pinned_environment mlx "$root/test/interop/mlx-requirements.txt"

import_mlx() { "$environment/bin/python" -c 'import mlx.core' >&2; }
make_environment "making the Python environment of mlx-lm" import_mlx
"$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'
