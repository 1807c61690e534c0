// One replication link: follows one server at a time as a replica does, hands the dataset and its stream to a sink, and
// goes on where it was after whatever breaks: the connection, the server, a failover, this process.
//
// connecting   a server was chosen and a socket opens. Then handshake, or lost.
// handshake    login, PING, INFO, REPLCONF, PSYNC. Waits while the server forks, as long as it gives signs of life.
//              Then streaming (+CONTINUE), full-sync (+FULLRESYNC), or lost.
// full-sync    the RDB goes to the sink's writer. Then streaming, or lost, with the position of before.
// streaming    the stream goes to the sink; every second what is durable is acknowledged. Ends only in lost.
// lost         not connected, and it is known why. Waits, longer each time, then connecting again.
// stopped      somebody called `stop`, or the server can give bases only.
//
// A disconnect throws away what came behind the last whole transaction, as a real replica does: the server that comes
// next, perhaps a promoted one, knows only whole ones.

import { waitAfter, withJitter, type Waits } from '../lib/backoff.ts'
import { systemClock, type Clock, type Timer } from '../lib/clock.ts'
import { Fault } from '../lib/fault.ts'
import { showAddress } from '../redis/url.ts'
import { Acknowledgement } from './acknowledgement.ts'
import { receiveBase, whyNoStream } from './base.ts'
import {
  encodeAck,
  introduce,
  openWire,
  requestStream,
  type Announce,
  type ServerFacts,
  type Source,
  type Wire,
} from './handshake.ts'
import type { BaseWriter, Position, Sink } from './sink.ts'
import { Strangers } from './strangers.ts'
import { StreamFramer, type Frame } from './stream-framer.ts'
import { faultOf, lost } from './trouble.ts'

export type LinkState = 'connecting' | 'handshake' | 'full-sync' | 'streaming' | 'lost' | 'stopped'

export interface LinkOptions {
  /**
   * Whom to follow now; asked before each attempt. `avoided` are ids of servers that do not have our history: to be chosen only
   * when there is nobody else. Undefined: nobody at the moment. Does not throw.
   */
  source(avoided: ReadonlySet<string>): Source | undefined
  readonly sink: Sink
  readonly from?: Position | undefined // where an earlier link was; absent: a base is taken first
  /** Where we answer as a replica. Without, a primary names nobody, and FAILOVER may still pick us: see replica.ts. */
  readonly announce?: Announce | undefined
  /** WAIT is to be a receipt of what is durable here, also for what was written before we came; see `isUncounted`. */
  readonly receipts?: boolean
  onState?(state: LinkState, why: Fault | undefined): void
  readonly clock?: Clock
  readonly retry?: Waits
}

export interface Link {
  readonly state: LinkState
  readonly source: string | undefined // id of the server that is followed, or was last
  readonly position: Position | undefined // behind the last whole transaction that the sink took
  readonly receivedOffset: number | undefined // of the last byte that the sink took; its server's offset is not known here
  /** Since when (monotonic) the sink makes the server wait, and what lies here unread; the rest waits at the server. */
  readonly held: { readonly sinceMs: number; readonly bytes: number } | undefined
  /** What is durable now. Offsets of a timeline that has ended are passed over. */
  acknowledge(durable: { readonly replid: string; readonly offset: number }): void
  /** Asks `source` again, and moves if it names another server. */
  reconsider(): void
  /** Hangs up, so that the server need not keep for us what we cannot take; comes back as after any loss. */
  drop(why: string): void
  /** Hangs up for good; fulfilled when the sink is not called any more. */
  stop(): Promise<void>
}

const RETRY: Waits = { firstMs: 100, longestMs: 30_000 }
const GATHER_MS = 50 // of the stream: twenty chunks a second at most, unless there is more to read than fits into one
// A link that is cut again and again gets nowhere when what had come is let lie meanwhile: the system throws it away.
const STEADY_AFTER_MS = 1_000
const GATHER_ASKED_MS = 5 // the same while somebody waits for our acknowledgements
const STORED_MS = 10_000
const LASTED_MS = 30_000 // a stream behind a full sync that lasted as long was no failure

export function startLink(options: LinkOptions): Link {
  return new RunningLink(options)
}

class RunningLink implements Link {
  readonly #options: LinkOptions
  readonly #clock: Clock
  readonly #ended: Promise<void>
  #state: LinkState = 'connecting'
  #wire: Wire | undefined
  #source: string | undefined
  #position: Position | undefined
  #received: number | undefined
  #heldSinceMs: number | undefined
  #ids = new Set<string>() // replication ids of the present timeline
  #durable = 0
  #acknowledgement: Acknowledgement | undefined
  #stored = Promise.withResolvers<void>() // the base that came with the link
  #failed = 0 // attempts since the last one that went well
  #malformedAt: number | undefined
  #malformed = 0 // times in a row at that offset
  #wake: (() => void) | undefined
  readonly #strangers: Strangers
  #again: Timer | undefined // when a stranger may be asked again
  #cut = cutter() // of the present connection, by ourselves
  #hurry = false

