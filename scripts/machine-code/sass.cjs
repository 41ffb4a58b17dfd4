// The text that cuobjdump -sass prints, as instructions.

/**
 * @typedef {object} Instruction
 * @property {number} address
 * @property {string} operation with its modifiers: "LDG.E.128.CONSTANT"
 * @property {string} operands
 * @property {boolean} predicated may be skipped
 * @property {boolean} never is skipped always: the compiler spaces copies with such loads
 */

/** @returns {Map<string, Instruction[]>} by the function's name, in the order of their addresses */
exports.parseSass = function parseSass(text) {
  const functions = new Map();
  let current;
  for (const line of text.split('\n')) {
    const begin = /^\s*Function\s*:\s*(\S+)/.exec(line);
    if (begin) {
      current = [];
      functions.set(begin[1], current);
    }
    const instruction = parseInstruction(line);
    if (instruction) current?.push(instruction);
  }
  return functions;
};

function parseInstruction(line) {
  const match = /^\s*\/\*([0-9a-f]{4,})\*\/\s+(@!?U?P\w+\s+)?([A-Z][\w.]*)\s*([^;]*);/.exec(line);
  if (!match) return undefined;
  const [, address, predicate, operation, operands] = match;
  return {
    address: Number.parseInt(address, 16),
    operation,
    operands: operands.trim(),
    // @PT is always true.
    predicated: predicate !== undefined && !/^@U?PT\s/.test(predicate),
    never: predicate !== undefined && /^@!U?PT\s/.test(predicate),
  };
}

/** "LDG.E.128" → "LDG" */
exports.family = function family(instruction) {
  return instruction.operation.split('.', 1)[0];
};

/** Bytes that one thread moves with a load, a store or an asynchronous copy. */
exports.bytesPerThread = function bytesPerThread({ operation }) {
  if (/^LDSM\b/.test(operation)) return 4 * Number(/\.(?:MT?)?(?:88|816)\.([24])/.exec(operation)?.[1] ?? 1);
  if (/\.128\b/.test(operation)) return 16;
  if (/\.64\b/.test(operation)) return 8;
  if (/\.[US]?16\b/.test(operation)) return 2;
  if (/\.[US]8\b/.test(operation)) return 1;
  return 4;
};
