// One shard under archive: its link, its outbox, its schedule of bases and its tripwire, looked after once a second.

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../lib/clock.ts'
import { Fault, reasonOf } from '../lib/fault.ts'
import type { Ask } from '../redis/ask.ts'
import { showAddress } from '../redis/url.ts'
import { fetchBase, whyNoStream } from '../replication/base.ts'
import { chooseSource, type Candidate } from '../replication/choose-source.ts'
import type { LinkState } from '../replication/link.ts'
import { startReplica, type Replica } from '../replication/replica.ts'
import type { BaseStart, BaseWriter, Position } from '../replication/sink.ts'
import type { ArchiverOptions, ShardServers } from './archiver.ts'
import { beginBase, originOfStart, type BaseUnderWay } from './base-writer.ts'
import type { Shard } from './catalog.ts'
import { showDocument, type BaseManifest } from './documents.ts'
import { parseSegmentName, type DeploymentKeys } from './keys.ts'
import { lostBetween, lostStretches, type LostStretch } from './lost-from-spool.ts'
import { Outbox, type OutboxState } from './outbox.ts'
import { ShardArchive, type SourceFacts } from './shard-archive.ts'
import type { Outgoing } from './spool.ts'
import { standingOf } from './standing.ts'
import { Tripwire, type Tripped } from './tripwire.ts'

export interface ShardServer extends Candidate {
  readonly id: string
  readonly ask: Ask | undefined
}

export interface ShardArchiverOptions extends ArchiverOptions {
  readonly keys: DeploymentKeys
  readonly shard: string
  readonly dir: string // ours alone: the spool, and what is to be the same after a restart
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
const HELD_FOR_MS = 10_000 // the same when what takes so long is not full
const COUNT_EVERY_MS = 2_000
const PORT_FILE = 'port' // where we listen as a replica

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
  #wasHeld = false // nobody could be followed, since nothing could be stored
  #port: number | undefined
  #counting = false
  #countedAt = Number.NEGATIVE_INFINITY

