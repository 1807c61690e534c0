// `respite backup URL --to STORE`: one base of every shard now, checked while it goes by, with a manifest when it is whole.

import type { BaseManifest } from '../../archive/documents.ts'
import type { Check } from '../../archive/preflight.ts'
import type { BackupFleetOptions } from '../../backup-fleet.ts'
import { NOTHING_EXPECTED } from '../../fleet/standing.ts'
import { watchFleet } from '../../fleet/watch-fleet.ts'
import { systemClock } from '../../lib/clock.ts'
import { silentLog } from '../../lib/log.ts'
import { formatBytes, formatCount, formatDuration } from '../../lib/units.ts'
import { METHOD_CHOICES, type MethodChoice } from '../../archive/base-method.ts'
import { DEFAULT_KEYS_PER_SECOND } from '../../archive/scan-base.ts'
import { BACKUP_FLAGS, backupSettings, wrongFlag } from '../backup-flags.ts'
import { textFlag, type Command, type Context, type ExitCode, type Flags } from '../command.ts'
import { CONNECTION_FLAGS } from '../connection-flags.ts'
import { printable } from '../table.ts'

const REDRAW_MS = 200

export default {
  usage: '<url>',
  describe: 'take one base of a deployment now, and put it into a store',
  more:
    'The whole deployment is found behind the URL. The server forks once, as for a replica; nothing of its configuration ' +
    'changes. What was written can be listed with `respite backups` and read back with `respite verify`.',
  flags: {
    ...BACKUP_FLAGS,
    '--method <method>':
      'psync (as a replica), bgsave (a file of the server), aof (its append-only files), scan (key after key), auto: the first that goes (auto)',
    '--rate <keys>': `keys a second, with the method scan (${DEFAULT_KEYS_PER_SECOND})`,
    '--supervisor <name>':
      'what starts the server, so that its files are found: docker:NAME, systemd:UNIT, process:PID',
    '--check': 'only look whether it would work: permissions, backlog, disk, store, keys; nothing is changed',
    '--json': 'print the manifests of the bases, or what --check found',
    ...CONNECTION_FLAGS,
  },
  exits: {
    0: 'every base is in the store; with --check: nothing is in the way',
    1: 'a precondition is not met; with --check: warnings',
    2: 'a base could not be taken; with --check: it cannot work so',
  },

  async run([url = ''], flags, context) {
    const backup = await backupSettings(flags)
    const how = { method: methodOf(flags), keysPerSecond: rateOf(flags) }
    const deployment = await context.deploymentOfUrl(url, flags)
    const name = textFlag(flags, 'name') ?? deployment.name
    const options = { ...deployment, name }
    const fleet = watchFleet({ deployments: [options], expected: NOTHING_EXPECTED, clock: systemClock, log: silentLog })
    const progress = showProgress(context)
    try {
      const settings: BackupFleetOptions = {
        fleet,
        deployment: name,
        backup,
        ...how,
        clock: systemClock,
        log: silentLog,
        signal: context.interruption(),
        onNotice: (says) => void context.err.write(`${printable(says)}\n`),
        onProgress: (shard, bytes, ofBytes) => progress.note(shard, bytes, ofBytes),
      }
      if (flags['check'] === true) return showChecks(name, await context.checkBackup(settings), context)
      const bases = await context.backupFleet(settings)
      progress.end()
      if (context.json) context.printJson({ deployment: name, bases })
      else for (const base of bases) context.out.write(describe(base))
      return 0
    } finally {
      progress.end()
      fleet.stop()
    }
  },
} satisfies Command

const MARKS = { ok: '✔', warning: '!', problem: '✖' } as const

function showChecks(deployment: string, checks: readonly Check[], { json, out, printJson }: Context): ExitCode {
  const has = (state: Check['state']): boolean => checks.some((check) => check.state === state)
  const verdict = has('problem') ? 'problem' : has('warning') ? 'warning' : 'ok'
  if (json) printJson({ deployment, verdict, checks })
  else
    for (const { state, of, says, hint } of checks) {
      out.write(`${MARKS[state]} ${printable(`${of}: ${says}`)}\n`)
      if (hint !== undefined) out.write(`    → ${printable(hint)}\n`)
    }
  return verdict === 'problem' ? 2 : verdict === 'warning' ? 1 : 0
}

