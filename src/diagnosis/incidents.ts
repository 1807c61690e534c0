// Incidents as they live. An alert that is pending opens one for its deployment, or joins it; the deployment is looked at
// at once, and again when something changes; each alert goes to the incident of the cause that accounts for it. When all
// alerts are over and stay so, it is closed and kept.
//
//   open      at least one alert is pending or firing
//   quiet     all are over; it closes half a minute later, unless one comes back
//   closed    kept on disk; nothing changes it any more. One whose alerts never fired is dropped instead

import { withJitter } from '../lib/backoff.ts'
import { reasonOf } from '../lib/fault.ts'
import type { Clock, Timer } from '../lib/clock.ts'
import type { Chronicle, Happening } from './chronicle.ts'
import type { Diagnosis, Finding } from './diagnose.ts'
import { causeOfAlert, incidentId, keyOf, type Incident, type IncidentAlert } from './incident.ts'

/** What a look at a deployment found. */
export interface Looked extends Diagnosis {
  readonly atRisk: readonly string[]
}

/** Where incidents are kept; what it throws never stops anything. */
export interface IncidentRecords {
  list(most: number): Incident[] // newest first
  put(incident: Incident): void
}

export interface IncidentsOptions {
  readonly clock: Clock
  readonly chronicle: Chronicle
  readonly records: IncidentRecords
  readonly waitMs: number // how long a first notice waits for the cause, counted from pending
  readonly chance?: () => number // from 0 to 1
  /** `isRoutine`: nothing has happened, it was only long ago. */
  look(deployment: string, isRoutine: boolean): Promise<Looked>
  onChange(): void // a cause became known, or is another
  onTrouble(says: string): void
}

const QUIET_MS = 30_000
const LOOK_AGAIN = { firstMs: 60_000, longestMs: 600_000 } // at most, while it is open: twice as long each time that nothing is new
const LOOK_APART_MS = 2_000
const BEFORE_MS = 10 * 60_000 // what happened so long before it may belong to it
const KEEP = 200 // closed ones in memory; the disk keeps more

interface Open {
  incident: Incident
  quiet: Timer | undefined
}

/** What looks at one deployment are under way. */
interface Lookout {
  looking: boolean
  again: boolean // something changed meanwhile
  done: boolean // looked at least once since an incident is open
  timer: Timer | undefined
  lastAt: number // monotonic
  isRoutine: boolean // the next look
  againMs: number // until the next look, if nothing happens before
  found: string // the findings of the last one
}

export class Incidents {
  readonly #options: IncidentsOptions
  readonly #open = new Map<string, Open>() // by id
  readonly #of = new Map<string, string>() // fingerprint → id
  readonly #lookouts = new Map<string, Lookout>() // by deployment
  #closed: Incident[] // newest first
  #stopped = false

  constructor(options: IncidentsOptions) {
    this.#options = options
    const kept = this.#safely(() => options.records.list(KEEP)) ?? []
    this.#closed = kept.map((incident) => (incident.closedAt === undefined ? endedWithUs(incident) : incident))
  }

