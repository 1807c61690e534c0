// The configuration as everybody reads it: checked, with all secrets and certificates read from their files, durations
// in milliseconds, and defaults filled in. It is made from a YAML file, from URLs on the command line, or from both; a
// URL is one deployment with all defaults. What cannot be is one Fault that names every mistake with its line.

import type { BackupSettings } from './archive-fleet.ts'
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { NO_ALERT_SETTINGS, type AlertSettings } from './alerts/settings.ts'
import { alertSettingsOf } from './config-alerts.ts'
import { deploymentOfSection, deploymentOfUrl, passwordShown } from './config-deployment.ts'
import { defaultDataDir, readableByOthers, readConfigFile } from './config-files.ts'
import { mistakesOfIssues, parseConfigText, type Mistake } from './config-mistakes.ts'
import { configSchema, deploymentSchema, type ConfigDocument, type DeploymentSection } from './config-schema.ts'
import { Fault } from './lib/fault.ts'
import { parseListen, type ListenAddress } from './lib/listen-address.ts'
import { BUILTIN_ONLY, readRuleSet, type RuleSet } from './rules/rule-set.ts'
import type { SampleSettings } from './metrics/collector.ts'
import type { Access, Address, Target } from './redis/url.ts'

export interface Config {
  /** What it was made from, so that it can be made again when a file changes. */
  readonly source: ConfigSource
  /** The configuration file and every file that it names: what `watchConfig` looks at. */
  readonly files: readonly string[]
  readonly listen: ListenAddress // for the whole API; loopback only
  readonly listenMetrics: ListenAddress | undefined // for /metrics, /healthz and /readyz alone
  readonly dataDir: string
  readonly historyMs: number // how long samples are kept in memory
  readonly deployments: readonly ConfiguredDeployment[]
  readonly rules: RuleSet // what is evaluated
  readonly alerts: AlertSettings
  readonly diagnosis: DiagnosisSettings
  readonly warnings: readonly string[] // what is allowed and unwise, each a sentence
}

export interface ConfigSource {
  readonly file?: string | undefined
  readonly urls: readonly string[]
  readonly flags: ConfigFlags
}

/** Flags of the command line by their camel-case name; those that are no matter of the configuration are passed over. */
export type ConfigFlags = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

export interface ConfiguredDeployment {
  readonly name: string // unique; the label `deployment` of its metrics
  readonly target: Target
  readonly access: Access // for its servers: the URL's login and what file, flag and environment add
  readonly sentinelAccess: Access | undefined // for its Sentinels, when configured to differ
  readonly every: { readonly livenessMs: number; readonly sampleMs: number }
  readonly addresses: ReadonlyMap<string, Address> // announced host:port → where we reach it (NAT, containers)
  readonly canary: boolean // may write and read its own key to see whether writes work
  readonly expect: { readonly replicas?: number | undefined; readonly sentinels?: number | undefined }
  readonly dataClass: 'store' | 'cache' // cache: losing or evicting keys is acceptable
  readonly supervisor?: string | undefined // of the first server that the URL names: `docker:orders`
  readonly rpoMs?: number | undefined // how much may be lost, in time
  readonly team?: string | undefined // that owns it
  readonly namespaces: readonly {
    readonly name: string
    readonly pattern: string
    readonly loss?: string | undefined
  }[]
  readonly backup?: BackupSettings | undefined
  readonly settings: SampleSettings
}

/** How causes are looked for. */
export interface DiagnosisSettings {
  readonly waitMs: number // how long the first message of an alert waits for its cause, counted from pending
  readonly everyMs: number // how often each deployment is looked at although nothing is wrong
  readonly checkFolders: readonly string[] // of the operator's own
  readonly runbookFolders: readonly string[]
}

type DiagnosisSection = NonNullable<ConfigDocument['diagnosis']>

const DEFAULT_LISTEN: ListenAddress = { host: '127.0.0.1', port: 7379 }
const DEFAULT_HISTORY_MS = 3_600_000
const DEFAULT_DIAGNOSIS = { waitMs: 3_000, everyMs: 600_000 } as const

const USUAL_FILE = 'respite.yml' // in the current folder

/** Reads everything that `source` names, or respite.yml when it names nothing. Throws one Fault that holds all mistakes. */
export async function makeConfig(source: ConfigSource, env: NodeJS.ProcessEnv): Promise<Config> {
  const file = source.file ?? (source.urls.length === 0 ? USUAL_FILE : undefined)
  if (source.file === undefined && file !== undefined && !existsSync(file)) throw nothingToWatch()
  const attempt = await tryConfig({ ...source, file }, env)
  if (attempt.config === undefined) throw attempt.fault
  return attempt.config
}

/** A configuration or what is wrong with it, and in both cases the files that decided. */
export type Attempt =
  | { readonly files: readonly string[]; readonly config: Config; readonly fault?: undefined }
  | { readonly files: readonly string[]; readonly config?: undefined; readonly fault: Fault }

