"""What every room stands on: errors, records, clock, bounded queues and checked files."""
