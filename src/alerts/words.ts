// The words of a message: what, since when, how bad, on which server, what to do first, whose it is, where to read on.
// The first line must be enough for somebody who was just woken. Plain text; each notifier dresses it its own way.

import { formatDuration } from '../lib/units.ts'
import type { Cause } from './cause.ts'
import type { Notice, NoticeAlert } from './notice.ts'

const MOST_PROOFS = 4
const MOST_ALERTS = 10 // of one message; a phone shows less

/** "CRITICAL orders: RedisDown on 10.0.0.5:6379 (primary), refuses connections". */
export function titleOf(notice: Notice): string {
  if (notice.kind === 'test') return 'TEST: Respite can reach you here'
  const where = placeOf(notice)
  const [worst] = notice.firing.filter(({ news }) => news).concat(notice.firing)
  if (worst === undefined) {
    const [only] = notice.resolved
    const more = notice.resolved.length - 1
    return `RESOLVED ${where}: ${only === undefined ? 'nothing fires' : nameAndServer(only)}${more > 0 ? ` and ${more} more` : ''}`
  }
  const more = notice.firing.length - 1
  const said = worst.subject === undefined ? '' : `, ${worst.subject.says}`
  const cause = worst.cause === undefined ? '' : `; cause: ${worst.cause.check}`
  return `${MARKS[notice.kind](worst)} ${where}: ${nameAndServer(worst)}${said}${more > 0 ? ` and ${more} more` : ''}${cause}`
}

type FiringKind = Exclude<Notice['kind'], 'test'>

const MARKS: Readonly<Record<FiringKind, (worst: NoticeAlert) => string>> = {
  firing: ({ severity }) => severity.toUpperCase(),
  escalation: ({ severity }) => `${severity.toUpperCase()}, nobody has acknowledged:`,
  diagnosed: ({ severity }) => `CAUSE FOUND, ${severity}:`,
  repeat: ({ severity }) => `STILL ${severity.toUpperCase()}`,
  acknowledged: ({ ack }) => `ACKNOWLEDGED by ${ack?.by ?? 'somebody'}:`,
  resolved: ({ severity }) => `PARTLY RESOLVED, still ${severity}:`,
}

/** The whole message below its title, a line each; an empty line between alerts. */
export function linesOf(notice: Notice): string[] {
  if (notice.kind === 'test')
    return [`Sent by hand with \`respite notify test\` from ${notice.externalUrl}. Nothing is wrong.`]
  const firing = notice.firing.slice(0, MOST_ALERTS).flatMap((alert) => ['', ...alertLines(alert, notice)])
  const unshown = notice.firing.length - MOST_ALERTS
  const ended = notice.resolved.slice(0, MOST_ALERTS).map((alert) => endLine(alert))
  const unshownEnds = notice.resolved.length - MOST_ALERTS
  return [
    ...firing,
    ...(unshown > 0 ? ['', `and ${unshown} more that fire`] : []),
    ...(ended.length > 0 ? ['', ...ended] : []),
    ...(unshownEnds > 0 ? [`and ${unshownEnds} more that ended`] : []),
    '',
    ...ownerLines(notice),
    `Silence, acknowledge: ${notice.externalUrl || 'respite alerts'} (respite alerts ack ID)`,
  ].slice(firing.length + ended.length > 0 ? 1 : 0)
}

function alertLines(alert: NoticeAlert, notice: Notice): string[] {
  const { name, severity, annotations, activeAt, subject, flapping, ack, fingerprint, labels, cause } = alert
  const first = annotations['first'] ?? subject?.first
  const runbook = annotations['runbook_url'] ?? annotations['runbook']
  return [
    `${name}, ${severity}: ${annotations['summary'] ?? nameAndServer(alert)}`,
    ...lineIf('What', annotations['description'] ?? annotations['message']),
    `Since: ${isoSeconds(activeAt)} (${formatDuration(notice.at - activeAt)})${flapping ? '; it comes and goes' : ''}`,
    ...lineIf('Server', subject === undefined ? labels['instance'] : `${subject.id}, ${subject.role}: ${subject.says}`),
    ...lineIf('Means', subject?.means),
    ...causeLines(cause),
    ...lineIf('Costs', annotations['impact']),
    ...lineIf('First', first),
    ...lineIf('Runbook', runbook),
    ...lineIf('Acknowledged', ack === undefined ? undefined : `by ${ack.by}${ack.comment && `: ${ack.comment}`}`),
    `ID: ${fingerprint}`,
  ]
}

function causeLines(cause: Cause | undefined): string[] {
  if (cause === undefined) return []
  return [
    ...lineIf('Cause', `${cause.says} (${cause.check})`),
    ...lineIf('Proof', cause.proof.slice(0, MOST_PROOFS).join('; ')),
    ...lineIf('Not', cause.not.slice(0, MOST_PROOFS).join('; ')),
    ...lineIf('At risk', cause.atRisk.join('; ')),
    ...lineIf('May help', cause.helps.join('; ')),
    ...lineIf('Incident', `${cause.incident} (respite incident ${cause.incident})`),
  ]
}

function endLine(alert: NoticeAlert): string {
  const { activeAt, endsAt = activeAt } = alert
  return `Resolved: ${nameAndServer(alert)}, after ${formatDuration(endsAt - activeAt)} (${isoSeconds(endsAt)})`
}

function ownerLines({ owner }: Notice): string[] {
  if (owner === undefined) return []
  const who = [owner.team, owner.slack, owner.oncall && `on call: ${owner.oncall}`].filter(Boolean).join(', ')
  return [
    ...lineIf('Owner', who === '' ? undefined : who),
    ...lineIf('Data', owner.insight),
    ...lineIf('Depends on it', owner.dependents.length === 0 ? undefined : owner.dependents.join(' ')),
  ]
}

const lineIf = (heading: string, text: string | undefined): string[] =>
  text === undefined || text === '' ? [] : [`${heading}: ${text.replaceAll(/\s*\n\s*/g, ' ')}`]

function nameAndServer({ name, labels, subject }: NoticeAlert): string {
  const role = subject === undefined ? '' : ` (${subject.role})`
  return labels['instance'] === undefined ? name : `${name} on ${labels['instance']}${role}`
}

/** The deployment, or whatever the group has in common. */
function placeOf({ groupLabels }: Notice): string {
  return Object.values(groupLabels).filter(Boolean).join(' ') || 'fleet'
}

const isoSeconds = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`
