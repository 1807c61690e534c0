// What a command of the command line is, and what it is handed. A command is one file in commands/, its file name is
// its name, and it is found by scanning the folder.
//
// A command prints on `context.out` and returns its exit code; a `Fault` that it throws is printed by the frame, as text
// or with --json as one JSON document. The whole machine (the daemon, the configuration) is handed in from outside, so
// that a command can be run in a test without a process of its own.

import type { Alerts } from '../alerts/alerts.ts'
import type { ArchiveFleetOptions, FleetArchive } from '../archive-fleet.ts'
import type { BaseManifest } from '../archive/documents.ts'
import type { Check } from '../archive/preflight.ts'
import type { BackupFleetOptions } from '../backup-fleet.ts'
import type { Config, ConfiguredDeployment } from '../config.ts'
import type { Fleet } from '../fleet/server.ts'
import type { Notices } from '../lib/notices.ts'
import type { Metrics } from '../metrics/watch-metrics.ts'

/** 0 healthy or done · 1 warnings, or refused because a precondition is not met · 2 critical or failed · 64 usage. */
export type ExitCode = 0 | 1 | 2 | 64

/** Flags by their camel-case name: `--password-file X` is `passwordFile: 'X'`, `--json` is `json: true`. */
export type Flags = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

export interface Command {
  readonly usage: string // the arguments, as commander writes them: `<url>`, `[url...]`, `[action] [server]`; '' for none
  readonly describe: string // one line for the list of commands
  readonly more?: string // what the command's own help says besides
  readonly flags: Readonly<Record<string, string>> // '--for <duration>': 'what it does'
  readonly exits: Readonly<Partial<Record<ExitCode, string>>> // what each exit code means; 64 is said by the frame
  run(args: readonly string[], flags: Flags, context: Context): Promise<ExitCode>
}

export function isCommand(value: unknown): value is Command {
  const unit = value as Partial<Command> | undefined
  return (
    typeof unit?.usage === 'string' &&
    typeof unit.describe === 'string' &&
    typeof unit.run === 'function' &&
    typeof unit.flags === 'object' &&
    typeof unit.exits === 'object'
  )
}

/** Where a command prints: standard output or standard error. */
export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
  on?(event: 'resize', run: () => void): unknown
}

export interface Context extends Machine {
  readonly out: Output
  readonly err: Output
  readonly env: NodeJS.ProcessEnv
  readonly json: boolean // --json was given: print with `printJson` and nothing else
  /** One JSON document: whole for a command that ends, one line (`event`) for one that runs on. */
  printJson(document: unknown): void
  /**
   * Aborted by the first SIGINT or SIGTERM, or when nobody reads our output any more. Until a command asks for it,
   * those signals end the process as usual; a second one always does.
   */
  interruption(): AbortSignal
}

/** The parts of the program that know all folders; main.ts hands them in. */
export interface Machine {
  startDaemon(options: DaemonOptions): Promise<Daemon>
  /** The configuration of a file, of URLs (each a deployment with all defaults), or of both; flags go first. */
  makeConfig(source: { file?: string | undefined; urls: readonly string[]; flags: Flags }): Promise<Config>
  deploymentOfUrl(url: string, flags: Flags): Promise<ConfiguredDeployment>
  archiveFleet(options: ArchiveFleetOptions): Promise<FleetArchive>
  backupFleet(options: BackupFleetOptions): Promise<BaseManifest[]>
  checkBackup(options: BackupFleetOptions): Promise<Check[]>
  /** Where the daemon keeps its state when nothing else is said. */
  readonly defaultDataDir: string
}

export interface DaemonOptions {
  readonly config: Config
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error' | 'silent' | undefined
}

/** A daemon that runs in this process. */
export interface Daemon {
  readonly url: string // of its HTTP API, with the port that was picked
  readonly metricsUrl: string | undefined // of --listen-metrics
  readonly fleet: Fleet
  readonly metrics: Metrics
  readonly alerts: Alerts
  readonly notices: Notices
  stop(): Promise<void>
}

/** A flag that takes one value, or undefined when it was not given. */
export function textFlag(flags: Flags, name: string): string | undefined {
  const value = flags[name]
  return typeof value === 'string' ? value : undefined
}
