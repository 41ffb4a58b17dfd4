// Installations on a machine that has Node and nothing to compile with.
const { execFileSync } = require('node:child_process');
const { mkdirSync, symlinkSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const PROMPTS = ['Who is glad about the king?', 'Where did the captain go?', 'What did the queen take?'];

/**
 * A folder for the PATH that has node, npm, npx and a shell, and no compiler.
 * @param {string} node path of the Node that is used
 */
exports.bareTools = function bareTools(folder, node = process.execPath) {
  mkdirSync(folder, { recursive: true });
  symlinkSync(node, join(folder, 'node'));
  for (const name of ['npm', 'npx', 'sh', 'git']) {
    const path = execFileSync('sh', ['-c', `command -v ${name} || true`], { encoding: 'utf8' }).trim();
    if (path) symlinkSync(path, join(folder, name));
  }
  return folder;
};

/** The environment of an installation: these tools, no settings of this machine's own. */
exports.bareEnvironment = function bareEnvironment(tools, home) {
  const { LANG = 'C.UTF-8', HTTPS_PROXY, https_proxy, NODE_EXTRA_CA_CERTS, npm_config_registry } = process.env;
  const kept = { LANG, HTTPS_PROXY, https_proxy, NODE_EXTRA_CA_CERTS, npm_config_registry };
  return {
    ...Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined)),
    PATH: tools,
    HOME: home,
  };
};

/** An empty project with prompts in it. */
exports.emptyProject = function emptyProject(folder) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "name": "project", "version": "1.0.0", "private": true }\n');
  writeFileSync(join(folder, 'prompts.txt'), `${PROMPTS.join('\n')}\n`);
  return folder;
};

/** Runs a program to its end; throws with what it printed. */
exports.runIn = function runIn(folder, environment, program, parameters) {
  try {
    const options = {
      cwd: folder,
      env: environment,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 26,
    };
    return execFileSync(program, parameters, options);
  } catch (error) {
    throw new Error(
      `${[program, ...parameters].join(' ')} in ${folder}:\n${error.stdout ?? ''}\n${error.stderr ?? ''}\n${error.message}`,
    );
  }
};

/** Makes an adapter in a project where dnd-lora is installed. */
exports.firstAdapter = function firstAdapter(
  project,
  environment,
  program = join(project, 'node_modules', 'dnd-lora'),
) {
  const generator = join(program, 'pocket', 'generator');
  const main = join(program, 'dist', 'cli', 'main.js');
  const parameters = ['generate', '--generator', generator, '--prompts', 'prompts.txt', '--out', 'adapter'];
  exports.runIn(project, environment, 'node', [main, ...parameters]);
  return join(project, 'adapter', 'adapter_model.safetensors');
};
