// LZF, as Redis packs strings longer than 20 bytes (lzf_d.c): runs of literals, and copies from what was written already.
// The packed form names its unpacked length; nothing is allocated before that length is found possible.

const MOST_GROWTH = 88 // a copy of 264 bytes takes three: no LZF grows further

/** Can so many packed bytes become so many? What says otherwise lies, and must not make us allocate. */
export function lzfCanGrow(packedBytes: number, toBytes: number): boolean {
  return toBytes <= packedBytes * MOST_GROWTH
}

/**
 * Unpacks bytes[from] to bytes[to - 1] into `out`, until one of both ends. Answers how many bytes were written, or -1 when
 * a copy starts before the beginning or the packed bytes end inside of a run. With `out` shorter than the whole this gives
 * its beginning, and a run that goes past `out` is cut, not refused.
 */
export function unpackLzf(bytes: Uint8Array, from: number, to: number, out: Uint8Array): number {
  let at = from
  let written = 0
  while (at < to && written < out.length) {
    const control = bytes[at] ?? 0
    at += 1
    if (control < 32) {
      const run = Math.min(control + 1, out.length - written)
      if (at + run > to) return -1
      for (let left = run; left > 0; left -= 1, at += 1, written += 1) out[written] = bytes[at] ?? 0
      continue
    }
    let run = (control >> 5) + 2
    if (run === 9) {
      run += bytes[at] ?? 0
      at += 1
    }
    if (at >= to) return -1
    let source = written - (((control & 31) << 8) | (bytes[at] ?? 0)) - 1
    at += 1
    if (source < 0) return -1
    for (let left = Math.min(run, out.length - written); left > 0; left -= 1, source += 1, written += 1)
      out[written] = out[source] ?? 0 // byte by byte: a copy may reach into what it writes
  }
  return written
}

/** The whole of a packed string, or undefined when it does not unpack to exactly that length. */
export function unpackWhole(bytes: Uint8Array, from: number, to: number, plainBytes: number): Buffer | undefined {
  if (!lzfCanGrow(to - from, plainBytes)) return undefined
  const out = Buffer.allocUnsafe(plainBytes + 1) // room to notice that there is more
  return unpackLzf(bytes, from, to, out) === plainBytes ? out.subarray(0, plainBytes) : undefined
}
