import { basename } from 'node:path';
import { eventLoopYielder } from '../async/index.js';
import { DndError } from '../errors.js';
import { isFileError, parseJsonText, readError, readPieces } from '../files/index.js';
import type { Cell, Evaluation, Fit, ResponseEvaluation, TaskEvaluation, TrainingStep } from '../training/metrics.js';

export interface Metrics {
  /** Ascending. */
  steps: TrainingStep[];
  evaluations: Evaluation[];
  /** Messages about skipped lines. */
  notes: string[];
}

const PIECE_BYTES = 2 ** 16;
/** Number of unreadable lines that are listed; the others are counted. */
const NAMED_LINES = 5;

/**
 * Reads metrics.jsonl, which may be missing or empty. A resumed run repeats the steps after its checkpoint: the later
 * line counts. Truncated or damaged lines are skipped with a note. Non-finite numbers are null in JSON, and NaN here.
 * @throws DndError READ_FAILED; CORRUPT_FILE if no line can be read; `signal.reason` after an abort
 */
export async function readMetrics(path: string, signal?: AbortSignal): Promise<Metrics> {
  const steps: TrainingStep[] = [];
  const evaluations: Evaluation[] = [];
  const damaged: number[] = [];
  let line = 0;
  const yieldToEventLoop = eventLoopYielder();
  try {
    for await (const text of linesOf(path, signal)) {
      line++;
      await yieldToEventLoop();
      if (text.trim() === '') continue;
      const parsed = parseLine(text);
      if (parsed === undefined) damaged.push(line);
      else if ('step' in parsed) {
        dropFrom(steps, parsed.step, ({ step }) => step);
        dropFrom(evaluations, parsed.step, ({ evaluation }) => evaluation);
        steps.push(parsed);
      } else {
        dropFrom(evaluations, parsed.evaluation, ({ evaluation }) => evaluation);
        evaluations.push(parsed);
      }
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (isFileError(error) && error.code === 'ENOENT') {
      return { steps, evaluations, notes: [`there is no ${basename(path)} yet: no step has been completed`] };
    }
    throw readError(error, path);
  }
  if (damaged.length > 0 && steps.length + evaluations.length === 0)
    throw new DndError('CORRUPT_FILE', `${path} contains no metrics: line ${damaged[0]} is not a valid metrics line`);
  return { steps, evaluations, notes: notesOn(damaged, line, basename(path)) };
}

/** Not node:readline, which ignores errors of the file. */
async function* linesOf(path: string, signal: AbortSignal | undefined): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of readPieces(path, PIECE_BYTES)) {
    signal?.throwIfAborted();
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop()!;
    yield* lines;
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}

function dropFrom<T>(list: T[], from: number, placeOf: (item: T) => number): void {
  while (list.length > 0 && placeOf(list.at(-1)!) >= from) list.pop();
}

function notesOn(damaged: readonly number[], lines: number, name: string): string[] {
  const named = damaged
    .slice(0, NAMED_LINES)
    .map((line) =>
      line === lines
        ? `the last line of ${name}, ${line}, is truncated or damaged and was skipped: the run was probably stopped while writing it`
        : `line ${line} of ${name} is damaged and was skipped`,
    );
  const more = damaged.length - named.length;
  return more > 0 ? [...named, `${more} more damaged lines of ${name} were skipped`] : named;
}

type Json = Record<string, unknown>;

/** Parses a line of metrics.jsonl; undefined if it is invalid. */
export function parseLine(text: string): TrainingStep | Evaluation | undefined {
  let json: unknown;
  try {
    json = parseJsonText(text);
  } catch {
    return undefined;
  }
  if (!isObject(json)) return undefined;
  if (isCount(json.step)) return parseStep(json, json.step);
  if (isCount(json.evaluation)) return parseEvaluation(json, json.evaluation);
  return undefined;
}

function parseStep(json: Json, step: number): TrainingStep | undefined {
  const { loss, tokenLoss, behaviourLoss, normRatio, gradientNorm, learningRate, taskLosses, seconds, dataSeconds } =
    json;
  if (loss === undefined || normRatio === undefined) return undefined;
  return {
    step,
    loss: number(loss),
    ...(tokenLoss === undefined ? {} : { tokenLoss: number(tokenLoss) }),
    ...(behaviourLoss === undefined ? {} : { behaviourLoss: number(behaviourLoss) }),
    // Without weight tokens to compare with there is none; otherwise null is one that is not finite.
    normRatio: behaviourLoss !== undefined && tokenLoss === undefined ? null : number(normRatio),
    gradientNorm: number(gradientNorm),
    learningRate: number(learningRate),
    taskLosses: record(taskLosses, number),
    seconds: number(seconds),
    dataSeconds: number(dataSeconds),
  };
}

function parseEvaluation(json: Json, evaluation: number): Evaluation | undefined {
  if (!Array.isArray(json.tasks)) return undefined;
  return {
    evaluation,
    tasks: json.tasks.filter(isObject).map(parseTask),
    cells: (Array.isArray(json.cells) ? json.cells : []).filter(isObject).map(parseCell),
    ...(Array.isArray(json.responses) ? { responses: json.responses.filter(isObject).map(parseResponses) } : {}),
    seconds: number(json.seconds),
  };
}

function parseResponses(json: Json): ResponseEvaluation {
  const { task, items, loss, exactMatch } = json;
  return {
    task: String(task),
    heldOut: heldOutOf(json),
    items: number(items),
    loss: number(loss),
    exactMatch: number(exactMatch),
  };
}

function heldOutOf({ heldOut }: Json): TaskEvaluation['heldOut'] {
  return heldOut === 'task' || heldOut === 'none' ? heldOut : 'checkpoints';
}

function parseTask(json: Json): TaskEvaluation {
  return {
    task: String(json.task),
    heldOut: heldOutOf(json),
    checkpoints: number(json.checkpoints),
    ...parseFit(json),
    modules: record(json.modules, (fit) => parseFit(isObject(fit) ? fit : {})),
  };
}

function parseFit({ loss, normRatio, cosine }: Json): Fit {
  return { loss: number(loss), normRatio: number(normRatio), cosine: number(cosine) };
}

function parseCell({ layer, module, normRatio, cosine }: Json): Cell {
  return { layer: number(layer), module: String(module), normRatio: number(normRatio), cosine: number(cosine) };
}

function record<T>(json: unknown, parse: (value: unknown) => T): Record<string, T> {
  const entries = isObject(json) ? Object.entries(json) : [];
  return Object.fromEntries(entries.map(([name, value]) => [name, parse(value)]));
}

function number(value: unknown): number {
  return typeof value === 'number' ? value : Number.NaN;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
