// What an error of a file system means for a store: whether it helps to try again, and what a person can do.

import { Fault, reasonOf } from '../../lib/fault.ts'
import type { Failure } from './storage-unit.ts'

const MEANINGS: Readonly<Record<string, Failure>> = {
  ENOSPC: {
    kind: 'later',
    why: 'the disk is full (ENOSPC)',
    hint: 'Make room, or keep less: see `respite prune`.',
  },
  EDQUOT: { kind: 'later', why: 'the quota is used up (EDQUOT)', hint: 'Raise it, or keep less: see `respite prune`.' },
  EROFS: {
    kind: 'never',
    why: 'the disk is mounted read-only (EROFS)',
    hint: 'The kernel does that after errors too: look at dmesg. Then: mount -o remount,rw',
  },
  EACCES: {
    kind: 'never',
    why: 'it is not allowed (EACCES)',
    hint: 'Give the folder to the user that Respite runs as.',
  },
  EPERM: { kind: 'never', why: 'it is not allowed (EPERM)', hint: 'Give the folder to the user that Respite runs as.' },
  EIO: { kind: 'later', why: 'the disk failed (EIO)', hint: 'Look at dmesg.' },
  ESTALE: { kind: 'later', why: 'the network file system lost it (ESTALE)', hint: 'Mount it again.' },
  EFBIG: {
    kind: 'never',
    why: 'a file may not become so large (EFBIG)',
    hint: 'Look at ulimit -f and the file system.',
  },
  EMFILE: { kind: 'later', why: 'too many files are open (EMFILE)', hint: 'Raise ulimit -n.' },
  ENOTDIR: { kind: 'never', why: 'a part of its path is a file (ENOTDIR)', hint: 'Is this the folder of an archive?' },
  EISDIR: { kind: 'never', why: 'there is a folder of that name (EISDIR)', hint: 'Is this the folder of an archive?' },
  ELOOP: { kind: 'never', why: 'it is a symbolic link (ELOOP)', hint: 'A store follows none below its folder.' },
  ENAMETOOLONG: {
    kind: 'never',
    why: 'its name is too long (ENAMETOOLONG)',
    hint: 'Take a folder with a shorter path.',
  },
}

/** link(2) where the file system has no links: exFAT, some network and user-space ones. */
const UNSUPPORTED = new Set(['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])

export function explainFileError(error: unknown): Failure {
  if (error instanceof Fault) return { kind: error.retryable ? 'later' : 'never', why: error.why, hint: error.hint }
  const { code = '', syscall } = error as NodeJS.ErrnoException
  if (syscall === 'link' && (UNSUPPORTED.has(code) || code === 'EPERM'))
    return { kind: 'unsupported', why: `the file system has no hard links (${code})` }
  return MEANINGS[code] ?? { kind: 'later', why: reasonOf(error) }
}
