// The ways in which a server answers, or does not. "Redis is down" is one message for at least eight situations that
// want opposite treatment; this is the one table of their names, what each means and what to do first. The terminal,
// `doctor`, the metrics and every alert use these words and no others.

export interface AnswerWords {
  readonly says: string // the short form of the screen: "stopped (SIGSTOP)"
  readonly means: string // one sentence
  readonly first: string // what to do first; never a restart where a restart loses data
  readonly severity: 'ok' | 'warning' | 'critical'
  readonly alive: boolean | undefined // is a server process known to be there; undefined: cannot tell from this answer
}

const table = {
  ok: {
    says: 'ok',
    means: 'A new client connects, logs in and is answered.',
    first: 'Nothing.',
    severity: 'ok',
    alive: true,
  },
  refused: {
    says: 'connection refused',
    means:
      'The host is up and nobody listens on that address: the process is down, bound elsewhere, or a firewall rejects.',
    first:
      'On its host: is the process running (ss -ltnp)? If not, look at its log and its data files before starting it.',
    severity: 'critical',
    alive: undefined,
  },
  'timed-out': {
    says: 'connect timed out',
    means: 'No reply to the connection attempt: a firewall drops it, the network is cut, or the host is down.',
    first:
      'Ping the host and try the port from a second place; if that works, look for a firewall between here and there.',
    severity: 'critical',
    alive: undefined,
  },
  unreachable: {
    says: 'unreachable',
    means: 'The network says that there is no way to this address.',
    first:
      'Check the route and the address; a container address is only reachable inside its own network (map it under `addresses`).',
    severity: 'critical',
    alive: undefined,
  },
  'unknown-host': {
    says: 'unknown host',
    means: 'The host name cannot be resolved.',
    first: 'Check the name and the resolver of this machine; the server itself may be well.',
    severity: 'critical',
    alive: undefined,
  },
  reset: {
    says: 'connection reset',
    means:
      'The connection is accepted and closed at once: TLS is expected, a proxy has no server behind it, or an idle limit cuts.',
    first:
      'Try the other of redis:// and rediss://, then look in the server log for "wrong version number" or "Error accepting".',
    severity: 'critical',
    alive: undefined,
  },
  tls: {
    says: 'TLS failed',
    means:
      'The TLS handshake fails: certificate expired, signed by another CA, for another name, or the port speaks plain text.',
    first: 'Read the reason given, check the dates and the CA of the certificate; the server itself may be well.',
    severity: 'critical',
    alive: undefined,
  },
  'not-redis': {
    says: 'not a Redis',
    means: 'Something else answers on that port.',
    first: 'Check the host and the port of the URL.',
    severity: 'critical',
    alive: undefined,
  },
  noauth: {
    says: 'NOAUTH: password wanted',
    means: 'The server is well and wants a password that Respite was not given.',
    first: 'Give it with --password-file or passwordFile; the server needs nothing.',
    severity: 'critical',
    alive: true,
  },
  wrongpass: {
    says: 'WRONGPASS: password refused',
    means:
      'The server is well and refuses this user or password; after a password change, applications are refused too.',
    first:
      'Compare the password with ACL LIST on the server; ACL keeps two passwords at once while clients change over.',
    severity: 'critical',
    alive: true,
  },
  noperm: {
    says: 'NOPERM: not permitted',
    means: "The server is well; this user's ACL does not permit what was asked.",
    first: 'Give the user the least ACL for watching: +ping +info and the others that `respite doctor` lists.',
    severity: 'warning',
    alive: true,
  },
  denied: {
    says: 'DENIED: protected mode',
    means: 'The server is well but in protected mode: without a password it answers only on loopback.',
    first: 'Set a password or ACL and bind to the right address; do not turn protected mode off.',
    severity: 'critical',
    alive: true,
  },
  maxclients: {
    says: 'maxclients reached',
    means: 'The server is well and full: new clients are turned away, those connected are served.',
    first:
      'Through the connection that Respite keeps: list clients by address and name, raise maxclients, close idle ones.',
    severity: 'critical',
    alive: true,
  },
  loading: {
    says: 'LOADING its dataset',
    means:
      'The server has started and reads its data into memory; it serves nobody until done, and INFO says how far it is.',
    first: 'Wait; a restart begins from zero. Make liveness probes wait as long.',
    severity: 'warning',
    alive: true,
  },
  busy: {
    says: 'BUSY: a script runs',
    means: 'A Lua script or function has run for longer than busy-reply-threshold; everything else waits.',
    first: 'SCRIPT KILL or FUNCTION KILL; if it says UNKILLABLE, wait or fail over. A restart loses what is not saved.',
    severity: 'critical',
    alive: true,
  },
  misconf: {
    says: 'MISCONF: writes refused',
    means: 'The last save or write to disk failed, so writes are refused; reads work and all data is in memory.',
    first:
      'Find why the save failed (disk full, not writable, fork) in the server log; do not restart: memory is the only copy.',
    severity: 'critical',
    alive: true,
  },
  masterdown: {
    says: 'MASTERDOWN: link is down',
    means: 'A replica that lost its primary and is told not to serve stale data.',
    first: 'Repair the link or the primary; do not restart the replica, that makes the next sync a full one.',
    severity: 'critical',
    alive: true,
  },
  stopped: {
    says: 'process is stopped',
    means: 'The kernel accepts connections but the process is stopped (SIGSTOP, a debugger, a frozen container).',
    first: 'kill -CONT the process (or unfreeze the container); no restart is needed.',
    severity: 'critical',
    alive: true,
  },
  'waiting-on-disk': {
    says: 'waits on its disk',
    means: 'The process hangs in the kernel, waiting on a disk (state D).',
    first: 'Look at the disk and wait, or fail over; kill -9 does not help and loses the tail of the append-only file.',
    severity: 'critical',
    alive: true,
  },
  computing: {
    says: 'busy with one command',
    means: 'The process uses a full core and answers nobody: one long command or script.',
    first: 'Wait a moment; then SLOWLOG GET names it. After five seconds a script answers BUSY and can be killed.',
    severity: 'critical',
    alive: true,
  },
  paused: {
    says: 'clients are paused',
    means:
      'The process is idle and accepts connections but answers nobody: CLIENT PAUSE ALL, or a failover in progress.',
    first: 'Wait for the end of the pause; it is bounded. Find who called CLIENT PAUSE.',
    severity: 'critical',
    alive: true,
  },
  hanging: {
    says: 'process hangs',
    means:
      'The process sleeps in the middle of its work and neither accepts nor answers: it waits for a lock, a name server, or a reader of its log.',
    first: 'Read what it waits in (cat /proc/PID/stack on its host); a log that goes to a pipe wants a reader.',
    severity: 'critical',
    alive: true,
  },
  silent: {
    says: 'silent',
    means: 'The connection is accepted and nothing is answered; its process cannot be seen from here.',
    first:
      'On its host: the state letter of the process (ps -o stat): T stopped, D disk, R one long command, S paused or hanging.',
    severity: 'critical',
    alive: undefined,
  },
  oom: {
    says: 'OOM: writes refused',
    means: 'The server answers, but maxmemory is reached and nothing may be evicted: writes are refused.',
    first: 'Find what fills the memory; raise maxmemory if the host has room. A change of policy deletes data.',
    severity: 'critical',
    alive: true,
  },
  noreplicas: {
    says: 'NOREPLICAS: writes refused',
    means: 'The server answers, but has fewer good replicas than min-replicas-to-write: writes are refused.',
    first: 'Repair the links to the replicas; lowering the setting removes the guard against split brain.',
    severity: 'critical',
    alive: true,
  },
  readonly: {
    says: 'READONLY: writes refused',
    means: 'The server answers as a replica where a primary was expected: writes are refused.',
    first: 'Find the primary now (a failover may have happened); do not make the replica writable.',
    severity: 'critical',
    alive: true,
  },
  clusterdown: {
    says: 'CLUSTERDOWN',
    means: 'The server answers PING, but the cluster does not serve its slots.',
    first: 'Read CLUSTER INFO and CLUSTER NODES: slots without an owner, or a majority that is missing.',
    severity: 'critical',
    alive: true,
  },
  'writes-hang': {
    says: 'writes hang',
    means: 'The server answers PING and a write gets no answer: CLIENT PAUSE WRITE, or a failover in progress.',
    first: 'Wait for the end of the pause; find who called CLIENT PAUSE.',
    severity: 'critical',
    alive: true,
  },
  unasked: {
    says: 'not looked at yet',
    means: 'Respite has only just heard of this server.',
    first: 'Wait a moment.',
    severity: 'warning',
    alive: undefined,
  },
  error: {
    says: 'answers with an error',
    means: 'The server answers PING with an error that Respite has no name for.',
    first: "Read the server's own words beside this.",
    severity: 'critical',
    alive: true,
  },
} as const satisfies Record<string, AnswerWords>

