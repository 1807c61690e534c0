// Gathers the evidence: every source of every server at once, each within its own time, all of it within five seconds.
// A source that fails or is late leaves its part out and says why; nothing here ever fails as a whole.

import { fileURLToPath } from 'node:url'
import type { CouldNotLook, DeploymentView, WatchedServer } from '../fleet/server.ts'
import { startAlarm } from '../lib/alarm.ts'
import { Fault, reasonOf } from '../lib/fault.ts'
import { loadUnits } from '../lib/load-units.ts'
import { formatDuration } from '../lib/units.ts'
import { ANSWERS, type AnswerId } from '../redis/answers.ts'
import type { Ask } from '../redis/ask.ts'
import { Refused } from '../redis/connection.ts'
import { showAddress } from '../redis/url.ts'
import { isLocalHost } from '../supervisors/listening.ts'
import type { ActiveAlert, BackupsSeen, Declared, Evidence, HistorySeen, Seen, ServerEvidence } from './evidence.ts'
import { Machine } from './machine.ts'
import { askWithHints, isSource, type LookOptions, type Remembered, type ServerAtHand, type Source } from './source.ts'

const SOURCES = fileURLToPath(new URL('sources', import.meta.url))
const SOURCE_MS = 2_000
const ALL_MS = 5_000

/** What is looked at, and what is known of it beforehand. */
export interface Gathering {
  readonly deployment: DeploymentView
  readonly servers: readonly WatchedServer[]
  readonly declared: Declared
  readonly nowMs: number // epoch
  readonly options?: ReadonlyMap<string, LookOptions> // by server id
  readonly remembered?: ReadonlyMap<string, Remembered> // by server id
  readonly alerts?: readonly ActiveAlert[]
  readonly machine?: Machine // of earlier looks, at other deployments too
  readonly machineMaxAgeMs?: number // how old what it knows may be
  readonly history?: HistorySeen | undefined
  readonly backups?: BackupsSeen | undefined
}

/** Never rejects for what cannot be seen. */
export async function gatherEvidence(gathering: Gathering): Promise<Evidence> {
  const { deployment, servers, declared, nowMs, alerts = [], history, backups } = gathering
  const sources = await loadUnits(SOURCES, isSource)
  const { machine = new Machine(), machineMaxAgeMs = ALL_MS } = gathering
  const once = <T>(key: string, look: () => Promise<T>): Promise<T> => machine.look(key, machineMaxAgeMs, look)
  const seen = await Promise.all(servers.map((server) => lookAtServer(server, sources, { gathering, once })))
  return {
    version: 1,
    takenAt: nowMs,
    deployment: {
      name: deployment.name,
      kind: deployment.kind,
      missing: deployment.missing,
      problems: deployment.problems,
      ...declared,
    },
    servers: seen,
    alerts,
    ...(history === undefined ? {} : { history }),
    ...(backups === undefined ? {} : { backups }),
    couldNotLook: deployment.couldNotLook,
  }
}

interface Around {
  readonly gathering: Gathering
  readonly once: ServerAtHand['once']
}

async function lookAtServer(
  server: WatchedServer,
  sources: ReadonlyMap<string, Source>,
  { gathering, once }: Around,
): Promise<ServerEvidence> {
  const { view, access, ask, supervisor } = server
  const { options, remembered, nowMs } = gathering
  const couldNotLook: CouldNotLook[] = [...view.couldNotLook]
  const couldNot = (at: string, why: string, hint: string): void =>
    void couldNotLook.push({ at: `${view.id} ${at}`, why, hint })
  const local = supervisor !== undefined || view.address.path !== undefined || isLocalHost(view.address.host)
  const atHand: ServerAtHand = {
    view,
    access,
    supervisor,
    options: options?.get(view.id) ?? {},
    remembered: remembered?.get(view.id) ?? {},
    local,
    ask: askWithHints(ask ?? neverAsked, view.id),
    couldNot,
    once,
  }
  const { id: answer } = view.answer
  const asked = ask !== undefined && (await answersNow(ask, answer))
  if (!asked) couldNot('INFO', ANSWERS[answer].says, 'what only the server can say is not known; see how it answers')
  const seen = await lookEverywhere(asked, sources, atHand)
  return {
    id: view.id,
    address: showAddress(view.address),
    role: view.role,
    standing: view.standing,
    answer: { id: answer, text: view.answer.text, forMs: Math.max(0, nowMs - view.since) },
    asked,
    local,
    version: view.version,
    flavour: view.flavour,
    primary: view.primary,
    linkUp: view.linkUp,
    lagSeconds: view.lagSeconds,
    shard: view.shard,
    supervisor,
    was: wasSeen(atHand.remembered),
    ...seen,
    couldNotLook,
  }
}

