// `respite watch`: the daemon. On a terminal it shows the fleet live; elsewhere it prints a line for each change, with
// --json an object for each.

import { answerDocument } from '../../api/fleet-document.ts'
import type { ServerView } from '../../fleet/server.ts'
import type { Notice } from '../../lib/notices.ts'
import { formatDuration } from '../../lib/units.ts'
import { ANSWERS } from '../../redis/answers.ts'
import { CONNECTION_FLAGS } from '../connection-flags.ts'
import { textFlag, type Command, type Context, type Daemon } from '../command.ts'
import { alertLines } from '../alert-lines.ts'
import { fleetScreen } from '../fleet-screen.ts'
import { printable } from '../table.ts'

const REDRAW_MS = 1_000
const AT_MOST_EVERY_MS = 100
const MOST_ALERTS = 6
const NOTICE_MS = 600_000 // how long a notice stays on the screen

export default {
  usage: '[url...]',
  describe: 'watch the fleet behind these URLs, or that of a configuration',
  more: 'Without a URL and without --config, respite.yml in the current folder is read. Ctrl-C ends it.',
  flags: {
    '--config <file>': 'configuration (YAML); a URL adds a deployment with all defaults',
    '--listen <address>': 'address of the API and /metrics, loopback only (127.0.0.1:7379; port 0 picks a free one)',
    '--listen-metrics <address>': 'opens /metrics, /healthz and /readyz on this address',
    '--data <dir>': 'folder of the state and of the control socket',
    '--log-level <level>': 'debug, info, warn or error',
    '--json': 'print one object for each event',
    ...CONNECTION_FLAGS,
  },
  exits: { 0: 'stopped by a signal', 2: 'could not start' },

  async run(urls, flags, context) {
    const config = await context.makeConfig({ file: textFlag(flags, 'config'), urls, flags })
    const live = context.out.isTTY === true && !context.json
    const wanted = textFlag(flags, 'logLevel') as 'debug' | 'info' | 'warn' | 'error' | undefined
    const interrupted = context.interruption()
    const daemon = await context.startDaemon({ config, logLevel: wanted ?? (live || context.json ? 'silent' : 'warn') })
    const show = live ? showLive(daemon, context) : printChanges(daemon, context)
    if (!interrupted.aborted)
      await new Promise<void>((resolve) => interrupted.addEventListener('abort', () => resolve()))
    show.stop()
    await daemon.stop()
    return 0
  },
} satisfies Command

/** Draws the screen again each second and at once when an answer changes. */
export function showLive(daemon: Daemon, context: Context, footer: readonly string[] = []): { stop(): void } {
  const { out } = context
  let drawnAt = 0
  let soon: NodeJS.Timeout | undefined
  const draw = (): void => {
    drawnAt = performance.now()
    const rows = (out.rows ?? 24) - 1 - footer.length
    const notice = daemon.notices.recent.findLast(({ at, level }) => level !== 'info' && Date.now() - at < NOTICE_MS)
    const lines = fleetScreen({
      notice: notice?.text,
      alerts: alertLines(daemon.alerts.list(), Date.now(), MOST_ALERTS),
      deployments: daemon.fleet.deployments(),
      latest: (deployment, id) => daemon.metrics.latest(deployment, id),
      url: daemon.url,
      nowMs: Date.now(),
      columns: out.columns ?? 100,
      rows,
      colours: context.env['NO_COLOR'] === undefined,
    })
    // Home, each line with the rest of it cleared, then everything below: no flicker, and nothing scrolls.
    out.write(`\u001b[H${[...lines, ...footer].map((line) => `${line}\u001b[K`).join('\n')}\u001b[J`)
  }
  const drawSoon = (): void => {
    if (soon !== undefined) return
    const wait = Math.max(0, AT_MOST_EVERY_MS - (performance.now() - drawnAt))
    soon = setTimeout(() => {
      soon = undefined
      draw()
    }, wait)
  }
  out.write('\u001b[?1049h\u001b[?25l\u001b[2J') // the other screen, without a cursor
  const timer = setInterval(draw, REDRAW_MS)
  daemon.fleet.onChange(drawSoon)
  daemon.notices.onNotice(drawSoon)
  out.on?.('resize', drawSoon)
  draw()
  return {
    stop() {
      clearInterval(timer)
      clearTimeout(soon)
      out.write('\u001b[?25h\u001b[?1049l')
    },
  }
}

/** A line for each answer that changes: what it was, for how long, and what it means now. */
export function printChanges(
  daemon: Pick<Daemon, 'url' | 'fleet' | 'notices'>,
  context: Pick<Context, 'json' | 'out' | 'printJson'>,
): { stop(): void } {
  const last = new Map<string, ServerView>()
  let stopped = false
  if (context.json) context.printJson({ event: 'listening', url: daemon.url })
  else context.out.write(`listening ${daemon.url}\n`)
  // In text the log says it, on standard error.
  const sayNotice = ({ level, text }: Notice): void => {
    if (context.json && !stopped) context.printJson({ event: 'notice', level, text })
  }
  const sayChange = (server: ServerView): void => {
    const key = `${server.deployment} ${server.id}`
    const before = last.get(key)
    last.set(key, server)
    if (
      stopped ||
      (before?.answer.id === server.answer.id && before.role === server.role && before.standing === server.standing)
    )
      return
    if (!context.json) return void context.out.write(`${changeLine(server, before)}\n`)
    const { deployment, id, role, answer, since } = server
    context.printJson({ event: 'answer', deployment, server: id, role, answer: answerDocument(answer, since) })
  }
  // What was found while the daemon opened its doors comes first: nobody listened yet.
  for (const notice of daemon.notices.recent) sayNotice(notice)
  for (const { view } of daemon.fleet.servers()) if (view.answer.id !== 'unasked') sayChange(view)
  daemon.notices.onNotice(sayNotice)
  daemon.fleet.onChange(sayChange)
  return { stop: () => void (stopped = true) }
}

function changeLine(server: ServerView, before: ServerView | undefined): string {
  const words = ANSWERS[server.answer.id]
  const at = new Date(server.answer.at).toISOString()
  const was =
    before === undefined || before.answer.id === server.answer.id
      ? ''
      : ` (was ${ANSWERS[before.answer.id].says} for ${formatDuration(server.answer.at - before.since)})`
  const said = server.answer.text === undefined ? '' : `; ${printable(server.answer.text)}`
  const advice = words.severity === 'ok' ? '' : `. ${words.means} ${words.first}`
  const standing = server.standing === 'expected' ? '' : `, ${server.standing}`
  return `${at} ${server.deployment} ${server.role} ${server.id}: ${words.says}${standing}${was}${said}${advice}`
}
