// Packs the values that one series had in up to 32 samples into a few bytes, and gives them back bit for bit. Most are
// whole numbers or have two, three or six decimals, and change by little: those become differences of scaled integers.
// Everything else (NaN, infinities, -0, full doubles) is stored as the bytes that differ from the value before.
//
// A column: one byte (kind | scale << 2 | HOLES), with HOLES the mask of samples in which the series was present, the
// first value, and unless it is constant the mask of values whose residual is not zero, then these residuals. The form
// lives in memory only, so it has no version and uses the machine's byte order.

/** Samples in a block at most: one bit each in a 32-bit mask. */
export const MOST_ROWS = 32

const CONSTANT = 0
const DELTA = 1 // residual: difference to the value before
const DELTA_OF_DELTA = 2 // residual: difference to the difference before; steady counters
const XOR = 3 // residual: the bytes that differ
const HOLES = 0x10

const SCALES = [1, 100, 1_000, 1_000_000] as const // INFO's ratios, milliseconds, microseconds
const LARGEST = 2 ** 50 // so that a delta of deltas, made unsigned, is still exact in a double

/** Bytes that grow while they are written. */
export class ByteSink {
  bytes = new Uint8Array(4_096)
  length = 0

  put(byte: number): void {
    if (this.length === this.bytes.length) {
      const larger = new Uint8Array(this.bytes.length * 2)
      larger.set(this.bytes)
      this.bytes = larger
    }
    this.bytes[this.length] = byte
    this.length += 1
  }

  putMask(mask: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.put((mask >>> shift) & 0xff)
  }

  /** A whole number from 0 to 2^53, seven bits a byte. */
  putUnsigned(value: number): void {
    let rest = value
    for (; rest >= 0x8000_0000; rest = Math.floor(rest / 128)) this.put((rest % 128) | 128)
    for (; rest >= 128; rest >>>= 7) this.put((rest & 127) | 128)
    this.put(rest)
  }

  putSigned(value: number): void {
    this.putUnsigned(value < 0 ? -2 * value - 1 : 2 * value)
  }
}

/** Reads what a ByteSink wrote. */
export class ByteSource {
  readonly bytes: Uint8Array
  at: number

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes
    this.at = at
  }

  take(): number {
    const byte = this.bytes[this.at] ?? 0
    this.at += 1
    return byte
  }

  takeMask(): number {
    return (this.take() | (this.take() << 8) | (this.take() << 16) | (this.take() << 24)) >>> 0
  }

  takeUnsigned(): number {
    let value = 0
    let unit = 1
    let byte = this.take()
    for (; byte >= 128; byte = this.take()) {
      value += (byte & 127) * unit
      unit *= 128
    }
    return value + byte * unit
  }

  takeSigned(): number {
    const value = this.takeUnsigned()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
}

const constant = new Float64Array(1)
const scaled = new Float64Array(MOST_ROWS)
const deltas = new Float64Array(MOST_ROWS)
const bends = new Float64Array(MOST_ROWS) // deltas of deltas
const doubles = new Float64Array(2) // value and value before, to look at their bytes
const doubleBytes = new Uint8Array(doubles.buffer)

/**
 * Writes one column. `present` has a bit for each of the `rows` samples and at least one set; `dense` holds the values
 * of those samples in which the series was present, one after the other.
 */
export function writeColumn(out: ByteSink, dense: Float64Array, present: number, rows: number): void {
  const count = countBits(present)
  const holes = count === rows ? 0 : HOLES
  const isSame = staysSame(dense, count) // two of three do
  const scale = scaleOf(dense, isSame ? 1 : count)
  const kind = scale === -1 ? XOR : isSame ? CONSTANT : kindOf(count)
  out.put(kind | (Math.max(scale, 0) << 2) | holes)
  if (holes !== 0) out.putMask(present)
  if (kind === XOR) return writeDoubles(out, dense, count)
  out.putSigned(scaled[0] ?? 0)
  if (kind !== CONSTANT) writeResiduals(out, kind === DELTA ? deltas : bends, count)
}

/** The same for a value that is the same in all samples, which all hold the series. */
export function writeConstant(out: ByteSink, value: number): void {
  constant[0] = value
  const scale = scaleOf(constant, 1)
  out.put((scale === -1 ? XOR : CONSTANT) | (Math.max(scale, 0) << 2))
  if (scale === -1) writeDoubles(out, constant, 1)
  else out.putSigned(scaled[0] ?? 0)
}

/** Does a column that begins with this byte hold one number and nothing else? Then its bytes are the same for any rows. */
export function isConstant(first: number): boolean {
  return (first & (HOLES | 3)) === CONSTANT
}

/** Reads the column at `source.at`: fills `dense` and answers the mask of samples in which the series was present. */
export function readColumn(source: ByteSource, dense: Float64Array, rows: number): number {
  const head = source.take()
  const present = (head & HOLES) === 0 ? firstRows(rows) : source.takeMask()
  const count = countBits(present)
  const kind = head & 3
  if (kind === XOR) readDoubles(source, dense, count)
  else readScaled(source, dense, count, kind, SCALES[(head >>> 2) & 3] ?? 1)
  return present
}

