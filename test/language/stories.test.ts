import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CausalEngine } from '../../src/engine/index.js';
import { SafetensorsFile } from '../../src/formats/safetensors/index.js';
import { causalConfigFromJson } from '../../src/language/config';
import { loadLanguageModel } from '../../src/language/index.js';

const FOLDER = join(process.env.DND_SHARED ?? join(__dirname, '../../../shared'), 'data/stories260k/hf');
const STORY = 'Once upon a time, there was a little girl named Lily. She loved to play outside in the park.';

(existsSync(FOLDER) ? describe : describe.skip)(`the stories model of ${FOLDER}`, () => {
  test('tells its known story', async () => {
    const config = causalConfigFromJson(JSON.parse(await readFile(join(FOLDER, 'config.json'), 'utf8')), FOLDER);
    const pieces = JSON.parse(await readFile(join(FOLDER, 'tok512.json'), 'utf8')) as { piece: string }[];
    const engine = await CausalEngine.create({ ...config.sizes, threads: 2 });
    const file = await SafetensorsFile.open(join(FOLDER, 'model.safetensors'));
    try {
      for (const { name } of engine.parameters) {
        const dtype = file.tensors.get(name)!.dtype as 'F32';
        engine.writeParameter(name, 0, await file.read(name), dtype);
      }
      const [story] = await engine.generate(
        { ids: Int32Array.of(config.startId!), lengths: [1] },
        { maxNewTokens: 40, endIds: config.endIds },
      );
      const text = Array.from(story!.ids, (id) => pieces[id]!.piece).join('');
      expect(text.replaceAll('▁', ' ').trim()).toMatch(new RegExp(`^${STORY.replaceAll('.', '\\.')}`));
    } finally {
      await file.close();
      engine.dispose();
    }
  });

  test('tells it from its GGUF file too, with the tokenizer that is there', async () => {
    const model = await loadLanguageModel(join(FOLDER, '../stories260K.gguf'), { threads: 2 });
    try {
      const [story] = await model.engine.generate(
        { ids: Int32Array.from(model.tokeniser.encode('', { prefix: true })), lengths: [1] },
        { maxNewTokens: 40, endIds: model.endTokens.ids },
      );
      expect(model.tokeniser.decode([...story!.ids]).startsWith(STORY)).toBe(true);
      const [rest] = await model.generate(['Once upon a time, there was a little girl named Lily.'], {
        maxNewTokens: 25,
      });
      expect(rest).toContain('She loved to play outside in the park.');
    } finally {
      model.dispose();
    }
  });
});
