// The inner loop of the CRC-64 as a WebAssembly module of one function: JavaScript has no fast 64-bit integers, and with two
// halves of 32 bits the same loop takes more than twice as long (1.1 against 2.7 GB/s on the machine where it was written).
// The module is small enough to be put together here, instruction by instruction, so that there is no binary that nobody
// can read.
//
// sum(crc: i64, at: i32, end: i32) → i64 sums up the bytes of the memory from `at` to before `end`, eight at a time through
// eight tables of 256 numbers of 64 bits ("slicing by 8"), which stand at the beginning of the memory. Each step waits for
// the one before, so two blocks are summed up side by side, the second from 0: behind the first sum belong as many zeros as
// the second block has bytes, and that is looked up in eight more tables, one for each of its bytes.

const POLYNOMIAL = 0x95ac9329ac4bc9b5n // 0xad93d23594c935a9 with its bits in reverse order
const TABLES = 8
const TABLE_BYTES = 256 * 8
const SHIFT_TABLES_AT = TABLES * TABLE_BYTES
const BLOCK_BYTES = 4096
const MOST_PAGES = 1024 // 64 MiB of memory

/** Where in the memory there is room for what is to be summed up: behind the tables, at the next page. */
export const DATA_AT = 65_536

// Instructions and types, as the specification of WebAssembly numbers them.
const I32 = 0x7f
const I64 = 0x7e
const BLOCK = [0x02, 0x40]
const LOOP = [0x03, 0x40]
const END = 0x0b
const BRANCH = 0x0c
const BRANCH_IF = 0x0d
const GET = 0x20
const SET = 0x21
const LOAD_64 = 0x29
const LOAD_BYTE = [0x2d, 0, 0]
const I32_CONST = 0x41
const I64_CONST = 0x42
const I32_LESS = 0x49
const I32_GREATER = 0x4b
const I32_ADD = 0x6a
const I32_AND = 0x71
const I32_XOR = 0x73
const I32_SHIFT_LEFT = 0x74
const I64_XOR = 0x85
const I64_SHIFT_RIGHT = 0x88
const TO_I32 = 0xa7

// The variables of the function: three that it is given, two of its own.
const CRC = 0
const AT = 1
const LAST = 2
const BLOCK_END = 3
const OTHER = 4 // the sum of the second block

function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)]
}

function signed(value: number): number[] {
  const isLast = value >= -64 && value < 64
  return isLast ? [value & 127] : [(value & 127) | 128, ...signed(value >> 7)]
}

const list = (...items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()]
const sized = (bytes: readonly number[]): number[] => [...unsigned(bytes.length), ...bytes]
const section = (id: number, bytes: readonly number[]): number[] => [id, ...sized(bytes)]
const text = (word: string): number[] => sized([...Buffer.from(word)])
const number32 = (value: number): number[] => [I32_CONST, ...signed(value)]
const number64 = (value: number): number[] => [I64_CONST, ...signed(value)]
const from = (address: number): number[] => [LOAD_64, 3, ...unsigned(address)]

/** What byte `index` of a sum finds in a table: eight bytes, at the byte's value times eight. */
function found(sum: number, index: number, tableAt: number): number[] {
  const shifted =
    index === 0 ? [TO_I32, ...number32(3), I32_SHIFT_LEFT] : [...number64(8 * index - 3), I64_SHIFT_RIGHT, TO_I32]
  return [GET, sum, ...shifted, ...number32(0x7f8), I32_AND, ...from(tableAt)]
}

/** All eight bytes of a sum, each looked up in its table, and these together. */
function foundAll(sum: number, tableAt: (index: number) => number): number[] {
  return [0, 1, 2, 3, 4, 5, 6, 7].flatMap((index) => {
    return [...found(sum, index, tableAt(index)), ...(index === 0 ? [] : [I64_XOR])]
  })
}

/** Takes eight bytes into a sum, `offset` behind AT. */
function eightBytes(sum: number, offset: number): number[] {
  const take = [GET, sum, GET, AT, LOAD_64, 0, ...unsigned(offset), I64_XOR, SET, sum]
  return [...take, ...foundAll(sum, (index) => (TABLES - 1 - index) * TABLE_BYTES), SET, sum]
}

const ONE_BYTE = [
  [GET, CRC, TO_I32, GET, AT, ...LOAD_BYTE, I32_XOR, ...number32(255), I32_AND, ...number32(3), I32_SHIFT_LEFT],
  from(0),
  [GET, CRC, ...number64(8), I64_SHIFT_RIGHT, I64_XOR, SET, CRC],
].flat()

