// Where a scanner is, and what it waits for there: the words for an RDB that ends too soon. What leads from phase to phase
// stands at the head of scanner.ts.

import { Fault } from '../lib/fault.ts'

export type Phase =
  'header' | 'opcode' | 'key' | 'value' | 'pass' | 'name' | 'text' | 'library' | 'checksum' | 'done' | 'blind'

const EXPECTED: Readonly<Record<Phase, string>> = {
  header: 'REDIS or VALKEY and a version',
  opcode: 'the next entry, or the end mark',
  key: 'the rest of a key',
  value: 'the rest of the entry that begins',
  pass: 'the rest of what follows an opcode',
  name: 'the rest of an aux field',
  text: 'the rest of an aux field',
  library: 'the rest of a library of functions',
  checksum: 'eight bytes of checksum',
  done: 'nothing',
  blind: 'nothing',
}

/** `atByte` is where the bytes end, `entryAt` where the entry begins that was being read. */
export function cutFault(phase: Phase, target: string, atByte: number, entryAt: number): Fault {
  return new Fault({
    doing: 'reading the RDB',
    target,
    offset: atByte,
    why: `expected ${EXPECTED[phase]}${phase === 'value' ? ` at byte ${entryAt}` : ''}, found the end`,
    hint: 'The bytes were cut. A copy or a transfer that did not finish looks like this; take it again.',
    retryable: false,
  })
}
