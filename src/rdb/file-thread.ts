// The other side of FileBeside: reads the file into the slots in turn, and sums up each when the reader has it already.

import { openSync, readSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { crcMachine, DATA_AT } from './crc64-module.ts'
import {
  FILLED,
  HANDED,
  LENGTHS,
  PASSED,
  READY,
  SLOT_BYTES,
  SLOTS,
  STOP,
  SUM_DONE,
  type SharedFile,
} from './file-beside.ts'

const { path, sumBytes, numbers, memory, begin, sum } = workerData as SharedFile
const machine = crcMachine(memory)
const slots = new Uint8Array(memory.buffer, DATA_AT)
const file = openSync(path, 'r')
Atomics.store(numbers, READY, 1)
Atomics.wait(numbers, HANDED, 0)
let at = begin[0] ?? 0
let crc = sum[0] ?? 0n

/** Fills a slot; 0 at the end of the file. */
function fill(slot: number): number {
  let length = 0
  while (length < SLOT_BYTES) {
    const read = readSync(file, slots, slot * SLOT_BYTES + length, SLOT_BYTES - length, at + length)
    if (read === 0) break
    length += read
  }
  return length
}

for (let filled = 0; ; filled += 1) {
  for (let passed = Atomics.load(numbers, PASSED); passed !== STOP && filled - passed >= SLOTS;) {
    Atomics.wait(numbers, PASSED, passed)
    passed = Atomics.load(numbers, PASSED)
  }
  if (Atomics.load(numbers, PASSED) === STOP) break
  const slot = filled % SLOTS
  const length = fill(slot)
  numbers[LENGTHS + slot] = length
  Atomics.store(numbers, FILLED, filled + 1)
  Atomics.notify(numbers, FILLED)
  if (length === 0) break
  const start = DATA_AT + slot * SLOT_BYTES
  crc = machine.sum(crc, start, start + Math.min(length, Math.max(0, sumBytes - at)))
  at += length
}
sum[0] = BigInt.asUintN(64, crc)
Atomics.store(numbers, SUM_DONE, 1)
Atomics.notify(numbers, SUM_DONE)
