// Whether a store can be used, tried out in earnest: an object of our own is stored, stored again, read, and removed.

import { randomUUID } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'
import { Fault } from '../../lib/fault.ts'
import { OWN } from './storage-key.ts'
import type { Attempts, Looked } from './storage-unit.ts'
import type { StorageCheck } from './storage.ts'
import { limitMs, type Trying } from './trying.ts'

const PROBE = Buffer.from('Respite looked whether it may write here. This can be removed.\n')

/** Throws a Fault where the store cannot be used. */
export async function checkStore(attempts: Attempts, trying: Trying, clock: Clock): Promise<StorageCheck> {
  let clockSkewMs: number | undefined
  const look = async (signal: AbortSignal): Promise<Looked> => {
    const before = clock.now()
    const looked = await attempts.look(signal)
    const { storeMs } = looked
    clockSkewMs = storeMs === undefined ? undefined : Math.round(storeMs - (before + clock.now()) / 2)
    return looked
  }
  const looked = await trying.keepTrying({ doing: 'looking at', key: '', limitMs: 2 * limitMs(), run: look })
  const list = (signal: AbortSignal): Promise<unknown> => attempts.listPage('', undefined, signal)
  await trying.keepTrying({ doing: 'listing', key: '', limitMs: 4 * limitMs(), run: list })
  const probed = await probe(attempts, trying)
  const { freeBytes, versioning, objectLock, warnings, couldNotLook } = looked
  return {
    conditionalCreate: probed.conditionalCreate,
    removes: probed.refusal === undefined,
    clockSkewMs,
    freeBytes,
    versioning,
    objectLock,
    warnings,
    couldNotLook: probed.refusal === undefined ? couldNotLook : [...couldNotLook, probed.refusal],
  }
}

/** Whether the second of two creates of one key is refused. */
export async function createsConditionally(attempts: Attempts, trying: Trying): Promise<boolean> {
  return (await probe(attempts, trying)).conditionalCreate
}

interface Probed {
  readonly conditionalCreate: boolean
  readonly refusal: StorageCheck['couldNotLook'][number] | undefined // of the removal
}

async function probe(attempts: Attempts, trying: Trying): Promise<Probed> {
  const key = `${OWN}probe-${randomUUID()}`
  const put = (onlyIfAbsent: boolean): Promise<boolean> => {
    const run = async (signal: AbortSignal): Promise<boolean> => {
      try {
        return await attempts.put(key, PROBE, { token: randomUUID(), signal, onlyIfAbsent })
      } catch (error) {
        if (onlyIfAbsent && trying.explain(error).kind === 'unsupported') return true // as good as one that heeds nothing
        throw error
      }
    }
    return trying.keepTrying({ doing: 'storing', key, limitMs: limitMs(PROBE.length), run })
  }
  await put(false)
  const conditionalCreate = !(await put(true))
  await compare(attempts, trying, key)
  return { conditionalCreate, refusal: await remove(attempts, trying, key) }
}

async function compare(attempts: Attempts, trying: Trying, key: string): Promise<void> {
  const run = async (signal: AbortSignal): Promise<string> => {
    const body = await attempts.read(key, { from: 0, to: undefined, etag: undefined, signal })
    const chunks: Uint8Array[] = []
    try {
      for await (const chunk of body?.chunks ?? []) chunks.push(chunk)
    } finally {
      body?.cancel()
    }
    return Buffer.concat(chunks).toString()
  }
  const back = await trying.keepTrying({ doing: 'reading', key, limitMs: limitMs(), run })
  if (back !== PROBE.toString())
    throw trying.faultOf({ doing: 'reading', key }, { kind: 'never', why: 'it is not what was stored a moment ago' })
}

/** That it may not remove is no fault: somebody may want it so. Why it may not, or undefined. */
async function remove(attempts: Attempts, trying: Trying, key: string): Promise<Probed['refusal']> {
  const run = (signal: AbortSignal): Promise<void> => attempts.remove(key, signal)
  try {
    await trying.keepTrying({ doing: 'removing', key, limitMs: limitMs(), run })
    return undefined
  } catch (error) {
    if (!(error instanceof Fault) || error.retryable) throw error
    const hint = error.hint ?? 'Removing what is past its retention needs a login that may.'
    return { at: 'removing', why: error.why, hint }
  }
}
