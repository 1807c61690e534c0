// One shard under archive: its link, its outbox, its schedule of bases and its tripwire, looked after once a second.

import type { Clock } from '../lib/clock.ts'
import { Fault, reasonOf } from '../lib/fault.ts'
import type { Ask } from '../redis/ask.ts'
import { showAddress } from '../redis/url.ts'
import { fetchBase } from '../replication/base.ts'
import { chooseSource, type Candidate } from '../replication/choose-source.ts'
import type { LinkState } from '../replication/link.ts'
import { startReplica, type Replica } from '../replication/replica.ts'
import type { BaseStart, BaseWriter } from '../replication/sink.ts'
import type { ArchiverOptions, ShardServers } from './archiver.ts'
import { beginBase, type BaseUnderWay } from './base-writer.ts'
import type { Shard } from './catalog.ts'
import type { BaseManifest } from './documents.ts'
import type { DeploymentKeys } from './keys.ts'
import { Outbox, type OutboxState } from './outbox.ts'
import { ShardArchive, type SourceFacts } from './shard-archive.ts'
import { standingOf } from './standing.ts'
import { Tripwire, type Tripped } from './tripwire.ts'

export interface ShardServer extends Candidate {
  readonly id: string
  readonly ask: Ask | undefined
}

export interface ShardArchiverOptions extends ArchiverOptions {
  readonly keys: DeploymentKeys
  readonly shard: string
  readonly spoolDir: string
  servers(): ShardServers | undefined
  onTripped(tripped: Tripped, timeline: string): void
}

export interface ShardStatus {
  readonly shard: string
  readonly link: LinkState
  readonly why: string | undefined // of a link that is lost
  readonly source: string | undefined
  readonly timeline: string | undefined
  readonly replid: string | undefined
  readonly received: number | undefined // offset
  readonly durable: number | undefined // offset up to which everything is in the store
  readonly replayable: boolean // is there a base for it
  readonly outbox: OutboxState
  readonly lastBase: Pick<BaseManifest, 'id' | 'at' | 'keys' | 'rdb' | 'tookMs' | 'offset' | 'method'> | undefined
  readonly baseTrouble: string | undefined // why the last one failed
  readonly nextBaseMs: number | undefined // until the next one is due; undefined: one is under way
  readonly gaps: number // since the start
  readonly verifiedAt: string | undefined // of the newest base that was read back
}

const FULL_FOR_MS = 1_000 // then the link is let go, before the server's output buffer suffers
const AGAIN_FIRST_MS = 5_000
const AGAIN_AT_MOST_MS = 15 * 60_000
const COUNT_EVERY_MS = 2_000

export class ShardArchiver {
  readonly #options: ShardArchiverOptions
  readonly #clock: Clock
  readonly #outbox: Outbox
  readonly #tripwire = new Tripwire()
  readonly #ending = new AbortController()
  #archive: ShardArchive | undefined
  #replica: Replica | undefined
  #lastBase: ShardStatus['lastBase']
  #verifiedAt: string | undefined
  #baseDue = 0 // monotonic ms
  #baseUnderWay = false
  #baseTrouble: string | undefined
  #failures = 0
  #linkWhy: string | undefined
  #gaps = 0
  #streams = true // false: this server can give bases only
  #counting = false
  #countedAt = Number.NEGATIVE_INFINITY

  constructor(options: ShardArchiverOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#outbox = new Outbox({ ...options, dir: options.spoolDir })
  }

