// Whether a server can be read key after key: looked at beforehand where that is asked for, or where nothing else is left.

import type { Clock } from '../lib/clock.ts'
import { Fault, reasonOf } from '../lib/fault.ts'
import type { Source } from '../replication/handshake.ts'
import { ReplyWire } from './reply-wire.ts'
import { askForScan } from './scan-terms.ts'

export interface ScanLook {
  readonly isPossible: boolean
  readonly says: string
  readonly hint?: string | undefined
}

/** Asks for every command that it needs, and reads no key. Never throws for what a server is like. */
export async function lookAtScan(source: Source, clock: Clock, signal: AbortSignal): Promise<ScanLook> {
  let wire: ReplyWire | undefined
  try {
    wire = await ReplyWire.open(source, clock, signal)
    await askForScan(wire, clock)
    return { isPossible: true, says: 'it may be read key after key: keys are then of different moments' }
  } catch (error) {
    signal.throwIfAborted()
    return { isPossible: false, says: reasonOf(error), hint: error instanceof Fault ? error.hint : undefined }
  } finally {
    wire?.close()
  }
}
