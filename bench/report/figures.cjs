const SEPARATOR = ' › ';

const isFigure = (value) => Number.isFinite(value.median) && Number.isFinite(value.min) && Number.isFinite(value.max);

/**
 * Every figure of a benchmark's results under the path that leads to it: "quick › convolutions › 0 conv1w › batch 1 ›
 * ours". Elements of a list go by their `name`; names of folders that hold nothing but lists are left out.
 * @returns {Map<string, import('../statistics.cjs').Figure>}
 */
function figuresOf(results) {
  const figures = new Map();
  walk(results, [], figures);
  return figures;
}

const TRANSPARENT = new Set(['configurations', 'rows', 'batches']);

function walk(value, path, figures) {
  if (value === null || typeof value !== 'object') return;
  if (isFigure(value)) {
    figures.set(path.join(SEPARATOR), value);
    return;
  }
  for (const [key, below] of Object.entries(value)) {
    const step = Array.isArray(value) ? (below?.name ?? `${Number(key) + 1}`) : key;
    walk(below, TRANSPARENT.has(step) ? path : [...path, step], figures);
  }
}

module.exports = { figuresOf };
