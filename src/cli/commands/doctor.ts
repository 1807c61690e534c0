// `respite doctor URL`: one look at a deployment, for a person in a hurry or a program. The topology, how every server
// answers and what that means, the health summary, a verdict, and an exit code.

import type { DoctorDocument } from '../../api/contract.ts'
import { answerDocument } from '../../api/fleet-document.ts'
import type { ServerView } from '../../fleet/server.ts'
import { formatBytes, formatDuration } from '../../lib/units.ts'
import { ANSWERS } from '../../redis/answers.ts'
import { formatValue } from '../../promql/format-value.ts'
import { BUILTIN_ONLY, readRuleSet } from '../../rules/rule-set.ts'
import type { RuleAlert } from '../../rules/rule-alert.ts'
import { showAddress } from '../../redis/url.ts'
import type { History } from '../../api/ask-history.ts'
import { CONNECTION_FLAGS } from '../connection-flags.ts'
import { textFlag, type Command, type ExitCode } from '../command.ts'
import { examine, type Examination, type Health, type Verdict } from '../examine.ts'
import { MARKS } from '../fleet-screen.ts'
import { printable } from '../table.ts'

const EXIT: Readonly<Record<Verdict, ExitCode>> = { healthy: 0, warning: 1, critical: 2, unreachable: 2 }

export default {
  usage: '<url>',
  describe: 'look once at the deployment behind a URL: who, how they answer, what to do first',
  more: 'A daemon that runs on this machine and watches the deployment is asked for what one look is too short for.',
  flags: {
    '--supervisor <name>': 'what starts the server: docker:NAME, systemd:UNIT, homebrew:redis, process:PID',
    '--data <dir>': 'the folder of that daemon’s --data',
    '--json': 'one JSON document',
    ...CONNECTION_FLAGS,
  },
  exits: { 0: 'healthy', 1: 'warnings', 2: 'critical, or nobody can be reached' },

  async run([url = ''], flags, context) {
    const deployment = await context.deploymentOfUrl(url, flags)
    const { groups } = readRuleSet(BUILTIN_ONLY, '.')
    const dataDir = textFlag(flags, 'data') ?? context.defaultDataDir
    const examination = await examine(deployment, { groups, dataDir })
    if (context.json) context.printJson(documentOf(deployment.target.shown, examination))
    else context.out.write(textOf(deployment.target.shown, examination).join('\n') + '\n')
    return EXIT[examination.verdict]
  },
} satisfies Command

function documentOf(target: string, examination: Examination): DoctorDocument {
  const { verdict, reasons, tookMs, deployment, alerts, history, health, couldNotLook } = examination
  return {
    target,
    verdict,
    reasons: [...reasons],
    tookMs,
    deployment: {
      kind: deployment.kind,
      servers: deployment.servers.map((server) => ({
        id: server.id,
        address: showAddress(server.address),
        role: server.role,
        ...(server.version === undefined ? {} : { version: server.version }),
        ...(server.flavour === undefined ? {} : { flavour: server.flavour }),
        ...(health.has(server.id) ? { health: definedOf(health.get(server.id) ?? {}) } : {}),
        answer: answerDocument(server.answer, server.since),
      })),
    },
    alerts: [...alerts, ...(history?.alerts ?? [])].map(alertDocument),
    ...(history === undefined ? {} : { history: historyDocument(history) }),
    findings: [],
    couldNotLook: [...couldNotLook],
  }
}

function alertDocument({ name, state, value, labels }: RuleAlert): DoctorDocument['alerts'][number] {
  const severity = labels['severity'] ?? ''
  return {
    name,
    severity,
    state: state === 'pending' ? 'pending' : 'firing',
    value: formatValue(value),
    labels: { ...labels },
  }
}

function historyDocument({ dataDir, deployment, heldMs, rules }: History): NonNullable<DoctorDocument['history']> {
  return { dataDir, deployment, heldMs: Math.round(heldMs), rules: [...new Set(rules.map(({ name }) => name))] }
}

function definedOf(health: Health): NonNullable<DoctorDocument['deployment']['servers'][number]['health']> {
  return Object.fromEntries(Object.entries(health).filter(([, value]) => value !== undefined))
}

