// `respite runbook ALERT [URL]`: the page of an alert, and with a URL every step of it with what a look at the deployment
// says to it now: found, not found, or not to be seen from here.

import { fileURLToPath } from 'node:url'
import { ACTION_RISKS, type ActionId } from '../../diagnosis/action-ids.ts'
import { readRunbook, type RunbookLine } from '../../diagnosis/runbook.ts'
import { BUILTIN_ONLY, readRuleSet } from '../../rules/rule-set.ts'
import { textFlag, type Command } from '../command.ts'
import { CONNECTION_FLAGS } from '../connection-flags.ts'
import { examine, type Examination } from '../examine.ts'
import { LOOK_FLAGS, lookOf } from '../look-flags.ts'
import { printable } from '../table.ts'

const SHIPPED = fileURLToPath(new URL('../../../runbooks', import.meta.url))

export default {
  usage: '<alert> [url]',
  describe: 'print the runbook of an alert; with a URL, every step with its live result',
  flags: {
    '--runbooks <dir>': 'a folder of your own, which goes before what is shipped',
    '--checks <dir>': 'a folder of checks of your own, beside those that are shipped',
    ...LOOK_FLAGS,
    '--data <dir>': 'the folder of the daemon’s --data',
    '--json': 'one JSON document',
    ...CONNECTION_FLAGS,
  },
  exits: { 0: 'printed', 1: 'there is no such runbook' },

  async run([alert = '', url], flags, context) {
    const own = textFlag(flags, 'runbooks')
    const runbook = await readRunbook(alert, [...(own === undefined ? [] : [own]), SHIPPED])
    if (url === undefined) {
      if (context.json) context.printJson({ alert, target: null, steps: runbook.lines.map(stepDocument) })
      else context.out.write(`${runbook.lines.map(({ text }) => text).join('\n')}\n`)
      return 0
    }
    const deployment = await context.deploymentOfUrl(url, flags)
    const { groups } = readRuleSet(BUILTIN_ONLY, '.')
    const dataDir = textFlag(flags, 'data') ?? context.defaultDataDir
    const checks = textFlag(flags, 'checks')
    const examination = await examine(deployment, {
      groups,
      dataDir,
      look: lookOf(flags),
      ...(checks === undefined ? {} : { checkFolders: [checks] }),
    })
    if (context.json)
      context.printJson({
        alert,
        target: examination.target,
        steps: runbook.lines.map((line) => ({ ...stepDocument(line), results: resultsOf(line, examination) })),
      })
    else context.out.write(`${runbook.lines.flatMap((line) => liveLines(line, examination)).join('\n')}\n`)
    return 0
  },
} satisfies Command

interface Result {
  readonly check: string
  readonly result: 'found' | 'not found' | 'cannot tell' | 'could not look'
  readonly says: string
}

function stepDocument({ text, checks, actions }: RunbookLine): {
  text: string
  checks: string[]
  actions: string[]
} {
  return { text, checks: [...checks], actions: [...actions] }
}

function resultsOf({ checks }: RunbookLine, { findings, undecided, asked }: Examination): Result[] {
  return checks.flatMap((check): Result[] => {
    const found = findings.filter((finding) => finding.check === check)
    if (found.length > 0)
      return found.map(({ server, says }) => ({ check, result: 'found', says: `${server}: ${says}` }))
    const doubt = undecided.find(({ between }) => between.includes(check))
    if (doubt !== undefined) return [{ check, result: 'cannot tell', says: `${doubt.says} ${doubt.wouldTell}` }]
    const unseen = asked[check]
    if (unseen === undefined) return [{ check, result: 'could not look', says: 'there is no such check' }]
    if (unseen.length > 0) return [{ check, result: 'could not look', says: `not seen: ${unseen.join(', ')}` }]
    return [{ check, result: 'not found', says: '' }]
  })
}

const MARKS = { found: '✖', 'not found': '✔', 'cannot tell': '?', 'could not look': '?' } as const

function liveLines(line: RunbookLine, examination: Examination): string[] {
  const results = resultsOf(line, examination).map(({ check, result, says }) => {
    const more = says === '' ? '' : `: ${printable(says)}`
    return `    ${MARKS[result]} ${check}: ${result}${more}`
  })
  const actions = line.actions.map((action) => {
    const risk = Object.hasOwn(ACTION_RISKS, action) ? ACTION_RISKS[action as ActionId] : 'not known'
    const wanted = examination.findings.flatMap(({ actions: all }) => all).find(({ id }) => id === action)
    return `    → ${action} (risk: ${risk})${wanted === undefined ? '' : `: advised now: ${printable(wanted.why)}`}`
  })
  return [line.text, ...results, ...actions]
}
