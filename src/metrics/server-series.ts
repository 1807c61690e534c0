// What Respite itself knows of a server, as series: how it answers, whether it is expected, how far it lags. They do
// not come from a sample: they are there, and right, while the server cannot be asked anything.

import type { DeploymentView, ServerView } from '../fleet/server.ts'
import { ANSWER_IDS } from '../redis/answers.ts'
import { remember } from './series-cache.ts'
import { gauge, labelText, seriesOf, Snapshot } from './series.ts'

const answer = gauge(
  'respite_server_answer',
  'What a new client of the server meets: 1 for the answer given, 0 for all others.',
)
const answers = ANSWER_IDS.map((id) => [id, seriesOf(answer, labelText({ answer: id }))] as const)
const since = seriesOf(gauge('respite_server_answer_since_seconds', 'Unix time since when the answer is what it is.'))
const connectSeconds = seriesOf(
  gauge('respite_server_connect_seconds', 'Seconds until the last attempt to connect stood.'),
)
const replySeconds = seriesOf(gauge('respite_server_reply_seconds', 'Seconds from there to the answer to PING.'))
const reserved = seriesOf(gauge('respite_server_connected', '1 while Respite holds its own connection to the server.'))
const missing = seriesOf(
  gauge('respite_server_missing', '1 when the server is expected and no other names it any more.'),
)
const fresh = seriesOf(gauge('respite_server_new', '1 when the server was found and nobody has accepted it yet.'))
const lag = seriesOf(
  gauge(
    'respite_replication_lag_seconds',
    'Age of the oldest offset of the primary that this replica has not acknowledged.',
  ),
)
const info = gauge('respite_server_info', 'The role, flavour, version and owner of the server, in labels.')
const shard = gauge('respite_server_shard', 'Always 1; the primary whose data the server holds, itself or another.')
const shardOf = remember((labels) => seriesOf(shard, labels), 1_024)
const infoOf = remember((labels) => seriesOf(info, labels), 1_024)

/** The series of one server now. */
export function answerSnapshot(view: ServerView, nowMs: number, owner = ''): Snapshot {
  const snapshot = new Snapshot(nowMs)
  for (const [id, series] of answers) snapshot.add(series, id === view.answer.id ? 1 : 0)
  snapshot.add(since, Math.round(view.since / 1000))
  if (view.answer.connectMs !== undefined) snapshot.add(connectSeconds, view.answer.connectMs / 1000)
  if (view.answer.replyMs !== undefined) snapshot.add(replySeconds, view.answer.replyMs / 1000)
  snapshot.add(reserved, view.reserved ? 1 : 0)
  snapshot.add(missing, view.standing === 'missing' ? 1 : 0)
  snapshot.add(fresh, view.standing === 'new' ? 1 : 0)
  if (view.lagSeconds !== undefined && view.role === 'replica') snapshot.add(lag, view.lagSeconds)
  const labels = { flavour: view.flavour ?? '', owner, role: view.role, version: view.version ?? '' }
  snapshot.add(infoOf(labelText(labels)), 1)
  const holds = view.shard ?? (view.role === 'replica' ? view.primary : view.id)
  if (holds !== undefined && view.role !== 'sentinel') snapshot.add(shardOf(labelText({ shard: holds })), 1)
  return snapshot
}

/** What the configuration says of a deployment, for rules to compare with. */
export interface DeclaredDeployment {
  readonly dataClass?: 'store' | 'cache' | undefined
  readonly rpoMs?: number | undefined
  readonly team?: string | undefined // that owns it
}

const servers = gauge('respite_deployment_servers', 'Servers of the deployment by role.')
const missingServers = seriesOf(
  gauge('respite_deployment_missing_servers', 'Expected servers that no other names any more.'),
)
const problems = seriesOf(
  gauge('respite_deployment_problems', 'Ways in which the deployment is not as its configuration expects.'),
)
const deploymentInfo = gauge('respite_deployment_info', 'The kind, data class and owner of the deployment, in labels.')
const rpo = seriesOf(
  gauge('respite_deployment_rpo_seconds', 'How much may be lost, in time; a day where a store declares nothing.'),
)
const USUAL_RPO_SECONDS = 86_400
const ROLES = ['primary', 'replica', 'sentinel', 'unknown'] as const
const serversOf = ROLES.map((role) => [role, seriesOf(servers, labelText({ role }))] as const)

export function deploymentSnapshot(view: DeploymentView, nowMs: number, declared: DeclaredDeployment = {}): Snapshot {
  const snapshot = new Snapshot(nowMs)
  const { dataClass = 'store', rpoMs, team = '' } = declared
  snapshot.add(seriesOf(deploymentInfo, labelText({ data_class: dataClass, kind: view.kind, owner: team })), 1)
  // A cache that declares nothing may lose everything.
  const rpoSeconds = rpoMs === undefined ? (dataClass === 'store' ? USUAL_RPO_SECONDS : undefined) : rpoMs / 1000
  if (rpoSeconds !== undefined) snapshot.add(rpo, rpoSeconds)
  for (const [role, series] of serversOf)
    snapshot.add(series, view.servers.filter((server) => server.role === role).length)
  snapshot.add(missingServers, view.missing.length)
  snapshot.add(problems, view.problems.length)
  return snapshot
}
