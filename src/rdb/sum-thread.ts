// The other side of SumBeside: takes the slots as they are filled, until it is told to stop.

import { workerData } from 'node:worker_threads'
import { Crc64 } from './crc64.ts'
import { FILLED, HIGH, LENGTHS, LOW, SLOT_BYTES, SLOTS, STOP, SUMMED, type SharedSum } from './sum-beside.ts'

const { numbers, bytes } = workerData as SharedSum
const sum = new Crc64()
for (let summed = 0; ;) {
  const filled = Atomics.load(numbers, FILLED)
  if (filled === STOP) break
  if (filled === summed) {
    Atomics.wait(numbers, FILLED, filled)
    continue
  }
  const slot = summed % SLOTS
  const from = slot * SLOT_BYTES
  sum.add(bytes, from, from + (numbers[LENGTHS + slot] ?? 0))
  const digest = sum.digest()
  numbers[LOW] = digest.readInt32LE(0)
  numbers[HIGH] = digest.readInt32LE(4)
  summed += 1
  Atomics.store(numbers, SUMMED, summed)
  Atomics.notify(numbers, SUMMED)
}
