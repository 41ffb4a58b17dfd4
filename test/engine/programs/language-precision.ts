import { createModel } from '../causals.js';

async function main(): Promise<void> {
  try {
    const engine = await createModel(undefined, { precision: 'bf16' });
    console.log(JSON.stringify(engine.device));
  } catch (error) {
    const { name, code, message } = error as Error & { code: string };
    console.log(JSON.stringify({ name, code, message }));
  }
}

void main();
