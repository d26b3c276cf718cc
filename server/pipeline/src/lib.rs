//! Worker threads, bounded queues and batches.
