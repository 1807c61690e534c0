// Asks a program of the system (systemctl, journalctl, brew), with words and never through a shell.

import { execFile, spawn } from 'node:child_process'
import { Fault } from '../lib/fault.ts'
import { linesOf } from './read-lines.ts'

export interface Ran {
  readonly exit: number
  readonly out: string
  readonly err: string
}

const WITHIN_MS = 10_000
const ENV = { ...process.env, LC_ALL: 'C', HOMEBREW_NO_AUTO_UPDATE: '1' } // answers in English, and at once

/** Resolves also when it failed; a Fault only where it could not be run, or did not end in time (10 s when absent). */
export function runProgram(
  program: string,
  words: readonly string[],
  target: string,
  withinMs = WITHIN_MS,
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    execFile(program, words, { env: ENV, timeout: withinMs, maxBuffer: 1 << 24 }, (error, out, err) => {
      if (error === null) return resolve({ exit: 0, out, err })
      if (typeof error.code === 'number') return resolve({ exit: error.code, out, err })
      reject(notRun(program, target, error))
    })
  })
}

/** The lines that it prints, as they come. A Fault when it fails. */
export async function* linesOfProgram(
  program: string,
  words: readonly string[],
  target: string,
): AsyncGenerator<string> {
  const child = spawn(program, words, { env: ENV, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (said = (said + text).slice(-2_000)))
  const ended = new Promise<number | Error>((resolve) => {
    child.once('error', resolve)
    child.once('close', (code) => resolve(code ?? -1))
  })
  try {
    yield* linesOf(child.stdout)
    const end = await ended
    if (end instanceof Error) throw notRun(program, target, end)
    if (end !== 0)
      throw new Fault({ doing: `asking ${program} about`, target, why: said.trim() || `it ended with ${end}` })
  } finally {
    child.kill()
  }
}

function notRun(program: string, target: string, error: Error & { code?: unknown; killed?: boolean }): Fault {
  const isMissing = error.code === 'ENOENT'
  const why = isMissing ? `there is no ${program} here` : error.killed === true ? 'it does not answer' : error.message
  const hint = isMissing ? `Only a machine with ${program} can be asked so.` : undefined
  return new Fault({ doing: `asking ${program} about`, target, why, hint, cause: error })
}
