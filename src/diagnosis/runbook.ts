// A runbook is one Markdown page for one alert: meaning, impact, diagnosis, mitigation. Each step of the last two is an
// item of a list, and names in parentheses the checks that answer it or the actions that carry it out:
//
//   - Is the disk too full for the next snapshot? (check: rdb-disk-full)
//   - Take a snapshot when there is room again. (action: save-now)
//
// so that a program can show the step with its live result, and a person can do without the program.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../lib/fault.ts'

export interface Runbook {
  readonly alert: string
  readonly lines: readonly RunbookLine[] // of the whole page, in order
}

/** A line of the page; a step has checks or actions. A step that goes on over several lines is one. */
export interface RunbookLine {
  readonly text: string // as it stands on the page
  readonly checks: readonly string[]
  readonly actions: readonly string[]
}

/** Reads `<alert>.md` from the first folder that has it. Throws a Fault where none has. */
export async function readRunbook(alert: string, folders: readonly string[]): Promise<Runbook> {
  for (const folder of /^\w+$/.test(alert) ? folders : []) {
    const text = await readFile(join(folder, `${alert}.md`), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (text !== undefined) return parseRunbook(alert, text)
  }
  throw new Fault({
    doing: 'reading the runbook',
    target: alert,
    why: 'there is none of this name',
    hint: 'A runbook has the name of its alert: RedisDown, RedisMissingBackup; `ls runbooks` lists those that are shipped.',
    exit: 1,
  })
}

export function parseRunbook(alert: string, text: string): Runbook {
  const steps: string[] = []
  for (const line of text.trimEnd().split('\n')) {
    const goesOn = /^ {2,}\S/.test(line) && (steps.at(-1) ?? '').startsWith('- ')
    if (goesOn) steps.push(`${steps.pop()}\n${line}`)
    else steps.push(line)
  }
  return {
    alert,
    lines: steps.map((step) => ({ text: step, checks: idsOf(step, 'check'), actions: idsOf(step, 'action') })),
  }
}

/** `(check: a, b)` or `(checks: a, b)`, also over a line's end. */
function idsOf(step: string, kind: 'check' | 'action'): string[] {
  if (!step.startsWith('- ')) return []
  const [, list = ''] = new RegExp(`\\(${kind}s?:\\s*([a-z0-9,\\s-]+)\\)`).exec(step) ?? []
  return list.split(/[,\s]+/).filter((id) => id !== '')
}
