// The four forms in which a server keeps small collections in one piece of memory, and writes them so: listpack, the
// ziplist and zipmap that it replaced, and intset. Each becomes a list of entries; integers become their decimal text, as a
// client would see them. Sources: listpack.c, ziplist.c, zipmap.c and intset.c of Redis 7.0.

import type { Packing } from './layouts.ts'

/** Says what was expected in packed bytes and what is there; made into a Fault with its place by who knows that. */
export class PackedWrong extends Error {
  readonly expected: string
  readonly found: string

  constructor(expected: string, found: string) {
    super(`expected ${expected}, found ${found}`)
    this.expected = expected
    this.found = found
  }
}

/** The entries, in order. Strings are views of the bytes. */
export function packedEntries(packing: Packing, bytes: Buffer): Buffer[] {
  switch (packing) {
    case 'listpack':
      return listpackEntries(bytes)
    case 'ziplist':
      return ziplistEntries(bytes)
    case 'intset':
      return intsetEntries(bytes)
    case 'zipmap':
      return zipmapEntries(bytes)
  }
}

/** A view that must lie within the bytes. */
function part(bytes: Buffer, from: number, length: number, what: string): Buffer {
  if (from + length > bytes.length) throw new PackedWrong(what, `the end of its ${bytes.length} bytes`)
  return bytes.subarray(from, from + length)
}

function decimal(value: number | bigint): Buffer {
  return Buffer.from(String(value), 'latin1')
}

/** More elements than this are not decoded at once: they would take gigabytes. */
export const MOST_ELEMENTS = 2 ** 24

const END = 0xff
const MANY = 0xffff // more entries than the header can say

function checkHeader(what: string, bytes: Buffer, headerBytes: number): void {
  if (bytes.length <= headerBytes) throw new PackedWrong(`a ${what}`, `${bytes.length} bytes`)
  const claimed = bytes.readUInt32LE(0)
  if (claimed !== bytes.length)
    throw new PackedWrong(`a ${what} of ${bytes.length} bytes`, `one that claims ${claimed}`)
}

function checkMore(what: string, claimed: number, entries: readonly Buffer[]): void {
  const most = claimed === MANY ? MOST_ELEMENTS : claimed
  if (entries.length > most) throw new PackedWrong(`a ${what} of at most ${most} entries`, 'more of them')
}

function checkCount(what: string, claimed: number, entries: readonly Buffer[]): void {
  if (claimed !== MANY && claimed !== entries.length)
    throw new PackedWrong(`a ${what} of ${claimed} entries`, `${entries.length}`)
}

function listpackEntries(bytes: Buffer): Buffer[] {
  checkHeader('listpack', bytes, 6)
  const claimed = bytes.readUInt16LE(4)
  const entries: Buffer[] = []
  let at = 6
  while (bytes[at] !== END) {
    const [entry, size] = listpackEntry(bytes, at)
    entries.push(entry)
    at += size + backLength(size)
    checkMore('listpack', claimed, entries)
    if (at >= bytes.length) throw new PackedWrong('the end mark of a listpack', `the end of its ${bytes.length} bytes`)
  }
  if (at !== bytes.length - 1) throw new PackedWrong('the end of a listpack', 'bytes behind its end mark')
  checkCount('listpack', claimed, entries)
  return entries
}

/** Behind each entry stands its own length, seven bits a byte, for who reads backwards. */
function backLength(size: number): number {
  return size < 128 ? 1 : size < 16_384 ? 2 : size < 2_097_152 ? 3 : size < 268_435_456 ? 4 : 5
}

/** An entry, and the bytes that it takes. */
function listpackEntry(bytes: Buffer, at: number): [entry: Buffer, size: number] {
  const first = bytes[at] ?? 0
  const what = 'an entry of a listpack'
  const text = (header: number, length: number): [Buffer, number] => [
    part(bytes, at + header, length, what),
    header + length,
  ]
  if (first < 0x80) return [decimal(first), 1]
  if (first < 0xc0) return text(1, first & 63)
  if (first < 0xe0) {
    const value = ((first & 31) << 8) | (part(bytes, at + 1, 1, what)[0] ?? 0)
    return [decimal(value < 4096 ? value : value - 8192), 2]
  }
  if (first < 0xf0) return text(2, ((first & 15) << 8) | (part(bytes, at + 1, 1, what)[0] ?? 0))
  if (first === 0xf0) return text(5, part(bytes, at + 1, 4, what).readUInt32LE())
  if (first === 0xf4) return [decimal(part(bytes, at + 1, 8, what).readBigInt64LE()), 9]
  const size = first - 0xef // f1, f2, f3: two, three, four bytes
  if (size > 4) throw new PackedWrong(what, `the unknown encoding 0x${first.toString(16)}`)
  return [decimal(part(bytes, at + 1, size, what).readIntLE(0, size)), 1 + size]
}

