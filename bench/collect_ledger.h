/* bench/collect_ledger.h: what must be found and what was: the acknowledged numbers of one run, held
 * against every message collected. Each acknowledged message must be there once, in the mailbox it was
 * sent to, octet for octet below the fields the server put on top; one of unknown fate (the connection
 * broke after its last octet) may be there, once; no other may.
 */
#ifndef BENCH_COLLECT_LEDGER_H
#define BENCH_COLLECT_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "message.h"

struct ledger;

/* Reads a file of smtp-load --acks. */
struct ledger *ledger_open(const char *acks_path);
void ledger_free(struct ledger *ledger);

const struct message_spec *ledger_spec(const struct ledger *ledger);

/* One message of mailbox `user`, dots undone. */
void ledger_judge(struct ledger *ledger, unsigned user, const char *octets, size_t len);

/* The members "expected": … of a JSON object, without its braces. True if all is as it must be. */
bool ledger_report(const struct ledger *ledger, FILE *out);

#endif