export type AnswerId = keyof typeof table

export const ANSWERS: Readonly<Record<AnswerId, AnswerWords>> = table

export const ANSWER_IDS = Object.keys(table) as AnswerId[]

/** What one attempt to be a client brought. */
export interface Answer {
  readonly id: AnswerId
  readonly at: number // epoch ms of the attempt's end
  readonly text?: string | undefined // the server's or the system's own words, without secrets
  readonly connectMs?: number | undefined // until the connection (with TLS: the handshake) stood
  readonly replyMs?: number | undefined // from then until the answer to PING
  readonly unclear?: 'hung-up' | 'no-handshake' | undefined // what the door alone cannot explain; one may look further
}

const BY_PREFIX: readonly (readonly [RegExp, AnswerId])[] = [
  [/^NOAUTH\b/, 'noauth'],
  [/^WRONGPASS\b|^ERR invalid password/, 'wrongpass'],
  [/^NOPERM\b/, 'noperm'],
  [/^DENIED\b/, 'denied'],
  [/^ERR max number of clients|^ERR max number of clients \+ cluster/, 'maxclients'],
  [/^LOADING\b/, 'loading'],
  [/^BUSY\b/, 'busy'],
  [/^MISCONF\b/, 'misconf'],
  [/^MASTERDOWN\b/, 'masterdown'],
  [/^OOM\b/, 'oom'],
  [/^NOREPLICAS\b/, 'noreplicas'],
  [/^READONLY\b/, 'readonly'],
  [/^CLUSTERDOWN\b/, 'clusterdown'],
]

/** The answer that an error reply (without its leading `-`) stands for. */
export function answerOfError(text: string): AnswerId {
  return BY_PREFIX.find(([prefix]) => prefix.test(text))?.[1] ?? 'error'
}

/** How a server without a password refuses a login with one; it serves us all the same. */
export const NO_PASSWORD_SET = /^ERR .*(no password is set|without any password configured)/

const BY_CODE: Readonly<Record<string, AnswerId>> = {
  ECONNREFUSED: 'refused',
  ENOENT: 'refused', // a unix socket that is not there
  ETIMEDOUT: 'timed-out',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  EACCES: 'unreachable', // a unix socket that we may not open
  EPERM: 'unreachable', // a local firewall rule
  ENOTFOUND: 'unknown-host',
  EAI_AGAIN: 'unknown-host',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
}

/** The answer that a socket error stands for. TLS alerts and certificate errors carry codes of their own: all `tls`. */
export function answerOfSocketError(error: Error & { code?: string | undefined }, tls: boolean): AnswerId {
  const known = error.code === undefined ? undefined : BY_CODE[error.code]
  return known ?? (tls || /SSL|TLS|CERT/i.test(`${error.code} ${error.message}`) ? 'tls' : 'unreachable')
}