function ziplistEntries(bytes: Buffer): Buffer[] {
  checkHeader('ziplist', bytes, 10)
  const claimed = bytes.readUInt16LE(8)
  const entries: Buffer[] = []
  let at = 10
  while (bytes[at] !== END) {
    at += bytes[at] === 0xfe ? 5 : 1 // the length of the entry before
    const [entry, size] = ziplistEntry(bytes, at)
    entries.push(entry)
    at += size
    checkMore('ziplist', claimed, entries)
    if (at >= bytes.length) throw new PackedWrong('the end mark of a ziplist', `the end of its ${bytes.length} bytes`)
  }
  if (at !== bytes.length - 1) throw new PackedWrong('the end of a ziplist', 'bytes behind its end mark')
  checkCount('ziplist', claimed, entries)
  return entries
}

const ZIPLIST_INTEGERS: Readonly<Record<number, number>> = { 0xc0: 2, 0xd0: 4, 0xe0: 8, 0xf0: 3, 0xfe: 1 }

function ziplistEntry(bytes: Buffer, at: number): [entry: Buffer, size: number] {
  const what = 'an entry of a ziplist'
  const first = part(bytes, at, 1, what)[0] ?? 0
  const text = (header: number, length: number): [Buffer, number] => [
    part(bytes, at + header, length, what),
    header + length,
  ]
  if (first < 0x40) return text(1, first)
  if (first < 0x80) return text(2, ((first & 63) << 8) | (part(bytes, at + 1, 1, what)[0] ?? 0))
  if (first < 0xc0) return text(5, part(bytes, at + 1, 4, what).readUInt32BE())
  if (first > 0xf0 && first < 0xfe) return [decimal((first & 15) - 1), 1]
  const size = ZIPLIST_INTEGERS[first]
  if (size === undefined) throw new PackedWrong(what, `the unknown encoding 0x${first.toString(16)}`)
  const body = part(bytes, at + 1, size, what)
  return [decimal(size === 8 ? body.readBigInt64LE() : body.readIntLE(0, size)), 1 + size]
}

function intsetEntries(bytes: Buffer): Buffer[] {
  if (bytes.length < 8) throw new PackedWrong('an intset', `${bytes.length} bytes`)
  const size = bytes.readUInt32LE(0)
  const count = bytes.readUInt32LE(4)
  if (count > MOST_ELEMENTS) throw new PackedWrong(`at most ${MOST_ELEMENTS} integers`, String(count))
  if (![2, 4, 8].includes(size)) throw new PackedWrong('an intset of 2, 4 or 8 bytes each', `${size}`)
  if (bytes.length !== 8 + size * count)
    throw new PackedWrong(`${count} integers of ${size} bytes`, `${bytes.length - 8} bytes`)
  return Array.from({ length: count }, (_, index) => {
    const at = 8 + index * size
    return decimal(size === 8 ? bytes.readBigInt64LE(at) : bytes.readIntLE(at, size))
  })
}

/** Length, key, length, free bytes, value, free bytes. */
function zipmapEntries(bytes: Buffer): Buffer[] {
  const what = 'an entry of a zipmap'
  const entries: Buffer[] = []
  let at = 1 // the first byte says how many there are, up to 253
  const length = (): number => {
    const first = part(bytes, at, 1, what)[0] ?? 0
    at += 1
    if (first < 254) return first
    if (first === 255) throw new PackedWrong(what, 'its end mark')
    at += 4
    return part(bytes, at - 4, 4, what).readUInt32LE()
  }
  while (part(bytes, at, 1, 'the end mark of a zipmap')[0] !== END) {
    const keyBytes = length()
    entries.push(part(bytes, at, keyBytes, what))
    at += keyBytes
    const valueBytes = length()
    const free = part(bytes, at, 1, what)[0] ?? 0
    entries.push(part(bytes, at + 1, valueBytes, what))
    at += 1 + valueBytes + free
    checkMore('zipmap', MANY, entries)
  }
  if (at !== bytes.length - 1) throw new PackedWrong('the end of a zipmap', 'bytes behind its end mark')
  const claimed = bytes[0] ?? 0
  if (claimed < 254 && claimed !== entries.length / 2)
    throw new PackedWrong(`a zipmap of ${claimed} fields`, `${entries.length / 2}`)
  return entries
}
