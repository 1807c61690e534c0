// A disk that is not there looks like an empty folder, and what is written into it fills another disk, unseen, until the
// right one is mounted over it. Where /etc/fstab says that something belongs there, it can be told.

import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/** The mount point at or above the path where nothing is mounted although /etc/fstab wants it; undefined: none. Linux. */
export async function unmountedAbove(
  path: string,
  { fstab = '/etc/fstab', mounts = '/proc/self/mounts' } = {},
): Promise<string | undefined> {
  const [wanted, mounted] = await Promise.all([mountPoints(fstab), mountPoints(mounts)])
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    if (mounted.has(at)) return undefined
    if (wanted.has(at)) return at
  }
  return undefined
}

/** The second word of each line, in both files. A blank in a path is written `\040`. Source: fstab(5). */
async function mountPoints(file: string): Promise<Set<string>> {
  const text = await readFile(file, 'utf8').catch(() => '') // none here, as on macOS: nothing can be told
  const words = text.split('\n').map((line) => line.trim().split(/\s+/)[1] ?? '')
  return new Set(
    words
      .filter((word) => word.startsWith('/'))
      .map((word) =>
        word.replaceAll(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(parseInt(octal, 8))),
      ),
  )
}
