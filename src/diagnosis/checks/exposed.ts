// A server that anybody on the network may command, and the traces of somebody who did: files that are written where cron
// or sshd read them, a web page that sends commands. What was found is evidence of an incident: nothing is tidied up.

import type { Answered, Fact, ServerCheck } from '../check.ts'
import type { Evidence, ServerEvidence } from '../evidence.ts'
import { lastLogged, logFact, setting, settingFact } from '../readings/reading.ts'

const ATTACK = /Possible SECURITY ATTACK detected/
const DAY_MS = 86_400_000
const READ_BY_OTHERS =
  /^\/(?:etc|root|home\/[^/]+\/\.ssh|var\/spool\/cron|var\/www|usr|bin|sbin|boot)(?:\/|$)|\/\.ssh(?:\/|$)/
const ODD_NAMES = /^(?:authorized_keys|root|crontab|.*\.(?:php|so|sh|jsp))$/
const LOOPBACK = /^-?(?:127\.|::1$|localhost$)/

export default {
  asks: 'May anybody on the network command the server, or did somebody?',

  look(server, evidence) {
    const traces = tracesOf(server, evidence)
    const open = openness(server)
    if (traces.length > 0) return attacked(server, traces, open)
    if (open === undefined) return undefined
    return {
      kind: 'risk',
      severity: 'warning',
      says: `Anybody who reaches ${server.id} over the network may do anything: it listens on ${shownBind(server)}, wants no password, and protected mode is off.`,
      first:
        'Close the port to strangers first (a firewall, or bind to the addresses that are needed), then give it users with passwords.',
      evidence: open,
      ruledOut: [{ check: 'protected-mode', by: 'it is off: nobody is turned away' }],
    }
  },
} satisfies ServerCheck

function shownBind(server: ServerEvidence): string {
  const bind = setting(server, 'bind') ?? ''
  return bind === '' || /(?:^|\s)-?\*/.test(bind) ? 'every address' : bind
}

/** Undefined: not open, or not seen. */
function openness(server: ServerEvidence): Fact[] | undefined {
  const bind = setting(server, 'bind')
  const user = server.acl?.users.find((line) => line.startsWith('user default '))
  if (bind === undefined || user === undefined || setting(server, 'protected-mode') !== 'no') return undefined
  if (bind !== '' && bind.split(/\s+/).every((address) => LOOPBACK.test(address))) return undefined
  const words = user.split(' ')
  if (!words.includes('on') || !words.includes('nopass')) return undefined
  return [
    settingFact(server, 'bind'),
    settingFact(server, 'protected-mode'),
    { source: 'ACL LIST', name: 'default', value: words.slice(2).join(' ') },
  ]
}

function tracesOf(server: ServerEvidence, evidence: Evidence): Fact[] {
  const said = lastLogged(server, evidence, ATTACK, { withinMs: DAY_MS })
  const dir = setting(server, 'dir') ?? ''
  const file = setting(server, 'dbfilename') ?? ''
  const isMoved = READ_BY_OTHERS.test(dir) && server.conf?.directives['dir'] !== dir
  return [
    ...(said === undefined ? [] : [logFact(said)]),
    ...(isMoved ? [settingFact(server, 'dir')] : []),
    ...(ODD_NAMES.test(file) ? [settingFact(server, 'dbfilename')] : []),
  ]
}

function attacked(server: ServerEvidence, traces: readonly Fact[], open: readonly Fact[] | undefined): Answered {
  const isWritten = traces.some(({ source }) => source === 'CONFIG GET')
  return {
    kind: 'fault',
    severity: isWritten ? 'critical' : 'warning',
    says: isWritten
      ? `Somebody made ${server.id} write where other programs read their files, as attackers do to get into the machine. Close the way to it first, and keep what there is: CONFIG GET *, CLIENT LIST, ACL LOG.`
      : `Something sent ${server.id} what a web browser sends: a page, or a scanner, tries to command it. The server cut the connection.${open === undefined ? '' : ' It is open to everybody on the network.'}`,
    first:
      'Treat it as a break-in: close the port to strangers now, keep the evidence (CONFIG GET *, CLIENT LIST, ACL LOG, MODULE LIST) before anything is cleaned, and change the passwords that it held.',
    evidence: [...traces, ...(open ?? [])],
    ruledOut: [
      { check: 'tls-mismatch', by: 'what came was no TLS, but the words of HTTP, or settings that were changed' },
    ],
    brings: ['config-drift'],
  }
}
