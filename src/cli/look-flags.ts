// The flags of every command that looks for causes: where the files of the server are that the URL names, when it does not
// say so itself.

import type { LookOptions } from '../diagnosis/source.ts'
import { textFlag, type Flags } from './command.ts'

export const LOOK_FLAGS = {
  '--supervisor <name>': 'what starts the server: docker:NAME, systemd:UNIT, homebrew:redis, process:PID',
  '--conf <file>': 'the configuration file of the server that the URL names',
  '--log <file>': 'its log file',
  '--dir <dir>': 'its data directory',
} as const satisfies Record<string, string>

export function lookOf(flags: Flags): LookOptions {
  return { conf: textFlag(flags, 'conf'), log: textFlag(flags, 'log'), dir: textFlag(flags, 'dir') }
}
