// Replication lag as an age. A replica's own `lag=` is the seconds since its last acknowledgement: a replica that is a
// gigabyte behind shows 0. Here the primary's offset is noted once a second; the lag of a replica is the age of the
// oldest of those notes that it has not reached yet.

const KEEP_NOTES = 7_200 // two hours at one a second; a replica further behind than that shows the two hours

export interface OffsetTrail {
  note(atMs: number, offset: number): void
  /** Seconds since the primary first passed the offset that the replica acknowledged; 0 when it has all. */
  lagSeconds(nowMs: number, acknowledged: number): number
}

/** Times are monotonic milliseconds. An offset that goes back (a new primary, a restart) starts the trail anew. */
export function makeOffsetTrail(): OffsetTrail {
  let times: number[] = []
  let offsets: number[] = []
  return {
    note(atMs, offset) {
      const last = offsets.at(-1)
      if (last !== undefined && offset < last) {
        times = []
        offsets = []
      }
      if (last === offset) return // nothing was written: the first note of an offset is the one that counts
      times.push(atMs)
      offsets.push(offset)
      if (offsets.length > KEEP_NOTES) {
        times = times.slice(KEEP_NOTES / 2)
        offsets = offsets.slice(KEEP_NOTES / 2)
      }
    },
    lagSeconds(nowMs, acknowledged) {
      let low = 0
      let high = offsets.length
      while (low < high) {
        const middle = (low + high) >> 1
        if ((offsets[middle] ?? 0) > acknowledged) high = middle
        else low = middle + 1
      }
      const passedAt = times[low]
      return passedAt === undefined ? 0 : Math.max(0, nowMs - passedAt) / 1000
    },
  }
}
