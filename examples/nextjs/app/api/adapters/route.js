// POST /api/adapters { "name": "geology", "prompts": ["…"] }; GENERATOR and ADAPTERS name the generator and the output folder.
import { join } from 'node:path';
import { DndError, Generator } from 'dnd-lora';

export const runtime = 'nodejs'; // the edge runtime has no addons

/** One for the process: loaded by the first request, kept when `next dev` loads this file again. */
function loadGenerator() {
  globalThis.dndGenerator ??= Generator.load(process.env.GENERATOR).catch((error) => {
    globalThis.dndGenerator = undefined; // the next request tries again
    throw error;
  });
  return globalThis.dndGenerator;
}

export async function POST(request) {
  try {
    const { name, prompts } = await request.json();
    if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(name))
      return Response.json({ message: 'name: a-z, 0-9 and -' }, { status: 400 });
    const generator = await loadGenerator();
    // Aborted when the client disconnects.
    const adapter = await generator.generate(prompts, { signal: request.signal });
    const folder = join(process.env.ADAPTERS ?? 'adapters', name);
    await adapter.save(folder, { force: true });
    return Response.json({ folder, report: adapter.report });
  } catch (error) {
    if (!(error instanceof DndError)) throw error;
    const { code, message } = error;
    const isRefused = code === 'INVALID_ARGUMENT' || code === 'INVALID_PROMPTS';
    return Response.json({ code, message }, { status: isRefused ? 400 : 500 });
  }
}
