// Spreads what is done at an interval: two hundred servers are not asked all in the same moment.

/** A place within the interval, from 0 up to its length; for the same name the same, also after a restart. */
export function phaseOf(name: string, everyMs: number): number {
  return fnv1a(name) % everyMs
}

// FNV-1a, 32 bits. Source: https://datatracker.ietf.org/doc/html/draft-eastlake-fnv
function fnv1a(text: string): number {
  let value = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193) >>> 0
  return value
}
