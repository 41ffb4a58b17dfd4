/**
 * Plans as the addon returns them: part of the boundary described in `native-binding.ts`. All are computed in a few
 * milliseconds, without a device, and identical on every machine.
 */

import type { AlgorithmChoice, PrecisionChoice } from './native.js';

/** Everything a plan depends on; the number of threads is not part of it. */
export interface DecoderPlanOptions {
  /** Flat [N0,H0,W0, N1,H1,W1, …], as DecoderOptions. */
  features: number[];
  kernelSize: number;
  /** Tasks in one batch. */
  batch: number;
  /** Any with committed rates, not only this machine's. */
  instructionSet: string;
  algorithm: AlgorithmChoice;
  /** Half of it for tile spectra, half for the threads; 0 = the default. */
  workspaceBytes: number;
}

export interface DecoderPlan {
  /** As requested, or the default. */
  workspaceBytes: number;
  /** In execution order: five per layer. */
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
  /** The axis used as channels. */
  axis: 'width' | 'height' | 'token';
  batch: number;
  channels: number;
  outputChannels: number;
  /** The spatial plane, in the kernel's order: (height, tokens), (tokens, width) or (height, width). */
  sizeI: number;
  sizeJ: number;
  kernelSize: number;
  algorithm: 'direct' | 'spectral';
  /** null for the direct algorithm. */
  tiling: Tiling | null;
  /** Two per executed multiply-add; the tiles' transforms, mostly additions, are not counted. */
  executedFlop: number;
  /** Two per multiply-add of the direct algorithm, without padding taps. */
  directFlop: number;
  bytes: {
    weights: number;
    /** Of the whole batch. */
    input: number;
    output: number;
    /** Allocated at once; 0 for the direct algorithm. */
    tileSpectra: number;
  };
  predicted: PredictedSeconds;
  /** The best of each class of alternatives, and why it was rejected. */
  rejected: RejectedCandidate[];
}

/** The tiling of a spectral convolution. */
export interface Tiling {
  /** Points of a tile along each spatial axis. */
  pointsI: number;
  pointsJ: number;
  /** The axis that is transformed first, as real lines: half of its frequencies suffice. */
  halved: 'i' | 'j';
  /** Tiles along each spatial axis. */
  tilesI: number;
  tilesJ: number;
  /** Of the whole batch. */
  tiles: number;
  /**
   * Tiles per chunk, whose spectra are in memory at once, and number of chunks. Weights are transformed again for each
   * chunk.
   */
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
  /** Device memory limit; 0 = the model's, less the system's reserve. */
  memoryBytes: number;
}

export interface CudaDecoderPlan {
  workspaceBytes: number;
  memoryBytes: number;
  /** In execution order: five per layer. */
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
    /** The sum of these. */
    device: number;
  };
}

export interface CudaSeconds {
  /** Finding the largest magnitude of each task's input. */
  scale: number;
  /** Tiles to spectra. */
  forward: number;
  /** Weight spectra that are not resident. */
  weights: number;
  product: number;
  inverse: number;
  direct: number;
}

export interface CudaConvolutionPlan extends Omit<ConvolutionPlan, 'tiling' | 'bytes' | 'predicted'> {
  /** null for the direct algorithm. */
  tiling: CudaTiling | null;
  /** Weights are resident as spectra; otherwise spectra are computed from taps each time. */
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

/** A manufacturer's figures, and the fractions that our kernels are expected to reach. */
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
