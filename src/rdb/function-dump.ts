// What FUNCTION DUMP answers: the libraries of functions as they stand in an RDB, and a footer as DUMP has it
// (functions.c, functionDumpCommand of Redis 7.0). Since its footer names the RDB version that the server writes, it also
// says that of a server of which not a single key was read.

import { Fault } from '../lib/fault.ts'
import { crc64 } from './crc64.ts'
import { OPCODE } from './layouts.ts'
import { ValueReader } from './value-reader.ts'

const FOOTER = 10 // two bytes of version, eight of checksum

export interface ParsedFunctions {
  readonly rdbVersion: number
  readonly libraries: readonly Buffer[] // the code of each
}

/** Takes the answer apart. Throws a Fault when it is none, or damaged. */
export function parseFunctionDump(payload: Buffer, target = 'a FUNCTION DUMP'): ParsedFunctions {
  const footer = payload.length - FOOTER
  const wrong = (offset: number, why: string): Fault =>
    new Fault({ doing: 'reading', target, offset, why, hint: 'Ask the server again.', retryable: false })
  if (footer < 0) throw wrong(0, `expected a footer of ten bytes, found ${payload.length} bytes`)
  if (!crc64(payload.subarray(0, footer + 2)).equals(payload.subarray(footer + 2)))
    throw wrong(footer + 2, 'its checksum is wrong, the bytes are damaged')
  const reader = new ValueReader(payload.subarray(0, footer), target, 0)
  const libraries: Buffer[] = []
  while (!reader.isAtEnd) {
    const { at } = reader.cursor
    const opcode = reader.raw(1)[0]
    if (opcode !== OPCODE.function) throw wrong(at, `expected a library of functions, found opcode ${opcode}`)
    libraries.push(reader.string())
  }
  return { rdbVersion: payload.readUInt16LE(footer), libraries }
}