export async function tryConfig(source: ConfigSource, env: NodeJS.ProcessEnv): Promise<Attempt> {
  const files: string[] = []
  try {
    return { files, config: await readAll(source, env, files) }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return { files, fault: error }
  }
}

async function readAll(source: ConfigSource, env: NodeJS.ProcessEnv, files: string[]): Promise<Config> {
  const { file, urls, flags } = source
  const ofFile = file === undefined ? undefined : await readDeployments(file, env, files)
  const ofUrls = await Promise.all(urls.map((url) => deploymentOfUrl(url, flags, env)))
  const deployments = [...(ofFile?.deployments ?? []), ...ofUrls]
  refuseTwins(deployments)
  refuseIdleFlags(source)
  const warnings = [...(ofFile?.warnings ?? []), ...urls.filter(passwordShown).map(urlWarning)]
  const passwordFile = text(flags, 'passwordFile')
  if (passwordFile !== undefined) {
    files.push(resolve(passwordFile))
    const warning = await readableByOthers(passwordFile)
    if (warning !== undefined) warnings.push(warning)
  }
  const document: Partial<ConfigDocument> = ofFile?.document ?? {}
  const rules = readRuleSet(document.rules ?? BUILTIN_ONLY, file === undefined ? '.' : dirname(resolve(file)))
  files.push(...rules.files)
  return {
    source,
    files,
    listen: listenFlag(flags, 'listen') ?? listenOf(document.listen) ?? DEFAULT_LISTEN,
    listenMetrics: listenFlag(flags, 'listenMetrics') ?? listenOf(document.listenMetrics),
    dataDir: resolve(text(flags, 'data') ?? dataOf(file, document.data) ?? defaultDataDir(env)),
    historyMs: document.history ?? DEFAULT_HISTORY_MS,
    deployments,
    rules,
    alerts: ofFile?.alerts ?? NO_ALERT_SETTINGS,
    diagnosis: diagnosisOf(file, document.diagnosis),
    warnings,
  }
}

/** Folders are relative to the file. */
function diagnosisOf(
  file: string | undefined,
  { wait, every, checks, runbooks }: DiagnosisSection = {},
): DiagnosisSettings {
  const folder = file === undefined ? '.' : dirname(resolve(file))
  return {
    waitMs: wait ?? DEFAULT_DIAGNOSIS.waitMs,
    everyMs: every ?? DEFAULT_DIAGNOSIS.everyMs,
    checkFolders: checks === undefined ? [] : [resolve(folder, checks)],
    runbookFolders: runbooks === undefined ? [] : [resolve(folder, runbooks)],
  }
}

interface FileResult {
  readonly document: ConfigDocument
  readonly deployments: readonly ConfiguredDeployment[]
  readonly alerts: AlertSettings
  readonly warnings: readonly string[]
}

/** All deployments of a file. Throws one Fault with the mistakes of the whole file. */
async function readDeployments(file: string, env: NodeJS.ProcessEnv, files: string[]): Promise<FileResult> {
  files.push(resolve(file))
  const source = parseConfigText(await readConfigFile(file), file)
  if (source.mistakes.length > 0) throw source.fault(source.mistakes)
  const parsed = configSchema.safeParse(source.value ?? {}, { reportInput: true })
  const mistakes = parsed.success ? danglingNames(parsed.data) : mistakesOfIssues(parsed.error.issues)
  const warnings = parsed.success ? notInEffect(parsed.data) : []
  const around = { folder: dirname(resolve(file)), env }
  const sections = sectionsOf(source.value).map(
    async (section) => section && (await deploymentOfSection(section, around)),
  )
  const deployments: ConfiguredDeployment[] = []
  for (const [at, made] of (await Promise.all(sections)).entries()) {
    if (made === undefined) continue
    files.push(...made.files)
    warnings.push(...made.warnings)
    mistakes.push(...made.mistakes.map((each) => ({ ...each, path: ['deployments', at, ...each.path] })))
    if (made.deployment !== undefined) deployments.push(made.deployment)
  }
  mistakes.push(...twins(source.value, deployments))
  if (!parsed.success) throw source.fault(mistakes)
  const names = deployments.map(({ name }) => name)
  const alerts = await alertSettingsOf(parsed.data, names, around.folder)
  files.push(...alerts.files)
  warnings.push(...alerts.warnings)
  mistakes.push(...alerts.mistakes)
  if (mistakes.length > 0) throw source.fault(mistakes)
  return { document: parsed.data, deployments, alerts: alerts.settings, warnings }
}

/** The entries of `deployments` that have the right shape, so that a mistake in one does not hide those of the others. */
function sectionsOf(value: unknown): (DeploymentSection | undefined)[] {
  const entries = (value as { deployments?: unknown } | null)?.deployments
  return Array.isArray(entries) ? entries.map((entry) => deploymentSchema.safeParse(entry).data) : []
}

