// Makes segments of what was cut out of the stream, and sends them in its order although compressing and encrypting each
// takes its time; documents go between them. Whoever brings more than can be sealed is told to wait. Behind that, and
// never in the way of it, small segments are joined to large ones.

import { Fault, reasonOf } from '../lib/fault.ts'
import type { Log } from '../lib/log.ts'
import { showDocument } from './documents.ts'
import { Joining, JOINING, type JoinablePart, type Joined, type JoiningLimits } from './joining.ts'
import type { TimelineKeys } from './keys.ts'
import type { Outbox } from './outbox.ts'
import { compressFrame, sealFrames, sealingOf } from './seal.ts'
import type { Store } from './store/storage.ts'
import { plainOf, type Cut } from './stream-buffer.ts'

export interface SegmentWriterOptions {
  readonly store: Store
  readonly outbox: Outbox
  readonly recipients: readonly string[]
  readonly joining?: JoiningLimits | undefined
  readonly log: Log
}

const SEALING_BYTES = 32 * 1024 * 1024 // plain; then whoever brings more waits

export class SegmentWriter {
  readonly #options: SegmentWriterOptions
  readonly #joining: Joining
  #chain: Promise<void> = Promise.resolve()
  #bytes = 0 // plain, not sealed yet
  #waiting: (() => void)[] = []
  #failure: Fault | undefined
  #joins: Promise<void> = Promise.resolve()
  #joinsWaiting = 0
  #stopped = Promise.withResolvers<void>()

  constructor(options: SegmentWriterOptions) {
    this.#options = options
    this.#joining = new Joining(options.joining ?? JOINING)
  }

  /** `onDurable` is called when it is in the store, in the order of the calls. */
  segment(timeline: TimelineKeys, cut: Cut, onDurable: () => void): void {
    const plainBytes = cut.to - cut.from
    this.#bytes += plainBytes
    const frame = frameOf(cut) // begins at once, beside those before it
    frame.catch(() => undefined)
    this.#then(async () => {
      const part = await this.#send(timeline, cut, await frame, onDurable)
      this.#bytes -= plainBytes
      if (this.#bytes <= SEALING_BYTES) this.#wake()
      this.#join(timeline, this.#joining.add(part))
    })
  }

  /** Behind all that was sent before. Fulfilled when it is in the store. */
  document(key: string, document: object): Promise<void> {
    const durable = Promise.withResolvers<void>()
    const bytes = showDocument(document)
    this.#then(async () => this.#options.outbox.add(key, bytes, durable.resolve))
    return durable.promise
  }

  /** A base begins behind what was sent so far, or nothing follows: it is not joined with what comes. */
  boundary(timeline: TimelineKeys): void {
    this.#then(async () => this.#join(timeline, this.#joining.take()))
  }

  /** A base begins within a segment that was sent a moment ago: it is sent again as two. */
  split(timeline: TimelineKeys, { head, tail }: { readonly head: Cut; readonly tail: Cut }): void {
    this.#then(async () => {
      const [whole, ...later] = this.#joining.takeFrom(head.from)
      const send = async (cut: Cut, onDurable: () => void): Promise<JoinablePart> =>
        this.#send(timeline, cut, await frameOf(cut), onDurable)
      this.#joining.add(await send(head, () => undefined))
      this.#join(timeline, this.#joining.take())
      this.#joining.add(
        await send(tail, () => {
          if (whole !== undefined) void this.#remove([whole.key])
        }),
      )
      for (const part of later) this.#joining.add(part)
    })
  }

  /** Joins nothing that may have to be split, from asking for a base until its offset is known. */
  holdJoining(isHeld: boolean): void {
    this.#joining.isHeld = isHeld
  }

  /** Undefined, or a promise that is fulfilled when there is room for more. Throws when a segment could not be made. */
  room(): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#bytes <= SEALING_BYTES) return undefined
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Resolves when all is in the outbox. */
  sealed(): Promise<void> {
    return this.#chain
  }

  /** Resolves when what can be joined is. */
  joined(): Promise<void> {
    return this.#joins
  }

  /** What is not in the store now is not joined any more. */
  stop(): void {
    this.#stopped.resolve()
  }

  /** Without one segment those behind it would lie behind a hole: then nothing more is sent. */
  #then(work: () => Promise<void>): void {
    this.#chain = this.#chain.then(async () => {
      if (this.#failure !== undefined) return
      try {
        await work()
      } catch (error) {
        const hint = 'Start Respite again: it goes on behind what is in the store.'
        const why = reasonOf(error)
        this.#failure = new Fault({ doing: 'making', target: 'a segment', why, hint, cause: error })
        this.#options.log.error({ why }, 'a segment could not be made; nothing is archived from here on')
        this.#wake()
      }
    })
  }

  async #send(timeline: TimelineKeys, cut: Cut, frame: Buffer, onDurable: () => void): Promise<JoinablePart> {
    const { recipients, outbox } = this.#options
    const { bytes, sha256 } = await sealFrames([frame], recipients)
    const key = timeline.segment({ ...cut, sha256, sealed: sealingOf(recipients) })
    const durable = Promise.withResolvers<boolean>()
    const isDurable = (): void => {
      durable.resolve(true)
      onDurable()
    }
    outbox.add(key, bytes, isDurable, () => durable.resolve(false))
    const { from, to, fromTime, toTime, db } = cut
    return { cut: { from, to, fromTime, toTime, db }, frame, key, durable: durable.promise }
  }

  /** While one waits for the store, the next is given up: what is not joined is in the archive all the same. */
  #join(timeline: TimelineKeys, joined: Joined | undefined): void {
    if (joined === undefined || this.#joinsWaiting > 1) return
    this.#joinsWaiting += 1
    this.#joins = this.#joins
      .then(() => this.#storeJoined(timeline, joined))
      .finally(() => {
        this.#joinsWaiting -= 1
      })
  }

  async #storeJoined(timeline: TimelineKeys, { parts, cut }: Joined): Promise<void> {
    const { recipients, store, log } = this.#options
    const isStored = await Promise.race([
      Promise.all(parts.map(({ durable }) => durable)).then((all) => all.every(Boolean)),
      this.#stopped.promise.then(() => false),
    ])
    if (!isStored) return
    try {
      const frames = parts.map(({ frame }) => frame)
      const { bytes, sha256 } = await sealFrames(frames, recipients)
      await store.put(timeline.segment({ ...cut, sha256, sealed: sealingOf(recipients) }), bytes)
    } catch (error) {
      log.warn({ why: reasonOf(error) }, 'segments could not be joined; they stay as they are')
      return
    }
    await this.#remove(parts.map(({ key }) => key))
  }

  /** From the first on: as long as one of them is there, so are those that follow it. */
  async #remove(keys: readonly string[]): Promise<void> {
    const { store, log } = this.#options
    try {
      for (const key of keys) await store.remove(key)
    } catch (error) {
      log.warn({ why: reasonOf(error) }, 'segments that were joined could not be removed; they are there twice')
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

/** Lets go of the memory of the cut when it is compressed. */
async function frameOf(cut: Cut): Promise<Buffer> {
  const frame = await compressFrame(plainOf(cut))
  cut.held.letGo()
  return frame
}
