// `docker:NAME`: a container of Docker, or of Podman and others that answer Docker's API. The engine knows how it ended and
// how often it was started again, and keeps what it wrote, also before there was a log: a configuration that cannot be
// read is told on standard error alone.

import { join, posix } from 'node:path'
import { Fault, reasonOf } from '../../lib/fault.ts'
import { redactArguments } from '../../redis/redact.ts'
import { demandContainer, findContainer, logStream, type FoundContainer, type Inspection } from '../container-engine.ts'
import { engineLines } from '../engine-log.ts'
import { place, placesOf } from '../places.ts'
import { procResources, procText } from '../proc.ts'
import { NOT_KNOWN, type LookingUnit, type Place, type Resources, type SupervisedState } from '../supervisor.ts'

export default {
  looksAt: 'a container of Docker or Podman on this machine, by its name or id',
  example: 'docker:orders',

  open(name, around) {
    return {
      shown: `docker:${name}`,
      async state() {
        const found = await findContainer(name, around)
        if (found === undefined) return { ...NOT_KNOWN, is: 'absent', says: 'there is no such container' }
        return stateOf(found.inspection)
      },
      async places(known = {}) {
        const { inspection } = await demandContainer(name, around)
        const { Path, Args, Config } = inspection
        const started = { command: [Path, ...Args], workingDir: Config.WorkingDir || '/' }
        return placesOf(started, known, (inside) => placeOf(inspection, inside))
      },
      place: async (inside) => placeOf((await demandContainer(name, around)).inspection, inside),
      async resources() {
        return resourcesOf(await demandContainer(name, around))
      },
      async *log(sinceMs) {
        const found = await demandContainer(name, around)
        const stream = await logStream(found, sinceMs).catch((error: unknown) => {
          const hint = 'Docker keeps logs for the drivers json-file, local and journald alone.'
          throw new Fault({ doing: 'reading the log of', target: `docker:${name}`, why: reasonOf(error), hint })
        })
        yield* engineLines(stream as AsyncIterable<Buffer>, found.inspection.Config.Tty)
      },
    }
  },
} satisfies LookingUnit

function stateOf(inspection: Inspection): SupervisedState {
  const { State, HostConfig, RestartCount, Path, Args } = inspection
  const { Name: policy = '', MaximumRetryCount: most = 0 } = HostConfig.RestartPolicy ?? {}
  const is = State.Restarting ? 'restarting' : State.Paused ? 'paused' : State.Running ? 'running' : 'stopped'
  const hasRun = momentOf(State.FinishedAt) !== undefined
  // Podman says "stopped" of one that has exited and that it has not tidied up behind yet: the same, a moment earlier.
  const status = State.Status === 'stopped' ? 'exited' : State.Status
  const ended = is === 'stopped' && hasRun ? ` (${State.ExitCode})` : ''
  return {
    is,
    says: `${status}${ended}${State.OOMKilled ? ', killed for want of memory' : ''}${State.Error && `: ${State.Error}`}`,
    sinceMs: momentOf(is === 'running' || is === 'paused' ? State.StartedAt : State.FinishedAt),
    pid: pidHere(inspection),
    exitCode: hasRun ? State.ExitCode : undefined,
    outOfMemory: State.OOMKilled,
    restarts: RestartCount,
    restartPolicy: policy === '' ? 'no' : most > 0 ? `${policy}:${most}` : policy,
    command: redactArguments([Path, ...Args]),
  }
}

/**
 * The engine may be in a virtual machine, or Respite in a container: then its numbers are not ours, and the process that
 * has the number here is somebody else's. A control group bears the container's id.
 */
function pidHere({ State: { Pid }, Id }: Inspection): number | undefined {
  return Pid > 0 && procText(Pid, 'cgroup').includes(Id) ? Pid : undefined
}

/** An engine writes the year 1 for never. */
function momentOf(text: string): number | undefined {
  const at = Date.parse(text)
  return Number.isNaN(at) || at <= 0 ? undefined : at
}

/** Behind a volume or a mounted folder the file is here too; else it is in the container alone, and seen while that runs. */
function placeOf(inspection: Inspection, inside: string): Place {
  const pid = pidHere(inspection)
  if (inspection.State.Running && pid === undefined)
    return { inside, here: undefined, why: 'the engine runs its containers in another machine or container than this' }
  const mount = mountOf(inspection, inside)
  if (mount !== undefined) {
    const why = `it lies in ${mount.Source}, which is not there or may not be seen`
    return place(inside, join(mount.Source, posix.relative(mount.Destination, inside)), why)
  }
  const why = 'it is in the container itself, on no volume'
  return pid === undefined ? { inside, here: undefined, why } : place(inside, join(`/proc/${pid}/root`, inside), why)
}

type Mount = Inspection['Mounts'][number]

/** The mount with the longest path that leads there: one may lie below another. */
function mountOf({ Mounts }: Inspection, inside: string): Mount | undefined {
  const leads = ({ Destination, Source }: Mount): boolean =>
    Source !== '' && (inside === Destination || inside.startsWith(`${Destination.replace(/\/$/, '')}/`))
  return Mounts.filter(leads).toSorted((a, b) => b.Destination.length - a.Destination.length)[0]
}

/** The limits as they were given; what is used as the kernel counts it, or where the process is not to be seen, the engine. */
async function resourcesOf({ container, inspection }: FoundContainer): Promise<Resources> {
  const { Memory = 0, NanoCpus = 0, CpuQuota = 0, CpuPeriod = 0, Ulimits } = inspection.HostConfig
  const pid = pidHere(inspection)
  const seen = pid === undefined ? undefined : procResources(pid)
  const limit = (Ulimits as { Name: string; Soft: number }[] | null | undefined)?.find(({ Name }) =>
    /nofile/i.test(Name),
  )
  const used = async (): Promise<number | undefined> =>
    inspection.State.Running ? (await container.stats({ stream: false })).memory_stats.usage : undefined
  return {
    memoryLimitBytes: Memory > 0 ? Memory : seen?.memoryLimitBytes,
    memoryUsedBytes: seen?.memoryUsedBytes ?? (await used()),
    cpuLimitCores:
      NanoCpus > 0 ? NanoCpus / 1e9 : CpuQuota > 0 && CpuPeriod > 0 ? CpuQuota / CpuPeriod : seen?.cpuLimitCores,
    openFiles: seen?.openFiles,
    openFilesLimit: seen?.openFilesLimit ?? limit?.Soft,
  }
}
