// All alerts that are not forgotten, in groups, and the same on disk. What changed is written together, at the end of a
// look; what the disk did not take is written with the next.

import type { AlertRecords } from '../state/alert-records.ts'
import { isForgotten, lifeAfter, lifeLater, type Seen } from './alert-life.ts'
import type { Alert, Labels } from './alert.ts'
import type { Keeper } from './keep-safe.ts'

/** An alert from a rule or from the API, as it is now. */
export interface Sighting extends Seen {
  readonly fingerprint: string
  readonly name: string
  readonly labels: Labels
  readonly annotations: Labels
  readonly value: number
  readonly source: Alert['source']
  readonly generatorUrl: string
  readonly endsAt?: number | undefined
}

export interface Group {
  readonly key: string
  readonly labels: Labels
  readonly alerts: ReadonlyMap<string, Alert>
}

const GROUP_BY = ['deployment']
const UNHEARD_MS = 5 * 60_000 // after a restart, until an alert that no rule speaks of is over

export class AlertBook {
  readonly #groups = new Map<string, { key: string; labels: Labels; alerts: Map<string, Alert> }>()
  readonly #all = new Map<string, Alert>()
  readonly #changed = new Set<string>()
  readonly #table: AlertRecords
  readonly #keeper: Keeper

  constructor(table: AlertRecords, keeper: Keeper, nowMs: number) {
    this.#table = table
    this.#keeper = keeper
    for (const { fingerprint, record } of keeper.read('alerts', () => table.list())) {
      const alert = restored(record, nowMs)
      if (alert === undefined)
        this.#changed.add(fingerprint) // not ours, or broken: dropped
      else this.#put(alert, false)
    }
  }

  get(fingerprint: string): Alert | undefined {
    return this.#all.get(fingerprint)
  }

  all(): IterableIterator<Alert> {
    return this.#all.values()
  }

  groups(): IterableIterator<Group> {
    return this.#groups.values()
  }

  groupOf(alert: Alert): Group | undefined {
    return this.#groups.get(groupKeyOf(alert.labels))
  }

  /** Takes in what was seen. True: it matters to somebody, and not only its value or its words changed. */
  take(seen: Sighting, nowMs: number): boolean {
    const before = this.#all.get(seen.fingerprint)
    if (before?.unheardUntil !== undefined && seen.state === 'pending' && before.life.state === 'firing') {
      // The rule counts from the beginning since we were away; the alert is the one that was told.
      this.#put({ ...before, unheardUntil: undefined }, true)
      return false
    }
    const owed = before !== undefined && isOwed(before)
    const life = lifeAfter(before?.life, seen, owed, nowMs)
    if (life === undefined) {
      if (before !== undefined) this.#remove(before)
      return before !== undefined
    }
    const { fingerprint, name, labels, annotations, value, source, generatorUrl, endsAt } = seen
    const said = { fingerprint, name, labels, annotations, value, source, generatorUrl, endsAt }
    const moved = life !== before?.life || before.unheardUntil !== undefined
    // One that is pending is not on disk: the rules keep it.
    const matters = life.state !== 'pending' || (before !== undefined && before.life.state !== 'pending')
    this.#put({ ...said, life, dueSince: before?.dueSince, told: before?.told ?? {} }, moved && matters)
    return moved
  }

  /** Changes what is known of an alert, and remembers it. */
  change(alert: Alert, changes: Partial<Alert>): void {
    this.#put({ ...alert, ...changes }, true)
  }

  /** What a notifier that is configured no more was told is owed to nobody. */
  forgetNotifiersBut(ids: { has(id: string): boolean }): void {
    for (const alert of this.#all.values()) {
      const told = Object.entries(alert.told).filter(([id]) => ids.has(id))
      if (told.length < Object.keys(alert.told).length) this.change(alert, { told: Object.fromEntries(told) })
    }
  }

  /** What time alone does; the fingerprints of those that ended by it. */
  passTime(nowMs: number, wallMs: number): string[] {
    const ended: string[] = []
    for (const alert of this.#all.values()) {
      const life = lifeLater(alert.life, nowMs)
      if (life !== alert.life) this.change(alert, { life })
      const silent = alert.unheardUntil !== undefined && nowMs >= alert.unheardUntil
      const over = alert.endsAt !== undefined && wallMs >= alert.endsAt
      if (!silent && !over) continue
      const seen = {
        state: 'resolved',
        activeAt: alert.life.activeAt,
        resolvedAt: over ? alert.endsAt : wallMs,
      } as const
      const after = lifeAfter(alert.life, seen, isOwed(alert), nowMs)
      if (after === undefined) this.#remove(alert)
      else this.change(alert, { life: after, unheardUntil: undefined, endsAt: undefined })
      ended.push(alert.fingerprint)
    }
    return ended
  }

