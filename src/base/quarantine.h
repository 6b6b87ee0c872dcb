/* base/quarantine.h: the file of messages that were in work when the server fell.
 *
 * One line an entry, as text that people can read, each with a CRC-32C of its own; a damaged line is left out
 * and counted, never an error. A fingerprint seen in two crashes is quarantined: nobody parses such octets
 * again until the entry is removed. Used by base/flight.h in the server, and by commands where no server
 * runs. Any thread; the caller keeps writers apart.
 */
#ifndef BASE_QUARANTINE_H
#define BASE_QUARANTINE_H

#include "base/ip.h"

enum { QUARANTINE_CRASHES = 2 };

/* What was being done; the numbers stand in files. */
enum flight_kind {
	FLIGHT_NONE = 0,
	FLIGHT_INCOMING = 1, /* a message not yet accepted */
	FLIGHT_STORED = 2,   /* content of the store, by its id */
	FLIGHT_COMMAND = 3,  /* a line of a session */
	FLIGHT_REPORT = 4,   /* archives and reports from strangers */
	FLIGHT_KINDS
};

typedef struct quarantine_entry {
	uint64_t fingerprint;
	uint64_t id;     /* content id, or 0 */
	int64_t last_ms; /* the latest crash was noticed at */
	uint32_t crashes;
	enum flight_kind kind;
	ip network; /* the peer's neighbourhood, or all zero */
} quarantine_entry;

struct quarantine {
	quarantine_entry *entry; /* LIMIT_QUARANTINE have room */
	size_t count;
	size_t damaged; /* lines that were left out */
};

/* "incoming", "stored", … */
const char *flight_kind_name(enum flight_kind kind);

/* Reads the file at `path`; none is an empty quarantine. ERR_IO, ERR_DENIED, ERR_NOSPACE */
err quarantine_load(struct arena *arena, str path, struct quarantine *out) MUST_USE;

/* Counts one crash with `seen` in work. Full, the oldest entry of one crash goes, else the oldest. */
void quarantine_count(struct quarantine *q, const quarantine_entry *seen);

/* False where there is no such entry. */
bool quarantine_remove(struct quarantine *q, uint64_t fingerprint);

/* Replaces the file durably. */
err quarantine_save(struct arena *arena, str path, const struct quarantine *q) MUST_USE;

#endif
