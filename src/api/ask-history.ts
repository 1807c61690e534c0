// What a running daemon says of the rules that one look is too short for. It has held samples and evaluated these rules all
// the while, so that its alerts are taken as they are. Only of the very same rule: what the operator's own says under the
// same name is another question, and `respite alerts` answers it.

import { z } from 'zod'
import { askDaemon } from './ask-daemon.ts'
import { fleetSchema, type FleetDocument } from './contract.ts'
import type { CouldNotLook, DeploymentView, ServerView } from '../fleet/server.ts'
import { Fault } from '../lib/fault.ts'
import { formatDuration } from '../lib/units.ts'
import { parseNumber } from '../promql/literals.ts'
import { reachMs } from '../rules/expression.ts'
import { fingerprintOf, type RuleAlert } from '../rules/rule-alert.ts'
import type { Rule } from '../rules/rule-file.ts'
import { showAddress } from '../redis/url.ts'

/** What the daemon knows that one look does not. */
export interface History {
  readonly dataDir: string // of the daemon
  readonly deployment: string // its name in the daemon's configuration
  readonly heldMs: number // of samples of every server that was found, up to an hour
  readonly rules: readonly Rule[] // that it answered
  readonly alerts: readonly RuleAlert[] // of those rules, pending or firing
}

export interface HistoryAnswer {
  readonly history: History | undefined // no daemon, or none that watches this deployment
  readonly couldNotLook: readonly CouldNotLook[] // rules that nobody answers, with the reason
}

/** Asks the daemon of that folder; that none runs there is an answer too, and never thrown. */
export async function askHistory(
  dataDir: string,
  deployment: DeploymentView,
  rules: readonly Rule[],
): Promise<HistoryAnswer> {
  if (rules.length === 0) return { history: undefined, couldNotLook: [] }
  const atAll = 'respite watch evaluates them'
  try {
    const known = await findDeployment(dataDir, deployment.servers)
    if (known === undefined) {
      const hint = `${atAll}; the daemon of ${dataDir} does not watch this deployment`
      return { history: undefined, couldNotLook: [tooShort(rules, hint)] }
    }
    return await askAbout(dataDir, known, rules)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const hint = `${atAll}; of the daemon in ${dataDir}: ${error.why}`
    return { history: undefined, couldNotLook: [tooShort(rules, hint)] }
  }
}

const TIMEOUT_MS = 3_000 // one look is meant to be quick, also when the daemon hangs

async function ask<T>(dataDir: string, path: string, schema: z.ZodType<T>): Promise<T> {
  const answer = schema.safeParse(await askDaemon({ dataDir, method: 'GET', path, timeoutMs: TIMEOUT_MS }))
  if (answer.success) return answer.data
  throw new Fault({ doing: 'asking the daemon of', target: dataDir, why: 'it is another version of Respite' })
}

interface Known {
  readonly name: string
  readonly servers: ReadonlySet<string> // ids, as the daemon has them, of the servers that we found
}

/** A server as far as it is known: by its address alone before anybody was asked. */
export type Findable = Pick<ServerView, 'id' | 'address' | 'runId'>

/** The deployment of the daemon that has most of these servers. Throws a Fault where no daemon runs. */
export async function findDeployment(dataDir: string, servers: readonly Findable[]): Promise<Known | undefined> {
  const fleet = await ask(dataDir, '/api/v1/fleet', fleetSchema)
  const known = fleet.deployments.map((each) => {
    const same = each.servers.filter((theirs) => servers.some((ours) => isSame(ours, theirs)))
    return { name: each.name, servers: new Set(same.map(({ id }) => id)) }
  })
  const [best] = known.toSorted((a, b) => b.servers.size - a.servers.size)
  return best === undefined || best.servers.size === 0 ? undefined : best
}

type Theirs = FleetDocument['deployments'][number]['servers'][number]

/** By the run id where both know it: 127.0.0.1:6379 of two containers are two servers. */
function isSame(ours: Findable, theirs: Theirs): boolean {
  const isThere = ours.id === theirs.id || showAddress(ours.address) === theirs.address
  if (ours.runId === undefined || theirs.runId === undefined) return isThere
  return ours.runId === theirs.runId
}

