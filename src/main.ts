// The executable. Puts the whole machine into the hands of the command line, and its answer into the exit code; the only
// file that has an effect when it is imported.

import manifest from '../package.json' with { type: 'json' }
import type { Machine } from './cli/command.ts'
import { runCommandLine } from './cli/program.ts'
import { defaultDataDir } from './config-files.ts'

// What reads us may go away (`respite metrics … | head`): say nothing and stop as if interrupted.
const interrupted = new AbortController()
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error // EIO: the terminal is gone
    interrupted.abort()
  })
}

// `once`: a second Ctrl-C meets no listener and ends the process as usual.
let listening = false
function interruption(): AbortSignal {
  if (!listening) for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort())
  listening = true
  return interrupted.signal
}

// Each is loaded when a command asks for it: `respite metrics` needs neither the daemon nor YAML.
const machine: Machine = {
  startDaemon: async (options) => (await import('./daemon.ts')).startDaemon(options),
  makeConfig: async (source) => (await import('./config.ts')).makeConfig(source, process.env),
  deploymentOfUrl: async (url, flags) => {
    const { deploymentOfUrl } = await import('./config-deployment.ts')
    return deploymentOfUrl(url, flags, process.env)
  },
  archiveFleet: async (options) => (await import('./archive-fleet.ts')).archiveFleet(options),
  checkBackup: async (options) => (await import('./backup-fleet.ts')).checkBackup(options),
  backupFleet: async (options) => (await import('./backup-fleet.ts')).backupFleet(options),
  defaultDataDir: defaultDataDir(process.env),
}

const exit = await runCommandLine({
  argv: process.argv.slice(2),
  version: manifest.version,
  machine,
  out: process.stdout,
  err: process.stderr,
  env: process.env,
  interruption,
})
process.exit(exit)
