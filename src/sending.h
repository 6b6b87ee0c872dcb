/* sending.h: outbound mail of the server process, put together: DNS, connections of our own, the queue at
 * work, and what management sees of it. */
#ifndef SENDING_H
#define SENDING_H

#include "admin/outbound.h"
#include "base/arena.h"

struct config;
struct loops;
struct flight;
struct sending;
struct store;
struct work;

/* After the store is open and before the loops run; nothing is sent before sending_start. What it is given
 * outlives it. ERR_NOSPACE   ERR_IO, ERR_SYNTAX: a trust anchor or auth.key can't be read */
err sending_open(struct arena *arena, struct store *store, struct work *work, struct loops *loops,
                 struct flight *flight, const struct config *config, struct sending **out) MUST_USE;

/* For the control socket; lives as long. */
const struct outbound_control *sending_control(struct sending *s);

/* The loops run. */
void sending_start(struct sending *s);

/* Begins nothing more; a message whose end went out may take `patience_ms` for its answer. `stopped` comes on
 * a loop, once. */
void sending_stop(struct sending *s, int64_t patience_ms, void (*stopped)(void *user), void *user);

/* After `stopped` and the loops' end, or where it was not started. NULL is legal. */
void sending_close(struct sending *s);

#endif
