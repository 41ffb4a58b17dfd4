// The API reference, docs/api. `npm run docs:api` writes it, test/docs/docstrings.test.ts fails where a docstring is missing.

/** Constants whose only part in the API is that a union of names is derived from them; the docstring of the type lists these. */
const BEHIND_UNIONS = [
  'ADAPTER_FORMAT_NAMES',
  'CHECKPOINT_DTYPES',
  'FLOAT_DTYPES',
  'FORMATS',
  'GGUF_DTYPES',
  'PRECISIONS',
  'NORMALISATIONS',
  'ROWS',
  'STOP_SIGNALS',
  'TRAINERS',
];

/** What a class implements for the rest of the package. */
const INTERNAL = ['LoadedModel'];

/** @type {Partial<import('typedoc').TypeDocOptions>} */
export default {
  name: 'dnd-lora',
  entryPoints: ['../../src/index.ts', '../../src/training/index.ts', '../../src/language.ts'],
  tsconfig: '../../tsconfig.json',
  out: '../../docs/api',
  readme: 'none',
  disableSources: true,
  hideGenerator: true,
  excludePrivate: true,
  excludeProtected: true,
  excludeInternal: true,
  // Classes that extend Error inherit what Node documents.
  excludeExternals: true,
  intentionallyNotExported: [...BEHIND_UNIONS, ...INTERNAL],
  validation: { notExported: true, invalidLink: true, invalidPath: true, notDocumented: true },
  treatWarningsAsErrors: true,
};
