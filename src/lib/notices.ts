// What Respite has to say of itself while it runs: a configuration that was refused, a state file that cannot be written.
// In the log, and for whoever shows it: a screen or a program that reads events does not read the log.

import type { Clock } from './clock.ts'
import type { Log } from './log.ts'

export interface Notice {
  readonly at: number // epoch milliseconds
  readonly level: 'info' | 'warn' | 'error'
  readonly text: string
}

export interface Notices {
  tell(level: Notice['level'], text: string): void
  readonly recent: readonly Notice[] // newest last, at most `MOST`
  onNotice(run: (notice: Notice) => void): void
}

const MOST = 32

export function makeNotices(clock: Clock, log: Log): Notices {
  const recent: Notice[] = []
  const hearers: ((notice: Notice) => void)[] = []
  return {
    recent,
    tell(level, text) {
      log[level](text)
      const notice = { at: clock.now(), level, text }
      recent.push(notice)
      if (recent.length > MOST) recent.shift()
      for (const hear of hearers) hear(notice)
    },
    onNotice: (run) => void hearers.push(run),
  }
}
