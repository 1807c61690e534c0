// The archive of one shard as a replication link fills it: bases, segments, timelines and gaps, each written in the order
// in which it happened. What it says is durable is in the store, together with a base that it can be replayed on.

import { reasonOf } from '../lib/fault.ts'
import type { Clock, Timer } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { BaseStart, BaseWriter, Resumed, Sink } from '../replication/sink.ts'
import type { Frame } from '../replication/stream-framer.ts'
import type { Relation } from '../replication/timeline.ts'
import { beginBase, type BaseOrigin, type BaseUnderWay } from './base-writer.ts'
import type { BaseScan } from './base-scan.ts'
import { FORMAT, type BaseManifest, type GapDocument, type ReplidDocument, type TimelineDocument } from './documents.ts'
import { Joining, type Joined } from './joining.ts'
import { makeTimelineName, type DeploymentKeys, type TimelineKeys } from './keys.ts'
import type { Outbox } from './outbox.ts'
import { compressFrame, sealFrames, sealingOf } from './seal.ts'
import type { ServerContext } from './server-context.ts'
import type { Standing } from './standing.ts'
import type { Store } from './storage.ts'
import { plainOf, StreamBuffer, type Cut } from './stream-buffer.ts'

export interface ShardArchiveOptions {
  readonly store: Store
  readonly keys: DeploymentKeys
  readonly deployment: string
  readonly shard: string
  readonly recipients: readonly string[]
  readonly outbox: Outbox
  readonly segmentEveryMs: number
  readonly clock: Clock
  readonly log: Log
  readonly makeScan: () => BaseScan
  /** What to write down of the server that a base comes from. */
  readonly aboutSource: (source: string) => SourceFacts
  readonly events: ShardEvents
}

export interface SourceFacts {
  readonly role: BaseManifest['role']
  readonly slots?: string
  readonly context: () => Promise<ServerContext>
}

export interface ShardEvents {
  onDurable(durable: { readonly replid: string; readonly offset: number }): void
  onFrame(frame: Frame): void
  onBase(manifest: BaseManifest): void
  onBaseFailed(why: unknown): void
  onGap(gap: GapDocument): void
  onTimeline(timeline: TimelineDocument): void
}

const SEGMENT_BYTES = 8 * 1024 * 1024
const ANSWER_EVERY_MS = 100 // GETACK closes a segment at once, and no more often than this

export class ShardArchive implements Sink {
  readonly #options: ShardArchiveOptions
  #number: number
  #timeline: TimelineKeys | undefined
  #timelineName = ''
  #buffer: StreamBuffer | undefined
  #joining = new Joining()
  #sealing: Promise<void> = Promise.resolve()
  #durable: number | undefined // offset up to which the stream is in the store
  #hasBase: boolean
  #lastTime: number // of the last byte that was taken, epoch ms
  #timer: Timer | undefined
  #answeredAt = Number.NEGATIVE_INFINITY
  #around: { readonly offset: number; readonly db: number } | undefined // a base's offset that the stream has not reached

  constructor(options: ShardArchiveOptions, standing: Standing | undefined) {
    this.#options = options
    this.#number = standing?.number ?? 0
    this.#hasBase = standing?.hasBase ?? false
    this.#lastTime = standing?.toTime ?? options.clock.now()
    if (standing !== undefined) this.#enter(standing.timeline)
    if (standing?.position !== undefined) {
      this.#buffer = new StreamBuffer(standing.position)
      this.#durable = standing.position.offset
    }
    this.#tick()
  }

  /** Is there a base, complete in the store, that the present stream can be replayed on? */
  get hasBase(): boolean {
    return this.#hasBase
  }

  get timeline(): string | undefined {
    return this.#timeline === undefined ? undefined : this.#timelineName
  }

  get timelineKeys(): TimelineKeys | undefined {
    return this.#timeline
  }

  /** Offset up to which the stream is in the store; undefined before its first base. */
  get durable(): number | undefined {
    return this.#durable
  }

