// Kernels' names as people write them, the same for nvcc's code and for the emulated build's.

/** "void dnd::cuda::(anonymous namespace)::kernel<16, 24>(dnd::cuda::(anonymous namespace)::Arguments)" → "kernel<16, 24>" */
exports.shortName = function shortName(demangled) {
  const plain = demangled
    // nvcc numbers the unnamed namespaces of its files.
    .replace(/\(anonymous namespace\)::|_GLOBAL__N__\w+::|_INTERNAL_\w+::/g, '')
    .replace(/\bdnd::(cuda::)?/g, '')
    .replace(/\((int|unsigned int|bool|long|unsigned long|unsigned)\)(-?\d+)/g, '$2')
    .replace(/\b(\d+)(u|ul|l)\b/g, '$1');
  return withoutArguments(plain)
    .replace(/^void /, '')
    .replace(/ > /g, '>>')
    .trim();
};

/** Cuts the last pair of parentheses, the function's parameters. */
function withoutArguments(text) {
  if (!text.endsWith(')')) return text;
  let depth = 0;
  for (let index = text.length - 1; index >= 0; index--) {
    if (text[index] === ')') depth++;
    if (text[index] === '(' && --depth === 0) return text.slice(0, index);
  }
  return text;
}