function methodOf(flags: Flags): MethodChoice {
  const given = textFlag(flags, 'method') ?? 'auto'
  const method = METHOD_CHOICES.find((each) => each === given)
  if (method !== undefined) return method
  const hint = 'Leave it out, and the first that goes is taken.'
  throw wrongFlag('--method', `"${given}" is none of ${METHOD_CHOICES.join(', ')}`, hint)
}

function rateOf(flags: Flags): number {
  const given = textFlag(flags, 'rate')
  const rate = given === undefined ? DEFAULT_KEYS_PER_SECOND : Number(given)
  if (Number.isInteger(rate) && rate > 0) return rate
  throw wrongFlag(
    '--rate',
    `"${given}" is no number of keys a second`,
    'Write --rate 2000 to be gentle with a busy server.',
  )
}

/** One line on a terminal, which is drawn again; nothing elsewhere. */
function showProgress({ err, json }: Context): {
  note(shard: string, bytes: number, ofBytes: number | undefined): void
  end(): void
} {
  const began = performance.now()
  let drawnAt = 0
  return {
    note(shard, bytes, ofBytes) {
      const now = performance.now()
      if (err.isTTY !== true || json || now - drawnAt < REDRAW_MS) return
      drawnAt = now
      const share =
        ofBytes === undefined ? '' : ` of ${formatBytes(ofBytes)} (${Math.floor((100 * bytes) / ofBytes)} %)`
      const rate = formatBytes(bytes / Math.max(0.001, (now - began) / 1_000))
      const of = shard === '0' ? '' : `shard ${shard}: `
      err.write(`\r${of}${formatBytes(bytes)}${share}, ${rate}/s\u001b[K`)
    },
    end() {
      if (drawnAt > 0) err.write('\r\u001b[K')
      drawnAt = 0
    },
  }
}

/** For a person: what is in it, how big, how it was checked. */
function describe(base: BaseManifest): string {
  const {
    id,
    shard,
    source,
    role,
    method,
    consistent,
    rdb,
    keys,
    expires,
    offset,
    tookMs,
    complete,
    notDecoded,
    namespaces,
    increment,
  } = base
  const ratio = rdb.storedBytes === 0 ? 1 : rdb.bytes / rdb.storedBytes
  const lines = [
    `base ${id}${shard === '0' ? '' : ` of shard ${shard}`} from ${role} ${source} ${offset === null ? 'without an offset' : `at offset ${offset}`}, by ${method}, in ${formatDuration(tookMs)}`,
    `  ${formatCount(keys)} keys (${formatCount(expires)} with a TTL), ${formatBytes(rdb.bytes)}, ${formatBytes(rdb.storedBytes)} in the store (${ratio.toFixed(1)} : 1)`,
    `  checksum ${rdb.checksum === 'ok' ? 'verified' : 'absent: the server writes none (rdbchecksum no)'}, RDB version ${rdb.rdbVersion}`,
  ]
  if (increment !== undefined)
    lines.push(`  and ${formatBytes(increment.bytes)} of commands behind them, which a restore replays`)
  if (!consistent) lines.push('  its keys are not of one moment: what was written meanwhile may be in it or not')
  if (!complete) lines.push('  holds a type that this version does not know: its bytes are whole, its numbers are not')
  for (const { name, keys: count } of notDecoded)
    lines.push(`  ${formatCount(count)} keys of the module type ${name}: kept, not decoded`)
  for (const { name, keys: count, bytes, withTtl } of namespaces.slice(0, 10))
    lines.push(
      `  ${name === '' ? '(no namespace)' : name}: ${formatCount(count)} keys, ${formatBytes(bytes)}, ${formatCount(withTtl)} with a TTL`,
    )
  if (namespaces.length > 10) lines.push(`  and ${namespaces.length - 10} namespaces more`)
  return `${lines.join('\n')}\n`
}
