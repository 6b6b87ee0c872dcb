/* base/flight.h: who was being parsed when the server fell, so that no message fells it for ever.
 *
 * Each thread that gives foreign octets to a parser has a slot in a small mmapped file: it writes there what
 * it is about to parse and clears it after, a handful of stores. When the process dies by a fault (SIGSEGV,
 * SIGABRT of an assertion, SIGBUS, SIGILL, SIGFPE), a handler marks the file and the slot of the faulting
 * thread. The next start counts that slot's fingerprint (or all that are set, where the faulting thread had
 * none), and one counted in two crashes is quarantined (base/quarantine.h): stored content gets an opaque
 * summary, a message not yet accepted is answered 451 4.3.0. kill -9, the OOM killer and a power cut leave no
 * mark and count for nothing; otherwise the same message sent again after each would be taken for a culprit.
 *
 * Nothing here fails the start: where the files can't be used, slots live in memory only and flight_trouble
 * says why. Weakness: a message that makes the process be killed for its memory, or hang, is not found.
 */
#ifndef BASE_FLIGHT_H
#define BASE_FLIGHT_H

#include "base/quarantine.h"

struct flight;
struct flight_slot;

/* Opens DIRECTORY/flight and DIRECTORY/quarantine, counts what the run before left, and from now on marks
 * faults of this process. Once a process, before its threads. ERR_NOSPACE, nothing else. */
err flight_open(str directory, struct flight **out) MUST_USE;

/* What could not be read or written, OK where all is well; for the log and doctor. */
err flight_trouble(const struct flight *f);

/* What was in work in the crash before this start; *count is 0 after any other end. Lives as long as `f`. */
const quarantine_entry *flight_suspects(const struct flight *f, size_t *count);

/* The calling thread's slot, taken once and kept until flight_slot_give. NULL where all LIMIT_FLIGHT_SLOTS
 * are taken, which is legal below: that thread flies unseen. */
struct flight_slot *flight_slot_take(struct flight *f);
void flight_slot_give(struct flight *f, struct flight_slot *slot);

/* Says what this thread parses from now on. `fingerprint` is flight_fingerprint's. */
void flight_set(struct flight_slot *slot, enum flight_kind kind, ip network, uint64_t id,
                uint64_t fingerprint);
void flight_clear(struct flight_slot *slot);

/* Of the first LIMIT_FLIGHT_FINGERPRINT octets; the same in every run, never 0. A message given in pieces has
 * the same fingerprint each time only if the caller gathers that many, or its end, before. Pure. */
uint64_t flight_fingerprint(str octets);

/* Any thread, without a lock. */
bool flight_is_quarantined(const struct flight *f, uint64_t fingerprint);

/* All entries, quarantined or only suspected, copied into `arena`. Any thread. */
err flight_list(struct flight *f, struct arena *arena, quarantine_entry **out, size_t *count) MUST_USE;

/* Takes an entry out, in memory and on disk. ERR_MISSING, or what file_replace says. Any thread; blocks. */
err flight_remove(struct flight *f, uint64_t fingerprint) MUST_USE;

/* Ends a clean run: no slot counts, faults are no longer marked. */
void flight_close(struct flight *f);

#endif
