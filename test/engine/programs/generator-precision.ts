import { createTiny } from '../../generator/tiny.js';

async function main(): Promise<void> {
  try {
    const generator = await createTiny({ precision: 'bf16' });
    generator.dispose();
    console.log(JSON.stringify('created'));
  } catch (error) {
    const { name, code, message } = error as Error & { code: string };
    console.log(JSON.stringify({ name, code, message }));
  }
}

void main();
