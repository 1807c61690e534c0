// `respite fleet`: the deployments that the daemon of this machine watches, and how each server answers. `accept`
// confirms a server that is new, `forget` drops one that is expected and gone.

import { askDaemon } from '../../api/ask-daemon.ts'
import { fleetChangedSchema, fleetSchema, type FleetDocument, type FleetServerDocument } from '../../api/contract.ts'
import { Fault } from '../../lib/fault.ts'
import { formatDuration } from '../../lib/units.ts'
import { textFlag, type Command, type Context, type ExitCode } from '../command.ts'
import { printable, tableLines } from '../table.ts'

export default {
  usage: '[accept|forget] [server]',
  describe: 'list what the daemon watches; accept a new server, forget a missing one',
  more: 'A server is named as the list shows it, as host:port or the path of a unix socket.',
  flags: {
    '--data <dir>': 'the folder of the daemon’s --data',
    '--json': 'one JSON document',
  },
  exits: {
    0: 'every server answers, or the change was made',
    1: 'warnings, or the change is not possible',
    2: 'a server does not answer or is missing, or no daemon runs',
  },

  async run(args, flags, context) {
    const dataDir = textFlag(flags, 'data') ?? context.defaultDataDir
    const [verb, server] = args
    if (verb === undefined) return list(dataDir, context)
    if ((verb !== 'accept' && verb !== 'forget') || server === undefined) throw usage(verb)
    return change(dataDir, verb, server, context)
  },
} satisfies Command

function usage(verb: string): Fault {
  const known = verb === 'accept' || verb === 'forget'
  return new Fault({
    doing: 'reading the arguments',
    target: 'respite fleet',
    why: known ? 'the server is missing' : `"${verb}" is neither accept nor forget`,
    hint: known
      ? `respite fleet ${verb} host:port`
      : 'respite fleet, respite fleet accept SERVER, respite fleet forget SERVER',
    exit: 64,
  })
}

async function list(dataDir: string, context: Context): Promise<ExitCode> {
  const document = fleetSchema.parse(await askDaemon({ dataDir, method: 'GET', path: '/api/v1/fleet' }))
  if (context.json) context.printJson(document)
  else context.out.write(document.deployments.map((each) => deploymentLines(each).join('\n')).join('\n\n') + '\n')
  return exitOf(document)
}

async function change(dataDir: string, verb: 'accept' | 'forget', server: string, context: Context): Promise<ExitCode> {
  const path = `/api/v1/fleet/${verb}`
  const changed = fleetChangedSchema.parse(await askDaemon({ dataDir, method: 'POST', path, body: { server } }))
  if (context.json) context.printJson(changed)
  else context.out.write(`${printable(changed.server)} is ${changed.change}\n`)
  return 0
}

type Deployment = FleetDocument['deployments'][number]

function deploymentLines({ name, kind, servers, missing, problems, couldNotLook }: Deployment): string[] {
  const rows = servers.map(serverCells)
  const table = tableLines(['SERVER', 'ROLE', 'ANSWER', 'SINCE', 'VERSION', 'STANDING'], rows)
  return [
    printable(`${name} (${kind})`),
    ...table.map((line) => `  ${line}`),
    ...missing.map((id) => printable(`  missing: ${id}. Gone for good? respite fleet forget ${id}`)),
    ...problems.map((problem) => printable(`  ${problem}`)),
    ...couldNotLook.map(({ at, why, hint }) => printable(`  could not look at ${at}: ${why}. ${hint}`)),
  ]
}

function serverCells({ id, role, answer, version, flavour, standing }: FleetServerDocument): string[] {
  const since = formatDuration(Date.now() - Date.parse(answer.since))
  const what = version === undefined ? '–' : [flavour, version].filter((part) => part !== undefined).join(' ')
  return [id, role, answer.says, since, what, standing]
}

function exitOf({ deployments }: FleetDocument): ExitCode {
  const servers = deployments.flatMap((deployment) => deployment.servers)
  const some = (severity: string): boolean => servers.some(({ answer }) => answer.severity === severity)
  if (some('critical') || deployments.some(({ missing }) => missing.length > 0)) return 2
  const doubts = deployments.some(({ problems, couldNotLook }) => problems.length + couldNotLook.length > 0)
  return some('warning') || doubts || servers.some(({ standing }) => standing !== 'expected') ? 1 : 0
}
