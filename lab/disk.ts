// A small disk of its own for a server's data: a tmpfs, in the mount namespace of the lab.

import { execFileSync } from 'node:child_process'
import { chmodSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from './children.ts'

const BALLAST = 'access.log'

export interface SmallDisk {
  readonly dir: string
  fill(leaveBytes: number): void // with a file of somebody else's, until so much is free
  free(): void // takes that file away
  release(): void // unmounts it, whoever still uses it
}

/** Needs root. */
export function mountSmallDisk(bytes: number): SmallDisk {
  const dir = makeFolder('data')
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', dir])
  chmodSync(dir, 0o755)
  return {
    dir,
    fill(leaveBytes) {
      const { bavail, bsize } = statfsSync(dir)
      execFileSync('fallocate', ['-l', String(bavail * bsize - leaveBytes), join(dir, BALLAST)])
    },
    free: () => rmSync(join(dir, BALLAST), { force: true }),
    release: () => void execFileSync('umount', ['-l', dir]),
  }
}
