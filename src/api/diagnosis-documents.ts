// Findings and incidents as the contract shows them.

import type { AtRisk } from '../diagnosis/at-risk.ts'
import type { Finding } from '../diagnosis/diagnose.ts'
import type { Undecided } from '../diagnosis/check.ts'
import type { Incident } from '../diagnosis/incident.ts'
import type { CouldNotLook } from '../fleet/server.ts'
import { present } from '../lib/present.ts'
import type { AtRiskDocument, FindingDocument, IncidentDocument } from './contract.ts'

export function findingDocument({ first, ...finding }: Finding): FindingDocument {
  return {
    ...finding,
    ...present({ first }),
    evidence: finding.evidence.map((fact) => ({ ...fact })),
    ruledOut: finding.ruledOut.map((one) => ({ ...one })),
    explains: [...finding.explains],
    actions: finding.actions.map((action) => ({ ...action })),
  }
}

export function undecidedDocument({ between, ...one }: Undecided): IncidentDocument['undecided'][number] {
  return { ...one, between: [...between] }
}

export function atRiskDocument({ servers, backup, says }: AtRisk): AtRiskDocument {
  return {
    servers: servers.map((server) => ({ ...server })),
    ...(backup === undefined ? {} : { backup: { ...backup } }),
    says: [...says],
  }
}

export function couldNotLookDocument({ at, why, hint }: CouldNotLook): CouldNotLook {
  return { at, why, hint }
}

export function incidentDocument(incident: Incident): IncidentDocument {
  const { id, deployment, openedAt, closedAt, cause, alerts, findings, undecided, atRisk, timeline, couldNotLook } =
    incident
  return {
    id,
    deployment,
    opened: iso(openedAt),
    ...(closedAt === undefined ? {} : { closed: iso(closedAt) }),
    ...(cause === undefined ? {} : { cause }),
    alerts: alerts.map(({ fingerprint, name, severity, server, summary, state, activeAt, resolvedAt }) => ({
      id: fingerprint,
      name,
      severity,
      ...(server === undefined ? {} : { server }),
      summary,
      state,
      since: iso(activeAt),
      ...(resolvedAt === undefined ? {} : { resolved: iso(resolvedAt) }),
    })),
    findings: findings.map(findingDocument),
    undecided: undecided.map(undecidedDocument),
    atRisk: [...atRisk],
    timeline: timeline.map(({ at, kind, server, says }) => ({
      at: iso(at),
      kind,
      ...(server === undefined ? {} : { server }),
      says,
    })),
    couldNotLook: couldNotLook.map(couldNotLookDocument),
  }
}

const iso = (ms: number): string => new Date(ms).toISOString()