// Of Prometheus' answers only what is read here.
const rulesSchema = z.object({ data: z.object({ groups: z.array(z.object({ rules: z.array(ruleSchema()) })) }) })
const firstSampleSchema = z.object({
  data: z.object({
    result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
  }),
})

type EvaluatedRule = z.infer<ReturnType<typeof ruleSchema>>

function ruleSchema() {
  const labels = z.record(z.string(), z.string())
  const state = z.enum(['pending', 'firing'])
  const alert = z.object({ labels, annotations: labels, state, activeAt: z.iso.datetime(), value: z.string() })
  const said = { name: z.string(), query: z.string(), health: z.string(), lastEvaluation: z.string() }
  return z.object({ ...said, alerts: z.array(alert) })
}

async function askAbout(dataDir: string, known: Known, rules: readonly Rule[]): Promise<HistoryAnswer> {
  const [heldMs, evaluated] = await Promise.all([
    askHeldMs(dataDir, known),
    ask(dataDir, '/api/v1/rules?type=alert', rulesSchema),
  ])
  const theirs = evaluated.data.groups.flatMap((group) => group.rules)
  const same = ({ name, query }: Rule): EvaluatedRule | undefined =>
    theirs.find((one) => one.name === name && one.query === query.text)
  const byOutcome = Map.groupBy(rules, (rule) => outcomeOf(rule, same(rule), heldMs))
  const of = (outcome: Outcome): Rule[] => byOutcome.get(outcome) ?? []
  const daemon = `the daemon of ${dataDir}`
  const hints = {
    young: `${daemon} holds ${formatDuration(heldMs)} of samples; ask again later`,
    other: `${daemon} evaluates other rules; respite alerts lists what they find`,
    failed: `${daemon} cannot evaluate them; its /api/v1/rules says why`,
  } as const
  const couldNotLook = (['young', 'other', 'failed'] as const)
    .filter((outcome) => of(outcome).length > 0)
    .map((outcome) => tooShort(of(outcome), hints[outcome]))
  const answered = of('answered')
  if (answered.length === 0) return { history: undefined, couldNotLook }
  const alerts = answered
    .flatMap((rule) => same(rule)?.alerts ?? [])
    .filter(({ labels }) => labels['deployment'] === known.name)
  const history = { dataDir, deployment: known.name, heldMs, rules: answered, alerts: alerts.map(alertOf) }
  return { history, couldNotLook }
}

type Outcome = 'answered' | 'young' | 'other' | 'failed'

const LATEST_MS = 60_000 // a rule without news for longer stands still; those that ship are evaluated every 5 s

function outcomeOf({ query }: Rule, found: EvaluatedRule | undefined, heldMs: number): Outcome {
  if (found === undefined) return 'other'
  if (reachMs(query.expr) > heldMs) return 'young'
  const isNew = Date.now() - Date.parse(found.lastEvaluation) <= LATEST_MS
  return found.health === 'ok' && isNew ? 'answered' : 'failed'
}

/** For how long the daemon has samples of the server that it knows for the shortest time; 0 when of none. */
async function askHeldMs(dataDir: string, { name, servers }: Known): Promise<number> {
  const query = `min_over_time(timestamp(redis_up{deployment=${JSON.stringify(name)}})[1h:10s])`
  const path = `/api/v1/query?query=${encodeURIComponent(query)}`
  const { data } = await ask(dataDir, path, firstSampleSchema)
  const firstMs = data.result
    .filter(({ metric }) => servers.has(metric['instance'] ?? ''))
    .map(({ value: [, seconds] }) => Number(seconds) * 1_000)
  return firstMs.length === 0 ? 0 : Math.max(0, Date.now() - Math.max(...firstMs))
}

function alertOf({ labels, annotations, state, activeAt, value }: EvaluatedRule['alerts'][number]): RuleAlert {
  const name = labels['alertname'] ?? ''
  const found = { activeAt: Date.parse(activeAt), value: parseNumber(value) ?? NaN, fingerprint: fingerprintOf(labels) }
  return { name, labels, annotations, state, ...found }
}

function tooShort(rules: readonly Rule[], hint: string): CouldNotLook {
  const names = [...new Set(rules.map(({ name, query }) => `${name} needs ${formatDuration(reachMs(query.expr))}`))]
  return { at: 'alerts', why: `one look is too short for: ${names.join(', ')}`, hint }
}
