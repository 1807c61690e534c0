// An object of any length, in parts: while some are on their way the next one is filled, and no more than that is in
// memory. When anything fails the upload is given up, so that neither half an object nor the bill for its parts remains.

import { randomUUID } from 'node:crypto'
import { limitMs, type Trying } from './trying.ts'
import type { Attempts, Part, Upload } from './storage-unit.ts'
import { Fault } from '../../lib/fault.ts'

const MIB = 2 ** 20
const SMALLEST_PART_BYTES = 8 * MIB // S3 takes no smaller than 5 MiB
const MOST_PARTS = 10_000 // of S3; Azure takes 50,000
const SAME_SIZE_PARTS = 5_000 // some stores (Cloudflare R2) want all parts but the last to be of one size
const DOUBLE_EVERY = 1_000
const AT_ONCE = 2
const FINISH_MS = 10 * 60_000 // S3 says of putting together 10,000 parts that it takes minutes

/**
 * The length of a part, which is numbered from 1: for whatever was expected (bytes, 0 for not known) always the same; past that it
 * doubles from time to time. Without a hint there is room for 523 GiB.
 */
export function partBytes(number: number, sizeHint = 0): number {
  const first = Math.max(SMALLEST_PART_BYTES, Math.ceil((sizeHint * 1.05) / SAME_SIZE_PARTS / MIB) * MIB)
  return first * 2 ** Math.max(0, Math.ceil((number - SAME_SIZE_PARTS) / DOUBLE_EVERY))
}

export interface StreamTask {
  readonly key: string
  readonly source: AsyncIterable<Uint8Array>
  readonly sizeHint: number
}

/** How long the object is. */
export async function putStream(attempts: Attempts, trying: Trying, task: StreamTask): Promise<number> {
  const { key, source, sizeHint } = task
  const token = randomUUID()
  const parts = cutIntoParts(source, sizeHint)
  let upload: Upload | undefined
  const sending = new Sending(trying, key)
  let sizeBytes = 0
  try {
    for await (const { part, isLast } of parts) {
      sizeBytes = part.at + part.bytes.length
      if (isLast && upload === undefined) {
        await putWhole(attempts, trying, { key, bytes: part.bytes, token })
        return sizeBytes
      }
      upload ??= await trying.keepTrying({
        doing: 'storing',
        key,
        limitMs: limitMs(),
        run: (signal) => attempts.beginUpload(key, { token, signal }),
      })
      await sending.add(upload, part)
    }
    await sending.end()
    if (upload !== undefined) await finish(attempts, trying, { key, upload, token, sizeBytes })
  } catch (error) {
    await sending.end().catch(() => undefined) // the first error is the one to tell
    await abort(trying, key, upload)
    throw error
  }
  return sizeBytes
}

async function putWhole(
  attempts: Attempts,
  trying: Trying,
  { key, bytes, token }: { key: string; bytes: Uint8Array; token: string },
): Promise<void> {
  const run = (signal: AbortSignal): Promise<boolean> =>
    attempts.put(key, bytes, { token, signal, onlyIfAbsent: false })
  await trying.keepTrying({ doing: 'storing', key, limitMs: limitMs(bytes.length), run })
}

/** A few parts on their way. */
class Sending {
  readonly #trying: Trying
  readonly #key: string
  readonly #underWay = new Set<Promise<void>>()
  #failed: { readonly error: unknown } | undefined

  constructor(trying: Trying, key: string) {
    this.#trying = trying
    this.#key = key
  }

  /** Resolves when the next part may be filled. */
  async add(upload: Upload, part: Part): Promise<void> {
    const task = { doing: 'storing', key: this.#key, limitMs: limitMs(part.bytes.length) }
    const sent = this.#trying
      .keepTrying({ ...task, run: (signal) => this.#send(upload, part, signal) })
      .catch((error: unknown) => void (this.#failed ??= { error }))
      .finally(() => this.#underWay.delete(sent))
    this.#underWay.add(sent)
    if (this.#underWay.size >= AT_ONCE) await Promise.race(this.#underWay)
    if (this.#failed !== undefined) throw this.#failed.error
  }

  async #send(upload: Upload, part: Part, signal: AbortSignal): Promise<void> {
    try {
      await upload.part(part, signal)
    } catch (error) {
      if (this.#trying.explain(error).kind !== 'missing') throw error
      throw this.#trying.faultOf({ doing: 'storing', key: this.#key }, GONE)
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#underWay)
    if (this.#failed !== undefined) throw this.#failed.error
  }
}

interface Finishing {
  readonly key: string
  readonly upload: Upload
  readonly token: string
  readonly sizeBytes: number
}

/** When an answer was lost, the upload is not found any more the second time: the object then is ours or it is not. */
async function finish(attempts: Attempts, trying: Trying, { key, upload, token, sizeBytes }: Finishing): Promise<void> {
  const task = { doing: 'storing', key, limitMs: FINISH_MS + limitMs(sizeBytes) }
  const run = async (signal: AbortSignal, attempt: number): Promise<void> => {
    try {
      await upload.finish(signal)
    } catch (error) {
      if (trying.explain(error).kind !== 'missing') throw error
      if (attempt === 1 || (await attempts.head(key, signal))?.token !== token) throw trying.faultOf(task, GONE)
    }
  }
  await trying.keepTrying({ ...task, run })
}

/** Somebody gave it up: a lifecycle rule, or a sweep. */
const GONE = {
  kind: 'later',
  why: 'the store does not know the upload any more',
  hint: 'Store it again from its beginning.',
} as const

/** What cannot be given up now, `sweep` finds a day later. */
async function abort(trying: Trying, key: string, upload: Upload | undefined): Promise<void> {
  if (upload === undefined) return
  const task = { doing: 'giving up', key, limitMs: limitMs() }
  await trying.keepTrying({ ...task, run: (signal) => upload.abort(signal) }).catch(() => undefined)
}

/** Full parts, and at the end what is left, which is nothing only when there was nothing at all. */
async function* cutIntoParts(
  source: AsyncIterable<Uint8Array>,
  sizeHint: number,
): AsyncGenerator<{ part: Part; isLast: boolean }> {
  let filling = new Filling(1, 0, sizeHint)
  for await (const chunk of source)
    for (let rest = filling.take(chunk); rest.length > 0; rest = filling.take(rest)) {
      const { number, at, part } = filling
      if (number === MOST_PARTS) throw tooLong(at)
      yield { part, isLast: false }
      filling = new Filling(number + 1, at + part.bytes.length, sizeHint)
    }
  yield { part: filling.part, isLast: true }
}

/** A part that becomes full. Its memory is not used again: an attempt that was given up may still read it. */
class Filling {
  readonly number: number
  readonly at: number
  readonly #bytes: Buffer
  #filled = 0

  constructor(number: number, at: number, sizeHint: number) {
    this.number = number
    this.at = at
    this.#bytes = Buffer.allocUnsafeSlow(partBytes(number, sizeHint))
  }

  get part(): Part {
    return { number: this.number, at: this.at, bytes: this.#bytes.subarray(0, this.#filled) }
  }

  /** What does not fit in. */
  take(chunk: Uint8Array): Uint8Array {
    const length = Math.min(chunk.length, this.#bytes.length - this.#filled)
    this.#bytes.set(chunk.subarray(0, length), this.#filled)
    this.#filled += length
    return chunk.subarray(length)
  }
}

function tooLong(bytes: number): Fault {
  const hint = 'Say with sizeHint how long it will be.'
  return new Fault({
    doing: 'storing',
    target: `${bytes} bytes`,
    why: 'it has more than 10,000 parts',
    hint,
    retryable: false,
  })
}
