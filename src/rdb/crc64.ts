// The checksum at the end of an RDB and of a DUMP payload: CRC-64 "Jones", reflected, without initial value and final xor
// (crc64.c of Redis). JavaScript has no fast 64-bit integers, so a sum is kept as two 32-bit halves, and eight bytes are
// taken at a time through eight pairs of tables, 16 KiB in all, which stay in the first cache.

const POLYNOMIAL_LOW = 0xac4bc9b5 // 0xad93d23594c935a9 with its bits in reverse order
const POLYNOMIAL_HIGH = 0x95ac9329

// Table k, at k * 256: what a byte that is followed by k more of the eight changes in the sum.
const LOW = new Int32Array(8 * 256)
const HIGH = new Int32Array(8 * 256)
for (let byte = 0; byte < 256; byte += 1) {
  let low = byte
  let high = 0
  for (let bit = 0; bit < 8; bit += 1) {
    const carry = low & 1
    low = (low >>> 1) | (high << 31)
    high >>>= 1
    if (carry === 0) continue
    low ^= POLYNOMIAL_LOW
    high ^= POLYNOMIAL_HIGH
  }
  LOW[byte] = low
  HIGH[byte] = high
}
for (let at = 256; at < 8 * 256; at += 1) {
  const low = LOW[at - 256] ?? 0
  const high = HIGH[at - 256] ?? 0
  LOW[at] = ((low >>> 8) | (high << 24)) ^ (LOW[low & 255] ?? 0)
  HIGH[at] = (high >>> 8) ^ (HIGH[low & 255] ?? 0)
}

/** Sums up bytes; where that is done is its own affair. */
export interface Sum {
  add(bytes: Uint8Array, from?: number, to?: number): void // bytes[from] to bytes[to - 1]
  digest(): Buffer // of all bytes so far, as it stands in a file: little-endian
}

/** A CRC-64 that grows with each `add`. */
export class Crc64 implements Sum {
  #low = 0
  #high = 0

  add(bytes: Uint8Array, from = 0, to = bytes.length): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let low = this.#low
    let high = this.#high
    let at = from
    for (const last = to - 8; at <= last; at += 8) {
      low ^= view.getInt32(at, true)
      high ^= view.getInt32(at + 4, true)
      const a = 1792 + (low & 255)
      const b = 1536 + ((low >>> 8) & 255)
      const c = 1280 + ((low >>> 16) & 255)
      const d = 1024 + (low >>> 24)
      const e = 768 + (high & 255)
      const f = 512 + ((high >>> 8) & 255)
      const g = 256 + ((high >>> 16) & 255)
      const h = high >>> 24
      low = LOW[a]! ^ LOW[b]! ^ LOW[c]! ^ LOW[d]! ^ LOW[e]! ^ LOW[f]! ^ LOW[g]! ^ LOW[h]!
      high = HIGH[a]! ^ HIGH[b]! ^ HIGH[c]! ^ HIGH[d]! ^ HIGH[e]! ^ HIGH[f]! ^ HIGH[g]! ^ HIGH[h]!
    }
    for (; at < to; at += 1) {
      const index = (low ^ bytes[at]!) & 255
      low = ((low >>> 8) | (high << 24)) ^ LOW[index]!
      high = (high >>> 8) ^ HIGH[index]!
    }
    this.#low = low
    this.#high = high
  }

  digest(): Buffer {
    const bytes = Buffer.allocUnsafe(8)
    bytes.writeInt32LE(this.#low, 0)
    bytes.writeInt32LE(this.#high, 4)
    return bytes
  }
}

/** The CRC-64 of some bytes, little-endian. */
export function crc64(bytes: Uint8Array): Buffer {
  const sum = new Crc64()
  sum.add(bytes)
  return sum.digest()
}
