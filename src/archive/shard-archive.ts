// The archive of one shard as a replication link fills it: bases, segments, timelines and gaps, each written in the order
// in which it happened. What it says is durable is in the store, together with a base that it can be replayed on.

import type { Clock, Timer } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { BaseStart, BaseWriter, Position, Resumed, Sink } from '../replication/sink.ts'
import type { Frame } from '../replication/stream-framer.ts'
import type { Relation } from '../replication/timeline.ts'
import { beginBase, originOfStart, type BaseOrigin, type BaseUnderWay } from './base-writer.ts'
import type { BaseScan } from './base-scan.ts'
import { FORMAT, type BaseManifest, type GapDocument, type ReplidDocument, type TimelineDocument } from './documents.ts'
import type { JoiningLimits } from './joining.ts'
import { makeTimelineName, type DeploymentKeys, type TimelineKeys } from './keys.ts'
import type { Outbox } from './outbox.ts'
import { SegmentWriter } from './segment-writer.ts'
import type { ServerContext } from './server-context.ts'
import type { Standing } from './standing.ts'
import type { Store } from './store/storage.ts'
import { StreamBuffer, type Cut } from './stream-buffer.ts'

export interface ShardArchiveOptions {
  readonly store: Store
  readonly keys: DeploymentKeys
  readonly deployment: string
  readonly shard: string
  readonly recipients: readonly string[]
  readonly outbox: Outbox
  readonly segmentEveryMs: number
  readonly segmentBytes?: number | undefined // 8 MiB when absent; then it is closed before its time
  readonly joining?: JoiningLimits | undefined
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
  readonly #writer: SegmentWriter
  #from = 0 // offset where the present stretch without a hole begins
  #durable: number | undefined // offset up to which the stream is in the store
  #hasBase: boolean
  #settling = 0 // bases that came with the link and are not complete in the store
  #lastTime: number // of the last byte that was taken, epoch ms
  #timer: Timer | undefined
  #answeredAt = Number.NEGATIVE_INFINITY
  #answering: Timer | undefined
  #around: { readonly offset: number; readonly db: number } | undefined // a base's offset that the stream has not reached

  constructor(options: ShardArchiveOptions, standing: Standing | undefined) {
    this.#options = options
    this.#writer = new SegmentWriter(options)
    this.#number = standing?.number ?? 0
    this.#hasBase = standing?.hasBase ?? false
    this.#lastTime = standing?.toTime ?? options.clock.now()
    if (standing !== undefined) this.#enter(standing.timeline)
    if (standing?.position !== undefined) {
      this.#buffer = new StreamBuffer(standing.position)
      this.#from = standing.from
      this.#durable = standing.durable
    }
    this.#tick()
  }

  /** Is there a base, complete in the store, that the present stream can be replayed on? */
  get hasBase(): boolean {
    return this.#hasBase
  }

  /** Behind the last whole transaction that came. */
  get position(): Position | undefined {
    return this.#buffer?.position
  }

