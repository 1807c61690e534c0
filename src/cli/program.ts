// The frame of the command line: finds the commands, reads the arguments, runs one, and says how it ended. A `Fault` is
// told in two lines on standard error, with --json as `{ "fault": … }` on standard output; anything else that reaches
// this place is a bug and shows its stack.

import { CommanderError, Command as Commander } from 'commander'
import { basename, join } from 'node:path'
import { Fault, reasonOf } from '../lib/fault.ts'
import { loadUnits } from '../lib/load-units.ts'
import {
  isCommand,
  type Command,
  type Context,
  type ExitCode,
  type Flags,
  type Machine,
  type Output,
} from './command.ts'
import { printable } from './table.ts'

const COMMANDS = join(import.meta.dirname, 'commands')

export interface ProgramOptions {
  readonly argv: readonly string[] // without the executable and the script
  readonly version: string
  readonly machine: Machine
  readonly out: Output
  readonly err: Output
  readonly env: NodeJS.ProcessEnv
  interruption(): AbortSignal
}

/** Runs one command line. Never throws; the result is the process's exit code. */
export async function runCommandLine(options: ProgramOptions): Promise<ExitCode> {
  const { argv, out, err } = options
  const json = argv.includes('--json')
  const printJson = (document: unknown): void => void out.write(JSON.stringify(document) + '\n')
  try {
    // Only the file of the command that was asked for, when there is one: the others load what this one does not need.
    const commands = await loadUnits(COMMANDS, isCommand, argv[0])
    let exit: ExitCode = 0
    const program = frameOf(options)
    for (const [name, command] of commands) {
      addCommand(program, name, command, async (args, flags) => {
        exit = await command.run(args, flags, contextOf(options, json, printJson))
      })
    }
    await program.parseAsync(argv, { from: 'user' })
    return exit
  } catch (error) {
    if (error instanceof CommanderError) return usageExit(error, json ? printJson : undefined, argv)
    const fault = error instanceof Fault ? error : bugFault(error, argv)
    if (json) printJson(fault)
    if (!(error instanceof Fault)) err.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    else if (!json) err.write(`${fault.toText().split('\n').map(printable).join('\n')}\n`)
    return fault.exit
  }
}

function frameOf({ version, out, err, argv }: ProgramOptions): Commander {
  const json = argv.includes('--json')
  return new Commander('respite')
    .description('Watches Redis and Valkey, and says which way a server fails.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this')
    .helpCommand('help [command]', 'print the help of a command')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void out.write(text),
      writeErr: (text) => void (json ? undefined : err.write(text)),
      getOutHelpWidth: () => out.columns ?? 100,
      getErrHelpWidth: () => err.columns ?? 100,
    })
}

function addCommand(
  program: Commander,
  name: string,
  command: Command,
  run: (args: readonly string[], flags: Flags) => Promise<void>,
): void {
  const added = program.command(`${name} ${command.usage}`.trim()).description(command.describe)
  added.copyInheritedSettings(program).showHelpAfterError(`(respite ${name} --help says more)`)
  for (const [flag, says] of Object.entries(command.flags)) added.option(flag, says)
  if (command.more !== undefined) added.addHelpText('after', `\n${command.more}`)
  added.addHelpText('after', `\nExit status:\n${exitLines(command)}`)
  added.action(() => run(added.args, added.opts<Flags>()))
}

function exitLines(command: Command): string {
  const exits: Partial<Record<ExitCode, string>> = { ...command.exits, 64: 'wrong usage' }
  return Object.entries(exits)
    .map(([code, says]) => `  ${code.padEnd(4)}${says}`)
    .join('\n')
}

function contextOf(options: ProgramOptions, json: boolean, printJson: Context['printJson']): Context {
  const { machine, out, err, env, interruption } = options
  return { ...machine, out, err, env, json, printJson, interruption }
}

/** Help and version end well; everything else that the parser refuses is wrong usage. */
function usageExit(
  error: CommanderError,
  printJson: Context['printJson'] | undefined,
  argv: readonly string[],
): ExitCode {
  if (error.exitCode === 0) return 0
  const why = error.message.replace(/^error: /, '').replace(/\n\(Did you mean.*$/s, '')
  const hint = /\((Did you mean .*)\)/s.exec(error.message)?.[1] ?? 'respite --help lists the commands'
  printJson?.(new Fault({ doing: 'reading the arguments', target: lineOf(argv), why, hint, exit: 64 }))
  return 64
}

function bugFault(error: unknown, argv: readonly string[]): Fault {
  const hint = 'This is a bug in Respite; please report it with the stack on standard error.'
  return new Fault({ doing: 'running', target: lineOf(argv), why: reasonOf(error), hint, cause: error })
}

/** Only the command's name: an argument may be a URL that somebody wrote a password into. */
function lineOf(argv: readonly string[]): string {
  return ['respite', ...argv.filter((word) => /^[a-z]+$/.test(word)).slice(0, 1)]
    .map((word) => basename(word))
    .join(' ')
}
