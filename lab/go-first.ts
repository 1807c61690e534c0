// Whatever else this machine does must not be taken for a fault of the lab: where we may, its processes go before others.

import { writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'

const FIRST = -15 // of -20 to 19

export function goFirst(pid: number): void {
  try {
    setPriority(pid, FIRST)
    writeFileSync(`/proc/${pid}/autogroup`, String(FIRST)) // where the kernel shares out by session first
  } catch {
    // only root may; without it the scene is as true, on a machine that has time for it
  }
}