  /** Is a base that came with the link on its way to the store? */
  get isTakingBase(): boolean {
    return this.#settling > 0
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
    if (this.#timeline !== undefined) this.#writer.boundary(this.#timeline)
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
        const noted: Promise<void>[] = []
        if (next.document !== undefined) noted.push(this.#beginTimeline(next.document))
        else if (relation.kind === 'gap' && start.noStream === undefined)
          noted.push(this.#noteGap(offset, fromTime, relation.why))
        if (next.document === undefined && replid !== this.#buffer?.replid)
          noted.push(this.#noteReplid(replid, offset, source))
        this.#buffer = new StreamBuffer({ replid, offset, db })
        this.#from = this.#durable = offset
        this.#around = undefined
        this.#hasBase = false
        this.#lastTime = this.#options.clock.now()
        // The stream goes on while the rest of the base is written: the server need not keep it for us.
        void this.#settle(writer, noted)
      },
      abort: (why) => void writer.abort(why),
    }
  }

  onResume({ replid, offset, was, source }: Resumed): void {
    this.#buffer?.resume(replid)
    if (replid !== was.replid) void this.#noteReplid(replid, offset, source)
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
    if (frame.getAck !== undefined) this.#answer()
    if (buffer.ready >= (this.#options.segmentBytes ?? SEGMENT_BYTES)) this.#flush()
    return this.#writer.room() ?? outbox.room()
  }

  /** The store has what an earlier run had spooled, up to here. */
  noteRecovered(timeline: string, offset: number): void {
    const replid = this.#buffer?.replid
    if (timeline === this.#timelineName && this.#timeline !== undefined && replid !== undefined)
      this.#becomeDurable(offset, replid, this.#timeline)
  }

  /** The stream of this timeline up to here will never be complete in the store: only a base behind it helps. */
  noteLost(timeline: string, offset: number): void {
    if (timeline !== this.#timelineName) return
    this.#from = Math.max(this.#from, offset)
    this.#hasBase = false
  }

  /** A base is asked for over another connection; where its boundary will be is not known yet. */
  expectBase(isExpected: boolean): void {
    this.#writer.holdJoining(isExpected)
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

  /** Writes out what there is, and takes no more. Resolves when all of it is in the outbox. */
  async stop(): Promise<void> {
    this.#timer?.stop()
    this.#answering?.stop()
    this.#flush()
    if (this.#timeline !== undefined) this.#writer.boundary(this.#timeline)
    await this.#writer.sealed()
  }

  /** To be called when the outbox is empty: joins what can be joined. */
  async finish(): Promise<void> {
    await this.#writer.joined()
  }

  /** To be called when nobody waits for the store any more. */
  giveUp(): void {
    this.#writer.stop()
  }

  #tick(): void {
    this.#timer = this.#options.clock.after(this.#options.segmentEveryMs, () => {
      this.#flush()
      this.#tick()
    })
  }

  /** Somebody waits for an answer (WAIT, SHUTDOWN): closes the segment now, or as soon as it may be closed again. */
  #answer(): void {
    if (this.#answering !== undefined) return
    const { clock } = this.#options
    const waitMs = this.#answeredAt + ANSWER_EVERY_MS - clock.monotonic()
    const answer = (): void => {
      this.#answering = undefined
      this.#answeredAt = clock.monotonic()
      this.#flush()
    }
    if (waitMs > 0) this.#answering = clock.after(waitMs, answer)
    else answer()
  }

  #cutAround(): void {
    const around = this.#around && this.#buffer?.cutAround(this.#around)
    if (around === undefined || this.#timeline === undefined) return
    this.#around = undefined
    const { head, tail } = around
    if (head !== undefined && tail !== undefined) return this.#writer.split(this.#timeline, { head, tail })
    if (head !== undefined) this.#seal(head)
    this.#writer.boundary(this.#timeline)
  }

  #flush(): void {
    const cut = this.#buffer?.cut()
    if (cut !== undefined) this.#seal(cut)
  }

  #seal(cut: Cut): void {
    const [timeline, replid] = [this.#timeline, this.#buffer?.replid ?? '']
    if (timeline !== undefined) this.#writer.segment(timeline, cut, () => this.#becomeDurable(cut.to, replid, timeline))
  }

  #becomeDurable(offset: number, replid: string, timeline: TimelineKeys): void {
    if (timeline !== this.#timeline || (this.#durable ?? 0) >= offset) return
    this.#durable = offset
    if (this.#hasBase) this.#options.events.onDurable({ replid, offset })
  }

  /** What is noted belongs to the base, and is in the store before its manifest: else it would lie behind a hole. */
  async #settle(writer: BaseUnderWay, noted: readonly Promise<void>[]): Promise<void> {
    const timeline = this.#timeline
    this.#settling += 1
    try {
      await Promise.all(noted)
      const manifest = await writer.finish()
      if (timeline === this.#timeline) this.#becomeReplayable(manifest)
      this.#options.events.onBase(manifest)
    } catch (error) {
      this.#options.events.onBaseFailed(error)
    } finally {
      this.#settling -= 1
    }
  }

  #becomeReplayable({ timeline, offset: at }: BaseManifest): void {
    if (timeline !== this.#timelineName || at === null || at < this.#from) return // before a gap
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

  async #beginTimeline(document: TimelineDocument): Promise<void> {
    this.#number += 1
    this.#enter(document.timeline)
    this.#options.events.onTimeline(document)
    await this.#write(this.#timeline?.timeline, document)
  }

  #enter(name: string): void {
    this.#timelineName = name
    this.#timeline = this.#options.keys.timeline(this.#options.shard, name)
  }

  async #noteGap(to: number, fromTime: number, why: string): Promise<void> {
    const from = this.#buffer?.safe
    if (from === undefined || to <= from) return
    const [start, end] = [new Date(fromTime).toISOString(), new Date(this.#options.clock.now()).toISOString()]
    const gap: GapDocument = { from, to, fromTime: start, toTime: end, why }
    this.#options.events.onGap(gap)
    await this.#write(this.#timeline?.gap(from, to), gap)
  }

  async #noteReplid(replid: string, offset: number, source: string): Promise<void> {
    const document: ReplidDocument = { replid, offset, at: new Date(this.#options.clock.now()).toISOString(), source }
    await this.#write(this.#timeline?.replid(offset, replid), document)
  }

  async #write(key: string | undefined, document: object): Promise<void> {
    if (key !== undefined) await this.#writer.document(key, document)
  }

  #originOf(start: BaseStart, timeline: string): BaseOrigin {
    const { deployment, shard, aboutSource } = this.#options
    const { context: _context, ...server } = aboutSource(start.source)
    return originOfStart(start, { deployment, shard, timeline, ...server, why: start.relation.kind })
  }
}

function sharedOf(relation: Relation): number | null {
  return relation.kind === 'fork' ? relation.divergedAt : null
}

function whyOf(relation: Relation): string {
  return relation.kind === 'first' ? 'the archive begins here' : relation.why
}