  constructor(options: ShardArchiverOptions) {
    this.#options = options
    this.#clock = options.clock
    const onLost = (keys: readonly string[]): Outgoing[] => lostStretches(keys).map((lost) => this.#noteLost(lost))
    this.#outbox = new Outbox({ ...options, dir: join(options.dir, 'spool'), onLost })
  }

  /** Goes on where an earlier run stopped. `read` reads once more what the store has of this shard. */
  async begin(known: Shard | undefined, read: () => Promise<Shard | undefined>): Promise<void> {
    const { shard, log } = this.#options
    const recovered: string[] = []
    const spooled = await this.#outbox.recover(
      (key) => this.#noteRecovered(key, recovered),
      (keys) => lostBetween(known, keys).map((lost) => ({ before: lost.before, ...this.#noteLost(lost) })),
    )
    // Documents say where a gap or a timeline begins: what is read must have them.
    const hasDocuments = spooled.some((key) => !key.includes('/stream/'))
    if (hasDocuments) await this.#outbox.empty()
    const stored = hasDocuments ? await read() : known
    const standing = standingOf(stored, hasDocuments ? [] : spooled)
    const bases = stored?.timelines.flatMap(({ bases: each }) => each) ?? []
    const last = bases.toSorted((a, b) => (a.at < b.at ? -1 : 1)).at(-1)
    this.#lastBase = last
    this.#verifiedAt = bases.findLast(({ verifiedAt }) => verifiedAt !== undefined)?.verifiedAt
    const age = last === undefined ? Infinity : this.#clock.now() - Date.parse(last.at)
    this.#baseDue = this.#clock.monotonic() + Math.max(0, this.#options.baseEveryMs - age)
    const archive = new ShardArchive(
      {
        ...this.#options,
        outbox: this.#outbox,
        aboutSource: (source) => this.#aboutSource(source),
        events: this.#events(),
      },
      standing,
    )
    this.#archive = archive
    for (const key of recovered) this.#noteRecovered(key, [])
    this.#port = Number(await readFile(join(this.#options.dir, PORT_FILE), 'utf8').catch(() => '')) || undefined
    this.#streams = last === undefined || whyNoStream(last.flavour, last.serverVersion ?? undefined) === undefined
    if (this.#streams) this.#follow(standing?.position)
    void this.#count()
    log.info({ shard, from: standing?.position?.offset }, 'archives')
  }

  #follow(from: Position | undefined): void {
    const { attach, listen } = this.#options
    const archive = this.#archive
    if (archive === undefined) return
    this.#replica = startReplica({
      attach,
      from,
      listen: { ...listen, lastPort: this.#port },
      clock: this.#clock,
      candidates: () => this.#candidates(),
      sink: archive,
      onState: (state, why) => this.#noteLink(state, why),
    })
    const { durable, hasBase } = archive
    if (from !== undefined && durable !== undefined && hasBase)
      this.#replica.link.acknowledge({ replid: from.replid, offset: durable })
  }

  changed(): void {
    this.#replica?.changed()
  }

  tick(): void {
    const now = this.#clock.monotonic()
    const heldMs = now - (this.#replica?.link.held?.sinceMs ?? now)
    const isFull = this.#outbox.state.full
    if (isFull && heldMs > FULL_FOR_MS) this.#replica?.link.drop('the store takes nothing, and the spool is full')
    else if (heldMs > HELD_FOR_MS && this.#replica?.link.state === 'streaming')
      this.#replica.link.drop('what comes cannot be stored as fast')
    // Lag, and the time for which a server has answered, change without an event.
    if ((this.#wasHeld && !this.#isHeld) || this.#replica?.link.state === 'streaming') this.changed()
    this.#wasHeld = this.#isHeld
    if (this.#isBaseDue(now)) this.takeBase(this.#archive?.hasBase === false ? 'gap' : 'schedule')
    if (now - this.#countedAt >= COUNT_EVERY_MS) void this.#count()
  }

  /** Takes a base over a connection of its own; the stream goes on meanwhile. */
  takeBase(why: string): void {
    if (this.#baseUnderWay || this.#archive?.timeline === undefined) return
    this.#baseUnderWay = true
    if (!this.#streams) return void this.#followAgain()
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
    await Promise.race([this.#outbox.empty().then(() => this.#archive?.finish()), timer.promise])
    late.stop()
    this.#archive?.giveUp()
    await this.#outbox.stop()
  }

  /** A server that gives bases only gives one to whoever begins to follow it; perhaps it is a newer one by now. */
  async #followAgain(): Promise<void> {
    await this.#replica?.stop()
    this.#streams = true
    this.#baseUnderWay = false
    if (!this.#ending.signal.aborted) this.#follow(this.#archive?.position)
  }

  /** A stretch of the stream that was in the spool alone and is not any more: the gap that stands in its place. */
  #noteLost({ timeline, gap }: LostStretch): Outgoing {
    const { shard, keys, onEvent } = this.#options
    this.#gaps += 1
    this.#archive?.noteLost(timeline, gap.to)
    onEvent({ event: 'gap', shard, gap })
    return { key: keys.timeline(shard, timeline).gap(gap.from, gap.to), bytes: showDocument(gap) }
  }

  #noteRecovered(key: string, before: string[]): void {
    const [timeline = '', , name = ''] = key.split('/').slice(-3)
    const segment = parseSegmentName(name)
    if (this.#archive === undefined) before.push(key)
    else if (segment !== undefined) this.#archive.noteRecovered(timeline, segment.to)
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
        this.#tripwire.note(frame)
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
    return this.#isHeld ? [] : (this.#options.servers()?.servers ?? [])
  }

  get #isHeld(): boolean {
    const { full, trouble } = this.#outbox.state
    return full || (trouble !== undefined && this.#archive?.durable === undefined)
  }

  #noteLink(state: LinkState, why: Fault | undefined): void {
    const { shard, onEvent } = this.#options
    this.#linkWhy = state === 'lost' || state === 'stopped' ? why?.why : undefined
    if (state === 'stopped' && why !== undefined) this.#streams = false
    const source = this.#replica?.link.source
    if (state === 'streaming') void this.#keepPort()
    const says = why === undefined ? {} : { why: why.message, hint: why.hint }
    onEvent({ event: 'link', shard, state, source, ...says })
  }

  /** Sentinels do not forget where we listened: after a restart it is the same place. */
  async #keepPort(): Promise<void> {
    const port = this.#replica?.listening?.port
    const { dir, log } = this.#options
    if (port === undefined || port === this.#port) return
    this.#port = port
    try {
      await mkdir(dir, { recursive: true, mode: 0o700 })
      await writeFile(join(dir, PORT_FILE), `${port}\n`, { mode: 0o600 })
    } catch (error) {
      log.warn({ dir, why: reasonOf(error) }, 'could not keep the port of the listener: it will be another one')
    }
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
    if (archive.isTakingBase) return false
    const { state } = this.#replica?.link ?? {}
    if (!this.#streams) return now >= this.#baseDue
    // After a failure it is due later, also when one is missing.
    const isMissing = !archive.hasBase && this.#baseTrouble === undefined
    return state === 'streaming' && (isMissing || now >= this.#baseDue)
  }

  async #fetch(why: string): Promise<BaseManifest> {
    const archive = this.#archive
    const keys = archive?.timelineKeys
    const { attach, deployment, shard, recipients, store, clock, log, makeScan } = this.#options
    const source = chooseSource(this.#candidates(), attach, this.#replica?.link.source)
    if (archive === undefined || keys === undefined || source === undefined) throw nobody()
    let writer: BaseUnderWay | undefined
    const onBase = (start: BaseStart): BaseWriter => {
      const { replid, offset, db, source: id } = start
      if (replid !== this.#replica?.link.position?.replid) throw otherHistory(id)
      const { context, ...server } = this.#aboutSource(id)
      const origin = originOfStart(start, { deployment, shard, timeline: archive.timeline ?? '', ...server, why })
      const begun = beginBase(origin, { store, keys, recipients, clock, log, scan: makeScan(), context })
      writer = begun
      archive.noteBoundary({ offset, db })
      archive.expectBase(false)
      return { write: (chunk) => begun.write(chunk), end: () => undefined, abort: (reason) => void begun.abort(reason) }
    }
    archive.expectBase(true)
    try {
      await fetchBase({ source, announce: undefined, onBase, clock, signal: this.#ending.signal })
    } finally {
      archive.expectBase(false)
    }
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
