// `respite metrics URL`: the metrics of one server, once, in Prometheus' text format. Counters that are made from two
// looks (rates, p99 of the last interval) need the daemon and are not among them.

import { Fault, reasonOf } from '../../lib/fault.ts'
import { renderExposition } from '../../metrics/exposition.ts'
import { startCollectors, takeSample } from '../../metrics/take-sample.ts'
import { ANSWERS } from '../../redis/answers.ts'
import { askOf, type Ask } from '../../redis/ask.ts'
import { Lost, openConnection, Refused, type Connection } from '../../redis/connection.ts'
import { parseInfo } from '../../redis/info.ts'
import type { ConfiguredDeployment } from '../../config.ts'
import type { Command } from '../command.ts'
import { CONNECTION_FLAGS } from '../connection-flags.ts'

const TIMEOUT_MS = 5_000

export default {
  usage: '<url>',
  describe: 'print the metrics of one server, Prometheus text format',
  more: 'Of a URL with several hosts the first that answers; of redis+sentinel:// that is a Sentinel.',
  flags: CONNECTION_FLAGS,
  exits: { 0: 'printed', 2: 'the server does not answer' },

  async run([url = ''], flags, context) {
    const deployment = await context.deploymentOfUrl(url, flags)
    const connection = await connectToFirst(deployment)
    try {
      const ask = askOf(connection.send)
      const collectors = await startCollectors()
      const server = { ask, kind: await kindOf(ask) }
      const { snapshot } = await takeSample(server, collectors, deployment.settings, Date.now())
      context.out.write(renderExposition([{ snapshot }]))
      return 0
    } catch (error) {
      throw faultOf(error, deployment.target.shown)
    } finally {
      connection.close()
    }
  },
} satisfies Command

async function connectToFirst({ target, access }: ConfiguredDeployment): Promise<Connection> {
  let last: unknown
  for (const address of target.seeds) {
    try {
      return await openConnection({ address, access, timeoutMs: TIMEOUT_MS })
    } catch (error) {
      last = error
    }
  }
  throw faultOf(last, target.shown)
}

async function kindOf(ask: Ask): Promise<'server' | 'sentinel'> {
  const info = parseInfo(String(await ask('INFO', 'server')))
  return info.get('redis_mode') === 'sentinel' ? 'sentinel' : 'server'
}

/** The same words as everywhere for how a server answers; anything else is a bug. */
function faultOf(error: unknown, target: string): unknown {
  if (!(error instanceof Refused || error instanceof Lost)) return error
  const { says, first } = ANSWERS[error.answer]
  return new Fault({ doing: 'asking', target, why: `${says} (${reasonOf(error)})`, hint: first, cause: error })
}