const SILENT: ReadonlySet<AnswerId> = new Set([
  'silent',
  'stopped',
  'waiting-on-disk',
  'computing',
  'paused',
  'hanging',
])
const SIGN_MS = 250

/** A connection that is open says little: of a server that gives no answer, a sign of life is awaited for a moment. */
async function answersNow(ask: Ask, answer: AnswerId): Promise<boolean> {
  if (!SILENT.has(answer)) return true
  const { promise: late, resolve } = Promise.withResolvers<boolean>()
  const alarm = startAlarm(SIGN_MS, () => resolve(false))
  const sign = ask('PING').then(
    () => true,
    (error: unknown) => error instanceof Refused, // an error is an answer, too
  )
  const isAlive = await Promise.race([sign, late])
  alarm.stop()
  return isAlive
}

function wasSeen({ pid, role, replicas, at, runId, keys }: Remembered): ServerEvidence['was'] {
  return role === undefined ? undefined : { pid, role, replicas, at, runId, keys }
}

/** Each source starts as soon as those that it builds on have ended, well or not. */
async function lookEverywhere(
  asked: boolean,
  sources: ReadonlyMap<string, Source>,
  server: ServerAtHand,
): Promise<Partial<Seen>> {
  const seen: Partial<Record<string, unknown>> = {}
  const running = new Map<string, Promise<void>>()
  const deadline = performance.now() + ALL_MS
  const start = (id: string): Promise<void> => {
    const known = running.get(id)
    const source = sources.get(id)
    if (known !== undefined || source === undefined) return known ?? Promise.resolve()
    const run = (async () => {
      await Promise.all((source.after ?? []).map(start))
      if (source.asks && !asked) return // said once, for all of them
      const found = await within(id, source, { server, seen, leftMs: deadline - performance.now() })
      if (found !== undefined) seen[id] = found
    })()
    running.set(id, run)
    return run
  }
  await Promise.all([...sources.keys()].map(start))
  return seen
}

interface Looking {
  readonly server: ServerAtHand
  readonly seen: Partial<Seen>
  readonly leftMs: number
}

/** What the source saw; undefined, and said, when it failed or was late. */
async function within(id: string, source: Source, { server, seen, leftMs }: Looking): Promise<unknown> {
  const limitMs = Math.max(1, Math.min(source.withinMs ?? SOURCE_MS, leftMs))
  const { promise: late, reject } = Promise.withResolvers<never>()
  // Made when it is needed: a Fault's stack would hold all that was seen until then.
  const alarm = startAlarm(limitMs, () => reject(tooLate(id, limitMs)))
  try {
    return await Promise.race([source.look(server, seen), late])
  } catch (error) {
    const hint = error instanceof Fault ? (error.hint ?? '') : 'this is a fault of Respite: please report it'
    server.couldNot(id, error instanceof Fault ? error.why : reasonOf(error), hint)
    return undefined
  } finally {
    alarm.stop()
  }
}

function tooLate(id: string, limitMs: number): Fault {
  return new Fault({
    doing: 'looking at',
    target: id,
    why: `no answer within ${formatDuration(limitMs)}`,
    hint: 'it may be busy: look again, or look there by hand',
  })
}

function neverAsked(): never {
  throw new Error('a source that does not say that it asks has asked')
}
