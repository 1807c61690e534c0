// A sign of life for somebody who waits for it (a dead man's switch such as healthchecks.io): one POST every minute while
// alerts are evaluated and told. When it stops coming, Respite itself or its way out is what is wrong.

import type { Clock } from '../lib/clock.ts'
import type { Notices } from '../lib/notices.ts'
import { post } from './post.ts'
import type { AlertSettings } from './settings.ts'

export interface Heartbeat {
  stop(): void
}

export interface HeartbeatOptions {
  readonly settings: NonNullable<AlertSettings['heartbeat']>
  /** A sentence when alerts would not come now; then no beat is sent. */
  readonly unwell: () => string | undefined
  readonly clock: Clock
  readonly notices: Notices
}

const ATTEMPT_MS = 10_000

export function startHeartbeat({ settings, unwell, clock, notices }: HeartbeatOptions): Heartbeat {
  let failing: string | undefined
  let cut = new AbortController()
  const note = (why: string | undefined): void => {
    if (why !== undefined && failing === undefined) notices.tell('error', `the heartbeat is not sent: ${why}`)
    if (why === undefined && failing !== undefined) notices.tell('info', 'the heartbeat is sent again')
    failing = why
  }
  const beat = async (): Promise<void> => {
    timer = clock.after(settings.everyMs, () => void beat())
    const why = unwell()
    if (why !== undefined) return note(why)
    cut = new AbortController()
    const late = clock.after(ATTEMPT_MS, () => cut.abort(new Error('no answer within 10 s')))
    const outcome = await post({ url: settings.url, body: '', signal: cut.signal, secrets: [] })
    late.stop()
    if (!stopped) note(outcome.kind === 'delivered' ? undefined : outcome.says)
  }
  let stopped = false
  let timer = clock.after(0, () => void beat())
  return {
    stop() {
      stopped = true
      timer.stop()
      cut.abort(new Error('Respite was stopped'))
    },
  }
}
