import { join } from 'node:path';
import { SafetensorsFile } from '../../src/formats/safetensors/index.js';
import { loadLanguageModel } from '../../src/language/index.js';

const FIXTURES = join(__dirname, '../fixtures');

/** Positions that agree: Mistral's window is not in a GGUF file, and starts to matter after eight. */
const BASES = [
  ['llama', Number.POSITIVE_INFINITY],
  ['qwen2', Number.POSITIVE_INFINITY],
  ['mistral', 8],
] as const;

/** Random models, written by the Python package gguf and run by llama.cpp: nothing of ours is in them. */
describe('tiny bases', () => {
  test.each(BASES)('%s: its GGUF file has the logits of its Hugging Face form', async (name, positions) => {
    const golden = await SafetensorsFile.open(join(FIXTURES, 'golden', `causal_${name}.safetensors`));
    const ids = await golden.read('input_ids');
    const shape = golden.tensors.get('input_ids')!.shape;
    const expected = await golden.readFloat32('logits');
    const { dtype } = golden.tensors.get('input_ids')!;
    await golden.close();
    const model = await loadLanguageModel(join(FIXTURES, 'gguf', `tiny_${name}_base.gguf`), { threads: 1 });
    try {
      const [sequences, length] = shape as [number, number];
      const numbers = dtype === 'I64' ? Array.from(new BigInt64Array(ids.buffer), Number) : new Int32Array(ids.buffer);
      const lengths = new Array<number>(sequences).fill(length);
      const logits = await model.engine.logits({ ids: Int32Array.from(numbers), lengths });
      expect(logits.length).toBe(expected.length);
      const vocabulary = logits.length / (sequences * length);
      const compared = expected.map((value, index) =>
        Math.floor(index / vocabulary) % length < positions ? Math.abs(value - logits[index]!) : 0,
      );
      expect(Math.max(...compared)).toBeLessThan(1e-4);
      expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(0.1);
    } finally {
      model.dispose();
    }
  });
});
