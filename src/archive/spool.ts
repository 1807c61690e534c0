// One file of the spool: a line with the key of an object, then the object as it will lie in the store. What comes back from
// the disk is believed only when it is what was written: the name of a segment has its hash, a document its own.

import { createHash } from 'node:crypto'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Fault, reasonOf } from '../lib/fault.ts'
import { parseSegmentName, type SegmentName } from './keys.ts'

export interface Outgoing {
  readonly key: string
  readonly bytes: Buffer
}

export const ENDING = '.object' // of its name; what ends otherwise is half written

/** Under its name whole or not at all; only its owner may read it. Throws a Fault. */
export async function writeSpooled(file: string, { key, bytes }: Outgoing): Promise<void> {
  const dir = dirname(file)
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const half = `${file}.half`
  const handle = await open(half, 'w', 0o600)
  try {
    await handle.writev([Buffer.from(`${key}\n`), bytes])
    await handle.sync()
  } catch (error) {
    throw new Fault({
      doing: 'writing to the spool',
      target: dir,
      why: reasonOf(error),
      hint: 'free some space there, or give another folder with --data',
      cause: error,
    })
  } finally {
    await handle.close()
  }
  await rename(half, file)
}

/** Undefined when it is gone, is not what it was, or holds another object. Throws a Fault when it cannot be read. */
export async function readSpooled(file: string, expected?: string): Promise<Outgoing | undefined> {
  let content: Buffer
  try {
    content = await readFile(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    const hint = 'make it readable for Respite again; what lies in the spool is in no store yet'
    throw new Fault({ doing: 'reading the spool', target: file, why: reasonOf(error), hint, cause: error })
  }
  const end = content.indexOf('\n')
  const key = content.toString('utf8', 0, Math.max(0, end))
  const bytes = content.subarray(end + 1)
  const { sha256 } = segmentOf(key) ?? {}
  const isWhole = sha256 === undefined || createHash('sha256').update(bytes).digest('hex') === sha256
  return end !== -1 && key === (expected ?? key) && isWhole ? { key, bytes } : undefined
}

/** What the name of a segment says; undefined for a document. */
export function segmentOf(key: string): SegmentName | undefined {
  return parseSegmentName(key.slice(key.lastIndexOf('/') + 1))
}
