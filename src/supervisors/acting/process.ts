// `process:PID`: asked to end by SIGTERM, started again with the executable and the configuration file that it named itself.
// What something else supervises is refused: systemd would start it again behind our back.

import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { Fault } from '../../lib/fault.ts'
import { openLooking, type Looking } from '../supervisor.ts'
import { STOP_WITHIN_MS, type ActingSurroundings, type ActingUnit } from '../act.ts'
import { procStat, procText, unitOf, type ProcStat } from '../proc.ts'
import { hasEnded, waitUntilEnded, waitUntilRuns } from '../wait-for-state.ts'

const SERVER_NAMES = /redis|valkey|keydb/i

interface Target {
  pid: number
  startTicks: string | undefined // undefined: it had ended already when we came
  uid: number | undefined
  gid: number | undefined
}

export default {
  actsOn: 'a process of this machine, by its number',

  open(name, around) {
    const shown = `process:${name}`
    const target = targetOf(Number(name), shown)
    const look = (): Promise<Looking> => openLooking(`process:${target.pid}`, around)
    return {
      shown,
      async stop({ withinMs = STOP_WITHIN_MS } = {}) {
        const looking = await look()
        if (isGone(target) || hasEnded(await looking.state())) return
        refuseSupervised(target.pid, shown)
        process.kill(target.pid, 'SIGTERM')
        if ((await looking.state()).is === 'paused') process.kill(target.pid, 'SIGCONT') // a held process hears nothing
        await waitUntilEnded(looking, withinMs)
      },
      async start() {
        if (!isGone(target) && !hasEnded(await (await look()).state())) return
        target.pid = await startAgain(target, around, shown)
        target.startTicks = procStat(target.pid)?.startTicks
        await waitUntilRuns(await look())
      },
    }
  },
} satisfies ActingUnit

function targetOf(pid: number, shown: string): Target {
  const stat = procStat(pid)
  if (stat === undefined) return { pid, startTicks: undefined, uid: undefined, gid: undefined }
  if (!SERVER_NAMES.test(procText(pid, 'comm') + procText(pid, 'cmdline')))
    throw refused(shown, `it is no server but ${procText(pid, 'comm').trim()}`, 'Name the process of the server.')
  const ids = (word: string): number | undefined => {
    const id = new RegExp(`^${word}:\\s+(\\d+)`, 'm').exec(procText(pid, 'status'))?.[1]
    return id === undefined ? undefined : Number(id)
  }
  return { pid, startTicks: stat.startTicks, uid: ids('Uid'), gid: ids('Gid') }
}

/** Has it ended, although there may be another process of its number by now? */
function isGone({ pid, startTicks }: Target): boolean {
  const stat: ProcStat | undefined = procStat(pid)
  return stat === undefined || stat.startTicks !== startTicks
}

function refuseSupervised(pid: number, shown: string): void {
  const unit = unitOf(pid)
  if (unit !== undefined)
    throw refused(shown, `systemd runs it as ${unit}, and might start it again`, `Name that: systemd:${unit}`)
  const group = procText(pid, 'cgroup')
  const container = /(?:docker|libpod|containerd|crio)[-/:]([0-9a-f]{12,64})/.exec(group)?.[1]
  if (container !== undefined)
    throw refused(
      shown,
      'it is in a container, whose engine might start it again',
      `Name that: docker:${container.slice(0, 12)}`,
    )
}

async function startAgain({ uid, gid }: Target, { startedAs }: ActingSurroundings, shown: string): Promise<number> {
  if (startedAs === undefined || startedAs.configFile === '')
    throw refused(
      shown,
      'how it was started is not known: it names no configuration file',
      'Start it as it was started.',
    )
  const { executable, configFile } = startedAs
  if (statSync(executable, { throwIfNoEntry: false }) === undefined)
    throw refused(shown, `there is no ${executable} any more`, 'Start it as it was started.')
  const asWhom = process.getuid?.() === 0 && uid !== undefined && gid !== undefined ? { uid, gid } : {}
  const child = spawn(executable, [configFile], { cwd: '/', detached: true, stdio: 'ignore', ...asWhom })
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject)).catch(
    (error: unknown) => {
      throw refused(shown, `${executable} cannot be run: ${String(error)}`, 'Start it as it was started.')
    },
  )
  child.unref()
  return child.pid ?? 0
}

function refused(target: string, why: string, hint: string): Fault {
  return new Fault({ doing: 'acting on', target, why, hint, exit: 1 })
}
