const { duration } = require('./table.cjs');

/**
 * Which of the peer's settings was the fastest, and what the others took.
 * @param {{ fastest: string, tried: Record<string, number | string> } | undefined} settings seconds, or why one could not run
 * @returns {string[]} one note, or none where there is no peer
 */
function settingsNote(settings) {
  if (!settings) return [];
  const tried = Object.entries(settings.tried).map(
    ([name, seconds]) => `${name} ${typeof seconds === 'number' ? duration(seconds) : `(${seconds})`}`,
  );
  return [`the peer is PyTorch in the fastest of its settings, ${settings.fastest}: ${tried.join(', ')}`];
}

module.exports = { settingsNote };
