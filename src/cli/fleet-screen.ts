// The fleet on a terminal: a line for each server, and under each that does not answer as it should, what that means and
// what to do first. A pure function of what is known now; `watch` draws it again when something changes.

import type { DeploymentView, ServerView } from '../fleet/server.ts'
import { formatBytes, formatCount, formatDuration } from '../lib/units.ts'
import type { Snapshot } from '../metrics/series.ts'
import { ANSWERS } from '../redis/answers.ts'
import type { AlertLine } from './alert-lines.ts'
import { printable, tableLines } from './table.ts'

export interface ScreenInput {
  readonly deployments: readonly DeploymentView[]
  latest(deployment: string, serverId: string): Snapshot | undefined
  readonly url: string
  readonly notice?: string | undefined // what Respite has to say of itself
  readonly alerts?: readonly AlertLine[] | undefined // what fires, the worst first
  readonly nowMs: number
  readonly columns: number
  readonly rows: number
  readonly colours: boolean
}

const HEADINGS = ['', 'server', 'role', 'answer', 'memory', 'ops/s', 'p99', 'lag', 'clients', 'last save']
const WANTED = [
  'redis_memory_used_bytes',
  'redis_memory_max_bytes',
  'redis_instantaneous_ops_per_sec',
  'respite_latency_p99_seconds',
  'redis_connected_clients',
  'redis_max_clients',
  'redis_rdb_last_save_timestamp_seconds',
  'redis_rdb_saves_total',
] as const

/** The lines of the screen, none wider than `columns`, at most `rows` of them; where not all fit, the worst come first. */
export function fleetScreen(input: ScreenInput): string[] {
  const lines = [headline(input), ...noticeLines(input), ...firing(input), '']
  for (const deployment of input.deployments) lines.push(...deploymentLines(deployment, input), '')
  if (lines.length <= input.rows) return lines.map((line) => cut(line, input.columns))
  return folded(input).map((line) => cut(line, input.columns))
}

function headline({ deployments, url, nowMs, colours }: ScreenInput): string {
  const servers = deployments.flatMap((deployment) => deployment.servers)
  const count = (severity: string): number => servers.filter((server) => severityOf(server) === severity).length
  const [critical, warning] = [count('critical'), count('warning')]
  const state =
    critical > 0
      ? `${critical} critical`
      : warning > 0
        ? `${warning} with warnings`
        : servers.length > 0
          ? 'all answer'
          : 'none found yet'
  const time = new Date(nowMs).toISOString().slice(11, 19)
  const paint = critical > 0 ? RED : warning > 0 ? YELLOW : GREEN
  return `${paintIf(colours, BOLD, 'Respite')}  ${servers.length} ${servers.length === 1 ? 'server' : 'servers'}, ${paintIf(colours, paint, state)}  ${time} UTC  ${url}`
}

function noticeLines({ notice, colours }: ScreenInput): string[] {
  if (notice === undefined) return []
  return notice.split('\n').map((line) => paintIf(colours, YELLOW, `! ${printable(line.trim())}`))
}

function firing({ alerts = [], colours }: ScreenInput): string[] {
  const paint = { critical: RED, warning: YELLOW, info: DIM }
  return alerts.map(({ severity, text }) => paintIf(colours, paint[severity], `${MARKS[severity]}  ${text}`))
}

function deploymentLines(deployment: DeploymentView, input: ScreenInput): string[] {
  const { name, kind, servers, problems } = deployment
  const rows = servers.map((server) => rowOf(server, input))
  const [headings = '', ...lines] = tableLines(HEADINGS, rows)
  const warnings = problems.map((problem) => `  ! ${printable(problem)}`)
  const head = [paintIf(input.colours, BOLD, printable(name)), ` (${kind})`, ...warnings].join('')
  const body = lines.flatMap((line, at) => {
    const server = servers[at]
    if (server === undefined) return []
    return [paintLine(line, server, input.colours), ...explained(server, input)]
  })
  return [head, paintIf(input.colours, DIM, headings), ...body]
}

/** What an answer that is not ok means, in the words that every alert uses too. */
function explained(server: ServerView, { colours, nowMs }: ScreenInput): string[] {
  const words = ANSWERS[server.answer.id]
  if (words.severity === 'ok' && server.standing !== 'missing') return []
  const lines = words.severity === 'ok' ? [] : [words.means, `→ ${words.first}`]
  if (server.answer.text !== undefined && words.severity !== 'ok')
    lines.unshift(`for ${formatDuration(nowMs - server.since)}; ${printable(server.answer.text)}`)
  if (server.standing === 'missing')
    lines.push(
      `expected, and no other server names it: respite fleet forget ${printable(server.id)} if it is gone for good`,
    )
  return lines.map((line) => paintIf(colours, DIM, `     ${line}`))
}

function rowOf(server: ServerView, { latest, nowMs }: ScreenInput): string[] {
  const snapshot = latest(server.deployment, server.id)
  const values = pick(snapshot)
  const [used, max, ops, p99, clients, maxClients, savedAt, saves] = WANTED.map((name) => values.get(name))
  const known = values.has('redis_memory_used_bytes')
  const isSentinel = server.role === 'sentinel'
  return [
    MARKS[severityOf(server)],
    server.id,
    server.role === 'unknown' ? '?' : server.role,
    ANSWERS[server.answer.id].says + (server.standing === 'expected' ? '' : ` (${server.standing})`),
    used === undefined || isSentinel
      ? '–'
      : formatBytes(used) + (max === undefined || max === 0 ? '' : ` of ${formatBytes(max)}`),
    ops === undefined || isSentinel ? '–' : formatCount(ops),
    p99 === undefined ? '–' : formatLatency(p99),
    lagText(server),
    clients === undefined ? '–' : formatCount(clients) + (maxClients === undefined ? '' : ` of ${maxClients}`),
    !known || savedAt === undefined || isSentinel
      ? '–'
      : saves === 0
        ? 'never'
        : `${formatDuration(nowMs - savedAt * 1000)} ago`,
  ]
}

