// Silences and acknowledgements as people set them, in memory and on disk. Times are by the clock on the wall, which is
// what people mean.

import { randomUUID } from 'node:crypto'
import type { Clock } from '../lib/clock.ts'
import { Fault } from '../lib/fault.ts'
import type { Acknowledgement, Acknowledgements } from '../state/acknowledgements.ts'
import type { Silence, Silences } from '../state/silences.ts'
import type { Labels } from './alert.ts'
import type { Keeper } from './keep-safe.ts'
import { matchesAll, matchesEmpty, objectionTo } from './matchers.ts'

export type SilenceState = 'pending' | 'active' | 'expired'

/** What a person asks for; with the id of one that stands, it is changed. */
export type WantedSilence = Omit<Silence, 'id' | 'updatedAtMs'> & { readonly id?: string | undefined }

const KEEP_EXPIRED_MS = 5 * 86_400_000
const RETRY_KEY = 'silence '

export class Silencing {
  readonly #silences = new Map<string, Silence>()
  readonly #acks = new Map<string, Acknowledgement>()
  readonly #unkept = new Map<string, () => void>() // what the disk did not take
  readonly #tables: { silences: Silences; acknowledgements: Acknowledgements }
  readonly #keeper: Keeper
  readonly #clock: Clock

  constructor(tables: { silences: Silences; acknowledgements: Acknowledgements }, keeper: Keeper, clock: Clock) {
    this.#tables = tables
    this.#keeper = keeper
    this.#clock = clock
    for (const each of keeper.read('silences', () => tables.silences.list())) this.#silences.set(each.id, each)
    for (const each of keeper.read('acknowledgements', () => tables.acknowledgements.list()))
      this.#acks.set(each.fingerprint, each)
  }

  list(): Silence[] {
    return [...this.#silences.values()]
  }

  stateOf({ startsAtMs, endsAtMs }: Silence): SilenceState {
    const now = this.#clock.now()
    return endsAtMs <= now ? 'expired' : startsAtMs > now ? 'pending' : 'active'
  }

  /** The ids of the active silences that match. */
  silencing(): (labels: Labels) => string[] {
    const active = this.list().filter((silence) => this.stateOf(silence) === 'active')
    return (labels) => active.filter(({ matchers }) => matchesAll(matchers, labels)).map(({ id }) => id)
  }

  /** Adds a silence or changes one; its id. One that silences other alerts than before is a new one. Throws a Fault. */
  put(wanted: WantedSilence): string {
    const now = this.#clock.now()
    refuseWrong(wanted, now)
    const before = wanted.id === undefined ? undefined : this.#silences.get(wanted.id)
    if (wanted.id !== undefined && before === undefined) throw unknown(wanted.id)
    const same = before !== undefined && this.stateOf(before) !== 'expired' && sameMatchers(before, wanted)
    if (before !== undefined && !same && this.stateOf(before) !== 'expired') this.expire(before.id)
    const id = same ? before.id : randomUUID()
    const startsAtMs = same && this.stateOf(before) === 'active' ? before.startsAtMs : Math.max(wanted.startsAtMs, now)
    this.#keep({ ...wanted, id, startsAtMs, updatedAtMs: now })
    return id
  }

  expire(id: string): void {
    const silence = this.#silences.get(id)
    if (silence === undefined) throw unknown(id)
    if (this.stateOf(silence) === 'expired') return
    const now = this.#clock.now()
    this.#keep({ ...silence, startsAtMs: Math.min(silence.startsAtMs, now), endsAtMs: now, updatedAtMs: now })
  }

  /** In force, or undefined. */
  ackOf(fingerprint: string): Acknowledgement | undefined {
    const ack = this.#acks.get(fingerprint)
    return ack !== undefined && ack.untilMs > this.#clock.now() ? ack : undefined
  }

  acknowledge(ack: Acknowledgement): void {
    this.#acks.set(ack.fingerprint, ack)
    this.#write(`ack ${ack.fingerprint}`, () => this.#tables.acknowledgements.put(ack))
  }

  /** The alert ended: whoever acknowledged it meant that one. */
  forgetAck(fingerprint: string): void {
    if (!this.#acks.delete(fingerprint)) return
    this.#write(`ack ${fingerprint}`, () => this.#tables.acknowledgements.remove(fingerprint))
  }

  /** When the next of all that is set begins or ends; by the clock on the wall. */
  nextChange(): number {
    const now = this.#clock.now()
    const silences = this.list().flatMap(({ startsAtMs, endsAtMs }) => [startsAtMs, endsAtMs])
    const acks = [...this.#acks.values()].map(({ untilMs }) => untilMs)
    return [...silences, ...acks].filter((ms) => ms > now).reduce((a, b) => Math.min(a, b), Infinity)
  }

  /** Drops what is long over and writes what could not be written. */
  tidy(): void {
    const before = this.#clock.now() - KEEP_EXPIRED_MS
    const old = this.list().filter(({ endsAtMs }) => endsAtMs < before)
    for (const { id } of old) this.#silences.delete(id)
    if (old.length > 0) this.#keeper.keep(() => this.#tables.silences.removeEndedBefore(before))
    for (const [key, write] of this.#unkept) if (this.#keeper.keep(write)) this.#unkept.delete(key)
  }

  #keep(silence: Silence): void {
    this.#silences.set(silence.id, silence)
    this.#write(RETRY_KEY + silence.id, () => this.#tables.silences.put(silence))
  }

  #write(key: string, write: () => void): void {
    if (this.#keeper.keep(write)) this.#unkept.delete(key)
    else this.#unkept.set(key, write)
  }
}

function sameMatchers(a: Pick<Silence, 'matchers'>, b: Pick<Silence, 'matchers'>): boolean {
  const text = ({ matchers }: Pick<Silence, 'matchers'>): string =>
    matchers
      .map(({ name, value, isRegex, isEqual }) => JSON.stringify([name, value, isRegex, isEqual]))
      .toSorted()
      .join()
  return text(a) === text(b)
}

function refuseWrong({ matchers, startsAtMs, endsAtMs, comment, createdBy }: WantedSilence, nowMs: number): void {
  const bad = matchers.map(objectionTo).find((why) => why !== undefined)
  const why =
    bad ??
    (matchers.every(matchesEmpty)
      ? 'it has no matcher that asks for a value, and would silence everything'
      : undefined) ??
    (endsAtMs <= Math.max(startsAtMs, nowMs) ? 'it ends before it begins, or is over already' : undefined) ??
    (comment === '' || createdBy === '' ? 'it has no comment or no author' : undefined)
  if (why === undefined) return
  const hint = 'Give at least one matcher such as alertname=RedisDown, an end that is still to come, and a comment.'
  throw new Fault({ doing: 'setting', target: 'the silence', why, hint, exit: 64, retryable: false })
}

const unknown = (id: string): Fault =>
  new Fault({
    doing: 'looking up the silence',
    target: id,
    why: 'there is none',
    hint: 'amtool silence query',
    exit: 1,
  })