/** The mask of the first so many rows. */
export function firstRows(rows: number): number {
  return rows === 0 ? 0 : 0xffff_ffff >>> (MOST_ROWS - rows)
}

export function countBits(mask: number): number {
  let bits = mask - ((mask >>> 1) & 0x5555_5555)
  bits = (bits & 0x3333_3333) + ((bits >>> 2) & 0x3333_3333)
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24
}

function staysSame(dense: Float64Array, count: number): boolean {
  const first = dense[0]
  for (let at = 1; at < count; at += 1) if (!Object.is(dense[at], first)) return false
  return true
}

/** The smallest scale at which all values are whole numbers, left in `scaled`; -1 when there is none. */
function scaleOf(dense: Float64Array, count: number): number {
  for (let at = 0; at < SCALES.length; at += 1) if (areWhole(dense, count, SCALES[at] as number)) return at
  return -1
}

function areWhole(dense: Float64Array, count: number, scale: number): boolean {
  for (let at = 0; at < count; at += 1) {
    const value = dense[at] as number
    const whole = Math.round(value * scale)
    // Object.is and `+ 0`, because the sign of -0 has to come back and whole numbers have none.
    if (!(Math.abs(whole) <= LARGEST) || !Object.is((whole + 0) / scale, value)) return false
    scaled[at] = whole
  }
  return true
}

/** Which residuals of `scaled` are the shorter ones. Leaves them in `deltas` and `bends`. */
function kindOf(count: number): number {
  let deltaBytes = 0
  let bendBytes = 0
  let before = 0
  for (let at = 1; at < count; at += 1) {
    const delta = (scaled[at] ?? 0) - (scaled[at - 1] ?? 0)
    deltas[at] = delta
    bends[at] = delta - before
    deltaBytes += sizeOf(delta)
    bendBytes += sizeOf(delta - before)
    before = delta
  }
  if (deltaBytes === 0) return CONSTANT
  return deltaBytes <= bendBytes ? DELTA : DELTA_OF_DELTA
}

/** How many bytes `putSigned` takes; nothing for zero, which only costs its bit in the mask. */
function sizeOf(residual: number): number {
  const size = Math.abs(residual)
  if (size === 0) return 0
  return size <= 64 ? 1 : size <= 8_192 ? 2 : Math.ceil((Math.log2(size) + 1) / 7)
}

function writeResiduals(out: ByteSink, residuals: Float64Array, count: number): void {
  let changed = 0
  for (let at = 1; at < count; at += 1) if (residuals[at] !== 0) changed |= 1 << at
  out.putMask(changed)
  for (let at = 1; at < count; at += 1) if (residuals[at] !== 0) out.putSigned(residuals[at] ?? 0)
}

function readScaled(source: ByteSource, dense: Float64Array, count: number, kind: number, scale: number): void {
  let whole = source.takeSigned()
  dense[0] = whole / scale
  const changed = kind === CONSTANT ? 0 : source.takeMask()
  let delta = 0
  for (let at = 1; at < count; at += 1) {
    const residual = (changed & (1 << at)) === 0 ? 0 : source.takeSigned()
    delta = kind === DELTA_OF_DELTA ? delta + residual : residual
    whole += delta
    dense[at] = whole / scale
  }
}

function writeDoubles(out: ByteSink, dense: Float64Array, count: number): void {
  let changed = 0
  for (let at = 1; at < count; at += 1) if (!Object.is(dense[at], dense[at - 1])) changed |= 1 << at
  out.putMask(changed)
  doubles[1] = 0
  for (let at = 0; at < count; at += 1) {
    if (at > 0 && (changed & (1 << at)) === 0) continue
    doubles[0] = dense[at] ?? 0
    writeDifferingBytes(out)
    doubles[1] = doubles[0]
  }
}

/** One byte (index of the first differing byte << 4 | how many), then the bytes up to the last that differs. */
function writeDifferingBytes(out: ByteSink): void {
  let first = 0
  while (first < 8 && doubleBytes[first] === doubleBytes[first + 8]) first += 1
  let end = 8
  while (end > first && doubleBytes[end - 1] === doubleBytes[end + 7]) end -= 1
  out.put((first << 4) | (end - first))
  for (let at = first; at < end; at += 1) out.put(doubleBytes[at] ?? 0)
}

function readDoubles(source: ByteSource, dense: Float64Array, count: number): void {
  const changed = source.takeMask()
  doubles[0] = 0
  for (let at = 0; at < count; at += 1) {
    if (at === 0 || (changed & (1 << at)) !== 0) {
      const head = source.take()
      const end = (head >>> 4) + (head & 15)
      for (let byte = head >>> 4; byte < end; byte += 1) doubleBytes[byte] = source.take()
    }
    dense[at] = doubles[0]
  }
}
