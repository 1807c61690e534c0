// Telling one notifier of one group: what is due goes out as one notice, at most one at a time, and what came of it is
// remembered with each alert that it was about. A failed attempt is not queued: after a wait the group is looked at
// again, and what is told then is how things are then.

import { waitAfter } from '../lib/backoff.ts'
import type { Clock } from '../lib/clock.ts'
import type { Notices } from '../lib/notices.ts'
import type { Deliveries, Delivery } from '../state/deliveries.ts'
import type { AlertBook, Group } from './alert-book.ts'
import type { Alert, Labels, Told } from './alert.ts'
import { WAITS, type Courier } from './courier.ts'
import type { Causes } from './cause.ts'
import { verdictOf, type NewsKind, type Verdict } from './due.ts'
import type { Keeper } from './keep-safe.ts'
import { makeNotice, type Notice, type Subject } from './notice.ts'
import type { Outcome, Sender } from './notifier.ts'
import type { Step } from './routes.ts'
import type { Ownership } from './settings.ts'
import type { Silencing } from './silencing.ts'
import type { WhyNot } from './why-not.ts'

export interface TellingParts {
  readonly book: AlertBook
  readonly courier: Courier
  readonly keeper: Keeper
  readonly silencing: Silencing
  readonly state: { readonly deliveries: Deliveries }
  readonly clock: Clock
  readonly notices: Notices
  readonly steady: () => number
  readonly subjectOf: (labels: Labels) => Subject | undefined
  readonly ownerOf: (labels: Labels) => Ownership | undefined
  readonly causes: Causes
  readonly externalUrl: () => string
  readonly wake: () => void
}

/** An alert on its way to be told, with what decides. */
export interface Candidate {
  readonly alert: Alert
  readonly muted: WhyNot | undefined
  readonly steps: readonly Step[] | undefined
}

/** What each notifier was told of an alert, and why it is not told (more) now. */
export interface Explained {
  readonly notifier: string
  readonly told: Told | undefined
  readonly why: WhyNot | undefined // undefined: it is about to be told
}

/** One notifier and one group. */
interface Line {
  readonly groupKey: string
  busy: boolean
  attempt: number // failed ones in a row
  retryAt: number // steady
  lastSentAt: number
}

interface Errand {
  readonly group: Group
  readonly id: string
  readonly sender: Sender
  readonly line: Line
  readonly news: ReadonlyMap<string, NewsKind> // by fingerprint
  readonly along: readonly string[] // fingerprints of what is told already, fires on, and stands in the notice too
}

const REPEAT_MS = 4 * 3_600_000
const KEEP_DELIVERIES = 10_000
const KEEP_IN_MEMORY = 1_000

export class Telling {
  readonly #parts: TellingParts
  readonly #lines = new Map<string, Line>()
  readonly #down = new Set<string>() // notifiers whose last attempt failed
  readonly #recent: Delivery[] // oldest first
  #unkept: Delivery[] = []

  constructor(parts: TellingParts) {
    this.#parts = parts
    const { keeper, state } = parts
    this.#recent = keeper.read('deliveries', () => state.deliveries.list(KEEP_IN_MEMORY)).toReversed()
  }

  /** Begins to tell what is due; when to ask again (steady). */
  tell(group: Group, candidates: readonly Candidate[], senders: ReadonlyMap<string, Sender>, nowMs: number): number {
    let again = Infinity
    for (const [id, sender] of senders) {
      const line = this.#line(group, id)
      if (line.busy) continue // it wakes us when it is done
      const news = new Map<string, NewsKind>()
      for (const [at, verdict] of this.#verdicts(candidates, id, sender, line, nowMs).entries()) {
        if (verdict.news !== undefined) news.set(candidates[at]?.alert.fingerprint ?? '', verdict.news)
        else again = Math.min(again, verdict.again ?? Infinity)
      }
      if (news.size === 0) line.attempt = 0
      else if (line.retryAt > nowMs) again = Math.min(again, line.retryAt)
      else void this.#run({ group, id, sender, line, news, along: toldOf(candidates, id) })
    }
    return again
  }

