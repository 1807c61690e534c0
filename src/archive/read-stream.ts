// The stream of a timeline from one offset to another, put together from the segments that cover it: what overlaps is
// passed over, what is missing is a Fault, and at each piece it is known which database is selected.

import { Fault } from '../lib/fault.ts'
import { formatDuration } from '../lib/units.ts'
import type { StoredSegment, Timeline } from './catalog.ts'
import type { Piece, PieceRun } from './pieces.ts'
import { readSegment, type Reading } from './read-segment.ts'
import { cover } from './stretches.ts'

export interface StreamPart {
  readonly timeline: Timeline
  readonly from: number // offset between two transactions
  readonly db: number // selected there
  readonly to: number
}

/** The segments to read for it, in order. A hole is a Fault that says where it is, and why where that is known. */
export function segmentsFor({ timeline, from, to }: Omit<StreamPart, 'db'>): StoredSegment[] {
  const segments = cover(timeline.segments, from, to)
  const end = segments.at(-1)?.to ?? from
  if (end < to) throw missing(timeline, end, to)
  return segments
}

/**
 * The bytes from `from` up to `to`. A piece that begins before `from` or ends behind `to` is shown as if it did not. The
 * last segment is read to its end, also behind `to`: its hash says only then that what was handed out is good.
 */
export async function* readStream(reading: Reading, part: StreamPart): AsyncGenerator<PieceRun> {
  let { from: at, db } = part
  for (const segment of segmentsFor(part)) {
    for await (const whole of readSegment(reading, segment)) {
      const run = clip(whole, { from: at, to: part.to, db })
      if (run !== undefined) yield run
    }
    at = segment.to
    db = segment.db
  }
}

/** The part of a run that lies between two offsets; undefined when none does. */
function clip(
  { piece, offset, bytes }: PieceRun,
  { from, to, db }: Omit<StreamPart, 'timeline'>,
): PieceRun | undefined {
  const start = Math.max(offset, from)
  const end = Math.min(offset + bytes.length, to)
  if (start >= end) return undefined
  const within: Piece = {
    ...piece,
    from: Math.max(piece.from, from),
    to: Math.min(piece.to, to),
    db: piece.from >= from ? piece.db : db,
  }
  return { piece: within, offset: start, bytes: bytes.subarray(start - offset, end - offset) }
}

/** Why the stream does not go on at `from`. */
function missing(timeline: Timeline, from: number, wanted: number): Fault {
  const next = timeline.stretches.find((stretch) => stretch.from > from)
  const to = next?.from ?? wanted
  const gap = timeline.gaps.find((each) => each.from < to && each.to > from)
  const why =
    from < timeline.prunedTo
      ? 'retention has removed it'
      : gap === undefined
        ? 'nothing says why: respite verify looks for all of it'
        : `${gap.why} (${gap.fromTime}, for ${formatDuration(Date.parse(gap.toTime) - Date.parse(gap.fromTime))})`
  return new Fault({
    doing: 'reading the stream of timeline',
    target: timeline.id,
    why: `it has a hole: offsets ${from} to ${to} are not in the store; ${why}`,
    hint: 'respite backups lists what can be restored.',
    retryable: false,
  })
}
