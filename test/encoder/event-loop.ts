interface TurnCount {
  signal: AbortSignal;
  reason: Error;
  turns: () => number;
  end: () => void;
}

/** Counts ticks of the event loop from now on, and aborts a signal with `reason` after the given number. */
export function abortedAfterTicks(limit: number): TurnCount {
  const controller = new AbortController();
  const reason = new Error(`aborted after ${limit} turns`);
  let turns = 0;
  let ended = false;
  const turn = () => {
    if (ended) return;
    if (++turns >= limit) controller.abort(reason);
    else setImmediate(turn);
  };
  setImmediate(turn);
  return {
    signal: controller.signal,
    reason,
    turns: () => turns,
    end: () => {
      ended = true;
    },
  };
}
