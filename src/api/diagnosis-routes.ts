// What Respite found out: incidents, and the findings of the last look at each deployment. Where servers keep their files
// is told over the socket alone.

import type { Hono } from 'hono'
import type { Undecided } from '../diagnosis/check.ts'
import type { Finding } from '../diagnosis/diagnose.ts'
import type { BackupsSeen, Declared, HistorySeen } from '../diagnosis/evidence.ts'
import type { Incident } from '../diagnosis/incident.ts'
import type { Remembered } from '../diagnosis/source.ts'
import type { CouldNotLook } from '../fleet/server.ts'
import { Fault } from '../lib/fault.ts'
import { present } from '../lib/present.ts'
import type { FindingListDocument, IncidentListDocument, MemoryDocument } from './contract.ts'
import { couldNotLookDocument, findingDocument, incidentDocument, undecidedDocument } from './diagnosis-documents.ts'

/** What the API asks whoever diagnoses. */
export interface DiagnosisAsked {
  incidents(): readonly Incident[]
  /** The last look at each deployment. */
  standing(): readonly {
    readonly deployment: string
    readonly at: number // epoch ms
    readonly findings: readonly Finding[]
    readonly undecided: readonly Undecided[]
    readonly couldNotLook: readonly CouldNotLook[]
  }[]
  readonly runbookFolders: readonly string[] // of the operator's own
  memory(deployment: string): {
    readonly remembered: ReadonlyMap<string, Remembered>
    readonly history: HistorySeen | undefined
    readonly backups: BackupsSeen | undefined
    readonly declared: Declared | undefined // what the configuration says of it
  }
}

export function addDiagnosisRoutes(app: Hono, asked: DiagnosisAsked, isSocket: boolean): void {
  app.get('/api/v1/incidents', (context) =>
    context.json({ incidents: asked.incidents().map(incidentDocument) } satisfies IncidentListDocument),
  )
  app.get('/api/v1/incidents/:id', (context) => {
    const id = context.req.param('id')
    const incident = asked.incidents().find((one) => one.id === id)
    if (incident === undefined) throw noIncident(id)
    return context.json(incidentDocument(incident))
  })
  app.get('/api/v1/findings', (context) => context.json(findingList(asked)))
  if (!isSocket) return
  app.get('/api/v1/memory', (context) => context.json(memoryOf(asked, context.req.query('deployment') ?? '')))
}

function findingList(asked: DiagnosisAsked): FindingListDocument {
  return {
    deployments: asked.standing().map(({ deployment, at, findings, undecided, couldNotLook }) => ({
      name: deployment,
      at: new Date(at).toISOString(),
      findings: findings.map(findingDocument),
      undecided: undecided.map(undecidedDocument),
      couldNotLook: couldNotLook.map(couldNotLookDocument),
    })),
  }
}

function memoryOf(asked: DiagnosisAsked, deployment: string): MemoryDocument {
  const { remembered, history, backups, declared } = asked.memory(deployment)
  return {
    servers: [...remembered].map(
      ([id, { address, pid, places = {}, outputs, supervisor, role, replicas, at, runId, keys }]) => ({
        id,
        ...present({ address, pid, supervisor, role, at, runId, keys, ...places }),
        ...present({ outputs: outputs && [...outputs], replicas: replicas && [...replicas] }),
      }),
    ),
    ...(backups === undefined ? {} : { backups: backupsDocument(backups) }),
    ...(declared === undefined ? {} : { declared: declaredDocument(declared) }),
    ...(history === undefined
      ? {}
      : {
          history: {
            heldMs: history.heldMs,
            series: history.series.map(({ name, labels, points }) => ({
              name,
              labels: { ...labels },
              points: points.map(([at, value]): [number, number] => [at, value]),
            })),
          },
        }),
  }
}

function backupsDocument({
  lastBaseAt,
  verifiedAt,
  lagSeconds,
  notFollowed,
  trouble,
}: BackupsSeen): MemoryDocument['backups'] {
  return { ...present({ lastBaseAt, verifiedAt, lagSeconds, notFollowed }), trouble: [...trouble] }
}

function declaredDocument({ dataClass, rpoMs, expect, namespaces }: Declared): MemoryDocument['declared'] {
  return {
    dataClass,
    ...present({ rpoMs }),
    expect: present(expect),
    namespaces: namespaces.map(({ name, pattern, loss }) => ({ name, pattern, ...present({ loss }) })),
  }
}

function noIncident(id: string): Fault {
  return new Fault({
    doing: 'looking for the incident',
    target: id,
    why: 'there is none of this id',
    hint: '`respite incident` lists them.',
    exit: 1,
  })
}
