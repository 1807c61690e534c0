// `respite incident`: alerts with one cause, as the daemon of this machine knows them. With an id: its post-mortem, in
// Markdown, which is complete as far as a program can know.

import { askDaemon } from '../../api/ask-daemon.ts'
import { incidentListSchema, incidentSchema, type IncidentDocument } from '../../api/contract.ts'
import { formatDuration } from '../../lib/units.ts'
import { textFlag, type Command } from '../command.ts'
import { postMortem } from '../post-mortem.ts'
import { tableLines } from '../table.ts'

export default {
  usage: '[id]',
  describe: 'list incidents; with an id, the post-mortem of one in Markdown',
  flags: {
    '--data <dir>': 'the folder of the daemon’s --data',
    '--json': 'one JSON document',
  },
  exits: { 0: 'printed', 1: 'there is no such incident', 2: 'no daemon runs' },

  async run([id], flags, context) {
    const dataDir = textFlag(flags, 'data') ?? context.defaultDataDir
    const ask = (path: string): Promise<unknown> => askDaemon({ dataDir, method: 'GET', path })
    if (id !== undefined) {
      const incident = incidentSchema.parse(await ask(`/api/v1/incidents/${encodeURIComponent(id)}`))
      if (context.json) context.printJson(incident)
      else context.out.write(postMortem(incident))
      return 0
    }
    const list = incidentListSchema.parse(await ask('/api/v1/incidents'))
    if (context.json) context.printJson(list)
    else if (list.incidents.length === 0) context.out.write('There was no incident.\n')
    else {
      const rows = list.incidents.map(rowOf)
      context.out.write(`${tableLines(['INCIDENT', 'STATE', 'LASTED', 'CAUSE', 'ALERTS'], rows).join('\n')}\n`)
    }
    return 0
  },
} satisfies Command

function rowOf({ id, opened, closed, cause, alerts }: IncidentDocument): string[] {
  const lastedMs = (closed === undefined ? Date.now() : Date.parse(closed)) - Date.parse(opened)
  const names = [...new Set(alerts.map(({ name }) => name))].join(', ')
  return [id, closed === undefined ? 'open' : 'closed', formatDuration(lastedMs), cause ?? 'not known', names]
}