function twins(value: unknown, deployments: readonly ConfiguredDeployment[]): Mistake[] {
  const entries = (value as { deployments?: unknown } | null)?.deployments
  const written = Array.isArray(entries) ? entries.map((entry: { name?: unknown } | null) => entry?.name) : []
  const names = written.every((name) => name !== undefined) ? written : deployments.map(({ name }) => name)
  return names.flatMap((name, at) =>
    typeof name !== 'string' || names.indexOf(name) === at
      ? []
      : [
          {
            path: ['deployments', at, 'name'],
            says: `a second deployment is called "${name}"`,
            hint: 'Give each deployment a name of its own.',
          },
        ],
  )
}

/** Names that refer to nothing: of a notifier in `routes`, of a deployment in `maintenance` and `allow`. */
function danglingNames({ deployments, notify, routes, maintenance, allow }: ConfigDocument): Mistake[] {
  const names = deployments.map(({ name }) => name)
  const allNamed = names.every((name) => name !== undefined)
  const notifiers = Object.keys(notify ?? {})
  const ofRoutes = (routes ?? []).flatMap(({ to }, route) =>
    to.flatMap((notifier, at) =>
      notifiers.includes(notifier)
        ? []
        : [{ path: ['routes', route, 'to', at], says: `notify has no "${notifier}"`, hint: `Add it under notify.` }],
    ),
  )
  const named = Object.entries({ maintenance: maintenance ?? [], allow: allow ?? [] })
  const ofDeployments = named.flatMap(([key, entries]) =>
    entries.flatMap(({ deployment }, at) =>
      deployment === undefined || names.includes(deployment) || !allNamed
        ? []
        : [{ path: [key, at, 'deployment'], says: `no deployment is called "${deployment}"` }],
    ),
  )
  const backwards = (maintenance ?? []).flatMap(({ from, to }, at) =>
    Date.parse(from) < Date.parse(to) ? [] : [{ path: ['maintenance', at, 'to'], says: 'to is not after from' }],
  )
  return [...ofRoutes, ...ofDeployments, ...backwards]
}

/** What is understood and does nothing yet must not look as if it were done. */
function notInEffect(document: ConfigDocument): string[] {
  const keys = (['allow'] as const).filter((key) => document[key] !== undefined)
  const later = document.deployments.some(({ backup }) => backup?.drill !== undefined) ? ['backup.drill'] : []
  return [...keys, ...later].map((key) => `${key}: is read and checked, and not in effect in this version`)
}

const nothingToWatch = (): Fault =>
  new Fault({
    doing: 'reading the arguments',
    target: 'respite',
    why: `no URL, no --config, and no ${USUAL_FILE} in this folder`,
    hint: 'Give the URL of one server, for example redis://127.0.0.1:6379',
    exit: 64,
  })

function refuseTwins(deployments: readonly ConfiguredDeployment[]): void {
  const names = deployments.map(({ name }) => name)
  const twin = names.find((name, at) => names.indexOf(name) !== at)
  if (twin === undefined) return
  throw new Fault({
    doing: 'reading the arguments',
    target: twin,
    why: 'it is given twice',
    hint: 'Each deployment is watched once; name one server of it.',
    exit: 64,
  })
}

/** A flag that logs in at URLs does nothing for the deployments of a file, and must not look as if it did. */
function refuseIdleFlags({ urls, flags }: ConfigSource): void {
  const idle = ['user', 'passwordFile', 'ca', 'cert', 'key', 'serverName'].find(
    (name) => text(flags, name) !== undefined,
  )
  if (urls.length > 0 || idle === undefined) return
  throw new Fault({
    doing: 'reading the flag',
    target: flagOf(idle),
    why: 'it is for URLs of the command line, and there is none',
    hint: 'In the file, the deployment has its own user (in its url), passwordFile and tls.',
    exit: 64,
  })
}

const urlWarning = (): string =>
  'a password in a URL on the command line can be seen by everybody on this machine; use --password-file or RESPITE_PASSWORD'

function dataOf(file: string | undefined, data: string | undefined): string | undefined {
  return file === undefined || data === undefined ? undefined : resolve(dirname(file), data)
}

const listenOf = (value: string | undefined): ListenAddress | undefined =>
  value === undefined ? undefined : parseListen(value)

function listenFlag(flags: ConfigFlags, name: string): ListenAddress | undefined {
  const value = text(flags, name)
  if (value === undefined) return undefined
  const address = parseListen(value)
  if (address !== undefined) return address
  const flag = flagOf(name)
  throw new Fault({
    doing: 'reading the flag',
    target: flag,
    why: `"${value}" is not host:port`,
    hint: `Write for example ${flag} 127.0.0.1:7379`,
    exit: 64,
  })
}

/** `listenMetrics` is given as --listen-metrics. */
function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

function text(flags: ConfigFlags, name: string): string | undefined {
  const value = flags[name]
  return typeof value === 'string' ? value : undefined
}
