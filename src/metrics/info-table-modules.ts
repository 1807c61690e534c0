// The fields that modules add to INFO MODULES (search, bloom, JSON), by redis_exporter's rules: a gauge of the field's
// own name unless it stands here.

/** Gauges with another name than their field's. */
export const MODULE_GAUGES: Readonly<Record<string, string>> = {
  search_used_memory_indexes: 'search_used_memory_indexes_bytes',
  search_bytes_collected: 'search_collected_bytes',
  search_smallest_memory_index: 'search_smallest_memory_index_bytes',
  search_largest_memory_index: 'search_largest_memory_index_bytes',
  search_used_memory_vector_index: 'search_used_memory_vector_index_bytes',
  search_gc_bytes_collected: 'search_gc_collected_bytes',
}

export const MODULE_COUNTERS: Readonly<Record<string, string>> = {
  search_total_indexing_time: 'search_indexing_time_ms_total',
  search_total_cycles: 'search_cycles_total',
  search_total_ms_run: 'search_run_ms_total',
  search_gc_total_cycles: 'search_gc_cycles_total',
  search_gc_total_ms_run: 'search_gc_run_ms_total',
  search_total_queries_processed: 'search_queries_processed_total',
  search_total_query_commands: 'search_query_commands_total',
  search_total_query_execution_time_ms: 'search_query_execution_time_ms_total',
  search_total_active_queries: 'search_active_queries_total',
  bf_bloom_defrag_hits: 'bf_bloom_defrag_hits_total',
  bf_bloom_defrag_misses: 'bf_bloom_defrag_misses_total',
  search_worker_pool_suspend_cnt: 'search_worker_pool_suspend_count',
  search_writer_resumed_cnt: 'search_writer_resumed_count',
  search_reader_resumed_cnt: 'search_reader_resumed_count',
  search_writer_suspension_expired_cnt: 'search_writer_suspension_expired_count',
  search_rdb_load_success_cnt: 'search_rdb_load_success_count',
  search_rdb_load_failure_cnt: 'search_rdb_load_failure_count',
  search_rdb_save_success_cnt: 'search_rdb_save_success_count',
  search_rdb_save_failure_cnt: 'search_rdb_save_failure_count',
  search_successful_requests_count: 'search_successful_requests_count',
  search_failure_requests_count: 'search_failure_requests_count',
  search_hybrid_requests_count: 'search_hybrid_requests_count',
  search_inline_filtering_requests_count: 'search_inline_filtering_requests_count',
  search_hnsw_add_exceptions_count: 'search_hnsw_add_exceptions_count',
  search_hnsw_remove_exceptions_count: 'search_hnsw_remove_exceptions_count',
  search_hnsw_modify_exceptions_count: 'search_hnsw_modify_exceptions_count',
  search_hnsw_search_exceptions_count: 'search_hnsw_search_exceptions_count',
  search_hnsw_create_exceptions_count: 'search_hnsw_create_exceptions_count',
  search_vector_externing_entry_count: 'search_vector_externing_entry_count',
  search_vector_externing_generated_value_cnt: 'search_vector_externing_generated_value_count',
  search_vector_externing_lru_promote_cnt: 'search_vector_externing_lru_promote_count',
  search_vector_externing_deferred_entry_cnt: 'search_vector_externing_deferred_entry_count',
}
