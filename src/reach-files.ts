// Where a file of a server's machine is read from here: the server has to run on this machine. In a container its paths are
// its own; what its process sees stands below /proc/PID/root, for its own user and for root.

import { access, constants, statfs } from 'node:fs/promises'
import type { Address } from './redis/url.ts'
import { lookAtProcess } from './supervisors/look-at-process.ts'

/** The path as it is read from here, or undefined when the server is elsewhere or its files are not ours to read. */
export async function reachFile(address: Address, path: string): Promise<string | undefined> {
  const sight = await lookAtProcess(address)
  if (sight.seen !== 'process') return undefined
  for (const candidate of [`/proc/${sight.process.pid}/root${path}`, path])
    try {
      await access(candidate, constants.R_OK)
      return candidate
    } catch {
      continue // another user's, or not there: the next name of it
    }
  return undefined
}

/** Bytes that are free where the server keeps that path; undefined where it cannot be reached from here. */
export async function freeBytesAt(address: Address, path: string): Promise<number | undefined> {
  const seen = await reachFile(address, path)
  if (seen === undefined) return undefined
  const { bavail, bsize } = await statfs(seen)
  return bavail * bsize
}