  constructor(options: LinkOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#strangers = new Strangers(this.#clock)
    if (options.from !== undefined) this.#begin(options.from)
    this.#ended = this.#run()
  }

  get state(): LinkState {
    return this.#state
  }

  get source(): string | undefined {
    return this.#source
  }

  get position(): Position | undefined {
    return this.#position
  }

  get receivedOffset(): number | undefined {
    return this.#received
  }

  get held(): { readonly sinceMs: number; readonly bytes: number } | undefined {
    if (this.#heldSinceMs === undefined) return undefined
    return { sinceMs: this.#heldSinceMs, bytes: this.#wire?.reader.waitingBytes ?? 0 }
  }

  acknowledge({ replid, offset }: { readonly replid: string; readonly offset: number }): void {
    if (this.#ids.has(replid)) this.#stored.resolve()
    if (!this.#ids.has(replid) || offset <= this.#durable) return
    this.#durable = offset
    this.#acknowledgement?.advance(offset)
  }

  reconsider(): void {
    const next = this.#options.source(this.#strangers.avoided)
    const isSame = next !== undefined && showAddress(next.address) === this.#source
    if (isSame && this.#wire !== undefined) return
    this.#hurry = true
    this.drop(next === undefined ? 'there is nobody to follow' : `${showAddress(next.address)} is followed from now on`)
    this.#wake?.()
  }

  drop(why: string): void {
    const fault = lost(this.#source ?? 'the server', why)
    this.#wire?.socket.destroy(fault)
    this.#cut.reject(fault)
  }

  async stop(): Promise<void> {
    this.#become('stopped')
    this.#again?.stop()
    this.drop('it was left')
    this.#wake?.()
    await this.#ended
  }

  async #run(): Promise<void> {
    while (!this.#isStopped()) {
      const why = await this.#attempt()
      if (this.#isStopped()) return
      this.#become('lost', why)
      await this.#wait(why)
    }
  }

  /** One connection, from its beginning to its end, which is always a Fault. */
  async #attempt(): Promise<Fault> {
    let source: Source | undefined
    try {
      source = this.#options.source(this.#strangers.avoided)
      if (source === undefined) throw nobody()
      this.#source = showAddress(source.address)
      this.#become('connecting')
      this.#cut = cutter()
      do {
        this.#wire?.socket.destroy()
        this.#wire = openWire(source, this.#clock)
        await this.#wire.stands
      } while (await this.#follow(this.#wire, source))
      throw lost(this.#source, 'it was left')
    } catch (error) {
      this.#failed += 1
      return faultOf(this.#source ?? 'the deployment', error, source?.access.tls !== undefined)
    } finally {
      this.#acknowledgement?.stop()
      this.#acknowledgement = undefined
      this.#heldSinceMs = undefined
      this.#wire?.socket.destroy()
      this.#wire = undefined
    }
  }

  /** Whether the same server is to be followed over another connection now. */
  async #follow(wire: Wire, { access }: Source): Promise<boolean> {
    this.#become('handshake')
    const before = this.#position
    const baseOnly = (facts: ServerFacts): boolean => this.#options.receipts === true && isUncounted(facts, before)
    const facts = await introduce(wire, { access, announce: this.#options.announce, baseOnly })
    // A server whose stream is of no use must not go on with it either.
    const isUseless = whyNoStream(facts.flavour ?? 'valkey', facts.version) !== undefined
    const from = isUseless || this.#malformed === 2 ? undefined : before
    const strange = from && this.#strangers.turnsAway(wire.target, facts, from)
    if (strange !== undefined) throw this.#turnAway(wire, strange)
    const accepted = await requestStream(wire, from)
    if (accepted.kind === 'continue' && before !== undefined) {
      const position = { ...before, replid: accepted.replid }
      this.#failed = 0
      this.#position = position
      this.#received = position.offset
      this.#ids.add(accepted.replid)
      await this.#held(this.#options.sink.onResume({ ...position, source: wire.target, was: before }))
      await this.#stream(wire, position)
      return false
    }
    if (accepted.kind !== 'full') throw lost(wire.target, 'it goes on from where we never were')
    this.#become('full-sync')
    const onBase = async (...args: Parameters<Sink['onBase']>): Promise<BaseWriter> =>
      this.#watched(await this.#options.sink.onBase(...args))
    const spoiled = this.#malformed === 2 ? this.#malformedAt : undefined
    const start = await receiveBase({ wire, facts, accepted, before, spoiled, baseOnly: false, onBase })
    if (start.noStream !== undefined) {
      this.#become('stopped', basesOnly(wire.target, start.noStream))
      return false
    }
    const { replid, offset, db } = start
    this.#begin({ replid, offset, db })
    if (baseOnly(facts)) return this.#untilStored()
    const began = this.#clock.monotonic()
    try {
      await this.#stream(wire, { replid, offset, db })
    } finally {
      if (this.#clock.monotonic() - began > LASTED_MS) this.#failed = 0
    }
    return false
  }

  /** Or for so long that the server's backlog may not hold what comes meanwhile. */
  async #untilStored(): Promise<boolean> {
    this.#stored = Promise.withResolvers()
    const late = Promise.withResolvers<void>()
    const timer = this.#clock.after(STORED_MS, late.resolve)
    try {
      await Promise.race([this.#stored.promise, late.promise, this.#cut.promise])
    } finally {
      timer.stop()
    }
    return true
  }

  /** At once to somebody else, where there is somebody, and later back if this one is still the one to follow. */
  #turnAway({ target }: Wire, why: string): Fault {
    const next = this.#options.source(this.#strangers.avoided)
    this.#hurry = next !== undefined && showAddress(next.address) !== target
    this.#again?.stop()
    const { nextMs } = this.#strangers
    if (nextMs !== undefined && !this.#isStopped()) this.#again = this.#clock.after(nextMs + 1, () => this.reconsider())
    return lost(target, why)
  }

  /** A timeline begins, and nothing of it is durable yet unless we come back to it. */
  #begin(position: Position): void {
    this.#position = position
    this.#received = position.offset
    this.#ids = new Set([position.replid])
    this.#durable = 0
    this.#malformed = 0
  }

  async #stream(wire: Wire, from: Position): Promise<void> {
    const framer = new StreamFramer({ offset: from.offset, db: from.db, name: wire.target })
    const acknowledgement = new Acknowledgement(this.#clock, this.#durable, (offset) => {
      if (wire.socket.writable) wire.socket.write(encodeAck(offset))
    })
    this.#acknowledgement = acknowledgement
    const steadyAt = this.#clock.monotonic() + STEADY_AFTER_MS
    this.#strangers.found(wire.target)
    this.#become('streaming')
    while (!this.#isStopped()) {
      const bytes = await wire.reader.chunk()
      const frame = this.#frame(framer, bytes)
      acknowledgement.heard()
      const work = this.#options.sink.onStream(bytes, frame)
      this.#received = frame.end
      if (frame.safe !== this.#position?.offset)
        this.#position = { replid: this.#position?.replid ?? from.replid, offset: frame.safe, db: frame.db }
      await this.#held(work)
      if (frame.getAck !== undefined) acknowledgement.want(frame.getAck)
      if (this.#clock.monotonic() < steadyAt) continue
      wire.reader.gather(frame.getAck === undefined ? GATHER_MS : GATHER_ASKED_MS)
    }
  }

  /** The same malformed place twice is not the network's fault: then only a new base helps. */
  #frame(framer: StreamFramer, bytes: Buffer): Frame {
    try {
      return framer.push(bytes)
    } catch (error) {
      const at = error instanceof Fault ? error.offset : undefined
      this.#malformed = at === this.#malformedAt ? 2 : 1
      this.#malformedAt = at
      throw error
    }
  }

  /** Waits for the sink, and keeps in sight since when. Who hangs up does not wait: the sink has the bytes. */
  async #held(work: Promise<void> | void): Promise<void> {
    if (work === undefined) return
    this.#heldSinceMs = this.#clock.monotonic()
    try {
      await Promise.race([work, this.#cut.promise])
    } finally {
      this.#heldSinceMs = undefined
    }
  }

  #watched(writer: BaseWriter): BaseWriter {
    return {
      write: (bytes) => this.#held(writer.write(bytes)),
      end: () => this.#held(writer.end()),
      abort: (why) => writer.abort(why),
    }
  }

  async #wait(why: Fault): Promise<void> {
    const retry = this.#options.retry ?? RETRY
    const waitMs =
      this.#hurry || this.#isStopped()
        ? 0
        : withJitter(why.retryable ? waitAfter(this.#failed, retry) : retry.longestMs)
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(waitMs, resolve)
      this.#wake = () => {
        timer.stop()
        resolve()
      }
    })
    this.#wake = undefined
    this.#hurry = false
  }

  #isStopped(): boolean {
    return this.#state === 'stopped'
  }

  #become(state: LinkState, why?: Fault): void {
    if (this.#isStopped()) return
    this.#state = state
    this.#options.onState?.(state, why)
  }
}

/**
 * Before its first replica comes, Redis 7.0 does not count what it writes: all of it is at offset 0, and WAIT is answered for
 * it as soon as a replica is there, whatever that one acknowledges (tried; `replicationCountAcksByOffset`). So the base is
 * taken as one who is no replica (`rdb-only`), and whoever comes for the stream has it in the store already.
 */
function isUncounted({ role, histories }: ServerFacts, before: Position | undefined): boolean {
  return role === 'primary' && histories?.offset === 0 && histories.replid !== before?.replid
}

function cutter(): PromiseWithResolvers<never> {
  const cut = Promise.withResolvers<never>()
  cut.promise.catch(() => undefined) // mostly nobody waits
  return cut
}

function nobody(): Fault {
  return new Fault({
    doing: 'following',
    target: 'the deployment',
    why: 'no server of it can be followed now',
    hint: 'It is tried again by itself.',
  })
}

function basesOnly(target: string, why: string): Fault {
  const hint = 'Bases are taken at their interval; what is written between two of them is not kept.'
  return new Fault({ doing: 'following', target, why, hint, exit: 1, retryable: false })
}