  /** In the order of the candidates, for each notifier. */
  explain(
    group: Group,
    candidates: readonly Candidate[],
    senders: ReadonlyMap<string, Sender>,
    nowMs: number,
  ): Explained[][] {
    const all: Explained[][] = candidates.map(() => [])
    for (const [id, sender] of senders) {
      const line = this.#line(group, id)
      const waits = line.busy ? 'under-way' : line.retryAt > nowMs ? 'retry-waits' : undefined
      for (const [at, { news, why }] of this.#verdicts(candidates, id, sender, line, nowMs).entries())
        all[at]?.push({
          notifier: id,
          told: candidates[at]?.alert.told[id],
          why: news === undefined ? why : waits,
        })
    }
    return all
  }

  /** One attempt with a notice that says so. */
  async test(id: string, sender: Sender): Promise<Outcome> {
    const around = { groupKey: `{}:{test=${JSON.stringify(id)}}`, groupLabels: {}, firing: [], resolved: [] }
    const { courier, clock, externalUrl } = this.#parts
    const startedAt = this.#parts.steady()
    const outcome = await courier.attempt(id, sender, () => {
      return { ...around, kind: 'test', notifier: id, at: clock.now(), owner: undefined, externalUrl: externalUrl() }
    })
    if (outcome === undefined) throw new Error('a test has a notice') // make() always returns one
    this.#record({ notifier: id, group: '', kind: 'test', alerts: 0, attempt: 1 }, outcome, startedAt)
    this.flush()
    return outcome
  }

  deliveries(most: number): Delivery[] {
    return this.#recent.slice(-most).toReversed()
  }

  flush(): void {
    const { keeper, state } = this.#parts
    const unkept = this.#unkept
    if (unkept.length === 0) return
    if (keeper.keep(() => state.deliveries.add(unkept, KEEP_DELIVERIES))) this.#unkept = []
    else this.#unkept = unkept.slice(-KEEP_IN_MEMORY)
  }

  /** With another configuration nothing is known to be in vain. */
  forgetRefusals(): void {
    for (const line of this.#lines.values()) line.retryAt = 0
    for (const alert of this.#parts.book.all())
      for (const [id, told] of Object.entries(alert.told))
        if (told.refusedAt !== undefined) this.#tell(alert.fingerprint, id, { ...told, refusedAt: undefined })
  }

  /** A group that is gone has no lines. */
  forgetLinesBut(keys: ReadonlySet<string>): void {
    for (const [name, { busy, groupKey }] of this.#lines) if (!busy && !keys.has(groupKey)) this.#lines.delete(name)
  }

  #verdicts(candidates: readonly Candidate[], id: string, sender: Sender, line: Line, nowMs: number): Verdict[] {
    const ears = { people: sender.people, acknowledges: sender.acknowledges, repeatMs: sender.repeatMs ?? REPEAT_MS }
    const othersFire = toldOf(candidates, id).length > 0
    const { silencing, causes } = this.#parts
    return candidates.map(({ alert, muted, steps }) =>
      verdictOf({
        alert,
        muted,
        steps,
        ears,
        othersFire,
        nowMs,
        notifier: id,
        ack: silencing.ackOf(alert.fingerprint),
        waitMs: causes.waitMs(alert),
        cause: causes.causeOf(alert)?.id,
        lastSentAt: line.lastSentAt,
      }),
    )
  }

  async #run(errand: Errand): Promise<void> {
    const { group, id, sender, line, news } = errand
    const { courier, steady, book, wake } = this.#parts
    line.busy = true
    for (const fingerprint of news.keys()) {
      const told = book.get(fingerprint)?.told[id]
      if (told?.firing !== true) this.#tell(fingerprint, id, { firing: false, firstAt: 0, at: 0, ...told, tried: true })
    }
    let sent: Notice | undefined
    let startedAt = steady()
    const outcome = await courier.attempt(id, sender, () => {
      startedAt = steady()
      return (sent = this.#compose(errand))
    })
    line.busy = false
    if (outcome !== undefined && sent !== undefined) {
      const about = { notifier: id, group: group.key, kind: sent.kind, alerts: news.size, attempt: line.attempt + 1 }
      const refreshed = outcome.kind === 'delivered' && sent.kind === 'repeat' && sender.repeatMs !== undefined
      this.#note(id, outcome)
      if (!refreshed) this.#record(about, outcome, startedAt) // once a minute for ever would drown all others
      this.#settle(errand, sent, outcome)
    }
    wake()
  }

  /** The notice as things are now; undefined: nothing of it is left. */
  #compose({ group, id, news, along }: Errand): Notice | undefined {
    const { book, clock, steady, subjectOf, ownerOf, externalUrl, silencing, causes } = this.#parts
    const alerts = [...new Set([...news.keys(), ...along])].flatMap((fingerprint) => book.get(fingerprint) ?? [])
    const kinds = alerts.flatMap(({ fingerprint, life }): [string, NewsKind][] => {
      const kind = news.get(fingerprint)
      return kind === undefined ? [] : [[fingerprint, life.state === 'resolved' ? 'resolved' : kind]]
    })
    if (kinds.length === 0) return undefined
    return makeNotice(
      {
        notifier: id,
        groupKey: group.key,
        groupLabels: group.labels,
        at: clock.now(),
        owner: ownerOf(group.labels),
        externalUrl: externalUrl(),
      },
      {
        news: new Map(kinds),
        // What ended and is no news here was told before.
        alerts: alerts.filter(({ fingerprint, life }) => life.state !== 'resolved' || news.has(fingerprint)),
        subjectOf,
        causeOf: (alert) => causes.causeOf(alert),
        ackOf: (fingerprint) => silencing.ackOf(fingerprint),
        nowMs: steady(),
      },
    )
  }

  /** What came of it, for the line and for each alert of the notice. */
  #settle({ id, line, news }: Errand, sent: Notice, outcome: Outcome): void {
    const now = this.#parts.steady()
    if (outcome.kind === 'retry') {
      line.attempt += 1
      line.retryAt = now + waitAfter(line.attempt, WAITS, outcome.afterMs)
      return
    }
    line.attempt = 0
    line.retryAt = 0
    line.lastSentAt = now
    const refused = outcome.kind === 'refused'
    for (const { fingerprint } of sent.resolved) this.#tell(fingerprint, id, undefined)
    for (const { fingerprint, cause } of sent.firing) {
      const before = this.#parts.book.get(fingerprint)?.told[id]
      const kind = news.get(fingerprint)
      const ackAt = this.#parts.silencing.ackOf(fingerprint)?.atMs
      const known = { firing: before?.firing ?? false, firstAt: before?.firstAt ?? 0, at: before?.at ?? 0 }
      if (kind === 'acknowledged') this.#tell(fingerprint, id, { ...known, ackAt, cause: before?.cause })
      else if (refused && kind !== undefined) this.#tell(fingerprint, id, { ...known, refusedAt: now })
      else if (!refused && (kind !== undefined || sent.kind === 'repeat'))
        this.#tell(fingerprint, id, {
          firing: true,
          firstAt: known.firstAt || now,
          at: now,
          ackAt: before?.ackAt,
          cause: cause?.id,
        })
    }
  }

  #tell(fingerprint: string, id: string, told: Told | undefined): void {
    const alert = this.#parts.book.get(fingerprint)
    if (alert === undefined) return
    const { [id]: _before, ...others } = alert.told
    this.#parts.book.change(alert, { told: told === undefined ? others : { ...others, [id]: told } })
  }

  /** Said when it begins and when it is over, and each time that an alert reaches nobody for good. */
  #note(id: string, outcome: Outcome): void {
    const { notices } = this.#parts
    if (outcome.kind === 'delivered') {
      if (this.#down.delete(id)) notices.tell('info', `${id} can be told again`)
      return
    }
    const what = outcome.kind === 'refused' ? 'refused what it was told, and is not asked again' : 'cannot be told'
    if (outcome.kind === 'refused' || !this.#down.has(id)) notices.tell('error', `${id} ${what}: ${outcome.says}`)
    this.#down.add(id)
  }

  #record(
    about: Omit<Delivery, 'atMs' | 'outcome' | 'says' | 'tookMs'>,
    { kind, says }: Outcome,
    fromMs: number,
  ): void {
    const { clock, steady } = this.#parts
    const delivery = { ...about, atMs: clock.now(), outcome: kind, says, tookMs: steady() - fromMs }
    this.#recent.push(delivery)
    if (this.#recent.length > KEEP_IN_MEMORY) this.#recent.shift()
    this.#unkept.push(delivery)
  }

  #line({ key }: Group, id: string): Line {
    const name = `${id} ${key}`
    let line = this.#lines.get(name)
    if (line === undefined)
      this.#lines.set(name, (line = { groupKey: key, busy: false, attempt: 0, retryAt: 0, lastSentAt: 0 }))
    return line
  }
}

/** What fires and was told there, and is not held back now. */
function toldOf(candidates: readonly Candidate[], id: string): string[] {
  return candidates
    .filter(
      ({ alert, muted }) => muted === undefined && alert.life.state !== 'resolved' && alert.told[id]?.firing === true,
    )
    .map(({ alert }) => alert.fingerprint)
}