  /** What a rule says of an alert now; the same again changes nothing. */
  take(deployment: string, alert: IncidentAlert): void {
    const known = this.#open.get(this.#of.get(alert.fingerprint) ?? '')
    if (known === undefined && alert.state === 'resolved') return
    const open = known ?? this.#join(deployment, alert)
    const before = open.incident.alerts.find(({ fingerprint }) => fingerprint === alert.fingerprint)
    if (before?.state === alert.state) return
    const alerts = [...open.incident.alerts.filter((each) => each !== before), { ...before, ...alert }]
    open.incident = { ...open.incident, alerts }
    this.#note(open, {
      at: this.#options.clock.now(),
      kind: 'alert',
      server: alert.server,
      says: `${alert.name} is ${alert.state}`,
    })
    this.#settle(open)
    if (alert.state !== 'resolved') this.lookSoon(deployment)
  }

  /** Something about the deployment changed: the evidence may be another. Nothing happens while no incident is open. */
  lookSoon(deployment: string): void {
    if (this.#stopped || ![...this.#open.values()].some(({ incident }) => incident.deployment === deployment)) return
    const lookout = this.#lookout(deployment)
    if (lookout.looking) lookout.again = true
    else this.#lookIn(deployment, lookout.lastAt + LOOK_APART_MS - this.#options.clock.monotonic())
  }

  /** How long a first notice of this alert still waits for its cause. */
  waitMs({ fingerprint, activeAt }: { fingerprint: string; activeAt: number }): number {
    const open = this.#open.get(this.#of.get(fingerprint) ?? '')
    if (open === undefined || this.#lookouts.get(open.incident.deployment)?.done === true) return 0
    const { clock, waitMs } = this.#options
    const left = activeAt + waitMs - clock.now()
    return left > 0 && left <= waitMs ? left : 0 // a clock that was set back keeps nobody waiting
  }

  /** The incident that an alert belongs to, and the root that accounts for it. */
  causeOf(fingerprint: string): { readonly incident: Incident; readonly root: Finding } | undefined {
    const incident = this.#open.get(this.#of.get(fingerprint) ?? '')?.incident
    const alert = incident?.alerts.find((each) => each.fingerprint === fingerprint)
    if (incident === undefined || alert === undefined) return undefined
    const root = causeOfAlert(incident.findings, alert)
    return root === undefined ? undefined : { incident, root }
  }

  /** Open ones first, then the closed, newest first. */
  list(): readonly Incident[] {
    const open = [...this.#open.values()].map(({ incident }) => incident)
    return [...open.toSorted((a, b) => b.openedAt - a.openedAt), ...this.#closed]
  }

  /** Keeps what is open; its alerts are heard again after the next start. */
  stop(): void {
    this.#stopped = true
    for (const { incident, quiet } of this.#open.values()) {
      quiet?.stop()
      this.#keep(incident)
    }
    for (const { timer } of this.#lookouts.values()) timer?.stop()
  }

  /** The open incident of the deployment that has no other cause, or a new one. */
  #join(deployment: string, alert: IncidentAlert): Open {
    const ofIt = [...this.#open.values()].filter(({ incident }) => incident.deployment === deployment)
    const explaining = ofIt.find(({ incident }) => causeOfAlert(incident.findings, alert) !== undefined)
    const open = explaining ?? ofIt[0] ?? this.#openNew(deployment, alert.activeAt)
    this.#of.set(alert.fingerprint, open.incident.id)
    return open
  }

  #openNew(deployment: string, openedAt: number): Open {
    const isTaken = (id: string): boolean => this.#open.has(id) || this.#closed.some((each) => each.id === id)
    const id = incidentId(deployment, openedAt, isTaken)
    const before = this.#options.chronicle.since(deployment, openedAt - BEFORE_MS)
    const open: Open = {
      incident: {
        id,
        deployment,
        openedAt,
        alerts: [],
        findings: [],
        undecided: [],
        atRisk: [],
        couldNotLook: [],
        timeline: before,
      },
      quiet: undefined,
    }
    this.#open.set(id, open)
    return open
  }

  #lookout(deployment: string): Lookout {
    let lookout = this.#lookouts.get(deployment)
    if (lookout === undefined) {
      lookout = {
        looking: false,
        again: false,
        done: false,
        timer: undefined,
        lastAt: Number.NEGATIVE_INFINITY,
        isRoutine: false,
        againMs: LOOK_AGAIN.firstMs,
        found: '',
      }
      this.#lookouts.set(deployment, lookout)
    }
    return lookout
  }

  #lookIn(deployment: string, delayMs: number, isRoutine = false): void {
    const lookout = this.#lookout(deployment)
    lookout.isRoutine = isRoutine
    lookout.timer?.stop()
    lookout.timer = this.#options.clock.after(Math.max(0, delayMs), () => void this.#look(deployment, lookout))
  }

  async #look(deployment: string, lookout: Lookout): Promise<void> {
    const { clock, onChange, onTrouble, look } = this.#options
    lookout.looking = true
    lookout.again = false
    try {
      const looked = await look(deployment, lookout.isRoutine)
      const found = looked.findings.map(keyOf).join()
      lookout.againMs =
        found === lookout.found ? Math.min(2 * lookout.againMs, LOOK_AGAIN.longestMs) : LOOK_AGAIN.firstMs
      lookout.found = found
      this.#learn(deployment, looked)
    } catch (error) {
      onTrouble(`${deployment} could not be diagnosed: ${reasonOf(error)}`)
    }
    lookout.looking = false
    lookout.done = true
    lookout.lastAt = clock.monotonic()
    if (this.#stopped) return
    onChange()
    const { chance = Math.random } = this.#options // those that began together do not come back together
    const isOpen = [...this.#open.values()].some(({ incident }) => incident.deployment === deployment)
    if (isOpen && lookout.again) this.#lookIn(deployment, LOOK_APART_MS)
    else if (isOpen) this.#lookIn(deployment, withJitter(lookout.againMs, chance()), true)
    else this.#lookouts.delete(deployment)
  }

  /** Each alert goes to the incident of the root that accounts for it. */
  #learn(deployment: string, looked: Looked): void {
    const ofIt = [...this.#open.values()].filter(({ incident }) => incident.deployment === deployment)
    for (const open of ofIt) this.#learnOf(open, looked)
    for (const open of ofIt) {
      const { cause } = open.incident
      for (const alert of open.incident.alerts) {
        const root = causeOfAlert(looked.findings, alert)
        if (root === undefined || cause === undefined || keyOf(root) === cause) continue
        const other =
          [...this.#open.values()].find(
            ({ incident }) => incident.deployment === deployment && incident.cause === keyOf(root),
          ) ?? this.#openNew(deployment, alert.activeAt)
        this.#move(alert, open, other)
        this.#learnOf(other, looked, root)
      }
    }
  }

  #move(alert: IncidentAlert, from: Open, to: Open): void {
    if (from === to) return
    from.incident = { ...from.incident, alerts: from.incident.alerts.filter((each) => each !== alert) }
    to.incident = { ...to.incident, alerts: [...to.incident.alerts, alert] }
    this.#of.set(alert.fingerprint, to.incident.id)
    this.#settle(from)
    this.#settle(to)
  }

  /** Its findings: all, but of the roots only its own. What is mended stays, as what it was. */
  #learnOf(open: Open, looked: Looked, own?: Finding): void {
    const { clock, chronicle } = this.#options
    const { incident } = open
    const roots = looked.findings.filter(({ root }) => root)
    const accounting = incident.alerts
      .map((alert) => causeOfAlert(looked.findings, alert))
      .find((root) => root !== undefined)
    const root = own ?? roots.find((each) => keyOf(each) === incident.cause) ?? accounting ?? roots[0]
    const at = clock.now()
    const since = incident.diagnosedAt ?? incident.openedAt
    const happened = chronicle.since(incident.deployment, since).filter((each) => each.kind !== 'alert')
    const known = new Set(incident.timeline.map((each) => `${each.at} ${each.says}`))
    const fresh = happened.filter((each) => !known.has(`${each.at} ${each.says}`))
    const says = root === undefined ? undefined : `root cause ${keyOf(root)}: ${root.says}`
    const isNews = says !== undefined && keyOf(root as Finding) !== incident.cause
    const learned = { at, kind: 'finding', server: root?.server, says: says ?? '' } as const
    const ofOthers = new Set(roots.filter((each) => each !== root).map(keyOf))
    open.incident = {
      ...incident,
      cause: root === undefined ? incident.cause : keyOf(root),
      findings:
        root === undefined && incident.findings.length > 0
          ? incident.findings
          : looked.findings.filter((each) => !ofOthers.has(keyOf(each)) || !each.root),
      undecided: looked.undecided,
      atRisk: looked.atRisk.length > 0 ? looked.atRisk : incident.atRisk,
      couldNotLook: looked.couldNotLook,
      diagnosedAt: at,
      timeline: [...incident.timeline, ...fresh, ...(isNews ? [learned] : [])].toSorted((a, b) => a.at - b.at),
    }
    this.#keep(open.incident)
  }

  #note(open: Open, happening: Happening): void {
    open.incident = { ...open.incident, timeline: [...open.incident.timeline, happening] }
  }

  /** Begins to wait for quiet when all its alerts are over, and stops when one is back. */
  #settle(open: Open): void {
    const isOver = open.incident.alerts.every(({ state }) => state === 'resolved')
    if (!isOver) {
      open.quiet?.stop()
      open.quiet = undefined
    } else open.quiet ??= this.#options.clock.after(QUIET_MS, () => this.#close(open))
  }

  #close(open: Open): void {
    const { incident } = open
    this.#open.delete(incident.id)
    for (const { fingerprint } of incident.alerts) this.#of.delete(fingerprint)
    const lookout = this.#lookouts.get(incident.deployment)
    const isLast = ![...this.#open.values()].some((other) => other.incident.deployment === incident.deployment)
    if (isLast && lookout !== undefined && !lookout.looking) {
      lookout.timer?.stop()
      this.#lookouts.delete(incident.deployment)
    }
    if (!incident.alerts.some(({ firedAt }) => firedAt !== undefined)) return this.#drop(incident)
    const last = Math.max(...incident.alerts.map(({ resolvedAt = 0 }) => resolvedAt))
    const closed = { ...incident, closedAt: last }
    this.#closed = [closed, ...this.#closed].slice(0, KEEP)
    this.#keep(closed)
  }

  /** Nobody was told of it, and it is over. */
  #drop(incident: Incident): void {
    this.#keep({ ...incident, alerts: [], closedAt: this.#options.clock.now() })
  }

  #keep(incident: Incident): void {
    this.#safely(() => this.#options.records.put(incident))
  }

  #safely<T>(work: () => T): T | undefined {
    try {
      return work()
    } catch (error) {
      this.#options.onTrouble(`incidents cannot be kept: ${reasonOf(error)}`)
      return undefined
    }
  }
}

/** It was open when the process before ended; when its alerts ended, nobody saw. */
function endedWithUs(incident: Incident): Incident {
  const last = incident.timeline.at(-1)?.at ?? incident.openedAt
  return { ...incident, closedAt: last }
}
