// A backend that makes adapters: one generator for all requests, and no work for clients that have gone.
//   POST /adapters  { "name": "geology", "prompts": ["…"], "seed": 0 }   →   { "folder": "…", "report": { … } }
import { join } from 'node:path';
import { DndError, Generator } from 'dnd-lora';
import fastify from 'fastify';

const BODY = {
  type: 'object',
  required: ['name', 'prompts'],
  properties: {
    name: { type: 'string', pattern: '^[a-z0-9][a-z0-9-]{0,63}$' },
    prompts: { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1, maxItems: 1000 },
    seed: { type: 'integer', minimum: 0, default: 0 },
  },
};

/** Codes that are the client's mistake. */
const REFUSED = new Set(['INVALID_ARGUMENT', 'INVALID_PROMPTS', 'OUTPUT_EXISTS']);

/**
 * @param {string} path of the generator
 * @param {string} out folder that adapters are written into
 */
export async function createServer(path, out, options = {}) {
  const generator = await Generator.load(path);
  const server = fastify(options);
  server.addHook('onClose', async () => generator.dispose());

  // Requests may come at the same time: the generator answers them one after the other, each with all its threads.
  server.post('/adapters', { schema: { body: BODY } }, async (request, reply) => {
    const { name, prompts, seed } = request.body;
    const adapter = await generator.generate(prompts, { seed, signal: gone(reply) });
    const folder = join(out, name);
    await adapter.save(folder);
    return { folder, report: adapter.report };
  });

  server.setErrorHandler((error, request, reply) => {
    if (reply.raw.destroyed) return; // nobody listens
    if (!(error instanceof DndError)) return reply.send(error);
    request.log.error(error);
    reply.status(REFUSED.has(error.code) ? 400 : error.code === 'OUT_OF_MEMORY' ? 503 : 500);
    return reply.send({ code: error.code, message: error.message });
  });
  return server;
}

/** A signal that is aborted when the connection is closed before the answer has been sent. */
function gone({ raw }) {
  const controller = new AbortController();
  raw.once('close', () => {
    if (!raw.writableFinished) controller.abort(new Error('the client has disconnected'));
  });
  return controller.signal;
}

if (process.argv[1] === import.meta.filename) {
  const [path, out = 'adapters', port = '3000'] = process.argv.slice(2);
  const server = await createServer(path, out, { logger: true });
  await server.listen({ port: Number(port) });
}
