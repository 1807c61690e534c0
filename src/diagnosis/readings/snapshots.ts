// What a server is set to write to disk by itself, what lies there, and how much room the next snapshot needs.

import { infoNumber, setting } from './reading.ts'
import type { FileSeen, ServerEvidence } from '../evidence.ts'

/** A save point: a snapshot once so many changes are so old. */
export interface SavePoint {
  readonly seconds: number
  readonly changes: number
}

/** As `save` says: "3600 1 300 100 60 10000"; [] for none. Undefined where the setting was not seen. */
export function savePoints(server: ServerEvidence): readonly SavePoint[] | undefined {
  const text = setting(server, 'save')
  if (text === undefined) return undefined
  const numbers = text.split(/\s+/).filter((word) => word !== '')
  return numbers.flatMap((_word, at) =>
    at % 2 === 1 ? [] : [{ seconds: Number(numbers[at]), changes: Number(numbers[at + 1]) }],
  )
}

/** Is there an append-only file? By INFO, which needs no permission of its own. */
export function hasAppendOnlyFile(server: ServerEvidence): boolean | undefined {
  const enabled = infoNumber(server, 'aof_enabled')
  return enabled === undefined ? undefined : enabled === 1
}

/** Does it write its data to files by itself? Undefined where that was not seen. */
export function persists(server: ServerEvidence): boolean | undefined {
  if (hasAppendOnlyFile(server) === true) return true
  const points = savePoints(server)
  return points === undefined ? undefined : points.length > 0
}

/** The snapshot that lies in `dir`; undefined where there is none, or the folder was not seen. */
export function lastDump(server: ServerEvidence): FileSeen | undefined {
  const name = setting(server, 'dbfilename') ?? 'dump.rdb'
  return server.disk?.files.find((file) => file.name === name)
}

/** What the dataset takes in memory; a snapshot of it is mostly smaller, and with compression much smaller. */
export function datasetBytes(server: ServerEvidence): number | undefined {
  return infoNumber(server, 'used_memory_dataset') ?? infoNumber(server, 'used_memory')
}
