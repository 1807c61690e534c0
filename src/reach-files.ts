// Where a file of a server's machine is read from here: what starts the server knows, when somebody named it; else the
// server has to run on this machine. In a container its paths are its own; what its process sees stands below
// /proc/PID/root, for its own user and for root.

import { access, constants, statfs } from 'node:fs/promises'
import type { Reached } from './archive/base-method.ts'
import { Fault } from './lib/fault.ts'
import type { Address } from './redis/url.ts'
import { lookAtProcess } from './supervisors/look-at-process.ts'
import { openLooking } from './supervisors/supervisor.ts'

export interface Reachable {
  readonly address: Address
  readonly supervisor: string | undefined // `docker:orders`
}

/** The path as it is read from here, or why it is not: the server is elsewhere, or its files are not ours to read. */
export async function reachFile({ address, supervisor }: Reachable, path: string): Promise<Reached> {
  const named = supervisor === undefined ? undefined : await placeBySupervisor(supervisor, path)
  if (named?.here !== undefined) return named
  const sight = await lookAtProcess(address)
  if (sight.seen !== 'process') return { here: undefined, why: named?.why ?? sight.why }
  for (const candidate of [`/proc/${sight.process.pid}/root${path}`, path])
    if (await isReadable(candidate)) return { here: candidate }
  return { here: undefined, why: named?.why ?? 'it is not there, or this user may not read it' }
}

async function placeBySupervisor(supervisor: string, path: string): Promise<Reached> {
  try {
    const { here, why } = await (await openLooking(supervisor)).place(path)
    if (here === undefined) return { here, why: `${supervisor}: ${why ?? 'it is not to be seen'}` }
    return (await isReadable(here)) ? { here } : { here: undefined, why: `this user may not read ${here}` }
  } catch (error) {
    if (!(error instanceof Fault) || error.exit === 64) throw error
    return { here: undefined, why: `${supervisor}: ${error.why}` }
  }
}

async function isReadable(path: string): Promise<boolean> {
  try {
    await access(path, constants.R_OK)
    return true
  } catch {
    return false // another user's, or not there
  }
}

/** Bytes that are free where the server keeps that path; undefined where it cannot be reached from here. */
export async function freeBytesAt(server: Reachable, path: string): Promise<number | undefined> {
  const { here } = await reachFile(server, path)
  if (here === undefined) return undefined
  const { bavail, bsize } = await statfs(here)
  return bavail * bsize
}
