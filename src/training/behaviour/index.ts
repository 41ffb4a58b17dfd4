/** The behaviour loss: how likely the base with a generated adapter gives the responses of the adapter's task. */
export { Behaviour, type BehaviourGradient, type BehaviourSums } from './behaviour.js';
export { type BaseWithExamples, baseSha256, loadBase, SET_BASE } from './load.js';
