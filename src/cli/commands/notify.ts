// `respite notify test`: sends a test message to everybody that the daemon of this machine can tell, and says what each
// answered, so that the first real alert is not the first try.

import { askDaemon } from '../../api/ask-daemon.ts'
import { notifyTestedSchema } from '../../api/contract.ts'
import { Fault } from '../../lib/fault.ts'
import { textFlag, type Command } from '../command.ts'
import { tableLines } from '../table.ts'

export default {
  usage: '<test> [notifier...]',
  describe: 'send a test message to every notifier, or to these',
  flags: {
    '--data <dir>': 'the folder of the daemon’s --data',
    '--json': 'one JSON document',
  },
  exits: {
    0: 'each of them took it',
    1: 'no notifier is configured, or not this one',
    2: 'one did not take it, or no daemon runs',
  },

  async run([verb, ...notifiers], flags, context) {
    if (verb !== 'test') throw usage(verb)
    const dataDir = textFlag(flags, 'data') ?? context.defaultDataDir
    const body = notifiers.length === 0 ? {} : { notifiers }
    const answer = await askDaemon({ dataDir, method: 'POST', path: '/api/v1/notify/test', body })
    const tested = notifyTestedSchema.parse(answer)
    if (tested.notifiers.length === 0) throw nobody()
    if (context.json) context.printJson(tested)
    else {
      const rows = tested.notifiers.map(({ notifier, outcome, says }) => [notifier, WORDS[outcome], says])
      context.out.write(`${tableLines(['NOTIFIER', 'TEST', 'ANSWER'], rows).join('\n')}\n`)
    }
    return tested.notifiers.every(({ outcome }) => outcome === 'delivered') ? 0 : 2
  },
} satisfies Command

const WORDS = { delivered: 'delivered', retry: 'failed, may work later', refused: 'refused' } as const

const usage = (verb: string | undefined): Fault =>
  new Fault({
    doing: 'reading the arguments',
    target: 'respite notify',
    why: `"${verb}" is not test`,
    hint: 'respite notify test',
    exit: 64,
  })

const nobody = (): Fault =>
  new Fault({
    doing: 'testing',
    target: 'the notifiers',
    why: 'none is configured',
    hint: 'Add one under notify: in the configuration.',
    exit: 1,
  })