  /** The next moment at which time alone does something: steady, and by the clock on the wall. */
  nextChange(nowMs: number, wallMs: number): number {
    let inMs = Infinity
    for (const { life, unheardUntil, endsAt } of this.#all.values()) {
      if (life.state === 'calming') inMs = Math.min(inMs, (life.calmUntil ?? nowMs) - nowMs)
      if (unheardUntil !== undefined) inMs = Math.min(inMs, unheardUntil - nowMs)
      if (endsAt !== undefined) inMs = Math.min(inMs, endsAt - wallMs)
    }
    return inMs
  }

  /** Drops those that are over, told and old, and writes everything that changed. */
  flush(nowMs: number): void {
    for (const alert of this.#all.values()) if (isForgotten(alert.life, nowMs) && !isOwed(alert)) this.#remove(alert)
    if (this.#changed.size === 0) return
    const put: { fingerprint: string; record: string }[] = []
    const gone: string[] = []
    for (const fingerprint of this.#changed) {
      const alert = this.#all.get(fingerprint)
      if (alert === undefined || alert.life.state === 'pending') gone.push(fingerprint)
      else put.push({ fingerprint, record: JSON.stringify(alert) })
    }
    if (this.#keeper.keep(() => this.#table.change(put, gone))) this.#changed.clear()
  }

  #put(alert: Alert, changed: boolean): void {
    this.#all.set(alert.fingerprint, alert)
    const key = groupKeyOf(alert.labels)
    let group = this.#groups.get(key)
    if (group === undefined)
      this.#groups.set(key, (group = { key, labels: groupLabelsOf(alert.labels), alerts: new Map() }))
    group.alerts.set(alert.fingerprint, alert)
    if (changed) this.#changed.add(alert.fingerprint)
  }

  #remove(alert: Alert): void {
    this.#all.delete(alert.fingerprint)
    const key = groupKeyOf(alert.labels)
    const group = this.#groups.get(key)
    group?.alerts.delete(alert.fingerprint)
    if (group?.alerts.size === 0) this.#groups.delete(key)
    this.#changed.add(alert.fingerprint)
  }
}

/** Has somebody still to be told of its end? */
function isOwed({ told }: Alert): boolean {
  return Object.values(told).some(({ firing, tried }) => firing || tried === true)
}

function groupLabelsOf(labels: Labels): Labels {
  return Object.fromEntries(GROUP_BY.flatMap((name) => (labels[name] ? [[name, labels[name]]] : [])))
}

/** As Alertmanager writes it: the route, then the labels. */
function groupKeyOf(labels: Labels): string {
  const shown = Object.entries(groupLabelsOf(labels)).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  return `{}:{${shown.join(', ')}}`
}

function calmOf(until: number | undefined, nowMs: number): { calmUntil?: number } {
  return until === undefined ? {} : { calmUntil: Math.min(until, nowMs + UNHEARD_MS) }
}

/** What the last run knew, with no moment later than now: the clock may have been set back since. */
function restored(record: string, nowMs: number): Alert | undefined {
  try {
    const alert = JSON.parse(record) as Alert
    const past = (ms: number): number => Math.min(ms, nowMs)
    const told = Object.entries(alert.told).map(([id, each]) => [
      id,
      {
        ...each,
        firstAt: past(each.firstAt),
        at: past(each.at),
        ...(each.refusedAt && { refusedAt: past(each.refusedAt) }),
      },
    ])
    return {
      ...alert,
      life: { ...alert.life, fires: alert.life.fires.map(past), ...calmOf(alert.life.calmUntil, nowMs) },
      dueSince: alert.dueSince === undefined ? undefined : past(alert.dueSince),
      ...(alert.endsAt !== undefined && { endsAt: Math.max(alert.endsAt, nowMs + UNHEARD_MS) }), // it may be posted again
      unheardUntil: alert.source === 'rules' && alert.life.state === 'firing' ? nowMs + UNHEARD_MS : undefined,
      told: Object.fromEntries(told) as Alert['told'],
    }
  } catch {
    return undefined // cut off or not ours; the rules see the alert again if it is there
  }
}
