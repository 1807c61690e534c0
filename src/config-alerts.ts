// What the configuration says of alerts: notifiers with their secrets read, routes, maintenance, the heartbeat, and whose
// each deployment is. A secret stands in a file of its own; what is wrong with one has the line of the key that names it.

import type { AlertSettings, NotifierSettings, Ownership } from './alerts/settings.ts'
import { startReading, type Reading } from './config-deployment.ts'
import { readSecret } from './config-files.ts'
import type { Mistake } from './config-mistakes.ts'
import type { ConfigDocument } from './config-schema.ts'

export interface AlertsResult {
  readonly settings: AlertSettings
  readonly mistakes: readonly Mistake[]
  readonly warnings: readonly string[]
  readonly files: readonly string[]
}

const DEFAULT_HEARTBEAT_MS = 60_000

/** `names`: of all deployments, in the order of the document. */
export async function alertSettingsOf(
  document: ConfigDocument,
  names: readonly string[],
  folder: string,
): Promise<AlertsResult> {
  const reading = startReading(folder)
  const settings = {
    notify: await notifiersOf(document.notify ?? {}, reading),
    routes: (document.routes ?? []).map(({ match, to, escalateAfter }) => ({
      match: match ?? {},
      to,
      escalateAfterMs: escalateAfter,
    })),
    maintenance: (document.maintenance ?? []).map(({ deployment, from, to, reason }) => ({
      deployment,
      fromMs: Date.parse(from),
      toMs: Date.parse(to),
      reason,
    })),
    owners: ownersOf(document, names),
    heartbeat: await heartbeatOf(document.heartbeat, reading),
  }
  const { mistakes, warnings, files } = reading
  return { settings, mistakes, warnings, files }
}

/** Keys of `notify` that name the file of a secret, and what that secret is to the notifier. */
const SECRETS = {
  urlFile: 'url',
  keyFile: 'key',
  secretFile: 'signingSecret',
  passwordFile: 'password',
} as const satisfies Record<string, keyof NotifierSettings>

async function notifiersOf(
  notify: NonNullable<ConfigDocument['notify']>,
  reading: Reading,
): Promise<Map<string, NotifierSettings>> {
  const all = new Map<string, NotifierSettings>()
  for (const [id, section] of Object.entries(notify)) {
    const written: Record<string, unknown> = { ...section }
    const settings: Record<string, unknown> = {}
    for (const [key, value] of Object.entries(written)) {
      const secret = key in SECRETS ? SECRETS[key as keyof typeof SECRETS] : undefined
      if (secret === undefined) settings[key] ??= value
      else settings[secret] = await secretOf(String(value), ['notify', id, key], reading)
    }
    if (id === 'webhook' && written['url'] === undefined && written['urlFile'] === undefined)
      reading.mistakes.push({
        path: ['notify', id],
        says: 'neither url nor urlFile is given',
        hint: 'Give one of them.',
      })
    all.set(id, settings)
  }
  return all
}

async function secretOf(file: string, path: readonly string[], reading: Reading): Promise<string | undefined> {
  const whole = await reading.secret(file)
  const secret = whole === undefined ? undefined : await reading.attempt(path, () => readSecret(whole, 'the secret'))
  if (secret === undefined || path.at(-1) !== 'urlFile' || isHttp(secret)) return secret
  reading.mistakes.push({
    path,
    says: `urlFile (${whole}): what it holds is not an http:// or https:// URL`,
    hint: 'Write the URL into it, and nothing else.',
  })
  return undefined
}

function isHttp(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
}

async function heartbeatOf(
  heartbeat: ConfigDocument['heartbeat'],
  reading: Reading,
): Promise<AlertSettings['heartbeat']> {
  if (heartbeat === undefined) return undefined
  const { url, urlFile, every: everyMs = DEFAULT_HEARTBEAT_MS } = heartbeat
  const read = urlFile === undefined ? url : await secretOf(urlFile, ['heartbeat', 'urlFile'], reading)
  if (read !== undefined) return { url: read, everyMs }
  if (urlFile === undefined)
    reading.mistakes.push({ path: ['heartbeat'], says: 'neither url nor urlFile is given', hint: 'Give one of them.' })
  return undefined
}

function ownersOf({ deployments }: ConfigDocument, names: readonly string[]): Map<string, Ownership> {
  const owners = new Map<string, Ownership>()
  for (const [at, { owner, links }] of deployments.entries()) {
    const name = names[at]
    if (name === undefined || (owner === undefined && links === undefined)) continue
    owners.set(name, { ...owner, insight: links?.insight, dependents: links?.dependents ?? [] })
  }
  return owners
}
