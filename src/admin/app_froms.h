/* admin/app_froms.h: the addresses that an app may send from, as an operation names them. For admin/ only. */
#ifndef ADMIN_APP_FROMS_H
#define ADMIN_APP_FROMS_H

#include "admin/operation_internal.h"

/* The argument "from", normalised, each once, as change->targets; without it the account's own address. Warns
 * of one that nobody gets mail for. ERR_DENIED it is another person's, or of no domain of ours   ERR_LIMIT
 * over LIMIT_APP_FROMS   ERR_SYNTAX */
err app_froms_argument(struct operation_call *call, const struct account *account,
                       struct directory_change *change) MUST_USE;

#endif
