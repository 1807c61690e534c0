// One deployment of the configuration: its URL taken apart, its secrets and certificates read, its defaults filled in.
// From a section of the file, where every mistake has a place, or from a URL and flags of the command line.

import { isAbsolute, join } from 'node:path'
import type { BackupSettings } from './archive-fleet.ts'
import { DEFAULT_KEEP, type Keep } from './archive/retention.ts'
import type { ConfigFlags, ConfiguredDeployment } from './config.ts'
import { passwordVariable, readableByOthers, readPassword, readSecret, readTls, type TlsFiles } from './config-files.ts'
import type { Mistake } from './config-mistakes.ts'
import type { DeploymentSection } from './config-schema.ts'
import { parseIdentities, whyNoRecipient } from './lib/age.ts'
import { Fault } from './lib/fault.ts'
import { parseAddress, parseUrl, showAddress, type Access, type Address, type Target } from './redis/url.ts'

const DEFAULT_BASE_EVERY_MS = 6 * 3_600_000
const DEFAULT_EVERY = { livenessMs: 1_000, sampleMs: 5_000 }

/** The deployment behind a URL of the command line, with all defaults. */
export async function deploymentOfUrl(
  url: string,
  flags: ConfigFlags,
  env: NodeJS.ProcessEnv,
): Promise<ConfiguredDeployment> {
  const target = parseUrl(url)
  const name = nameOfTarget(target)
  const user = text(flags, 'user') ?? target.access.user
  const password = (await readPassword({ file: text(flags, 'passwordFile'), name, env })) ?? target.access.password
  const files = {
    caFile: text(flags, 'ca'),
    certFile: text(flags, 'cert'),
    keyFile: text(flags, 'key'),
    serverName: text(flags, 'serverName'),
  }
  const tls = await readTls(target.access.tls, files)
  const access: Access = { ...(user && { user }), ...(password && { password }), ...(tls && { tls }) }
  return {
    name,
    target: { ...target, access },
    access,
    sentinelAccess: undefined,
    every: DEFAULT_EVERY,
    addresses: new Map(),
    canary: false,
    expect: {},
    dataClass: 'store',
    namespaces: [],
    supervisor: text(flags, 'supervisor'),
    settings: {},
  }
}

export interface SectionResult {
  readonly deployment: ConfiguredDeployment | undefined // undefined: there are mistakes
  readonly mistakes: readonly Mistake[] // their paths begin in the section
  readonly warnings: readonly string[]
  readonly files: readonly string[] // that were read, or should have been
}

interface Surroundings {
  readonly folder: string // of the configuration file: relative paths begin here
  readonly env: NodeJS.ProcessEnv
}

export async function deploymentOfSection(section: DeploymentSection, around: Surroundings): Promise<SectionResult> {
  const reading = startReading(around.folder)
  const target = await reading.attempt(['url'], () => parseUrl(section.url))
  if (target !== undefined && target.access.password !== undefined)
    reading.mistakes.push({
      path: ['url'],
      says: 'a password may not stand in this file (in the url)',
      hint: `Write it into a file of its own and name that as passwordFile, or set ${passwordVariable(section.name ?? 'NAME')}.`,
    })
  const name = section.name ?? (target === undefined ? 'unnamed' : nameOfTarget(target))
  const passwordFile = await reading.secret(section.passwordFile)
  const password = await reading.attempt(['passwordFile'], () =>
    readPassword({ file: passwordFile, name, env: around.env }),
  )
  const tls = await readSectionTls(section, target, reading)
  const user = target?.access.user
  const access: Access = { ...(user && { user }), ...(password && { password }), ...(tls && { tls }) }
  const sentinelAccess = await readSentinel(section, tls, reading)
  const backup = await readBackup(section, reading)
  const { mistakes, warnings, files } = reading
  if (target === undefined || mistakes.length > 0) return { deployment: undefined, mistakes, warnings, files }
  const settings = { ...settingsOf(section), backup }
  const deployment = { name, target: { ...target, access }, access, sentinelAccess, ...settings }
  return { deployment, mistakes, warnings, files }
}

function settingsOf(
  section: DeploymentSection,
): Omit<ConfiguredDeployment, 'name' | 'target' | 'access' | 'sentinelAccess'> {
  const { every, addresses, canary, expect, dataClass, rpo, owner, queues, clientList, configMetrics, supervisor } =
    section
  const { liveness: livenessMs = DEFAULT_EVERY.livenessMs, sample: sampleMs = DEFAULT_EVERY.sampleMs } = every ?? {}
  return {
    every: { livenessMs, sampleMs },
    addresses: new Map(Object.entries(addresses ?? {}).map(([from, to]) => [from, parseAddress(to)])),
    canary: canary ?? false,
    expect: expect ?? {},
    dataClass: dataClass ?? 'store',
    supervisor,
    rpoMs: rpo,
    team: owner?.team,
    namespaces: Object.entries(section.namespaces ?? {}).map(([name, { pattern, loss }]) => ({ name, pattern, loss })),
    settings: { queues, clientList, configMetrics },
  }
}

type Backup = NonNullable<DeploymentSection['backup']>

