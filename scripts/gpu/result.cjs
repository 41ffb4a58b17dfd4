// What gpu:check found: one file for each device and day, docs/gpu/<device>-<date>.json.
const { spawnSync } = require('node:child_process');
const { existsSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

/** Stages are added to what an earlier run found for the same commit on the same day. */
exports.openResult = function openResult(root, device) {
  const date = new Date().toISOString().slice(0, 10);
  const name = device.name
    .toLowerCase()
    .replace(/^nvidia /, '')
    .replaceAll(/[^a-z0-9]+/g, '-');
  const folder = join(root, 'docs', 'gpu');
  const file = join(folder, `${name}-${date}.json`);
  const commit = currentCommit(root);
  const known = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
  const result = known?.commit === commit ? known : { device, date, commit, stages: {} };
  return {
    add(stage, found) {
      result.stages[stage] = found;
    },
    write() {
      mkdirSync(folder, { recursive: true });
      writeFileSync(file, `${JSON.stringify(result, undefined, 1)}\n`);
      return file;
    },
    failed() {
      return Object.values(result.stages).some(({ ok, skipped }) => !ok && !skipped);
    },
  };
};

/** The commit that the working tree is of, with "+" where files have changed since; a copy of it may carry its name. */
function currentCommit(root) {
  const carried = join(root, '.gpu', 'commit');
  const git = (...options) => spawnSync('git', options, { cwd: root, encoding: 'utf8' });
  const head = git('rev-parse', '--short=12', 'HEAD');
  if (head.status !== 0) return existsSync(carried) ? readFileSync(carried, 'utf8').trim() : 'unknown';
  // What gpu:check itself writes does not change what it tested.
  const changed = git('status', '--porcelain', '--', '.', ':!docs/gpu').stdout.trim();
  return head.stdout.trim() + (changed === '' ? '' : '+');
}
