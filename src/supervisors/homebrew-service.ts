// A service of Homebrew as `brew services info NAME --json` describes it (Library/Homebrew/services/formula_wrapper.rb).

import { Fault } from '../lib/fault.ts'
import { redactArguments } from '../redis/redact.ts'
import { wordsOf } from './config-directives.ts'
import { runProgram } from './run-program.ts'
import { NOT_KNOWN, type SupervisedState } from './supervisor.ts'

export interface HomebrewService {
  readonly name: string
  readonly running: boolean
  readonly loaded: boolean
  readonly pid?: number | null
  readonly exit_code?: number | null
  readonly status: string // started, stopped, none, error, scheduled, unknown, other
  readonly command?: string | null
  readonly working_dir?: string | null
  readonly log_path?: string | null
  readonly error_log_path?: string | null
}

/** Undefined: Homebrew has no such formula. Throws a Fault where there is no Homebrew. */
export async function showService(name: string): Promise<HomebrewService | undefined> {
  const { exit, out, err } = await runProgram('brew', ['services', 'info', name, '--json'], `homebrew:${name}`, 30_000)
  if (exit === 0) return parseService(out, name)
  if (/No available formula|is not installed/i.test(err)) return undefined
  throw new Fault({
    doing: 'asking brew about',
    target: `homebrew:${name}`,
    why: err.trim() || `it ended with ${exit}`,
  })
}

export function parseService(json: string, name: string): HomebrewService | undefined {
  return (JSON.parse(json) as HomebrewService[]).find((service) => service.name === name)
}

/** Homebrew does not say since when, nor how often it was started again. */
export function stateOfService(service: HomebrewService | undefined): SupervisedState {
  if (service === undefined) return { ...NOT_KNOWN, is: 'absent', says: 'Homebrew has no such formula' }
  const exitCode = service.running ? undefined : (service.exit_code ?? undefined)
  return {
    ...NOT_KNOWN,
    is: service.running ? 'running' : 'stopped',
    says: exitCode === undefined ? service.status : `${service.status} (${exitCode})`,
    pid: service.pid ?? undefined,
    exitCode,
    command: redactArguments(commandOfService(service)),
  }
}

export function commandOfService({ command }: HomebrewService): string[] {
  return wordsOf(command ?? '')
}
