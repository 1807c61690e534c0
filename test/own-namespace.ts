// A machine of its own for a test file: a network whose firewall may be broken, or mounts that may be filled, without
// anybody else on this machine noticing. The file starts itself a second time, in fresh namespaces; what was made there
// is gone when it ends.

import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const INSIDE = 'RESPITE_TEST_NAMESPACE'

/**
 * Call it first. `true`: we are inside, go on. `false`: the tests have run inside and were reported, or cannot be run here
 * and were skipped, saying why.
 */
export function inOwnNamespace(file: string, kind: 'net' | 'mount'): boolean {
  if (process.env[INSIDE] === kind) return true
  const probe = spawnSync('unshare', [`--${kind}`, 'true'], { encoding: 'utf8' })
  if (probe.status !== 0) {
    const why = probe.error?.message ?? probe.stderr.trim()
    test(`in a ${kind} namespace of its own`, { skip: `unshare --${kind} needs root: ${why}` }, () => undefined)
    return false
  }
  // The reports go through the same standard output, in whatever form the test runner asked of us.
  const { status, signal } = spawnSync('unshare', [`--${kind}`, process.execPath, ...process.execArgv, file], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: kind },
  })
  process.exitCode = signal === null ? (status ?? 1) : 1
  return false
}
