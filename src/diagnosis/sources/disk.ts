// Where the server writes its snapshots and its append-only files: room, owner, mode, mount, and what lies there. A
// snapshot that failed for want of room is removed again, so that free bytes alone say little: the next one's size is
// what they are compared with.

import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs'
import { stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, reasonOf } from '../../lib/fault.ts'
import { readText } from '../../supervisors/proc.ts'
import type { DiskSeen, FileSeen, Seen } from '../evidence.ts'
import type { ServerAtHand, Source } from '../source.ts'

const MOST_FILES = 200

export default {
  looksAt: 'the filesystem and the files of `dir`',
  asks: false,
  after: ['places', 'process', 'config'],

  async look(server, seen) {
    if (server.view.role === 'sentinel') return undefined
    const dir = seen.places?.dir
    if (dir?.here === undefined) throw cannot(server, dir?.inside)
    const found = await stat(dir.here).catch(() => undefined)
    const mount = mountOf(found === undefined ? join(dir.here, '..') : dir.here, seen.process?.pid)
    const room = await statfs(found === undefined ? join(dir.here, '..') : dir.here)
    const uid = seen.process?.uid
    return {
      path: dir.inside,
      exists: found !== undefined,
      freeBytes: room.bavail * room.bsize,
      totalBytes: room.blocks * room.bsize,
      freeInodes: room.ffree,
      owner: found?.uid ?? 0,
      group: found?.gid ?? 0,
      mode: (found?.mode ?? 0) & 0o7777,
      serverMayWrite: found === undefined || uid === undefined ? undefined : mayWrite(found, uid, seen.process?.pid),
      ...mount,
      files: filesOf(dir.here, seen),
    } satisfies DiskSeen
  },
} satisfies Source<'disk'>

function cannot({ view, local }: ServerAtHand, inside: string | undefined): Fault {
  const elsewhere = 'the server is on another machine'
  return new Fault({
    doing: 'looking at the data directory of',
    target: view.id,
    why: local ? (inside === undefined ? 'nobody knows where it is' : `${inside} cannot be seen from here`) : elsewhere,
    hint: 'name it (--dir DIR), or run Respite where it is; `df -h DIR` there says how much room there is',
  })
}

/** By owner, group and mode, as the kernel decides for a user without privileges. */
function mayWrite(found: { uid: number; gid: number; mode: number }, uid: number, pid: number | undefined): boolean {
  if (uid === 0) return true
  if (found.uid === uid) return (found.mode & 0o300) === 0o300
  const groups = /^Groups:\s*(.*)$/m.exec(readText(`/proc/${pid}/status`))?.[1]?.split(' ') ?? []
  const own = /^Gid:\s*(\d+)/m.exec(readText(`/proc/${pid}/status`))?.[1] ?? ''
  if ([own, ...groups].includes(String(found.gid))) return (found.mode & 0o030) === 0o030
  return (found.mode & 0o003) === 0o003
}

/** The innermost mount that holds the path, from the process' own view where there is one. */
function mountOf(path: string, pid: number | undefined): Pick<DiskSeen, 'mountPoint' | 'mountType' | 'readOnly'> {
  const lines = (readText(`/proc/${pid}/mountinfo`) || readText('/proc/self/mountinfo')).split('\n')
  let best = { mountPoint: '', mountType: 'not known', readOnly: false }
  for (const line of lines) {
    const [before = '', after = ''] = line.split(' - ')
    const [, , , , escaped = '', options = ''] = before.split(' ')
    const [mountType = '', , superOptions = ''] = after.split(' ')
    const mountPoint = escaped.replaceAll(/\\([0-7]{3})/g, (_all, octal: string) =>
      String.fromCodePoint(Number.parseInt(octal, 8)),
    )
    const holds = mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`)
    const readOnly = [...options.split(','), ...superOptions.split(',')].includes('ro')
    if (holds && mountPoint.length >= best.mountPoint.length) best = { mountPoint, mountType, readOnly }
  }
  return best
}

function filesOf(here: string, { config }: Partial<Seen>): FileSeen[] {
  const folder = config?.['appenddirname'] ?? 'appendonlydir'
  const names = [...list(here), ...list(join(here, folder)).map((name) => join(folder, name))].slice(0, MOST_FILES)
  return names.flatMap((name) => {
    const found = statSync(join(here, name), { throwIfNoEntry: false })
    if (found?.isFile() !== true) return []
    return [{ name, bytes: found.size, modifiedMs: Math.round(found.mtimeMs), ...startOf(join(here, name)) }]
  })
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted()
  } catch {
    return [] // there is none, or it may not be seen: serverMayWrite and exists say which
  }
}

const MAGIC_BYTES = 9
const MOST_MANIFEST_BYTES = 16_384

function startOf(path: string): { starts?: string } {
  try {
    if (path.endsWith('.manifest')) return { starts: readFileSync(path, 'latin1').slice(0, MOST_MANIFEST_BYTES) }
    if (!path.endsWith('.rdb')) return {}
    const bytes = Buffer.alloc(MAGIC_BYTES)
    const file = openSync(path, 'r')
    try {
      return { starts: bytes.toString('latin1', 0, readSync(file, bytes)) }
    } finally {
      closeSync(file)
    }
  } catch (error) {
    return { starts: `cannot be read: ${reasonOf(error)}` }
  }
}
