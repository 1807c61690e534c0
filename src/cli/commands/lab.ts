// `respite lab`: real faults on this machine, for a person who wants to know what one looks like, and for a score of how
// well they are told apart.

import { writeFileSync } from 'node:fs'
import { isInside, mayUnshare, runInside } from '../lab-process.ts'
import { healthyFleets, labFaults, runScene, type Told } from '../lab-scene.ts'
import { scoreFaults, scorePage, type Failed, type ScoreLine } from '../lab-score.ts'
import { Fault } from '../../lib/fault.ts'
import { textFlag, type Command, type Context, type ExitCode, type Flags } from '../command.ts'
import { doctorLines } from '../doctor-lines.ts'
import { saveSighting } from '../saved-sighting.ts'
import { tableLines } from '../table.ts'

const DEFAULT_SEED = 1

export default {
  usage: '<list|run|score> [fault]',
  describe: 'make a real fault on this machine and see what is said of it, or score all of them',
  more: 'Needs redis-server and redis-cli; many faults need root, for a network and mounts of their own. Nothing outside them is touched.',
  flags: {
    '--variant <name>': 'of run: which variant; the first when absent',
    '--variants <n>': 'of score: how many of each fault; all when absent',
    '--second <fault>': 'of run: another fault at the same time, on a replica',
    '--pairs': 'of score: two faults at once instead of one',
    '--seed <n>': `sizes and choices follow from it (${DEFAULT_SEED})`,
    '--save <path>':
      'of run: keep what was seen, as doctor --save does; of score: a folder, for what was not judged right',
    '--hold': 'of run: keep it broken until Ctrl-C, and say how to look at it',
    '--write <file>': 'of score: write the page there',
    '--json': 'one JSON object a line',
  },
  exits: {
    0: 'done; of score: none was wrong',
    1: 'of run: the cause was not named',
    2: 'of score: one was named wrongly',
  },

  async run([verb = '', fault], flags, context) {
    const seed = Number(textFlag(flags, 'seed') ?? DEFAULT_SEED)
    if (verb === 'list') return list(context)
    if (verb === 'score') return score(fault, { seed, flags, context })
    if (verb === 'run' && fault !== undefined) return runOne(fault, { seed, flags, context })
    throw new Fault({
      doing: 'reading the arguments of',
      target: 'respite lab',
      why: verb === 'run' ? 'no fault is named' : `"${verb}" is not list, run or score`,
      hint: 'respite lab list; respite lab run FAULT; respite lab score',
      exit: 64,
    })
  },
} satisfies Command

async function list(context: Context): Promise<ExitCode> {
  const faults = [...(await labFaults())]
  if (context.json)
    for (const [id, { says, needs, variants }] of faults)
      context.printJson({ fault: id, says, needs: [...needs], variants: variants.map(({ name }) => name) })
  else {
    const rows = faults.map(([id, { says, needs, variants }]) => [id, needs.join(' '), String(variants.length), says])
    context.out.write(`${tableLines(['FAULT', 'NEEDS', 'VARIANTS', 'WHAT HAPPENS'], rows).join('\n')}\n`)
  }
  return 0
}

interface Running {
  readonly seed: number
  readonly flags: Flags
  readonly context: Context
}

async function runOne(id: string, running: Running): Promise<ExitCode> {
  const { seed, flags, context } = running
  const [fault] = (await labFaults(id)).values()
  if (fault === undefined) throw new Error('labFaults answers with the fault that was asked for')
  const wanted = textFlag(flags, 'variant')
  const variant = fault.variants.find(({ name }) => wanted === undefined || name === wanted)
  if (variant === undefined)
    throw new Fault({
      doing: 'looking for the variant',
      target: `${wanted} of ${id}`,
      why: 'there is no such variant',
      hint: `There are: ${fault.variants.map(({ name }) => name).join(', ')}`,
      exit: 64,
    })
  if (!isInside(context.env) && mayUnshare()) {
    const words = ['lab', 'run', id, '--variant', variant.name, '--seed', String(seed)]
    const second = textFlag(flags, 'second')
    if (second !== undefined) words.push('--second', second)
    const save = textFlag(flags, 'save')
    if (save !== undefined) words.push('--save', save)
    if (flags['hold'] === true) words.push('--hold')
    if (context.json) words.push('--json')
    return (await runInside(words, 'inherit')).exit as ExitCode
  }
  if (!isInside(context.env) && fault.needs.length > 0)
    throw new Fault({
      doing: 'making the fault',
      target: id,
      why: `it needs ${fault.needs.join(', ')}, and this user may not make namespaces`,
      hint: 'Run it as root.',
      exit: 1,
    })
  if (!context.json) context.err.write(`${fault.says}\n\n`)
  const told = await runScene({
    id,
    fault,
    variant,
    seed,
    second: textFlag(flags, 'second'),
    machine: context,
    async broken(scene, { examination }) {
      const save = textFlag(flags, 'save')
      if (save !== undefined) await saveSighting(save, examination)
      if (!context.json) context.out.write(`${doctorLines(examination).join('\n')}\n\n`)
      if (flags['hold'] !== true) return
      const look = `nsenter --target ${process.pid} --net --mount redis-cli -u ${scene.url}`
      context.err.write(`It stays broken until Ctrl-C. From another terminal: ${look}\n`)
      const stopped = context.interruption()
      if (!stopped.aborted) await new Promise<void>((resolve) => stopped.addEventListener('abort', () => resolve()))
    },
  })
  if (context.json) context.printJson(lineOf(told))
  else context.out.write(`${id} was ${WORDS[told.outcome]}\n`)
  return told.outcome === 'right' ? 0 : 1
}

const WORDS = {
  right: 'named as the cause',
  'cannot tell': 'among the causes that could not be told apart',
  missed: 'not noticed',
  wrong: 'not named: another cause was',
} as const

function lineOf({ examination, ...told }: Told): ScoreLine {
  const roots = examination.findings.filter(({ root }) => root).map(({ check, server }) => `${check} on ${server}`)
  return { ...told, roots }
}

async function score(only: string | undefined, { seed, flags, context }: Running): Promise<ExitCode> {
  if (!mayUnshare())
    throw new Fault({
      doing: 'scoring',
      target: only ?? 'all faults',
      why: 'this user may not make a network and mounts of its own',
      hint: 'Run it as root; `respite lab run FAULT` makes those that need neither.',
      exit: 1,
    })
  const variants = textFlag(flags, 'variants')
  const result = await scoreFaults({
    seed,
    only,
    pairs: flags['pairs'] === true,
    saveTo: textFlag(flags, 'save'),
    variants: variants === undefined ? undefined : Number(variants),
    onLine: (line) => (context.json ? context.printJson(line) : context.err.write(`${shownLine(line)}\n`)),
  })
  const page = scorePage(result, { at: new Date(), healthy: new Set((await healthyFleets()).keys()) })
  const write = textFlag(flags, 'write')
  if (write !== undefined) writeFileSync(write, page)
  if (!context.json) context.out.write(page)
  return result.lines.some((line) => 'outcome' in line && line.outcome === 'wrong') ? 2 : 0
}

function shownLine(line: ScoreLine | Failed): string {
  if ('failed' in line) return `${line.fault}, ${line.variant}: could not be made: ${line.failed}`
  const { fault, variant, outcome, first, extra } = line
  const besides = extra.length === 0 ? '' : `; besides: ${extra.join(', ')}`
  return `${fault}, ${variant}: ${outcome}${outcome === 'wrong' ? ` (${first})` : ''}${besides}`
}
