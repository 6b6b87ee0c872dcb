"""Real mail servers as peers for benchmarks and end-to-end tests: fetched, never installed. See tools/peer."""
