/** How tables of other kinds become JSON Lines, by their extension. The commands take any name. */
const CONVERSIONS = {
  '.parquet': pandas('read_parquet'),
  '.feather': pandas('read_feather'),
  '.arrow':
    'python -c "import sys, datasets; datasets.Dataset.from_file(sys.argv[1]).to_json(sys.argv[2])" prompts.arrow prompts.jsonl',
  '.xlsx': pandas('read_excel'),
  '.xls': pandas('read_excel'),
} as const;

function pandas(read: string): string {
  const kind = read.replace('read_', '').replace('excel', 'xlsx');
  return `python -c "import sys, pandas; pandas.${read}(sys.argv[1]).to_json(sys.argv[2], orient='records', lines=True)" prompts.${kind} prompts.jsonl`;
}

export const TABLE_EXTENSIONS = Object.keys(CONVERSIONS) as readonly (keyof typeof CONVERSIONS)[];

/** "Convert it: python …"; undefined for a file of another extension. */
export function tableConversion(extension: keyof typeof CONVERSIONS): string;
export function tableConversion(extension: string): string | undefined;
export function tableConversion(extension: string): string | undefined {
  return Object.hasOwn(CONVERSIONS, extension)
    ? `Convert it: ${CONVERSIONS[extension as keyof typeof CONVERSIONS]}`
    : undefined;
}
