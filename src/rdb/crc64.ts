// The checksum at the end of an RDB and of a DUMP payload: CRC-64 "Jones", reflected, without initial value and final xor
// (crc64.c of Redis). "123456789" sums up to e9c6d914c4b8d9ca.

import { crcMachine, DATA_AT } from './crc64-module.ts'

/** Sums up bytes; where that is done is its own affair. */
export interface Sum {
  add(bytes: Uint8Array, from?: number, to?: number): void // bytes[from] to bytes[to - 1]
  digest(): Buffer // of all bytes so far, as it stands in a file: little-endian
}

const ROOM = 128 * 1024 // bytes that are summed up at once; they stay in the second cache while they are copied there
const machine = crcMachine(ROOM)
const room = new Uint8Array(machine.memory.buffer, DATA_AT, ROOM)

/** A CRC-64 that grows with each `add`. */
export class Crc64 implements Sum {
  #crc = 0n

  add(bytes: Uint8Array, from = 0, to = bytes.length): void {
    for (let at = from; at < to; at += ROOM) {
      const part = bytes.subarray(at, Math.min(to, at + ROOM))
      room.set(part)
      this.#crc = machine.sum(this.#crc, DATA_AT, DATA_AT + part.length)
    }
  }

  digest(): Buffer {
    return digestOf(this.#crc)
  }
}

export function digestOf(crc: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigUInt64LE(BigInt.asUintN(64, crc))
  return bytes
}

/** The CRC-64 of some bytes, little-endian. */
export function crc64(bytes: Uint8Array): Buffer {
  const sum = new Crc64()
  sum.add(bytes)
  return sum.digest()
}