  /** Goes on where an earlier run stopped. */
  async begin(known: Shard | undefined): Promise<void> {
    const { events, attach, listen, log } = { ...this.#options, events: this.#events() }
    const spooled = await this.#outbox.recover(() => undefined)
    const standing = standingOf(known, spooled)
    const bases = known?.timelines.flatMap(({ bases: each }) => each) ?? []
    this.#lastBase = bases.toSorted((a, b) => (a.at < b.at ? -1 : 1)).at(-1)
    this.#verifiedAt = bases.findLast(({ verifiedAt }) => verifiedAt !== undefined)?.verifiedAt
    const age = this.#lastBase === undefined ? Infinity : this.#clock.now() - Date.parse(this.#lastBase.at)
    this.#baseDue = this.#clock.monotonic() + Math.max(0, this.#options.baseEveryMs - age)
    this.#archive = new ShardArchive(
      { ...this.#options, outbox: this.#outbox, aboutSource: (source) => this.#aboutSource(source), events },
      standing,
    )
    this.#replica = startReplica({
      attach,
      listen,
      clock: this.#clock,
      candidates: () => this.#candidates(),
      sink: this.#archive,
      from: standing?.position,
      onState: (state, why) => this.#noteLink(state, why),
    })
    log.info({ shard: this.#options.shard, from: standing?.position?.offset }, 'archives')
  }

  changed(): void {
    this.#replica?.changed()
  }

  tick(): void {
    const now = this.#clock.monotonic()
    const held = this.#replica?.link.held
    if (held !== undefined && this.#outbox.state.full && now - held.sinceMs > FULL_FOR_MS)
      this.#replica?.link.drop('the store takes nothing, and the spool is full')
    if (this.#isBaseDue(now)) this.takeBase(this.#archive?.hasBase === false ? 'gap' : 'schedule')
    if (now - this.#countedAt >= COUNT_EVERY_MS) void this.#count()
  }

  /** Takes a base over a connection of its own; the stream goes on meanwhile. */
  takeBase(why: string): void {
    if (this.#baseUnderWay || this.#archive?.timeline === undefined) return
    this.#baseUnderWay = true
    void this.#fetch(why)
      .then((manifest) => this.#noteBase(manifest))
      .catch((error: unknown) => this.#noteBaseFailed(error))
      .finally(() => {
        this.#baseUnderWay = false
      })
  }

  async stop(withinMs: number): Promise<void> {
    this.#ending.abort()
    await this.#replica?.stop()
    await this.#archive?.stop()
    const timer = Promise.withResolvers<void>()
    const late = this.#clock.after(withinMs, timer.resolve)
    await Promise.race([this.#outbox.empty(), timer.promise])
    late.stop()
    await this.#outbox.stop()
  }

  status(): ShardStatus {
    const link = this.#replica?.link
    const archive = this.#archive
    return {
      shard: this.#options.shard,
      link: link?.state ?? 'connecting',
      why: this.#linkWhy,
      source: link?.source,
      timeline: archive?.timeline,
      replid: link?.position?.replid,
      received: link?.receivedOffset,
      durable: archive?.durable,
      replayable: archive?.hasBase ?? false,
      outbox: this.#outbox.state,
      lastBase: this.#lastBase,
      baseTrouble: this.#baseTrouble,
      nextBaseMs: this.#baseUnderWay ? undefined : Math.max(0, this.#baseDue - this.#clock.monotonic()),
      gaps: this.#gaps,
      verifiedAt: this.#verifiedAt,
    }
  }

  #events(): ConstructorParameters<typeof ShardArchive>[0]['events'] {
    const { shard, onEvent } = this.#options
    return {
      onDurable: (durable) => this.#replica?.link.acknowledge(durable),
      onFrame: (frame) => {
        if (frame.removedFrom === undefined && frame.wipes.length === 0) return
        this.#tripwire.note(frame, this.#clock.monotonic())
        for (const tripped of this.#tripwire.wiped(frame)) this.#trip(tripped)
      },
      onBase: (manifest) => this.#noteBase(manifest),
      onBaseFailed: (error) => this.#noteBaseFailed(error),
      onGap: (gap) => {
        this.#gaps += 1
        onEvent({ event: 'gap', shard, gap })
      },
      onTimeline: (timeline) => onEvent({ event: 'timeline', shard, timeline }),
    }
  }

  /** While the store takes nothing there is nobody to follow: a base that cannot be stored would be asked for in vain. */
  #candidates(): readonly Candidate[] {
    const { full, trouble } = this.#outbox.state
    const isHeld = full || (trouble !== undefined && this.#archive?.durable === undefined)
    return isHeld ? [] : (this.#options.servers()?.servers ?? [])
  }

  #noteLink(state: LinkState, why: Fault | undefined): void {
    const { shard, onEvent } = this.#options
    this.#linkWhy = state === 'lost' || state === 'stopped' ? why?.why : undefined
    if (state === 'stopped' && why !== undefined) this.#streams = false
    const source = this.#replica?.link.source
    const says = why === undefined ? {} : { why: why.message, hint: why.hint }
    onEvent({ event: 'link', shard, state, source, ...says })
  }

  #aboutSource(source: string): SourceFacts {
    const { contextOf } = this.#options
    const shard = this.#options.servers()
    const server = shard?.servers.find(({ address }) => showAddress(address) === source)
    const context: SourceFacts['context'] = async () => {
      if (server !== undefined) return contextOf(server)
      const couldNotLook = [{ at: source, why: 'it is not known any more', hint: 'the next base will know it again' }]
      return { config: {}, acl: [], modules: [], clusterNodes: null, sentinels: [], couldNotLook }
    }
    return { role: server?.role ?? 'unknown', ...(shard?.slots === undefined ? {} : { slots: shard.slots }), context }
  }

  #isBaseDue(now: number): boolean {
    const archive = this.#archive
    if (archive?.timeline === undefined || this.#baseUnderWay || this.#outbox.state.trouble !== undefined) return false
    const isStreaming = this.#replica?.link.state === 'streaming' || !this.#streams
    // The base that came with the link is still being written as long as nothing has failed.
    const isMissing = !archive.hasBase && (this.#baseTrouble !== undefined || this.#lastBase === undefined)
    return isStreaming && (now >= this.#baseDue || (isMissing && now >= this.#baseDue))
  }

  async #fetch(why: string): Promise<BaseManifest> {
    const archive = this.#archive
    const keys = archive?.timelineKeys
    const { attach, deployment, shard, recipients, store, clock, log, makeScan } = this.#options
    const source = chooseSource(this.#candidates(), attach, this.#replica?.link.source)
    if (archive === undefined || keys === undefined || source === undefined) throw nobody()
    let writer: BaseUnderWay | undefined
    const onBase = (start: BaseStart): BaseWriter => {
      const { replid, offset, db, source: id, flavour, serverVersion = null, sizeBytes } = start
      if (replid !== this.#replica?.link.position?.replid) throw otherHistory(id)
      const { role, slots, context } = this.#aboutSource(id)
      const place = { deployment, shard, timeline: archive.timeline ?? '', replid, offset, db }
      const server = { source: id, role, serverVersion, flavour, sizeBytes, ...(slots === undefined ? {} : { slots }) }
      const origin = { ...place, ...server, method: 'psync', consistent: true, why } as const
      const begun = beginBase(origin, { store, keys, recipients, clock, log, scan: makeScan(), context })
      writer = begun
      archive.noteBoundary({ offset, db })
      return { write: (chunk) => begun.write(chunk), end: () => undefined, abort: (reason) => void begun.abort(reason) }
    }
    await fetchBase({ source, announce: undefined, onBase, clock, signal: this.#ending.signal })
    if (writer === undefined) throw nobody()
    const manifest = await writer.finish()
    archive.noteBase(manifest)
    return manifest
  }

  #noteBase(manifest: BaseManifest): void {
    this.#lastBase = manifest
    this.#baseTrouble = undefined
    this.#failures = 0
    this.#baseDue = this.#clock.monotonic() + this.#options.baseEveryMs
    this.#options.onEvent({ event: 'base', shard: this.#options.shard, base: manifest })
  }

  #noteBaseFailed(error: unknown): void {
    if (this.#ending.signal.aborted) return
    const hint = error instanceof Fault ? error.hint : undefined
    this.#baseTrouble = reasonOf(error)
    this.#baseDue = this.#clock.monotonic() + Math.min(AGAIN_AT_MOST_MS, AGAIN_FIRST_MS * 2 ** this.#failures)
    this.#failures += 1
    this.#options.log.error({ shard: this.#options.shard, why: this.#baseTrouble }, 'a base failed')
    this.#options.onEvent({ event: 'base-failed', shard: this.#options.shard, why: this.#baseTrouble, hint })
  }

  /** Asks what explains the removals. */
  async #count(): Promise<void> {
    if (this.#counting) return
    this.#counting = true
    this.#countedAt = this.#clock.monotonic()
    try {
      const counts = await this.#options.removalCounts(this.#options.shard)
      if (counts !== undefined) this.#tripwire.count(counts, this.#clock.monotonic())
      const tripped = this.#tripwire.look(this.#clock.monotonic())
      if (tripped !== undefined) this.#trip(tripped)
    } catch (error) {
      this.#options.log.warn({ why: reasonOf(error) }, 'could not ask what was removed') // the watch says how it answers
    } finally {
      this.#counting = false
    }
  }

  #trip(tripped: Tripped): void {
    const timeline = this.#archive?.timeline
    if (timeline !== undefined) this.#options.onTripped(tripped, timeline)
  }
}

function nobody(): Fault {
  return new Fault({ doing: 'taking a base of', target: 'the deployment', why: 'no server of it can be followed now' })
}

function otherHistory(id: string): Fault {
  const why = 'it has another replication id than the stream that is archived'
  return new Fault({ doing: 'taking a base from', target: id, why, hint: 'it is tried again when they agree' })
}
