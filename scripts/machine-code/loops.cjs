// The loops of a kernel's machine code: natural loops of its control flow. Code that a compiler moved out of the way and
// that jumps back is none of them, though its branch goes backwards.
const { family } = require('./sass.cjs');

/**
 * @returns {import('./sass.cjs').Instruction[][]} the innermost loops, each the instructions of its body, in order
 */
exports.innermostLoops = function innermostLoops(instructions) {
  const blocks = basicBlocks(instructions);
  const dominators = dominatorsOf(blocks);
  const bodies = new Map();
  blocks.forEach((block, from) => {
    for (const head of block.next) {
      if (!dominators[from]?.has(head)) continue;
      const body = bodies.get(head) ?? new Set([head]);
      reachBack(blocks, from, body);
      bodies.set(head, body);
    }
  });
  // `body` is a loop's head and all that leads back to it: an inner loop's head lies in the outer one's body.
  const innermost = [...bodies].filter(
    ([head, body]) => ![...bodies.keys()].some((other) => other !== head && body.has(other)),
  );
  return innermost.map(([, body]) => [...body].sort((a, b) => a - b).flatMap((index) => blocks[index].instructions));
};

/** Runs of instructions without a branch inside, `next`: the blocks that may follow. */
function basicBlocks(instructions) {
  const starts = new Set([instructions[0]?.address]);
  instructions.forEach((instruction, index) => {
    const { targets, ends } = flow(instruction, instructions);
    for (const target of targets) starts.add(target);
    if (targets.length > 0 || ends) starts.add(instructions[index + 1]?.address);
  });
  const blocks = [];
  for (const instruction of instructions) {
    if (starts.has(instruction.address)) blocks.push({ instructions: [], next: [], previous: [] });
    blocks.at(-1).instructions.push(instruction);
  }
  const at = new Map(blocks.map((block, index) => [block.instructions[0].address, index]));
  blocks.forEach((block, index) => {
    const { targets, ends } = flow(block.instructions.at(-1), instructions);
    const next = targets.map((target) => at.get(target)).filter((target) => target !== undefined);
    if (!ends && index + 1 < blocks.length) next.push(index + 1);
    block.next = [...new Set(next)];
    for (const other of block.next) blocks[other].previous.push(index);
  });
  return blocks;
}

/** Where an instruction may go other than to the one behind it, and whether it never goes there. */
function flow(instruction, instructions) {
  const kind = family(instruction);
  const always = !instruction.predicated;
  if (kind === 'EXIT' || kind === 'RET' || kind === 'BRX') return { targets: [], ends: always };
  if (kind === 'BRA' || kind === 'JMP') {
    const target = addressIn(instruction.operands);
    // A branch to itself fills the end of a function. One that asks a predicate of its own may go on.
    if (target === instruction.address) return { targets: [], ends: true };
    const conditional = /(^|[^\w])!?U?P\d/.test(instruction.operands) || /\.DIV\b/.test(instruction.operation);
    return { targets: target === undefined ? [] : [target], ends: always && !conditional };
  }
  if (kind === 'BSYNC') return { targets: [meetingPoint(instruction, instructions)].filter(Boolean), ends: always };
  return { targets: [], ends: false };
}

/** Threads that parted after BSSY B0, 0x200 meet at 0x200, wherever they say BSYNC B0. */
function meetingPoint({ operands, address }, instructions) {
  const barrier = /\bB\d+\b/.exec(operands)?.[0];
  let nearest;
  for (const other of instructions) {
    if (family(other) !== 'BSSY' || !new RegExp(`\\b${barrier}\\b`).test(other.operands)) continue;
    const target = addressIn(other.operands);
    if (other.address < address && target > address) nearest = target;
  }
  return nearest;
}

function addressIn(operands) {
  const found = /\b0x[0-9a-f]+\b/.exec(operands);
  return found ? Number(found[0]) : undefined;
}

/** For each block the blocks that every way to it passes; undefined where no way leads. */
function dominatorsOf(blocks) {
  const dominators = blocks.map(() => undefined);
  if (blocks.length > 0) dominators[0] = new Set([0]);
  for (let changed = true; changed; ) {
    changed = false;
    for (let index = 1; index < blocks.length; index++) {
      const known = blocks[index].previous.map((other) => dominators[other]).filter(Boolean);
      if (known.length === 0) continue;
      const common = new Set([...known[0]].filter((one) => known.every((set) => set.has(one))));
      common.add(index);
      if (dominators[index]?.size !== common.size) {
        dominators[index] = common;
        changed = true;
      }
    }
  }
  return dominators;
}

function reachBack(blocks, from, body) {
  const open = [from];
  while (open.length > 0) {
    const index = open.pop();
    if (body.has(index)) continue;
    body.add(index);
    open.push(...blocks[index].previous);
  }
}
