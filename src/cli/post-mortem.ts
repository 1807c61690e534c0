// An incident as a post-mortem in Markdown: what was seen, why, what proves it, what happened when, what was at risk and
// what may help. Made from what was noted while it lasted; what only people know is left to them, under a heading.

import type { FindingDocument, IncidentDocument } from '../api/contract.ts'
import { formatDuration } from '../lib/units.ts'

export function postMortem(incident: IncidentDocument): string {
  const { id, deployment, opened, closed, alerts, findings, undecided, atRisk, timeline, couldNotLook } = incident
  const roots = findings.filter(({ root }) => root)
  const others = findings.filter(({ root, kind }) => !root && kind !== 'advice')
  const lasted = closed === undefined ? 'open' : formatDuration(Date.parse(closed) - Date.parse(opened))
  return [
    `# ${id}`,
    '',
    `- deployment: ${deployment}`,
    `- opened: ${opened}`,
    `- closed: ${closed ?? 'not yet'}${closed === undefined ? '' : ` (after ${lasted})`}`,
    `- cause: ${roots.length === 0 ? 'not known' : roots.map(({ check, server }) => `\`${check}\` on ${server}`).join(', ')}`,
    '',
    '## Root cause',
    '',
    ...(roots.length === 0 ? ['No cause was found.', ''] : roots.flatMap(rootLines)),
    ...undecided.flatMap(({ between, says, wouldTell }) => [
      `It could not be told between ${between.map((check) => `\`${check}\``).join(' and ')}: ${says} What would tell: ${wouldTell}`,
      '',
    ]),
    '## Alerts',
    '',
    '| alert | server | severity | since | until |',
    '|---|---|---|---|---|',
    ...alerts.map(
      ({ name, server, severity, since, resolved }) =>
        `| ${name} | ${server ?? ''} | ${severity} | ${since} | ${resolved ?? ''} |`,
    ),
    '',
    ...section('At risk meanwhile', atRisk),
    '## Timeline',
    '',
    ...timeline.map(({ at, server, says }) => `- ${at} ${server === undefined ? '' : `${server} `}${oneLine(says)}`),
    '',
    ...section(
      'Found besides',
      others.map(({ check, server, says }) => `\`${check}\` on ${server}: ${oneLine(says)}`),
    ),
    ...section(
      'What could not be looked at',
      couldNotLook.map(({ at, why }) => `${at}: ${oneLine(why)}`),
    ),
    '## What was done, and what follows from it',
    '',
    '_To be written by the people who were there._',
    '',
  ].join('\n')
}

function rootLines({ check, server, says, first, evidence, ruledOut, actions }: FindingDocument): string[] {
  return [
    `**\`${check}\` on ${server}.** ${oneLine(says)}`,
    '',
    ...section(
      '',
      evidence.map(({ source, name, value }) => `${source}: ${name} ${oneLine(value)}`),
    ),
    ...(ruledOut.length === 0 ? [] : ['It was not:', '']),
    ...section(
      '',
      ruledOut.map((one) => `\`${one.check}\`: ${oneLine(one.by)}`),
    ),
    ...(first === undefined ? [] : [`To do first: ${oneLine(first)}`, '']),
    ...(actions.length === 0 ? [] : ['What may help:', '']),
    ...section(
      '',
      actions.map(({ id, risk, why }) => `\`${id}\` (risk: ${risk}): ${oneLine(why)}`),
    ),
  ]
}

/** A heading with a list below it; nothing where there is nothing to list. */
function section(heading: string, items: readonly string[]): string[] {
  if (items.length === 0) return []
  return [...(heading === '' ? [] : [`## ${heading}`, '']), ...items.map((item) => `- ${item}`), '']
}

const oneLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, ' ')
