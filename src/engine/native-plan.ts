/**
 * Plans as the addon gives them: that part of the boundary which `native-binding.ts` describes. All of it is computed in a few
 * milliseconds, without any device, the same on every machine.
 */

import type { AlgorithmChoice, PrecisionChoice } from './native.js';

/** All that a plan depends on. The number of threads is not among it. */
export interface DecoderPlanOptions {
  /** Flat [N0,H0,W0, N1,H1,W1, …], as DecoderOptions. */
  features: number[];
  kernelSize: number;
  /** Tasks together. */
  batch: number;
  /** Any that has committed rates, not only this machine's. */
  instructionSet: string;
  algorithm: AlgorithmChoice;
  /** Half of it for tile spectra, half for the threads; 0 = the default. */
  workspaceBytes: number;
}

export interface DecoderPlan {
  /** What was asked for, or the default. */
  workspaceBytes: number;
  /** In the order of their execution: five for each layer. */
  convolutions: ConvolutionPlan[];
  /** Predicted seconds of one thread for all of them. */
  threadSeconds: number;
  executedFlop: number;
  directFlop: number;
  largestTileSpectraBytes: number;
}

export interface ConvolutionPlan {
  /** Counts from 0. */
  layer: number;
  /** The parameter `decoder.module_list.{layer}.{weight}.weight`. */
  weight: 'linear1.conv1w' | 'linear1.conv1h' | 'linear1.conv2h' | 'linear1.conv2w' | 'linear2';
  /** The axis that plays the channels. */
  axis: 'width' | 'height' | 'token';
  batch: number;
  channels: number;
  outputChannels: number;
  /** The picture, in the order of the kernel: (height, tokens), (tokens, width) or (height, width). */
  sizeI: number;
  sizeJ: number;
  kernelSize: number;
  algorithm: 'direct' | 'spectral';
  /** null for the direct algorithm. */
  tiling: Tiling | null;
  /** Two for each multiply-add that is executed; the tiles' transforms, mostly additions, are not counted. */
  executedFlop: number;
  /** Two for each multiply-add of the direct algorithm, padding taps skipped. */
  directFlop: number;
  bytes: {
    weights: number;
    /** Of the whole batch. */
    input: number;
    output: number;
    /** Held at once; 0 for the direct algorithm. */
    tileSpectra: number;
  };
  predicted: PredictedSeconds;
  /** The best of each class of other ways, and why it was not taken. */
  rejected: RejectedCandidate[];
}

/** How a spectral convolution is cut. */
export interface Tiling {
  /** Points of a tile along each axis of the picture. */
  pointsI: number;
  pointsJ: number;
  /** The axis that is transformed first, as real lines: half of its frequencies are enough. */
  halved: 'i' | 'j';
  /** Tiles along each axis of one picture. */
  tilesI: number;
  tilesJ: number;
  /** Of the whole batch. */
  tiles: number;
  /** Tiles whose spectra are held at once, and how often that is. The weights are transformed anew for each chunk. */
  chunkTiles: number;
  chunks: number;
  /** Input channels, and steps of four frequencies, of a slab of weight spectra. */
  slabChannels: number;
  slabSteps: number;
  /** Output channels of a task, at most. */
  blockOutputChannels: number;
}

/** Seconds of one thread, from the committed rates of the instruction set. */
export interface PredictedSeconds {
  threadSeconds: number;
  /** null for the direct algorithm. */
  parts: { forward: number; weights: number; product: number; inverse: number } | null;
}

export interface RejectedCandidate {
  candidate: string;
  reason: string;
}

export interface CudaDecoderPlanOptions {
  /** Flat, as DecoderOptions. */
  features: number[];
  kernelSize: number;
  batch: number;
  deviceModel: string;
  precision: PrecisionChoice;
  algorithm: AlgorithmChoice;
  /** Of a convolution; 0 = the default. */
  workspaceBytes: number;
  /** Most device memory; 0 = the model's, less what the system keeps. */
  memoryBytes: number;
}

export interface CudaDecoderPlan {
  workspaceBytes: number;
  memoryBytes: number;
  /** In the order of their execution: five for each layer. */
  convolutions: CudaConvolutionPlan[];
  /** Modelled, all kernels of a forward pass. */
  seconds: number;
  parts: CudaSeconds & { moments: number };
  executedFlop: number;
  directFlop: number;
  bytes: {
    /** Of the convolutions, as spectra or taps. */
    weights: number;
    /** Normalisations and biases. */
    values: number;
    activations: number;
    /** The largest. */
    workspace: number;
    /** All of these. */
    device: number;
  };
}

export interface CudaSeconds {
  /** The largest magnitude of each task's input. */
  scale: number;
  /** Tiles to spectra. */
  forward: number;
  /** Weight spectra that are not kept. */
  weights: number;
  product: number;
  inverse: number;
  direct: number;
}

export interface CudaConvolutionPlan extends Omit<ConvolutionPlan, 'tiling' | 'bytes' | 'predicted'> {
  /** null for the direct algorithm. */
  tiling: CudaTiling | null;
  /** Weights are kept as spectra; otherwise spectra are made from taps each time. */
  spectraHeld: boolean;
  bytes: { weights: number; input: number; output: number; held: number; workspace: number };
  predicted: { seconds: number; parts: CudaSeconds };
}

export interface CudaTiling {
  pointsI: number;
  pointsJ: number;
  halved: 'i' | 'j';
  tilesI: number;
  tilesJ: number;
  /** Of the whole batch. */
  tiles: number;
  frequencies: number;
  chunkTiles: number;
  chunkOutputChannels: number;
  chunks: number;
  /** Of a block of threads of the complex product. */
  productTiles: number;
  productOutputChannels: number;
}

export interface CudaEncoderPlanOptions {
  deviceModel: string;
  precision: PrecisionChoice;
  layers: number;
  hiddenSize: number;
  heads: number;
  intermediateSize: number;
  /** Each of `length` positions, all encoded. */
  sequences: number;
  length: number;
}

export interface CudaEncoderPlan {
  seconds: number;
  parts: { embeddings: number; linear: number; attention: number; norms: number };
}

/** A maker's figures, and what of them our kernels are expected to reach. */
export interface CudaDeviceModel {
  name: string;
  memoryBytes: number;
  bytesPerSecond: number;
  halfFlopPerSecond: number;
  floatFlopPerSecond: number;
  attainableBytesPerSecond: number;
  attainableHalfFlopPerSecond: number;
  attainableFloatFlopPerSecond: number;
}
