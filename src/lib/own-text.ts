// V8 cuts a piece out of a text without copying it, so that the piece keeps all of the text in memory. What outlives the
// reply that it was read from (a label, a name, the id of a process) wants memory of its own.

/** The same text in memory of its own. */
export function ownText<T extends string | undefined>(text: T): T {
  return (text === undefined ? text : Buffer.from(text, 'utf8').toString('utf8')) as T
}
