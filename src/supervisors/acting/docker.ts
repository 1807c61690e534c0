// `docker:NAME`: the engine asks the container to end and starts it. Asked by the engine, its restart policy does not bring it
// back. An engine kills after a time limit, so that it is given one that nobody reaches, and ours says that it still runs.

import { demandContainer, refusalOf, type FoundContainer } from '../container-engine.ts'
import { Fault } from '../../lib/fault.ts'
import { STOP_WITHIN_MS, type ActingUnit } from '../act.ts'
import { openLooking } from '../supervisor.ts'
import { stillRuns, waitUntilEnded, waitUntilRuns } from '../wait-for-state.ts'

const NEVER_KILL_SECONDS = 86_400

export default {
  actsOn: 'a container of Docker or Podman on this machine, by its name or id',

  open(name, around) {
    const shown = `docker:${name}`
    return {
      shown,
      async stop({ withinMs = STOP_WITHIN_MS } = {}) {
        const looking = await openLooking(shown, around)
        const found = await demandContainer(name, around)
        const { Running: runs, Restarting: willRun } = found.inspection.State
        if (!runs && !willRun) return
        if (found.inspection.State.Paused) await found.container.unpause() // a held process hears nothing
        await endWithin(found, withinMs, async () => stillRuns(shown, await looking.state(), withinMs))
        await waitUntilEnded(looking, withinMs)
      },
      async start() {
        const { container, inspection } = await demandContainer(name, around)
        if (inspection.State.Paused) await container.unpause()
        else if (!inspection.State.Running)
          await container.start().catch((error: unknown) => {
            const why = refusalOf(error)
            if (why !== undefined) throw new Fault({ doing: 'starting', target: shown, why, cause: error })
          })
        await waitUntilRuns(await openLooking(shown, around))
      },
    }
  },
} satisfies ActingUnit

/** The call itself lasts until the container has ended; when we give it up, the engine goes on waiting and kills nothing. */
async function endWithin(
  { container, inspection }: FoundContainer,
  withinMs: number,
  late: () => Promise<Fault>,
): Promise<void> {
  const giveUp = AbortSignal.timeout(withinMs)
  try {
    await container.stop({ t: NEVER_KILL_SECONDS, abortSignal: giveUp })
  } catch (error) {
    if (giveUp.aborted) throw await late()
    const why = refusalOf(error)
    if (why !== undefined)
      throw new Fault({ doing: 'stopping', target: `docker:${inspection.Name.slice(1)}`, why, cause: error })
  }
}
