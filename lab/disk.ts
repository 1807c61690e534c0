// A small disk of its own for a server's data, in the mount namespace of the lab: a tmpfs, which can be filled, or a
// filesystem in a file, which can be frozen.

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

export interface FreezableDisk {
  readonly dir: string
  freeze(): void // whoever writes waits
  thaw(): void // also of one that is not frozen
  release(): void
}

/** Needs root and a loop device. */
export function mountFreezableDisk(bytes: number): FreezableDisk {
  const folder = makeFolder('image')
  const image = join(folder, 'image')
  const dir = makeFolder('data')
  execFileSync('fallocate', ['-l', String(bytes), image])
  execFileSync('mkfs.ext4', ['-q', image])
  execFileSync('mount', ['-o', 'loop', image, dir])
  let isFrozen = false
  const set = (how: '-f' | '-u'): void => void execFileSync('fsfreeze', [how, dir])
  return {
    dir,
    freeze() {
      set('-f')
      isFrozen = true
    },
    thaw() {
      if (isFrozen) set('-u')
      isFrozen = false
    },
    release() {
      execFileSync('umount', ['-l', dir])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
