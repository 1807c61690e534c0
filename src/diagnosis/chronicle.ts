// What happened to the servers of a deployment, in the order in which it was noticed: answers that changed, restarts,
// failovers, settings that somebody changed, snapshots. An incident takes from here what belongs to its time.

import type { ServerView } from '../fleet/server.ts'
import { ownText } from '../lib/own-text.ts'
import { ANSWERS } from '../redis/answers.ts'
import { formatDuration } from '../lib/units.ts'
import type { Evidence } from './evidence.ts'

export type EventKind = 'alert' | 'finding' | 'answer' | 'restart' | 'failover' | 'configuration' | 'save' | 'backup'

export interface Happening {
  readonly at: number // epoch ms at which it was noticed
  readonly kind: EventKind
  readonly server?: string | undefined
  readonly says: string
}

const KEEP = 500 // of each deployment

/** The last happenings of each deployment. */
export class Chronicle {
  readonly #of = new Map<string, Happening[]>()
  readonly #states = new Map<string, ServerState>() // likewise, as it was at the last look
  readonly #views = new Map<string, ServerView>() // by deployment and id, as it was when it was last heard of

  note(deployment: string, ...happened: readonly Happening[]): void {
    const all = this.#of.get(deployment) ?? []
    all.push(...happened)
    this.#of.set(deployment, all.slice(-KEEP))
  }

  /** Oldest first. */
  since(deployment: string, at: number): readonly Happening[] {
    return (this.#of.get(deployment) ?? []).filter((each) => each.at >= at)
  }

  /** What the fleet noticed of a server. The first time of each is no news. */
  noteView(view: ServerView, nowMs: number): void {
    const key = `${view.deployment} ${view.id}`
    const before = this.#views.get(key)
    this.#views.set(key, view)
    if (before !== undefined && before.answer.id !== 'unasked')
      this.note(view.deployment, ...changesOfView(before, view, nowMs))
  }

  /** What a look at a deployment shows to have changed since the last one. */
  noteEvidence({ deployment: { name }, servers, takenAt }: Evidence): void {
    for (const { id, config, info } of servers) {
      if (config === undefined && info === undefined) continue // what it was before stays what it was
      const key = `${name} ${id}`
      const before = this.#states.get(key)
      const state = stateOf(config === undefined ? before?.config : JSON.stringify(config), info?.fields)
      this.#states.set(key, state)
      if (before !== undefined) this.note(name, ...changesOfState(before, state, { server: id, at: takenAt }))
    }
  }
}

function changesOfView(before: ServerView, after: ServerView, at: number): Happening[] {
  const server = after.id
  const found: Happening[] = []
  if (before.answer.id !== after.answer.id)
    found.push({
      at,
      kind: 'answer',
      server,
      says: `answers "${ANSWERS[after.answer.id].says}", before "${ANSWERS[before.answer.id].says}"`,
    })
  if (before.runId !== undefined && after.runId !== undefined && before.runId !== after.runId)
    found.push({ at, kind: 'restart', server, says: 'runs as another process than before: it was started again' })
  if (before.role !== after.role && before.role !== 'unknown' && after.role !== 'unknown')
    found.push({ at, kind: 'failover', server, says: `is ${after.role} now, and was ${before.role}` })
  if (before.linkUp !== undefined && after.linkUp !== undefined && before.linkUp !== after.linkUp)
    found.push({ at, kind: 'answer', server, says: `its link to the primary is ${after.linkUp ? 'up again' : 'down'}` })
  return found
}

/** Of a look at a server only what is compared with the next: a fleet has hundreds of servers. */
interface ServerState {
  readonly config: string | undefined // JSON: as objects, those of a fleet take several times as much
  readonly runId: string | undefined
  readonly savedAt: number // epoch ms, of the last snapshot
  readonly saveStatus: string | undefined
}

function stateOf(config: ServerState['config'], fields: Readonly<Record<string, string>> = {}): ServerState {
  const savedAt = Number(fields['rdb_last_save_time'] ?? 0) * 1_000
  return { config, runId: ownText(fields['run_id']), savedAt, saveStatus: ownText(fields['rdb_last_bgsave_status']) }
}

const MOST_SETTINGS = 20

interface Changed {
  readonly name: string
  readonly was: string
  readonly is: string
}

function changedSettings(before: ServerState, after: ServerState): Changed[] {
  if (before.config === undefined || after.config === undefined || before.config === after.config) return []
  const old = JSON.parse(before.config) as Readonly<Record<string, string>>
  const now = Object.entries(JSON.parse(after.config) as typeof old)
  const all = now.map(([name, is]): Changed => ({ name, was: old[name] ?? is, is }))
  return all.filter(({ was, is }) => was !== is).slice(0, MOST_SETTINGS)
}

function changesOfState(
  before: ServerState,
  after: ServerState,
  { server, at }: { server: string; at: number },
): Happening[] {
  const found = changedSettings(before, after).map(({ name, was, is }): Happening => {
    return { at, kind: 'configuration', server, says: `${name} is ${shown(is)} now, and was ${shown(was)}` }
  })
  if (before.runId !== after.runId) return found
  if (after.savedAt > before.savedAt) {
    const ago = formatDuration(Math.max(0, at - after.savedAt))
    found.push({ at, kind: 'save', server, says: `wrote a snapshot, ${ago} before this look` })
  }
  if (before.saveStatus !== after.saveStatus)
    found.push({
      at,
      kind: 'save',
      server,
      says: `its last snapshot is "${after.saveStatus}", before "${before.saveStatus}"`,
    })
  return found
}

const shown = (value: string): string => (value === '' ? '""' : value)
