/** The behaviour loss: how likely the base with a generated adapter gives the responses of the adapter's task. */
export type { Behaviour, BehaviourSums } from './behaviour.js';
export { evaluateResponses } from './evaluate-responses.js';
export { type BehaviourWork, makeBehaviour } from './make.js';
export { drawSequences } from './sequences.js';