const TWO_BLOCKS = [
  [...number64(0), SET, OTHER, GET, AT, ...number32(BLOCK_BYTES), I32_ADD, SET, BLOCK_END],
  [...LOOP, ...eightBytes(CRC, 0), ...eightBytes(OTHER, BLOCK_BYTES)],
  [GET, AT, ...number32(8), I32_ADD, SET, AT, GET, AT, GET, BLOCK_END, I32_LESS, BRANCH_IF, 0, END],
  foundAll(CRC, (index) => SHIFT_TABLES_AT + index * TABLE_BYTES),
  [GET, OTHER, I64_XOR, SET, CRC, GET, AT, ...number32(-BLOCK_BYTES), I32_ADD, SET, AT],
].flat()

/** Does it again as long as that many bytes are left. */
function whileLeft(bytes: number, body: readonly number[]): number[] {
  const isOver = [GET, AT, ...number32(bytes), I32_ADD, GET, LAST, I32_GREATER, BRANCH_IF, 1]
  const next = [GET, AT, ...number32(bytes), I32_ADD, SET, AT, BRANCH, 0]
  return [...BLOCK, ...LOOP, ...isOver, ...body, ...next, END, END]
}

function moduleBytes(isShared: boolean): Uint8Array<ArrayBuffer> {
  const type = [0x60, ...list([I64], [I32], [I32]), ...list([I64])]
  const memory = [...text('memory'), ...text('memory'), 2, isShared ? 3 : 1, ...unsigned(1), ...unsigned(MOST_PAGES)]
  const body = sized([
    ...list([1, I32], [1, I64]),
    ...whileLeft(2 * BLOCK_BYTES, TWO_BLOCKS),
    ...whileLeft(8, eightBytes(CRC, 0)),
    ...whileLeft(1, ONE_BYTE),
    GET,
    CRC,
    END,
  ])
  const parts = [
    [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    section(1, list(type)),
    section(2, list(memory)),
    section(3, list([0])),
    section(7, list([...text('sum'), 0, 0])),
    section(10, list(body)),
  ]
  return Uint8Array.from(parts.flat())
}

// What is used of WebAssembly here; the types of the web, where its own are, are not those of this program.
declare const WebAssembly: {
  readonly Memory: new (options: { initial: number; maximum: number; shared?: boolean }) => CrcMemory
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: Record<string, unknown> }
}

export interface CrcMemory {
  readonly buffer: ArrayBuffer
}

export interface CrcMachine {
  readonly memory: CrcMemory
  sum(crc: bigint, at: number, end: number): bigint
}

/** A memory for a machine that another thread may look into. */
export function sharedMemory(bytes: number): CrcMemory {
  const pages = Math.ceil((DATA_AT + bytes) / DATA_AT)
  return new WebAssembly.Memory({ initial: pages, maximum: MOST_PAGES, shared: true })
}

/** A machine with its own memory of so many bytes behind the tables, or in a shared one. */
export function crcMachine(room: number | CrcMemory): CrcMachine {
  const isShared = typeof room !== 'number'
  const pages = isShared ? 0 : Math.ceil((DATA_AT + room) / DATA_AT)
  const memory = isShared ? room : new WebAssembly.Memory({ initial: pages, maximum: MOST_PAGES })
  const tables = new BigUint64Array(memory.buffer, 0, 2 * TABLES * 256)
  fillTables(tables.subarray(0, TABLES * 256))
  const instance = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes(isShared)), { memory: { memory } })
  const sum = instance.exports['sum'] as CrcMachine['sum']
  fillShiftTables(tables.subarray(TABLES * 256), sum)
  return { memory, sum }
}

/** What each byte of a sum becomes when a block of zeros follows: of each bit that is summed up, of bytes put together. */
function fillShiftTables(tables: BigUint64Array, sum: CrcMachine['sum']): void {
  const ofBit = (bit: number): bigint => BigInt.asUintN(64, sum(1n << BigInt(bit), DATA_AT, DATA_AT + BLOCK_BYTES))
  for (let index = 0; index < TABLES; index += 1) {
    const bits = [0, 1, 2, 3, 4, 5, 6, 7].map((bit) => ofBit(8 * index + bit))
    for (let byte = 0; byte < 256; byte += 1)
      tables[256 * index + byte] = bits.reduce((shifted, of, bit) => ((byte >> bit) & 1 ? shifted ^ of : shifted), 0n)
  }
}

function fillTables(tables: BigUint64Array): void {
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = BigInt(byte)
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1n) === 0n ? crc >> 1n : (crc >> 1n) ^ POLYNOMIAL
    tables[byte] = crc
  }
  for (let at = 256; at < tables.length; at += 1) {
    const before = tables[at - 256] ?? 0n
    tables[at] = (before >> 8n) ^ (tables[Number(before & 255n)] ?? 0n)
  }
}