function textOf(target: string, examination: Examination): string[] {
  const { verdict, deployment, alerts, history, health, couldNotLook, tookMs } = examination
  const count = deployment.servers.length
  const lines = [
    `${target}: ${deployment.kind}, ${count} ${count === 1 ? 'server' : 'servers'}, looked at in ${formatDuration(tookMs)}`,
    `verdict: ${verdict}`,
    '',
  ]
  for (const server of deployment.servers) lines.push(...serverLines(server, health.get(server.id)))
  lines.push(...deployment.problems.map((problem) => `! ${problem}`))
  if (alerts.length > 0) lines.push('', 'alerts (their `for` not waited for):', ...alerts.flatMap(alertLines))
  if (history !== undefined) lines.push('', ...historyLines(history))
  if (couldNotLook.length > 0) lines.push('', 'could not look:')
  for (const { at, why, hint } of couldNotLook) lines.push(`  ${at}: ${printable(why)}`, `    ${printable(hint)}`)
  return lines
}

function historyLines({ dataDir, deployment, heldMs, rules, alerts }: History): string[] {
  const held = `the daemon of ${dataDir} (${deployment}, ${formatDuration(heldMs)} of samples)`
  const asked = `${rules.length} ${rules.length === 1 ? 'rule' : 'rules'} with longer windows`
  if (alerts.length === 0) return [`${asked}: ${held} finds nothing`]
  const since = ({ activeAt }: RuleAlert): string => formatDuration(Date.now() - activeAt)
  return [
    `${asked}: ${held} finds`,
    ...alerts.flatMap((alert) => {
      const [first = '', ...more] = alertLines(alert)
      return [`${first} (${alert.state}, for ${since(alert)})`, ...more]
    }),
  ]
}

function alertLines({ name, labels, annotations }: RuleAlert): string[] {
  const { summary = '', first } = annotations
  const lines = [`  ${labels['severity'] ?? 'warning'} ${name}: ${printable(summary)}`]
  return first === undefined ? lines : [...lines, `    → ${printable(first)}`]
}

function serverLines(server: ServerView, health: Health | undefined): string[] {
  const words = ANSWERS[server.answer.id]
  const { connectMs, replyMs, text } = server.answer
  const times =
    replyMs === undefined || words.severity !== 'ok'
      ? ''
      : ` (connected in ${show(connectMs)}, answered in ${show(replyMs)})`
  const reached = showAddress(server.address)
  const lines = [
    `${MARKS[words.severity]} ${server.role} ${server.id}${reached === server.id ? '' : ` at ${reached}`}: ${words.says}${times}`,
  ]
  if (words.severity !== 'ok') {
    if (text !== undefined) lines.push(`    ${printable(text)}`)
    lines.push(`    ${words.means}`, `    → ${words.first}`)
  }
  if (server.role === 'replica') lines.push(`    ${linkText(server)}`)
  if (health !== undefined) lines.push(...healthLines(server, health))
  return lines
}

function show(ms: number | undefined): string {
  return ms === undefined ? '?' : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
}

function linkText({ linkUp, primary, lagSeconds }: ServerView): string {
  const link = linkUp === undefined ? 'link not known' : linkUp ? 'link up' : 'link DOWN'
  return (
    `replica of ${primary ?? '?'}, ${link}` +
    (lagSeconds === undefined ? '' : `, ${Number(lagSeconds.toFixed(1))} s behind`)
  )
}

function healthLines(server: ServerView, health: Health): string[] {
  const said = (value: number | undefined): string => (value === undefined ? '?' : String(value))
  const { uptimeSeconds, usedMemoryBytes, maxmemoryBytes, maxmemoryPolicy } = health
  const up = uptimeSeconds === undefined ? '?' : formatDuration(uptimeSeconds * 1000)
  const name = server.flavour === 'valkey' ? 'Valkey' : 'Redis'
  const lines = [`    ${name} ${server.version ?? '?'} on ${health.os ?? '?'}, up ${up}`]
  if (server.role === 'sentinel') return lines
  const limit =
    maxmemoryBytes === undefined
      ? '?'
      : maxmemoryBytes === 0
        ? 'no limit'
        : `${formatBytes(maxmemoryBytes)}, ${maxmemoryPolicy ?? '?'}`
  const memory = usedMemoryBytes === undefined ? '?' : formatBytes(usedMemoryBytes)
  lines.push(`    memory ${memory} (maxmemory: ${limit}); ${said(health.evictedKeys)} keys evicted`)
  lines.push(
    `    ${said(health.clients)} of ${said(health.maxClients)} clients, ${said(health.rejectedConnections)} connections rejected; ${said(health.replicas)} replicas`,
  )
  return lines
}
