import { join } from 'node:path';
import { SafetensorsFile } from '../../src/formats/safetensors/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { changedGolden, verdictOf } from './golden.js';

const temporary = useTemporaryFolder();
const fixture = (...names: string[]) => join(__dirname, '..', 'fixtures', ...names);

/** What a setting in the metadata may be turned into: none is right where the setting matters. */
const WRONG = ['null', '"x"', '-1', '1e9', '[]', '{}', '[[]]', '[[100000,100000,100000],[1,1,1]]', '['.repeat(2000)];
const DEEP = `${'['.repeat(5000)}${']'.repeat(5000)}`;

async function metadataOf(path: string): Promise<Record<string, string>> {
  const file = await SafetensorsFile.open(path);
  await file.close();
  return { ...file.metadata };
}

/** Each setting as a whole, and each field of one that is an object. */
function* damages(metadata: Record<string, string>): Generator<Record<string, string>> {
  for (const [name, text] of Object.entries(metadata)) {
    if (name === 'kind') continue;
    for (const wrong of [...WRONG, DEEP]) yield { [name]: wrong };
    const fields = text.startsWith('{') ? Object.keys(JSON.parse(text)) : [];
    for (const field of fields)
      for (const wrong of ['null', '"x"', '0', '1e9']) {
        yield { [name]: JSON.stringify({ ...JSON.parse(text), [field]: JSON.parse(wrong) }) };
      }
  }
}

test.each([
  ['decoder', fixture('golden', 'decoder_k3.safetensors')],
  ['layout', fixture('layout', 'fresh.safetensors')],
  ['encoder', fixture('encoder', 'encoder_hash.safetensors')],
])(
  'whatever is wrong with the settings of a golden %s, it is told as an error of ours',
  async (_, path) => {
    const codes = new Set<string>();
    for (const metadata of damages(await metadataOf(path))) {
      const copy = await changedGolden(path, join(temporary(), 'copy.safetensors'), { metadata });
      const { error } = await verdictOf(copy, { threads: 1, device: 'cpu' });
      if (error) codes.add(error.code);
    }
    expect(codes).toContain('CORRUPT_FILE');
    expect(codes).not.toContain('INTERNAL');
  },
  120_000,
);
