// What happened to the servers of a deployment, in the order in which it was noticed: answers that changed, restarts,
// failovers, settings that somebody changed, snapshots. An incident takes from here what belongs to its time.

import type { ServerView } from '../fleet/server.ts'
import { ANSWERS } from '../redis/answers.ts'
import { formatDuration } from '../lib/units.ts'
import type { Evidence, ServerEvidence } from './evidence.ts'

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

  /** What two looks at the same deployment show to have changed between them. */
  noteEvidence(before: Evidence | undefined, after: Evidence): void {
    for (const server of after.servers) {
      const earlier = before?.servers.find(({ id }) => id === server.id)
      if (earlier !== undefined) this.note(after.deployment.name, ...changesOfServer(earlier, server, after.takenAt))
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

const MOST_SETTINGS = 20

function changesOfServer(before: ServerEvidence, after: ServerEvidence, at: number): Happening[] {
  const server = after.id
  const found: Happening[] = []
  for (const [name, value] of Object.entries(after.config ?? {})) {
    const old = before.config?.[name]
    if (old !== undefined && old !== value && found.length < MOST_SETTINGS)
      found.push({ at, kind: 'configuration', server, says: `${name} is ${shown(value)} now, and was ${shown(old)}` })
  }
  const [was, is] = [before.info?.fields, after.info?.fields]
  if (was === undefined || is === undefined || was['run_id'] !== is['run_id']) return found
  const savedAt = Number(is['rdb_last_save_time'] ?? 0) * 1_000
  if (savedAt > Number(was['rdb_last_save_time'] ?? 0) * 1_000)
    found.push({
      at,
      kind: 'save',
      server,
      says: `wrote a snapshot, ${formatDuration(Math.max(0, at - savedAt))} before this look`,
    })
  if (was['rdb_last_bgsave_status'] !== is['rdb_last_bgsave_status'])
    found.push({
      at,
      kind: 'save',
      server,
      says: `its last snapshot is "${is['rdb_last_bgsave_status']}", before "${was['rdb_last_bgsave_status']}"`,
    })
  return found
}

const shown = (value: string): string => (value === '' ? '""' : value)
