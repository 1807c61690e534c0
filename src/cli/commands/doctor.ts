// `respite doctor URL`: one look at a deployment, for a person in a hurry or a program. The topology, how every server
// answers and what that means, the health summary, a verdict, and an exit code.

import type { DoctorDocument } from '../../api/contract.ts'
import { atRiskDocument, findingDocument, undecidedDocument } from '../../api/diagnosis-documents.ts'
import { answerDocument } from '../../api/fleet-document.ts'
import type { ServerEvidence } from '../../diagnosis/evidence.ts'
import { platformOf } from '../../diagnosis/platform.ts'
import { Fault } from '../../lib/fault.ts'
import { present } from '../../lib/present.ts'
import { parseDurationMs } from '../../lib/units.ts'
import { formatValue } from '../../promql/format-value.ts'
import { BUILTIN_ONLY, readRuleSet } from '../../rules/rule-set.ts'
import type { RuleAlert } from '../../rules/rule-alert.ts'
import { showAddress } from '../../redis/url.ts'
import { textFlag, type Command, type Context, type ExitCode, type Flags } from '../command.ts'
import { CONNECTION_FLAGS } from '../connection-flags.ts'
import { doctorLines } from '../doctor-lines.ts'
import { healthOf } from '../health.ts'
import { judge, sight, type Examination, type HistoryFound, type Sighting, type Verdict } from '../examine.ts'
import { LOOK_FLAGS, lookOf } from '../look-flags.ts'
import { readSighting, saveSighting } from '../saved-sighting.ts'

const LONGEST_MS = 3_600_000
const EXIT: Readonly<Record<Verdict, ExitCode>> = { healthy: 0, warning: 1, critical: 2, unreachable: 2 }

export default {
  usage: '[url]',
  describe: 'look once at the deployment behind a URL: who, how they answer, what to do first',
  more: 'A daemon that runs on this machine and watches the deployment is asked for what one look is too short for.',
  flags: {
    ...LOOK_FLAGS,
    '--data <dir>': 'the folder of that daemon’s --data',
    '--for <duration>': 'look for so long (60s), so that rules with longer windows can be answered',
    '--save <file>': 'keep what was seen, without secrets, for --from',
    '--from <file>': 'judge what --save kept, and look at nothing',
    '--json': 'one JSON document',
    ...CONNECTION_FLAGS,
  },
  exits: { 0: 'healthy', 1: 'warnings', 2: 'critical, or nobody can be reached' },

  async run([url], flags, context) {
    const sighting = await sightingOf(url, flags, context)
    const save = textFlag(flags, 'save')
    if (save !== undefined) await saveSighting(save, sighting)
    const examination = await judge(sighting)
    if (context.json) context.printJson(documentOf(examination))
    else context.out.write(doctorLines(examination).join('\n') + '\n')
    return EXIT[examination.verdict]
  },
} satisfies Command

async function sightingOf(url: string | undefined, flags: Flags, context: Context): Promise<Sighting> {
  const from = textFlag(flags, 'from')
  if (from !== undefined && url === undefined) return readSighting(from)
  if (url === undefined || from !== undefined)
    throw new Fault({
      doing: 'reading the arguments of',
      target: 'doctor',
      why: url === undefined ? 'there is nothing to look at' : 'a URL and --from are two things to look at',
      hint: 'Give either a URL, or --from FILE.',
      exit: 64,
    })
  const deployment = await context.deploymentOfUrl(url, flags)
  const { groups } = readRuleSet(BUILTIN_ONLY, '.')
  const dataDir = textFlag(flags, 'data') ?? context.defaultDataDir
  return sight(deployment, { groups, dataDir, look: lookOf(flags), ...forOf(flags) })
}

function forOf(flags: Flags): { forMs?: number } {
  const text = textFlag(flags, 'for')
  if (text === undefined) return {}
  const forMs = parseDurationMs(text)
  if (forMs !== undefined && forMs > 0 && forMs <= LONGEST_MS) return { forMs }
  throw new Fault({
    doing: 'reading the flag',
    target: '--for',
    why: `"${text}" is not a duration up to an hour`,
    hint: 'Write for example --for 60s',
    exit: 64,
  })
}

function documentOf(examination: Examination): DoctorDocument {
  const { target, verdict, reasons, tookMs, deployment, alerts, history, evidence, couldNotLook } = examination
  const { findings, undecided, atRisk } = examination
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
        ...healthDocument(evidence.servers.find(({ id }) => id === server.id)),
        answer: answerDocument(server.answer, server.since),
      })),
    },
    platform: platformOf(examination.evidence),
    alerts: [...alerts, ...(history?.alerts ?? [])].map(alertDocument),
    ...(history === undefined ? {} : { history: historyDocument(history) }),
    findings: findings.map(findingDocument),
    atRisk: atRiskDocument(atRisk),
    ...(undecided.length === 0 ? {} : { undecided: undecided.map(undecidedDocument) }),
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

function historyDocument({ dataDir, deployment, heldMs, rules }: HistoryFound): NonNullable<DoctorDocument['history']> {
  return { dataDir, deployment, heldMs: Math.round(heldMs), rules: [...rules] }
}

function healthDocument(
  server: ServerEvidence | undefined,
): Pick<DoctorDocument['deployment']['servers'][number], 'health'> {
  const health = healthOf(server)
  return health === undefined ? {} : { health: present(health) }
}
