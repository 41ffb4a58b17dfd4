/**
 * A small world on which settings of `dnd train` are compared, and the settings. It is house styles of two domains whose
 * questions the base answers, in a split of its own, and each of its training tasks has a LoRA of its own. Evaluated are
 * tasks that are not held out in `apartFrom`, the published house styles: none of them is in a published table.
 *
 * Every variant has the same decoder, learning rate and batch; steps of the token loss alone cost little beside those that
 * run the base, so there are twice as many of them, and each sees twice as many checkpoints.
 */

/** @param {object} parts of worlds.cjs: `adapter`, `joint`, settings of its LoRAs, and `generator` */
function comparisonWorld({ adapter, joint, generator }) {
  const base = { ...generator, evaluateEvery: 0, steps: 240, heldOutCheckpoints: 0 };
  const tokens = { ...base, loss: 'tokens', normalisation: 'residual', steps: 500, batch: 8 };
  const coefficients = { features: [...generator.features.slice(0, -1), [32, 1, 1]], basis: 32 };
  return {
    name: 'comparison',
    kind: 'styles',
    watched: 'none',
    minutes: { data: 0.1, joint: 30, variant: 5 },
    shipped: [],
    data: {
      ...{ split: 'combinations', splitSeed: 2, domains: ['first', 'capitalise'], items: { train: 64, test: 20 } },
      apartFrom: { split: 'combinations', splitSeed: 1 },
    },
    /** One joint LoRA, and from there on one LoRA of each training task. */
    joint: {
      ...adapter,
      ...joint,
      ...{ jointSteps: 200, steps: 29, checkpoints: 1, batch: 8, learningRate: 1e-3, checkpointLearningRate: 1e-3 },
    },
    variants: {
      behaviour: base,
      'behaviour-checkpoints': { ...base, behaviourTarget: 'checkpoints' },
      tokens,
      both: { ...base, loss: 'both', tokenSteps: 0 },
      'tokens-first': { ...base, loss: 'both', tokenSteps: 240, steps: 480 },
      'tokens-canonical': { ...tokens, targets: 'canonical' },
      'tokens-delta': { ...tokens, targets: 'delta' },
      'tokens-basis': { ...tokens, ...coefficients },
      'behaviour-basis': { ...base, ...coefficients },
      'behaviour-learned': { ...base, ...coefficients, basisKind: 'learned' },
    },
    evaluation: { tasks: 16, draws: 2, maxNewTokens: 24 },
  };
}

module.exports = { comparisonWorld };
