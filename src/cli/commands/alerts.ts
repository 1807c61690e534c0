// `respite alerts`: the alerts of the daemon of this machine, who was told of each, and who was not and why. `ack` says
// that somebody works on one; `token` lets programs that only speak TCP, such as amtool, set silences.

import { userInfo } from 'node:os'
import { askDaemon } from '../../api/ask-daemon.ts'
import { acknowledgedSchema, alertListSchema, tokenSchema, type AlertListDocument } from '../../api/contract.ts'
import { Fault } from '../../lib/fault.ts'
import { formatDuration, parseDurationMs } from '../../lib/units.ts'
import { textFlag, type Command, type Context, type ExitCode, type Flags } from '../command.ts'
import { printable, tableLines } from '../table.ts'

export default {
  usage: '[ack|token] [id]',
  describe: 'list the alerts and who was told; acknowledge one; make a token for amtool',
  more: 'An id is as the list shows it; its beginning is enough. Silences are set with amtool.',
  flags: {
    '--comment <text>': 'with ack: what others should know',
    '--for <duration>': 'with ack: how long it is neither repeated nor escalated (8h)',
    '--data <dir>': 'the folder of the daemon’s --data',
    '--json': 'one JSON document',
  },
  exits: {
    0: 'nothing fires that is worse than information, or the change was made',
    1: 'warnings fire, or there is no such alert',
    2: 'something critical fires, or no daemon runs',
  },

  async run(args, flags, context) {
    const dataDir = textFlag(flags, 'data') ?? context.defaultDataDir
    const [verb, id] = args
    if (verb === undefined) return list(dataDir, context)
    if (verb === 'token' && id === undefined) return token(dataDir, context)
    if (verb !== 'ack' || id === undefined) throw usage(verb)
    return acknowledge(dataDir, id, flags, context)
  },
} satisfies Command

function usage(verb: string): Fault {
  return new Fault({
    doing: 'reading the arguments',
    target: 'respite alerts',
    why:
      verb === 'ack'
        ? 'the id is missing'
        : verb === 'token'
          ? 'token takes no id'
          : `"${verb}" is neither ack nor token`,
    hint: 'respite alerts, respite alerts ack ID, respite alerts token',
    exit: 64,
  })
}

async function list(dataDir: string, context: Context): Promise<ExitCode> {
  const document = alertListSchema.parse(await askDaemon({ dataDir, method: 'GET', path: '/api/v1/alert-list' }))
  if (context.json) context.printJson(document)
  else context.out.write(`${linesOf(document).join('\n')}\n`)
  const fires = document.alerts.filter(({ state }) => state === 'firing')
  if (fires.some(({ severity }) => severity === 'critical')) return 2
  return fires.some(({ severity }) => severity === 'warning') ? 1 : 0
}

async function acknowledge(dataDir: string, id: string, flags: Flags, context: Context): Promise<ExitCode> {
  const wanted = textFlag(flags, 'for')
  const forMs = wanted === undefined ? undefined : parseDurationMs(wanted)
  if (wanted !== undefined && !forMs) throw wrongDuration(wanted)
  const body = { id, by: userInfo().username, comment: textFlag(flags, 'comment') ?? '', ...(forMs && { forMs }) }
  const answer = await askDaemon({ dataDir, method: 'POST', path: '/api/v1/alert-list/ack', body })
  const done = acknowledgedSchema.parse(answer)
  if (context.json) context.printJson(done)
  else context.out.write(`${done.id} is acknowledged until ${done.until}\n`)
  return 0
}

async function token(dataDir: string, context: Context): Promise<ExitCode> {
  const made = tokenSchema.parse(await askDaemon({ dataDir, method: 'POST', path: '/api/v1/alert-list/token' }))
  if (context.json) context.printJson(made)
  else
    context.out.write(
      `Whoever can read ${made.tokenFile} may set silences. Remove it to end that.\n\n` +
        `  amtool --alertmanager.url=${made.url} --http.config.file=${made.amtoolFile} silence query\n`,
    )
  return 0
}

function wrongDuration(text: string): Fault {
  return new Fault({
    doing: 'reading the flag',
    target: '--for',
    why: `"${text}" is not a duration`,
    hint: 'Write for example --for 2h',
    exit: 64,
  })
}

type Alert = AlertListDocument['alerts'][number]

const ORDER = ['critical', 'warning', 'info']

function linesOf({ alerts, deliveries, keptInMemoryOnly }: AlertListDocument): string[] {
  const shown = alerts
    .filter(({ state }) => state !== 'resolved')
    .toSorted((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity) || (a.since < b.since ? -1 : 1))
  const table = tableLines(['ID', 'SEVERITY', 'STATE', 'SINCE', 'ALERT', 'SERVER', 'TOLD'], shown.map(cellsOf))
  const latest = Map.groupBy(deliveries, ({ notifier }) => notifier)
  const failing = [...latest].flatMap(([notifier, [newest]]) =>
    newest === undefined || newest.outcome === 'delivered'
      ? []
      : [printable(`${notifier}: the last attempt failed (${newest.at}): ${newest.says}`)],
  )
  return [
    ...(shown.length === 0 ? ['no alerts'] : table),
    ...causesOf(shown),
    ...failing,
    ...(keptInMemoryOnly === undefined ? [] : [printable(`alerts are kept in memory only: ${keptInMemoryOnly}`)]),
  ]
}

/** Each cause once, with the alerts that it accounts for. */
function causesOf(alerts: readonly Alert[]): string[] {
  const known = alerts.filter(({ cause }) => cause !== undefined)
  const causes = Map.groupBy(known, ({ cause }) => `${cause?.incident}: ${cause?.check}: ${cause?.says}`)
  return [...causes].map(([cause, all]) => {
    const names = [...new Set(all.map(({ name }) => name))].join(', ')
    return printable(`cause of ${names}, incident ${cause}`)
  })
}

function cellsOf(alert: Alert): string[] {
  const { id, severity, state, since, name, labels, ack, flapping } = alert
  const how = [state, ...(flapping ? ['flapping'] : []), ...(ack === undefined ? [] : [`acknowledged by ${ack.by}`])]
  const server = labels['instance'] ?? labels['deployment'] ?? '–'
  return [id, severity, how.join(', '), formatDuration(Date.now() - Date.parse(since)), name, server, toldOf(alert)]
}

/** "slack, pagerduty" · "slack; email not: somebody silenced it". */
function toldOf({ notifiers }: Alert): string {
  const told = notifiers.filter(({ toldAt }) => toldAt !== undefined).map(({ notifier }) => notifier)
  const not = notifiers.filter(({ toldAt }) => toldAt === undefined)
  const reasons = [...Map.groupBy(not, ({ says }) => says ?? 'it is about to be told')].map(
    ([says, all]) => `${all.map(({ notifier }) => notifier).join(', ')} not: ${says}`,
  )
  if (notifiers.length === 0) return 'nobody: no notifier is configured'
  return [...(told.length === 0 ? [] : [told.join(', ')]), ...reasons].join('; ')
}