async function readBackup(
  { backup, namespaces = {} }: DeploymentSection,
  reading: Reading,
): Promise<BackupSettings | undefined> {
  if (backup === undefined) return undefined
  const { to, recipients = [], attach = 'replica', every = DEFAULT_BASE_EVERY_MS } = backup
  for (const [at, recipient] of recipients.entries()) {
    const why = await whyNoRecipient(recipient)
    const hint = 'One begins with age1; make a pair with: age-keygen -o key.txt'
    if (why !== undefined)
      reading.mistakes.push({ path: ['backup', 'recipients', at], says: `is no age public key: ${why}`, hint })
  }
  const file = await reading.secret(backup.identityFile)
  const identities = await reading.attempt(['backup', 'identityFile'], () => readIdentities(file))
  const patterns = Object.entries(namespaces).map(([name, { pattern }]) => ({ name, pattern }))
  return {
    to,
    credentialsFile: await readCredentials(backup, reading),
    recipients,
    identities: identities ?? [],
    attach,
    everyMs: every,
    keep: keepOf(backup),
    namespaces: patterns,
  }
}

/** Its text is read by whoever opens the store, again and again; here only whether it can be. */
async function readCredentials({ to, credentialsFile }: Backup, reading: Reading): Promise<string | undefined> {
  const file = await reading.secret(credentialsFile)
  if (file === undefined) return undefined
  const path = ['backup', 'credentialsFile']
  if (to.startsWith('file:'))
    reading.mistakes.push({ path, says: `nobody logs in to a folder (${to})`, hint: 'Leave credentialsFile out.' })
  await reading.attempt(path, () => readSecret(file, 'the credentials'))
  return file
}

/** What is left out keeps its default. */
function keepOf({ keep }: Backup): Keep | undefined {
  if (keep === undefined) return undefined
  const { hourly, daily, weekly, monthly, streamMs } = DEFAULT_KEEP
  return {
    hourly: keep.hourly ?? hourly,
    daily: keep.daily ?? daily,
    weekly: keep.weekly ?? weekly,
    monthly: keep.monthly ?? monthly,
    streamMs: keep.stream ?? streamMs,
  }
}

async function readIdentities(file: string | undefined): Promise<string[]> {
  return file === undefined ? [] : parseIdentities(await readSecret(file, 'the age identity'), file)
}

async function readSectionTls(
  { tls = {} }: DeploymentSection,
  target: Target | undefined,
  reading: Reading,
): Promise<Access['tls']> {
  const files: TlsFiles = {
    caFile: reading.path(tls.caFile),
    certFile: reading.path(tls.certFile),
    keyFile: await reading.secret(tls.keyFile),
    serverName: tls.serverName,
  }
  // The mistake stands where the file that is wrong is named.
  const keyOf = (fault: Fault): readonly string[] => {
    const named = (['caFile', 'certFile', 'keyFile'] as const).filter((key) => files[key] === fault.target)
    return ['tls', ...named.slice(0, 1)]
  }
  return reading.attempt(keyOf, () => readTls(target?.access.tls, files))
}

/** The Sentinels are reached with the servers' TLS; only the login is their own. */
async function readSentinel(
  { sentinel }: DeploymentSection,
  tls: Access['tls'],
  reading: Reading,
): Promise<Access | undefined> {
  if (sentinel === undefined) return undefined
  const { user } = sentinel
  const path = ['sentinel', 'passwordFile']
  const file = await reading.secret(sentinel.passwordFile)
  const password =
    file === undefined ? undefined : await reading.attempt(path, () => readPassword({ file, name: '', env: {} }))
  return { ...(user && { user }), ...(password && { password }), ...(tls && { tls }) }
}

type Place = readonly string[] | ((fault: Fault) => readonly string[])

export interface Reading {
  readonly mistakes: Mistake[]
  readonly warnings: string[]
  readonly files: string[]
  path(file: string | undefined): string | undefined // absolute, and remembered in `files`
  secret(file: string | undefined): Promise<string | undefined> // the same, with a look at who may read it
  /** A Fault becomes a mistake at that place. */
  attempt<T>(place: Place, work: () => T | Promise<T>): Promise<T | undefined>
}

/** Reads what a part of the configuration names, and gathers what is wrong with it. */
export function startReading(folder: string): Reading {
  const mistakes: Mistake[] = []
  const warnings: string[] = []
  const files: string[] = []
  const path = (file: string | undefined): string | undefined => {
    if (file === undefined) return undefined
    const whole = isAbsolute(file) ? file : join(folder, file)
    files.push(whole)
    return whole
  }
  return {
    mistakes,
    warnings,
    files,
    path,
    async secret(file) {
      const whole = path(file)
      // A file that is not there is told by whoever reads it.
      const warning = whole === undefined ? undefined : await readableByOthers(whole).catch(() => undefined)
      if (warning !== undefined) warnings.push(warning)
      return whole
    },
    async attempt(at, work) {
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof Fault)) throw error
        mistakes.push(mistakeOf(typeof at === 'function' ? at(error) : at, error))
        return undefined
      }
    },
  }
}

function mistakeOf(path: readonly string[], { target, why, hint }: Fault): Mistake {
  const key = path.at(-1)
  return { path, says: key === 'url' ? `the url: ${why}` : `${key} (${target}): ${why}`, hint }
}

/** Did somebody write a password into a URL of the command line? */
export function passwordShown(url: string): boolean {
  return parseUrl(url).access.password !== undefined
}

/** What a deployment is called when nobody named it: its master's name, or its first address. */
function nameOfTarget(target: Target): string {
  return target.masterName ?? showAddress(target.seeds[0] as Address)
}

function text(flags: ConfigFlags, name: string): string | undefined {
  const value = flags[name]
  return typeof value === 'string' ? value : undefined
}
