// `respite backups STORE`: what lies in a store, how far back and how close to now it can be restored, and what is wrong
// with it as far as names and manifests show. Reading everything back is `respite verify`.

import { backupsDocument } from '../../api/backups-document.ts'
import type { BackupsDocument } from '../../api/contract.ts'
import { formatBytes, formatCount, formatDuration } from '../../lib/units.ts'
import type { Command, ExitCode } from '../command.ts'
import { ARCHIVE_FLAGS } from '../archive-flags.ts'
import { readArchives, withStore } from '../open-archive.ts'
import { printable, tableLines } from '../table.ts'

type Deployment = BackupsDocument['deployments'][number]
type Timeline = Deployment['shards'][number]['timelines'][number]

export default {
  usage: '<store>',
  describe: 'list what a store holds, and what can be restored from it',
  more: 'It looks at names and manifests, and needs no key. respite verify reads everything back.',
  flags: ARCHIVE_FLAGS,
  exits: {
    0: 'everything between the first base and the end of the stream can be restored',
    1: 'there are gaps, or objects that cannot be used',
    2: 'of a deployment nothing can be restored, or there is none',
  },

  async run([url = ''], flags, context) {
    return withStore(url, flags, async (store) => {
      const document = backupsDocument(store.shown, await readArchives(store, flags))
      if (context.json) context.printJson(document)
      else context.out.write(`${linesOf(document, Date.now()).map(printable).join('\n')}\n`)
      return exitOf(document)
    })
  },
} satisfies Command

function exitOf({ deployments }: BackupsDocument): ExitCode {
  if (deployments.length === 0 || deployments.some(({ restorable }) => restorable === null)) return 2
  const isSpoiled = deployments.some(
    ({ shards, trouble }) =>
      trouble.length > 0 || shards.some(({ timelines }) => timelines.some(({ gaps }) => gaps.length > 0)),
  )
  return isSpoiled ? 1 : 0
}

function linesOf({ store, deployments }: BackupsDocument, nowMs: number): string[] {
  if (deployments.length === 0) return [`There is no archive in ${store}. respite backup URL --to STORE makes one.`]
  return deployments.flatMap((deployment) => deploymentLines(deployment, nowMs)).slice(0, -1)
}

function deploymentLines(deployment: Deployment, nowMs: number): string[] {
  const { name, kind, restorable, objects, storedBytes, shards, points, unfinished, trouble } = deployment
  const range =
    restorable === null
      ? 'Nothing can be restored.'
      : `Can be restored: ${showTime(restorable.from)} to ${showTime(restorable.to)}, ${ageOf(restorable.to, nowMs)} ago.`
  return [
    `${name}${kind === null ? '' : ` (${kind})`}  ${formatBytes(storedBytes)} in ${formatCount(objects)} objects`,
    `  ${range}`,
    ...shards.flatMap((shard) =>
      shard.timelines.flatMap((timeline) => {
        const slots = shard.slots === null ? '' : `, slots ${shard.slots}`
        const why = timeline.why === null ? '' : `: ${timeline.why}`
        return [`  shard ${shard.name}${slots}, timeline ${timeline.id}${why}`, ...timelineLines(timeline, nowMs)]
      }),
    ),
    ...points.map(
      (point) =>
        `  point ${point.name}: one command before ${point.command}, ${formatCount(point.keysLost)} keys; --before ${point.name}`,
    ),
    ...unfinished.map((key) => `  unfinished, no backup: ${key}`),
    ...trouble.map(({ key, why }) => `  ! ${key}: ${why}`),
    '',
  ]
}

const HEADINGS = ['base', 'age', 'keys', 'size', 'stored', 'method', 'checked']

function timelineLines({ bases, stream, gaps }: Timeline, nowMs: number): string[] {
  const rows = bases.map((base) => [
    base.id,
    ageOf(base.at, nowMs),
    formatCount(base.keys) + (base.complete ? '' : '+'),
    formatBytes(base.bytes),
    formatBytes(base.storedBytes),
    base.method + (base.consistent ? '' : ', not of one moment'),
    checkedOf(base, nowMs),
  ])
  const table = bases.length === 0 ? ['no base'] : tableLines(HEADINGS, rows)
  return [
    ...table.map((line) => `    ${line}`),
    ...stream.map(
      ({ fromTime, toTime, fromOffset, toOffset }) =>
        `    stream ${showTime(fromTime)} to ${showTime(toTime)} (offsets ${fromOffset} to ${toOffset})`,
    ),
    ...gaps.map(({ from, to, fromTime, toTime, why, lost }) => {
      const when = fromTime === null || toTime === null ? '' : `${showTime(fromTime)} to ${showTime(toTime)}, `
      return `    ! ${lost ? 'hole' : 'gap'}: ${when}offsets ${from} to ${to}: ${why}`
    }),
  ]
}

function checkedOf({ verifiedAt, provenAt }: Timeline['bases'][number], nowMs: number): string {
  if (provenAt !== null) return `proven ${ageOf(provenAt, nowMs)} ago`
  return verifiedAt === null ? 'never' : `verified ${ageOf(verifiedAt, nowMs)} ago`
}

function ageOf(time: string, nowMs: number): string {
  return formatDuration(nowMs - Date.parse(time))
}

function showTime(time: string): string {
  return time.replace('T', ' ').replace(/(\.\d+)?Z$/, 'Z')
}