  onBase(start: BaseStart): BaseWriter {
    this.#flush()
    const { replid, offset, db, relation, source } = start
    const next = this.#placeFor(start)
    const fromTime = this.#lastTime
    const writer = beginBase(this.#originOf(start, next.name), {
      ...this.#options,
      keys: next.keys,
      scan: this.#options.makeScan(),
      context: this.#options.aboutSource(source).context,
    })
    this.#options.log.info({ shard: this.#options.shard, source, offset, why: relation.kind }, 'takes a base')
    return {
      write: (chunk) => writer.write(chunk),
      end: () => {
        if (next.document !== undefined) this.#beginTimeline(next.document)
        else if (relation.kind === 'gap') this.#noteGap(offset, fromTime, relation.why)
        if (next.document === undefined && replid !== this.#buffer?.replid) this.#noteReplid(replid, offset, source)
        this.#buffer = new StreamBuffer({ replid, offset, db })
        this.#joining = new Joining()
        this.#durable = offset
        this.#hasBase = false
        this.#lastTime = this.#options.clock.now()
        // The stream goes on while the rest of the base is written: the server need not keep it for us.
        void this.#settle(writer)
      },
      abort: (why) => void writer.abort(why),
    }
  }

  onResume({ replid, offset, was, source }: Resumed): void {
    this.#buffer?.resume(replid)
    if (replid !== was.replid) this.#noteReplid(replid, offset, source)
  }