function lagText(server: ServerView): string {
  if (server.role !== 'replica') return '–'
  if (server.linkUp === false) return 'link down'
  return server.lagSeconds === undefined
    ? '?'
    : `${server.lagSeconds < 10 ? Number(server.lagSeconds.toFixed(1)) : Math.round(server.lagSeconds)} s`
}

function formatLatency(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–'
  return seconds < 0.001 ? `${Math.round(seconds * 1e6)} µs` : `${Number((seconds * 1e3).toFixed(1))} ms`
}

/** The wanted values in one pass over a snapshot of a thousand. */
function pick(snapshot: Snapshot | undefined): Map<string, number> {
  const values = new Map<string, number>()
  if (snapshot === undefined) return values
  for (let at = 0; at < snapshot.series.length; at += 1) {
    const series = snapshot.series[at]
    if (series !== undefined && series.labels === '' && wanted.has(series.name))
      values.set(series.name, snapshot.values[at] ?? Number.NaN)
  }
  return values
}

const wanted: ReadonlySet<string> = new Set(WANTED)

type Severity = 'ok' | 'warning' | 'critical'

export const MARKS = { ok: '●', info: '●', warning: '▲', critical: '✖' } as const // never colour alone

function severityOf(server: ServerView): Severity {
  if (server.standing === 'missing') return 'critical'
  if (ANSWERS[server.answer.id].severity === 'ok' && (server.linkUp === false || server.standing === 'new'))
    return 'warning'
  return ANSWERS[server.answer.id].severity
}

const WORST: readonly Severity[] = ['critical', 'warning', 'ok']
const MOST_PROBLEMS = 3

/** A fleet that does not fit: a line for each server in trouble, words while there is room, the others counted. */
function folded(input: ScreenInput): string[] {
  const servers = input.deployments.flatMap((deployment) => deployment.servers)
  const sorted = WORST.flatMap((severity) => servers.filter((server) => severityOf(server) === severity))
  const problems = problemLines(input.deployments)
  const [headings = '', ...rows] = tableLines(
    ['', 'deployment', ...HEADINGS.slice(1)],
    sorted.map((server) => {
      const [mark = '', ...cells] = rowOf(server, input)
      return [mark, server.deployment, ...cells]
    }),
  )
  const room = Math.max(1, input.rows - 4 - problems.length) // without the head, a line between, headings, and the count
  const inTrouble = sorted.filter((server) => severityOf(server) !== 'ok').length
  let spare = Math.max(0, room - inTrouble)
  const body = sorted.slice(0, Math.min(room, inTrouble)).flatMap((server, at) => {
    const words = explained(server, input)
    const fits = words.length <= spare
    if (fits) spare -= words.length
    return [paintLine(rows[at] ?? '', server, input.colours), ...(fits ? words : [])]
  })
  const well = sorted.slice(inTrouble, inTrouble + spare)
  body.push(...well.map((server, at) => paintLine(rows[inTrouble + at] ?? '', server, input.colours)))
  const more = countOfHidden(Math.max(0, inTrouble - room), sorted.length - inTrouble - well.length)
  const lines = [headline(input), ...problems, '', paintIf(input.colours, DIM, headings), ...body, ...more]
  return lines.slice(0, input.rows)
}

function problemLines(deployments: readonly DeploymentView[]): string[] {
  const all = deployments.flatMap(({ name, problems }) => problems.map((problem) => `! ${name}: ${problem}`))
  const hidden = all.length - MOST_PROBLEMS
  const shown = all.slice(0, MOST_PROBLEMS).map(printable)
  return hidden > 0 ? [...shown, `! … and ${hidden} more of these`] : shown
}

function countOfHidden(inTrouble: number, well: number): string[] {
  const parts = [
    ...(inTrouble > 0 ? [`${inTrouble} more in trouble`] : []),
    ...(well > 0 ? [`${well} more that answer`] : []),
  ]
  return parts.length === 0 ? [] : [`… and ${parts.join(', ')}`]
}

const ESCAPE = '\u001b'
const [BOLD, DIM, RED, YELLOW, GREEN] = ['1', '2', '31', '33', '32']

function paintIf(colours: boolean, code: string | undefined, text: string): string {
  return colours ? `${ESCAPE}[${code}m${text}${ESCAPE}[0m` : text
}

function paintLine(line: string, server: ServerView, colours: boolean): string {
  const severity = severityOf(server)
  if (severity !== 'ok') return paintIf(colours, severity === 'critical' ? RED : YELLOW, line)
  return colours ? paintIf(true, GREEN, line.slice(0, 1)) + line.slice(1) : line
}

/** Cuts a line at the width of the terminal. Ours are the only escape sequences in it (ESC [ digits m): no width. */
function cut(line: string, columns: number): string {
  let room = columns
  return line
    .split(ESCAPE)
    .map((part, at) => {
      const [, code = '', text = part] = at === 0 ? [] : (/^(\[\d+m)(.*)$/s.exec(part) ?? [])
      const kept = text.slice(0, room)
      room -= kept.length
      return (at === 0 ? '' : ESCAPE + code) + kept
    })
    .join('')
}
