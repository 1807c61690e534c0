// The actions that may help, by their fixed ids, and the risk of each: `none`, `low`, `medium` (a moment of
// unavailability, or durability lowered for a time), `high` (data or availability can be lost). Checks name them; what
// carries them out is apart.

export type Risk = 'none' | 'low' | 'medium' | 'high'

export const ACTION_RISKS = {
  'back-up-now': 'none',
  'save-now': 'low',
  'stop-save-child': 'low',
  'pause-persistence': 'medium',
  'resume-persistence': 'low',
  'enable-aof': 'low',
  'stop-rewrite-loop': 'low',
  'remove-stale-temp-files': 'low',
  'repair-data-dir': 'low',
  'set-maxmemory': 'low', // up; down it is high
  'set-eviction-policy': 'high',
  'expire-namespace': 'medium',
  'delete-namespace': 'high',
  'purge-memory': 'low',
  defragment: 'low',
  'flush-script-cache': 'medium',
  'close-clients': 'medium',
  'raise-maxclients': 'low',
  'limit-client-buffers': 'low',
  'unblock-client': 'low',
  'kill-script': 'none',
  'unpause-clients': 'none',
  'continue-process': 'none',
  'start-server': 'low',
  'restart-server': 'medium',
  'emergency-restart': 'high',
  'reattach-replica': 'low',
  'resync-replica': 'medium',
  'set-replica-credentials': 'low',
  'protect-replica': 'low',
  'set-backlog-size': 'low',
  'set-repl-timeout': 'low',
  'relax-min-replicas': 'high',
  'fail-over': 'medium',
  'promote-replica': 'high',
  'pause-writes': 'low',
  'reset-sentinel': 'medium',
  'settle-slot': 'low',
  'serve-partial-cluster': 'medium',
  'reset-cluster-node': 'high',
  'rewrite-config': 'low',
  'revert-drift': 'medium',
  'reload-certificate': 'low',
  'kill-monitor': 'low',
} as const satisfies Record<string, Risk>

export type ActionId = keyof typeof ACTION_RISKS
