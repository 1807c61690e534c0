// Every difference between what Respite says of a server and what redis_exporter 1.45 says of it, with its reason. The
// parity test fails for a difference that is not here, and for an entry that no longer is one. It reads the exporter's page
// of a target; its page of itself has go_, process_ and promhttp_ series besides.

export interface Difference {
  readonly name: RegExp
  readonly why: string
}

/** Series of the exporter that Respite does not have. */
export const ONLY_THEIRS: readonly Difference[] = [
  { name: /^redis_exporter_build_info$/, why: 'of the process of the exporter, not of the server' },
  { name: /^redis_target_scrape_request_errors_total$/, why: 'counts bad requests to the exporter' },
  { name: /^redis_exporter_last_scrape_connect_time_seconds$/, why: 'Respite keeps its connection' },
  { name: /^redis_last_key_groups_scrape_duration_milliseconds$/, why: 'of its option check-key-groups, which is off' },
]

/** The same on a Sentinel only. */
export const ONLY_THEIRS_OF_SENTINEL: readonly Difference[] = [
  { name: /^redis_db_keys(_expiring)?$/, why: 'a Sentinel has no databases; the exporter shows sixteen empty ones' },
]

/** Labels and types that 1.88 has otherwise than 1.45; Respite follows 1.88. */
export const OTHERWISE_SINCE: readonly Difference[] = [
  { name: /^redis_instance_info$/, why: 'has the label master_replid since 1.63' },
  { name: /^redis_expired_time_cap_reached_total$/, why: 'is a counter since 1.64' },
]

/** Values that are another at each look, or that depend on who is looking; their presence is compared. */
export const OTHER_VALUES: readonly Difference[] = [
  { name: /^redis_exporter_/, why: 'each counts its own samples' },
  { name: /^redis_(allocator|memory_used|mem|lazyfreed|defrag)_/, why: 'memory moves with every command' },
  { name: /^redis_client_recent_max_/, why: 'the biggest buffer of the last seconds is that of whoever asked last' },
  { name: /^redis_db_avg_ttl_seconds$/, why: 'an estimate that falls as time passes' },
  { name: /^redis_latency_percentiles_usec$/, why: 'the percentiles of the commands with which both look' },
  { name: /^redis_connected_slave_lag_seconds$/, why: 'seconds since the last acknowledgement, between 0 and 1' },
  { name: /^redis_master_last_io_seconds_ago$/, why: 'falls back to 0 with each message' },
  { name: /^redis_start_time_seconds$/, why: 'the exporter lets it jitter by a second' },
  { name: /^redis_connected_clients$/, why: 'the exporter connects for each scrape and counts itself' },
  { name: /^redis_sentinel_master_ckquorum_status$/, why: 'its message is free text' },
]

/** Names that neither 1.45 nor a later redis_exporter has: fields of INFO that they leave out, and our own. */
export const ONLY_OURS: readonly Difference[] = [
  { name: /^respite_/, why: 'our own' },
  {
    name: /^redis_(aof_rewrites_total|aof_rewrites_consecutive_failures|current_cow_\w+|current_fork_ratio|current_save_keys_\w+)$/,
    why: 'INFO persistence: the progress of saves and the failures of rewrites',
  },
  {
    name: /^redis_(instantaneous_(ops_per_sec|(in|out)put(_repl)?_kbps)|forks_total|(current_)?active_defrag_time_seconds(_total)?)$/,
    why: 'INFO stats',
  },
  { name: /^redis_(rss_overhead_\w+|memory_used_(peak|dataset)_ratio)$/, why: 'INFO memory' },
  { name: /^redis_total_system_memory_bytes$/, why: 'an option of the exporter (include-system-metrics)' },
  { name: /^redis_(server_time_seconds|installation_info|shutdown_in_seconds)$/, why: 'INFO server' },
  {
    name: /^redis_(master_failover_state|replication_id_info|replica_announced|slave_read_only|slave_read_repl_offset|master_link_down_since_seconds|master_sync_\w+|min_slaves_good_slaves)$/,
    why: 'INFO replication',
  },
  { name: /^redis_sentinel_tilt_since_seconds$/, why: 'INFO sentinel' },
  { name: /^redis_total_cluster_links_buffer_limit_exceeded$/, why: 'CLUSTER INFO' },
  { name: /^redis_latency_spike_max_duration_seconds$/, why: 'LATENCY LATEST gives it' },
]
