// A scene in a process of its own, with a network and mounts of its own where we may make them: what it breaks ends with
// it, and harms nobody.

import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const INSIDE = 'RESPITE_LAB_INSIDE'
const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))

export function isInside(env: NodeJS.ProcessEnv): boolean {
  return env[INSIDE] !== undefined
}

/** May this user make namespaces? */
export function mayUnshare(): boolean {
  return spawnSync('unshare', ['--net', '--mount', 'true']).status === 0
}

export interface Ended {
  readonly exit: number
  readonly out: string
  readonly err: string
}

/** Runs `respite` with these words inside; `inherit` for one that a person watches. */
export function runInside(words: readonly string[], stdio: 'inherit' | 'pipe'): Promise<Ended> {
  const inside = ['sh', '-c', 'ip link set lo up && exec "$@"', 'sh', process.execPath, MAIN, ...words]
  const child = spawn('unshare', ['--net', '--mount', ...inside], {
    stdio: stdio === 'inherit' ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, [INSIDE]: '1' },
  })
  let [out, err] = ['', '']
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (err += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ exit: code ?? 2, out, err }))
  })
}