  /** Undefined, or a promise that is fulfilled when there is room for more. */
  onStream(bytes: Buffer, frame: Frame): Promise<void> | void {
    const { clock, events, outbox } = this.#options
    const buffer = this.#buffer
    if (buffer === undefined) throw new Error('a stream without a base')
    this.#lastTime = clock.now()
    buffer.append(bytes, frame, this.#lastTime)
    events.onFrame(frame)
    this.#cutAround()
    const isAsked = frame.getAck !== undefined && clock.monotonic() - this.#answeredAt >= ANSWER_EVERY_MS
    if (isAsked) this.#answeredAt = clock.monotonic()
    if (isAsked || buffer.ready >= SEGMENT_BYTES) this.#flush()
    return outbox.room()
  }

  /** A base was taken at this place over another connection: the stream gets a boundary there. */
  noteBoundary(place: { readonly offset: number; readonly db: number }): void {
    this.#around = place
    this.#cutAround()
  }

  /** That base is complete. */
  noteBase(manifest: BaseManifest): void {
    this.#becomeReplayable(manifest)
  }

  /** Writes out what there is, and takes no more. */
  async stop(): Promise<void> {
    this.#timer?.stop()
    this.#flush()
    this.#join(this.#joining.take())
    await this.#sealing
  }

  #tick(): void {
    this.#timer = this.#options.clock.after(this.#options.segmentEveryMs, () => {
      this.#flush()
      this.#tick()
    })
  }

  #cutAround(): void {
    const place = this.#around
    const found = place && this.#buffer?.cutAround(place)
    if (found === undefined) return
    this.#around = undefined
    const [first, ...rest] = found.cuts
    if (first !== undefined && first.to === place?.offset) this.#seal(first)
    this.#join(this.#joining.take()) // nothing is joined across a base
    for (const cut of first !== undefined && first.to === place?.offset ? rest : found.cuts) this.#seal(cut)
  }

  #flush(): void {
    const cut = this.#buffer?.cut()
    if (cut !== undefined) this.#seal(cut)
  }

  /** Compresses, encrypts and sends a segment; in order, though each step takes its time. */
  #seal(cut: Cut): void {
    const { recipients, outbox, log } = this.#options
    const [timeline, joining, replid] = [this.#timeline, this.#joining, this.#buffer?.replid ?? '']
    if (timeline === undefined) return
    const frame = compressFrame(plainOf(cut))
    this.#sealing = this.#sealing
      .then(async () => {
        const { bytes, sha256 } = await sealFrames([await frame], recipients)
        const key = timeline.segment({ ...cut, sha256, sealed: sealingOf(recipients) })
        outbox.add(key, bytes, () => this.#becomeDurable(cut.to, replid, timeline))
        this.#join(joining.add({ cut, frame: await frame, key }), timeline)
      })
      .catch((error: unknown) => log.error({ why: reasonOf(error) }, 'a segment could not be made')) // a recipient that is none
  }

  #join(joined: Joined | undefined, timeline = this.#timeline): void {
    if (joined === undefined || timeline === undefined) return
    const { recipients, outbox, store, log } = this.#options
    this.#sealing = this.#sealing.then(async () => {
      const { bytes, sha256 } = await sealFrames(
        joined.parts.map(({ frame }) => frame),
        recipients,
      )
      const key = timeline.segment({ ...joined.cut, sha256, sealed: sealingOf(recipients) })
      outbox.add(
        key,
        bytes,
        () =>
          void removeFirstToLast(
            store,
            joined.parts.map((part) => part.key),
            log,
          ),
      )
    })
  }

  #becomeDurable(offset: number, replid: string, timeline: TimelineKeys): void {
    if (timeline !== this.#timeline || (this.#durable ?? 0) >= offset) return
    this.#durable = offset
    if (this.#hasBase) this.#options.events.onDurable({ replid, offset })
  }

  async #settle(writer: BaseUnderWay): Promise<void> {
    const timeline = this.#timeline
    try {
      const manifest = await writer.finish()
      if (timeline === this.#timeline) this.#becomeReplayable(manifest)
      this.#options.events.onBase(manifest)
    } catch (error) {
      this.#options.events.onBaseFailed(error)
    }
  }

  #becomeReplayable(manifest: BaseManifest): void {
    if (manifest.timeline !== this.#timelineName) return
    this.#hasBase = true
    const [offset, replid] = [this.#durable, this.#buffer?.replid]
    if (offset !== undefined && replid !== undefined) this.#options.events.onDurable({ replid, offset })
  }

  /** The same timeline, or the one that begins with this base. */
  #placeFor(start: BaseStart): { name: string; keys: TimelineKeys; document: TimelineDocument | undefined } {
    const { keys, shard, clock } = this.#options
    const { relation, replid, offset } = start
    if (relation.kind === 'gap' && this.#timeline !== undefined)
      return { name: this.#timelineName, keys: this.#timeline, document: undefined }
    const name = makeTimelineName(this.#number + 1, replid)
    const parent = this.#timeline === undefined ? null : { timeline: this.#timelineName, offset: sharedOf(relation) }
    const at = new Date(clock.now()).toISOString()
    const document = { format: FORMAT, timeline: name, replid, fromOffset: offset, parent, why: whyOf(relation), at }
    return { name, keys: keys.timeline(shard, name), document }
  }

  #beginTimeline(document: TimelineDocument): void {
    this.#number += 1
    this.#enter(document.timeline)
    this.#write(this.#timeline?.timeline, document)
    this.#options.events.onTimeline(document)
  }

  #enter(name: string): void {
    this.#timelineName = name
    this.#timeline = this.#options.keys.timeline(this.#options.shard, name)
  }

  #noteGap(to: number, fromTime: number, why: string): void {
    const from = this.#buffer?.safe
    if (from === undefined || to <= from) return
    const [start, end] = [new Date(fromTime).toISOString(), new Date(this.#options.clock.now()).toISOString()]
    const gap: GapDocument = { from, to, fromTime: start, toTime: end, why }
    this.#write(this.#timeline?.gap(from, to), gap)
    this.#options.events.onGap(gap)
  }

  #noteReplid(replid: string, offset: number, source: string): void {
    const document: ReplidDocument = { replid, offset, at: new Date(this.#options.clock.now()).toISOString(), source }
    this.#write(this.#timeline?.replid(offset, replid), document)
  }

  /** Behind everything that was sent before. */
  #write(key: string | undefined, document: object): void {
    if (key === undefined) return
    const bytes = Buffer.from(JSON.stringify(document, null, 2) + '\n')
    this.#sealing = this.#sealing.then(() => this.#options.outbox.add(key, bytes, () => undefined))
  }

  #originOf(start: BaseStart, timeline: string): BaseOrigin {
    const { deployment, shard, aboutSource } = this.#options
    const { replid, offset, db, source, flavour, serverVersion = null, sizeBytes, relation } = start
    const { role, slots } = aboutSource(source)
    const place = { deployment, shard, timeline, replid, offset, db }
    const server = { source, role, serverVersion, flavour, sizeBytes, ...(slots === undefined ? {} : { slots }) }
    return { ...place, ...server, method: 'psync', consistent: true, why: relation.kind }
  }
}

function sharedOf(relation: Relation): number | null {
  return relation.kind === 'fork' ? relation.divergedAt : null
}

function whyOf(relation: Relation): string {
  return relation.kind === 'first' ? 'the archive begins here' : relation.why
}

/** As long as one of them is there, so are those that follow it. */
async function removeFirstToLast(store: Store, keys: readonly string[], log: Log): Promise<void> {
  try {
    for (const key of keys) await store.remove(key)
  } catch (error) {
    log.warn({ why: reasonOf(error) }, 'segments that were joined could not be removed; they are there twice')
  }
}
