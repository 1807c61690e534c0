// The state file behind alerts/: what is in memory counts, the file is for the next start. A disk that is full or
// damaged stops nobody from being told; it is said once, and what could not be written is written when it can be.

import type { Clock } from '../lib/clock.ts'
import { reasonOf } from '../lib/fault.ts'
import type { Notices } from '../lib/notices.ts'

export interface Keeper {
  /** Did it work? */
  keep(write: () => void): boolean
  read<T>(what: string, list: () => readonly T[]): readonly T[]
  readonly failing: string | undefined // why, while nothing can be written
}

const AGAIN_MS = 10_000 // a failing disk is not asked more often

export function keeperOf(notices: Notices, clock: Clock): Keeper {
  let failing: string | undefined
  let failedAt = 0
  return {
    keep(write) {
      if (failing !== undefined && clock.monotonic() - failedAt < AGAIN_MS) return false
      try {
        write()
        if (failing !== undefined) notices.tell('info', 'alerts are kept on disk again')
        failing = undefined
        return true
      } catch (error) {
        failedAt = clock.monotonic()
        if (failing === undefined)
          notices.tell(
            'error',
            `alerts are kept in memory only: ${reasonOf(error)}. A restart would tell again what was told since.`,
          )
        failing = reasonOf(error)
        return false
      }
    },
    read(what, list) {
      try {
        return list()
      } catch (error) {
        notices.tell('error', `the ${what} of the last run cannot be read: ${reasonOf(error)}`)
        return []
      }
    },
    get failing() {
      return failing
    },
  }
}
